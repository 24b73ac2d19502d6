//! Runs that are ended in the middle: by a kill at every system call, by signals, by others at work beside them.
//!
//! `FSYNC_LONG=1 cargo test --test kill` looks at every call and lets the crowd work for a minute.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod away;
mod held;
mod many;
mod race;
mod signal;
mod step;
mod world;
