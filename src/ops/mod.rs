//! The operations: plain values and trees in, plain values out. No JSON, no printing, no environment.

pub mod apply;
mod choose;
pub mod circle;
pub mod compare;
pub mod diff;
#[cfg(test)]
mod fixture;
pub mod guard;
pub mod link;
pub mod lookup;
pub mod making;
pub mod moving;
pub mod outcome;
pub mod pair;
pub mod part;
pub mod perform;
pub mod read;
pub mod record;
pub mod rehearse;
pub mod rename;
pub mod repair;
pub mod revert;
pub mod settle;
pub mod snap;
pub mod stale;
pub mod step;
pub mod sync;
pub mod walk;
