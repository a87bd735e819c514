//! What is reported of a run: the [`timeline`], the [`measures`], the [`critical_path`] and the [`loss`] from its events,
//! the [`forecast`] of what is left from its state, the [`post_mortem`] from all of them. And of many: the [`kpis`] and
//! what was [`exercised`] when, each from the [`outcome`] of every run, together the [`stats`]. Nothing here changes a run
//! or knows where its report is read.

pub mod critical_path;
pub mod exercised;
pub mod forecast;
pub mod kpis;
pub mod loss;
pub mod measures;
pub mod outcome;
pub mod period;
pub mod post_mortem;
mod spent;
pub mod stats;
pub mod timeline;
