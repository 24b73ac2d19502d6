//! The cases of README.md, each under its number, against the built programs.

mod basics;
mod comparing;
mod deleting;
mod filters;
mod history;
mod links;
mod names;
mod plans;
mod situations;
#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;
mod table;
mod way;
mod writing;
