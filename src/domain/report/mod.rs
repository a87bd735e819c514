//! What is reported of a run: the [`timeline`], the [`measures`], the [`critical_path`] and the [`loss`] from its events,
//! the [`forecast`] of what is left from its state, the [`post_mortem`] from all of them. Nothing here
//! changes a run or knows where its report is read.

pub mod critical_path;
pub mod forecast;
pub mod loss;
pub mod measures;
pub mod post_mortem;
mod spent;
pub mod timeline;
