//! fsync-review as people meet it: at a terminal, in tmux, in a pipeline, and in front of `fsync cp`, `sync` and `rv`.

mod command;
mod exact;
mod filter;
mod page;
mod pane;
mod seen;
#[allow(dead_code, unused_imports)]
#[path = "../../../../tests/suite/support/mod.rs"]
mod support;
