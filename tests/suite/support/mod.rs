//! What the tests stand on: a sandbox for each, trees to build, and a comparer of trees of their own.

mod oracle;
mod sandbox;
mod told;
mod tree;

pub use oracle::{Oracle, Traces, assert_same};
pub use sandbox::Sandbox;
pub use told::{Told, change, outcomes, plan_line, records};
pub use tree::{T0, Tree};
