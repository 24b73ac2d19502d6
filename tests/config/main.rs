//! Settings from outside: the file, `fsync config`, what each setting does, hooks, whom the file may belong to, and the
//! filters of the SYNC file.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod command;
mod desk;
mod effect;
mod file;
mod hook;
mod keep;
mod place;
mod source;
mod trust;
