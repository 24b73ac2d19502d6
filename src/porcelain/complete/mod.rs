//! `fsync complete`: what fits at the cursor of a shell's command line. The scripts in `completions/` call it.
//!
//! | module | job |
//! |---|---|
//! | [`line`] | what bash has before the cursor, as words |
//! | [`spot`] | what stands at the cursor, by the programs' own arguments |
//! | [`offer`] | what fits there |
//! | [`past`] | tags, snapshots, and paths in them, out of the repository |
//! | [`folder`] | directories and files |
//! | [`shell`] | said so that the shell understands it |
//!
//! Whatever goes wrong, there is nothing to offer, and nothing is said: somebody is typing. Nothing is written, and no
//! lock is waited for ([`crate::repo::peek`]).

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use clap::{Args, CommandFactory, ValueEnum};

use crate::cli::search::{PREFIX, Search};
use crate::cli::shape;
use crate::model::Result;
use crate::porcelain::arguments::Fsync;
use crate::porcelain::dispatch::BESIDE;

pub mod folder;
pub mod line;
pub mod offer;
pub mod past;
pub mod shell;
pub mod spot;

/// A shell that asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Shell {
    /// Gives the line before the cursor as it was typed.
    Bash,
    /// Gives the words before the cursor, the last one as far as it was typed.
    Zsh,
    /// As zsh does.
    Fish,
}

/// Arguments of `fsync complete`.
#[derive(Args, Debug)]
pub struct Complete {
    /// The shell that asks
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
    /// Where bash breaks words: its COMP_WORDBREAKS
    #[arg(long, value_name = "CHARACTERS", default_value = " \t\n\"'><=;|&(:")]
    pub breaks: OsString,
    /// The words before the cursor, the last one as far as it was typed; of bash, the line before the cursor
    #[arg(value_name = "WORD", last = true)]
    pub words: Vec<OsString>,
}

impl Complete {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// None.
    pub fn run(self) -> Result<u8> {
        let typed = match (self.shell, self.words.first()) {
            (Shell::Bash, Some(line)) => line::split(line.as_bytes(), self.breaks.as_bytes()),
            _ => line::Typed::of(self.words),
        };
        let reply = spot::find(&typed.words)
            .map(|spot| offer::reply(&spot))
            .unwrap_or_default();
        let said = match self.shell {
            Shell::Bash => shell::bash(&reply, &typed),
            Shell::Zsh => shell::zsh(&reply),
            Shell::Fish => shell::fish(&reply),
        };
        // Nobody is left to be told that it could not be written.
        let _ = std::io::stdout().lock().write_all(said.as_bytes());
        Ok(0)
    }
}

/// A program of fsync, by its name, with all its commands and arguments.
pub fn program(name: &str) -> Option<clap::Command> {
    use crate::cli::{apply, diff, revert, snap, tag};
    let mut command = match name {
        "fsync" => Fsync::command(),
        "fsync-apply" => apply::Args::command(),
        "fsync-diff" => diff::Args::command(),
        "fsync-revert" => revert::Args::command(),
        "fsync-snap" => snap::Snap::command(),
        "fsync-tag" => tag::TagProgram::command(),
        _ => beside(name)?,
    };
    command.build();
    Some(command)
}

/// A program that stands beside the core, asked what it takes. One that is not of this project is never run for that: it
/// might do something.
fn beside(name: &str) -> Option<clap::Command> {
    let known = |short: &str| BESIDE.contains(&short);
    name.strip_prefix(PREFIX).filter(|short| known(short))?;
    let path = Search::new(None).find(name.as_ref())?;
    let mut ask = std::process::Command::new(path);
    ask.arg(shape::ASK)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let said = ask.output().ok().filter(|said| said.status.success())?;
    Some(shape::read(name, std::str::from_utf8(&said.stdout).ok()?))
}
