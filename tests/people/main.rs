//! fsync as people meet it: at a terminal, waiting, mistyping, and being asked.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod ask;
mod progress;
mod words;
