//! Bounds on everything that grows.

use crate::domain::runbook::document::MAX_STEPS;
use crate::domain::time::Span;

/// Steps of all runbooks of one run.
pub const STEPS: usize = 2 * MAX_STEPS;
/// Attempts at one step.
pub const ATTEMPTS: u32 = 20;
/// Previews of one step.
pub const PREVIEWS: u32 = 500;
/// Events of one run after which people's notes are refused; the engine's reports are bounded by the two above.
pub const EVENTS: u64 = 50_000;
/// Events after those, after which people can only hold or close.
pub const RESERVE: u64 = 10_000;
/// How often people are called for while a step asks, at doubling distances.
pub const CALLS: u32 = 4;
/// Characters of a reason, a note, what somebody says.
pub const TEXT: usize = 2000;
/// Messages of the chat on the timeline of one run.
pub const MARKS: usize = 200;
/// Edits of one of them that are written down.
pub const EDITS: u32 = 50;
/// How long after a doubt the effect of a call may still show: earlier, "nothing was started" is not concluded.
pub const LATE_EFFECT: Span = Span::seconds(30);
/// How far back an impact may lie.
pub const IMPACT: Span = Span(7 * 86_400_000);
/// How long after a preview could not be made it is tried again.
pub const BLIND_RETRY: Span = Span::seconds(30);
