//! Plans are untrusted input, and so is a tree that changes while it is worked on: whatever a plan says and whoever
//! races, nothing outside the root is read, written or touched. Long form: `FSYNC_LONG=1`. `FSYNC_SEED=N` repeats what
//! a random test printed when it failed.

mod bound;
mod conflict;
mod corpus;
mod forged;
mod mutate;
mod planted;
mod race;
mod rule;
#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;
