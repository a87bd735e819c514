//! From the text of a document to a [`Runbook`], or to every problem it has. The order here is the order of a reader:
//! the tree, each step by itself, the steps together, what their conditions name.

mod action;
mod conditions;
mod graph;
mod step;

use self::graph::Graph;
use super::document::{MAX_STEPS, Phase, Runbook};
use super::fields;
use crate::domain::action::Known;
use crate::domain::environment::Environment;
use crate::domain::ids::{PhaseId, RunbookId, StepId};
use crate::domain::yaml::reader::{self, At, Mapping};
use crate::domain::yaml::shape::Shape;
use crate::domain::yaml::tree::{self, Node};
use crate::domain::yaml::{Diagnostic, Problems};

/// Checks the text of a runbook against the actions there are and the environments it may run in. Without
/// environments, what its templates name is not checked.
pub fn check(
    file: &str,
    text: &str,
    known: &Known,
    environments: &[Environment],
) -> Result<Runbook, Vec<Diagnostic>> {
    let mut problems = Problems::new(file);
    let root = match tree::parse(text) {
        Ok(root) => root,
        Err(fault) => {
            problems.fault(fault);
            return problems.or(None);
        }
    };
    reader::lengths(&root, &mut problems);
    let runbook = read(&root, known, environments, &mut problems);
    problems.or(runbook)
}

fn read(
    root: &Node,
    known: &Known,
    environments: &[Environment],
    problems: &mut Problems,
) -> Option<Runbook> {
    let mapping = Mapping::read(root, "the runbook", fields::RUNBOOK, problems)?;
    let id = mapping.id("id", RunbookId::parse, problems);
    let title = mapping.localized("title", problems);
    let (phase_ids, phases) = read_phases(mapping, problems);
    let restored_by = mapping.id("restored_by", StepId::parse, problems);
    let steps = mapping.list("steps", Shape::Defined("steps"), problems);
    if let Some(first) = steps.get(MAX_STEPS) {
        let message = format!("the runbook has {} steps; {MAX_STEPS} are allowed", steps.len());
        problems.add(first.at, message, "split it: a run can have further runbooks attached");
        return None;
    }
    if steps.is_empty()
        && let Some(node) = mapping.get("steps")
    {
        problems.add(node.at, "the runbook has no steps", "");
    }
    let drafts: Vec<_> =
        steps.iter().filter_map(|node| step::read(node, known, environments, problems)).collect();
    let graph = Graph::new(&drafts, problems);
    graph.check(&phase_ids, restored_by.as_ref(), problems);
    for draft in &drafts {
        conditions::check(draft, &graph, environments, problems);
    }
    let steps = drafts.into_iter().map(|draft| draft.step).collect::<Option<Vec<_>>>()?;
    Some(Runbook {
        id: id?.0,
        title: title?,
        phases: phases?,
        restored_by: restored_by?.0,
        steps,
        parts: Vec::new(),
    })
}

fn read_phases(
    mapping: Mapping<'_>,
    problems: &mut Problems,
) -> (Vec<At<PhaseId>>, Option<Vec<Phase>>) {
    let mut ids = Vec::new();
    let mut phases = Some(Vec::new());
    for node in mapping.list("phases", Shape::Defined("phases"), problems) {
        let read = Mapping::read(node, "a phase", fields::PHASE, problems);
        let id = read.and_then(|phase| phase.id("id", PhaseId::parse, problems));
        let title = read.and_then(|phase| phase.localized("title", problems));
        ids.extend(id.clone());
        phases = match (phases, id, title) {
            (Some(mut phases), Some((id, _)), Some(title)) => {
                phases.push(Phase { id, title });
                Some(phases)
            }
            _ => None,
        };
    }
    (ids, phases)
}
