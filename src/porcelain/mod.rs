//! The porcelain: the commands that people type.
//!
//! Each command is a plan of plumbing programs joined by pipes ([`pipeline`]); `--trace` prints it. What
//! the porcelain adds is the order, one honest summary ([`summary`]), one culprit ([`verdict`]), and the way back
//! where a stage was killed ([`aftermath`]).
//!
//! [`dispatch`] looks at the command's name first: plumbing and external programs get their arguments
//! verbatim, and only the rest is parsed by [`arguments`].

use std::process::ExitCode;

pub mod aftermath;
pub mod arguments;
pub mod bundle;
pub mod cat;
pub mod change;
pub mod complete;
pub mod config;
pub mod cp;
pub mod dispatch;
pub mod du;
pub mod export;
pub mod far;
pub mod find;
pub mod forget;
pub mod graph;
pub mod help;
pub mod history;
pub mod hook;
pub mod import;
pub mod leave;
pub mod log;
pub mod ls;
pub mod mksync;
pub mod named;
pub mod pipeline;
pub mod prune;
pub mod relay;
pub mod repo;
pub mod review;
pub mod rv;
pub mod serve;
pub mod session;
pub mod setting;
pub mod shell;
pub mod show;
pub mod signal;
pub mod status;
pub mod summary;
pub mod sync;
pub mod th;
pub mod verdict;
pub mod verify;

pub use arguments::Fsync;

use crate::cli::start::{parse, prepare, report};
use crate::cli::thread;

/// The program's name, as its messages begin.
pub const NAME: &str = crate::cli::PORCELAIN;

/// Runs `fsync` from the process's arguments. The whole of its `main`.
pub fn start() -> ExitCode {
    if let Some(code) = dispatch::verbatim(std::env::args_os()) {
        return code;
    }
    prepare(NAME);
    let fsync: Fsync = match parse(NAME) {
        Ok(fsync) => fsync,
        Err(exit) => return ExitCode::from(exit.code()),
    };
    thread::start();
    let talk = fsync.global.common.talk(NAME);
    let shown = fsync.global.common.show_progress(NAME);
    let ran = fsync.run();
    drop(shown);
    match ran {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(report(talk, &error).code()),
    }
}
