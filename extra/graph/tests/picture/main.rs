//! `fsync-graph` from outside: what it prints and writes, and what a browser makes of it.

mod browser;
mod dot;
mod log;
mod manual;
mod page;
#[path = "../../../../tests/suite/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;
mod world;
