//! What is installed: by make, as a Debian package, and what the shells make of its completions.

mod complete;
mod deb;
mod prefix;
mod shell;
mod stage;
#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;
mod walk;
