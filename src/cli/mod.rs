//! The plumbing programs: one file each, its arguments (whose doc comments are the help) and its run.

pub mod apply;
pub mod ask;
pub mod bundle;
pub mod choose;
pub mod colour;
pub mod config;
pub mod connect;
pub mod desk;
pub mod diff;
pub mod export;
pub mod guard;
pub mod human;
pub mod journal;
mod memory;
pub mod option;
pub mod patch;
pub mod place;
pub mod plan;
pub mod progress;
pub mod result;
pub mod revert;
pub mod screen;
pub mod search;
pub mod setting;
pub mod shape;
pub mod snap;
pub mod source;
pub mod start;
pub mod stop;
pub mod store;
pub mod table;
pub mod tag;
pub mod talk;
pub mod target;
pub mod thread;
pub mod through;
pub mod trust;

/// The name of the porcelain, whose stages speak for themselves.
pub const PORCELAIN: &str = "fsync";

pub use start::{Program, start};
pub use talk::Talk;
