//! What is asked before a run opens: only what this environment allows and has.

use std::collections::BTreeSet;

use crate::domain::actor::Role;
use crate::domain::environment::{Environment, Person};
use crate::domain::run::decide::may_be;
use crate::domain::run::state::Kind;
use crate::domain::runbook::Runbook;

/// The kinds of run there may be in this environment.
pub fn kinds(environment: &Environment) -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| may_be(*kind, environment).is_ok()).collect()
}

/// The commander and the roles that steps of these runbooks belong to; beside each the one person who holds it, where
/// there is exactly one.
pub fn roles<'a, 'b>(
    environment: &'a Environment,
    runbooks: impl IntoIterator<Item = &'b Runbook>,
) -> Vec<(Role, Option<&'a Person>)> {
    let steps = runbooks.into_iter().flat_map(|runbook| &runbook.steps);
    let asked = std::iter::once(Role::Ic).chain(steps.map(|step| step.owner));
    let asked: BTreeSet<Role> = asked.collect();
    let only = |role: Role| {
        let mut holders = environment.people.iter().filter(|person| person.roles.contains(&role));
        let first = holders.next()?;
        holders.next().is_none().then_some(first)
    };
    asked.into_iter().map(|role| (role, only(role))).collect()
}
