//! The work of one step: preview, call, proof, probe. Every function is one try of one effect; whatever it learns
//! goes back as a request that settles the effect in the same transaction.
//!
//! Nothing is decided here. `preview`, `prove` and `probe` only look; what changes something outside is in `act`, and
//! nowhere else.

mod act;
mod deadline;
mod preview;
mod probe;
mod prove;
mod work;

pub(super) use act::act;
pub(super) use preview::preview;
pub(super) use probe::probe;
pub(super) use prove::prove;

use crate::domain::time::Span;

/// How often the effect of a call is looked for.
const PROVE_EVERY: Span = Span::seconds(2);
