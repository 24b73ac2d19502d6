//! The plumbing programs: one file each, its arguments (whose doc comments are the help) and its run.

pub mod apply;
pub mod diff;
pub mod journal;
pub mod option;
pub mod place;
pub mod plan;
pub mod result;
pub mod revert;
pub mod start;
pub mod talk;

pub use start::{Program, start};
pub use talk::Talk;
