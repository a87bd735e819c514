//! What is reported of a run, from its events alone: the [`timeline`], the [`measures`], and the [`forecast`] of what is
//! left. Nothing here changes a run or knows where its report is read.

pub mod forecast;
pub mod measures;
pub mod timeline;
