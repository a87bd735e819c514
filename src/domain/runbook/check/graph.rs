//! The steps together: names that must be unique or known, circles, and steps that can never open.

use std::collections::{BTreeSet, HashMap};

use super::step::Draft;
use crate::domain::ids::{PhaseId, StepId};
use crate::domain::yaml::reader::At;
use crate::domain::yaml::{Problems, near};

/// The steps by name, and what each waits for.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    drafts: &'a [Draft],
    index: HashMap<&'a StepId, usize>,
}

impl<'a> Graph<'a> {
    /// Indexes the steps; reports ids used twice.
    pub(super) fn new(drafts: &'a [Draft], problems: &mut Problems) -> Self {
        let mut index = HashMap::new();
        for (number, draft) in drafts.iter().enumerate() {
            if let Some((id, at)) = &draft.id {
                let first = *index.entry(id).or_insert(number);
                if first != number {
                    let line = drafts.get(first).map_or(0, |other| other.at.line);
                    let message = format!("step id `{id}` is used twice");
                    problems.add(*at, message, format!("the first is in line {line}"));
                }
            }
        }
        Self { drafts, index }
    }

    /// The step of this name.
    pub(super) fn find(&self, id: &StepId) -> Option<&'a Draft> {
        self.drafts.get(*self.index.get(id)?)
    }

    /// A hint for a name that no step has.
    pub(super) fn near(&self, name: &str) -> String {
        let mut known: Vec<&str> = self.index.keys().map(|id| id.as_str()).collect();
        known.sort_unstable();
        near(name, known)
    }

    /// Whether `step` opens only after `other` is settled.
    pub(super) fn waits_for(&self, step: &Draft, other: &StepId) -> bool {
        let (mut todo, mut seen) = (vec![step], BTreeSet::new());
        while let Some(draft) = todo.pop() {
            for (id, _) in &draft.needs {
                if id == other {
                    return true;
                }
                if seen.insert(id) {
                    todo.extend(self.find(id));
                }
            }
        }
        false
    }

    /// Reports every name that is not known, every circle and every step that could not open.
    pub(super) fn check(
        &self,
        phases: &[At<PhaseId>],
        restored_by: Option<&At<StepId>>,
        problems: &mut Problems,
    ) {
        self.names(phases, restored_by, problems);
        self.circles(problems);
        self.reach(restored_by, problems);
    }

    fn names(
        &self,
        phases: &[At<PhaseId>],
        restored_by: Option<&At<StepId>>,
        problems: &mut Problems,
    ) {
        for (number, (phase, at)) in phases.iter().enumerate() {
            if phases.iter().take(number).any(|(other, _)| other == phase) {
                problems.add(*at, format!("phase id `{phase}` is used twice"), "");
            } else if !self
                .drafts
                .iter()
                .any(|draft| draft.phase.as_ref().is_some_and(|(p, _)| p == phase))
            {
                problems.add(
                    *at,
                    format!("phase `{phase}` has no step"),
                    "remove it, or name it in a step",
                );
            }
        }
        for draft in self.drafts {
            if let Some((phase, at)) = &draft.phase
                && !phases.iter().any(|(known, _)| known == phase)
            {
                let hint = near(phase.as_str(), phases.iter().map(|(known, _)| known.as_str()));
                problems.add(
                    *at,
                    format!("unknown phase `{phase}`: nobody would see the step"),
                    hint,
                );
            }
            for (number, (need, at)) in draft.needs.iter().enumerate() {
                if draft.needs.iter().take(number).any(|(other, _)| other == need) {
                    problems.add(*at, format!("step `{need}` is needed twice"), "");
                }
            }
            let seen = draft.action.iter().flat_map(|action| &action.seen);
            for (name, at) in seen {
                if !StepId::parse(name).is_ok_and(|id| self.index.contains_key(&id)) {
                    problems.add(*at, format!("unknown step `{name}` in `seen`"), self.near(name));
                }
            }
            for (what, (id, at)) in draft
                .needs
                .iter()
                .map(|need| ("needs", need))
                .chain(draft.fallback.iter().map(|f| ("fallback", f)))
            {
                if !self.index.contains_key(id) {
                    problems.add(
                        *at,
                        format!("unknown step `{id}` in `{what}`"),
                        self.near(id.as_str()),
                    );
                }
            }
        }
        if let Some((id, at)) = restored_by
            && !self.index.contains_key(id)
        {
            problems.add(
                *at,
                format!("unknown step `{id}` in `restored_by`"),
                self.near(id.as_str()),
            );
        }
    }

    /// A step waits for what it needs and, if it fails, for its fallback; a circle of these never opens.
    fn circles(&self, problems: &mut Problems) {
        let mut done = BTreeSet::new();
        for number in 0..self.drafts.len() {
            self.visit(number, &mut Vec::new(), &mut done, problems);
        }
    }

    fn visit(
        &self,
        number: usize,
        path: &mut Vec<usize>,
        done: &mut BTreeSet<usize>,
        problems: &mut Problems,
    ) {
        let Some(draft) = self.drafts.get(number).filter(|_| !done.contains(&number)) else {
            return;
        };
        path.push(number);
        for (id, at) in draft.needs.iter().chain(&draft.fallback) {
            let Some(&next) = self.index.get(id) else { continue };
            match path.iter().position(|&on| on == next) {
                Some(start) => {
                    let circle = path.iter().skip(start).chain([&next]);
                    let names = circle.filter_map(|&n| self.drafts.get(n)?.id.as_ref());
                    let names: Vec<&str> = names.map(|(id, _)| id.as_str()).collect();
                    let message = format!("steps wait for each other: {}", names.join(" → "));
                    problems.add(
                        *at,
                        message,
                        "none of them could ever open: remove one of these needs",
                    );
                }
                None => self.visit(next, path, done, problems),
            }
        }
        path.pop();
        done.insert(number);
    }

    /// A fallback opens only when its step fails; what needs the fallback itself would wait for a failure.
    fn reach(&self, restored_by: Option<&At<StepId>>, problems: &mut Problems) {
        let fallbacks: HashMap<&StepId, &StepId> = self
            .drafts
            .iter()
            .filter_map(|draft| Some((&draft.fallback.as_ref()?.0, &draft.id.as_ref()?.0)))
            .collect();
        let hint = |step: &StepId| {
            format!("name `{step}` instead: it counts as settled when its fallback is done")
        };
        for draft in self.drafts {
            let is_fallback = draft.id.as_ref().is_some_and(|(id, _)| fallbacks.contains_key(id));
            for (need, at) in draft.needs.iter().filter(|_| !is_fallback) {
                if let Some(step) = fallbacks.get(need) {
                    let message =
                        format!("unreachable unless `{step}` fails: `{need}` is its fallback");
                    problems.add(*at, message, hint(step));
                }
            }
        }
        if let Some((id, at)) = restored_by
            && let Some(step) = fallbacks.get(id)
        {
            problems.add(*at, format!("`{id}` opens only when `{step}` fails"), hint(step));
        }
    }
}
