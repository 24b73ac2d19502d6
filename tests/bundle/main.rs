//! Bundles: a plan with the contents that it needs, carried to a machine that no network joins and performed there. That
//! machine is a copy of the destination with other inodes, another repository, and none of the directories that the plan was
//! made of. Long form: `FSYNC_LONG=1`.

mod guard;
mod hostile;
mod land;
mod part;
mod reader;
mod round;
mod stale;
#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;
