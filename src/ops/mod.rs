//! The operations: plain values and trees in, plain values out. No JSON, no printing, no environment.

pub mod amend;
pub mod apply;
pub mod check;
mod choose;
pub mod circle;
pub mod compare;
pub mod diff;
pub mod find;
#[cfg(test)]
mod fixture;
pub mod guard;
pub mod hunk;
pub mod import;
pub mod link;
pub mod lookup;
pub mod making;
pub mod moving;
pub mod outcome;
mod own;
pub mod pair;
pub mod part;
pub mod patch;
pub mod perform;
pub mod read;
pub mod record;
pub mod rename;
pub mod revert;
pub mod settle;
pub mod snap;
pub mod space;
pub mod stale;
pub mod step;
mod survey;
pub mod sync;
mod unzip;
pub mod walk;
