//! `fsync` from outside. Every test asserts stdout, stderr and the exit code.
//!
//! All but `history` run over fake plumbing: what is started with which arguments, and whose words and
//! exit codes come back.

mod cp;
mod history;
mod program;
mod revert;
mod stage;
mod support;
mod sync;
mod trace;
