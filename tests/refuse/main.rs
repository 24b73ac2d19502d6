//! The system refuses: every call of every program fails in turn, disks are full, files may not be opened, memory and
//! threads are missing. What must hold is in [`ground::Ground::judge`]; the cases that need a set-up of their own are
//! beside it.

mod after;
mod ground;
mod limit;
mod place;
mod stream;
mod sweep;

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;
