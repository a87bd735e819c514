//! What is reported of a run: the [`timeline`] and the [`measures`] from its events, the [`forecast`] of what is left from
//! its state. Nothing here changes a run or knows where its report is read.

pub mod forecast;
pub mod measures;
pub mod timeline;
