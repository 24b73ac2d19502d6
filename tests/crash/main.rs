//! A crash at every step. Real runs are recorded at the system calls; a model replays them and gives what a crash after
//! each of them could leave. Whatever that is, nothing announced is lost and a second run completes.
//!
//! The quick form tries some of the images, the long one (`FSYNC_LONG=1`) all.

mod case;
mod check;
mod image;
mod model;
mod seam;
#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;
mod trace;

mod directory;
mod proof;
mod repository;
