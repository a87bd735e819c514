//! What is reported of a run, from its events alone: the [`timeline`] and the [`measures`].

pub mod forecast;
pub mod measures;
pub mod timeline;
