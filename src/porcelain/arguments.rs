//! The arguments of `fsync`; the doc comments are its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::option::Common;
use crate::porcelain::session::Session;
use crate::porcelain::{cp, dispatch, help, log, mksync, rv, show, status, sync, th, verify};

/// Compare two directory trees, apply the difference, and take back whatever you did
///
/// Every command is a pipeline of small programs; "fsync --trace COMMAND ..." prints the one that it
/// runs. Before the first byte of a directory changes, its state is kept as a snapshot, and "fsync rv -d
/// DIR" brings it back.
#[derive(Parser, Debug)]
#[command(
    name = "fsync",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    after_help = "Any program fsync-NAME on the exec path or on PATH runs as \"fsync NAME\".",
    after_long_help = "Any program fsync-NAME on the exec path or on PATH runs as \"fsync NAME\".\n\n\
        Exit codes: 0 done, 1 differences, 2 usage, 3 finished but some entries failed, 4 refused by a guard, \
        5 bad input, 6 no such snapshot, tag, BACKUP or SYNC file, 7 busy, 8 damage found, 9 input, output or \
        internal failure, 128+n ended by signal n."
)]
pub struct Fsync {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Options of every program.
    #[command(flatten)]
    pub common: Common,
    /// Look for fsync's programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]
    #[arg(long, value_name = "DIR", global = true)]
    pub exec_path: Option<PathBuf>,
    /// Print the pipeline that runs, as a shell reads it
    #[arg(long, global = true)]
    pub trace: bool,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make DST like SRC, or like several laid over each other
    ///
    /// Later sources win. Nothing is deleted without --delete. Before anything changes, DST is kept as a
    /// snapshot; "fsync rv -d DST" brings it back. A second run finds nothing to do.
    Cp(cp::Cp),
    /// Take back: make a directory exactly what it was before, or what a tag names
    ///
    /// Names, contents, modes, times, links and extended attributes come back, and what was added goes. The
    /// present state is kept first, so a revert can be reverted: "fsync rv -d DIR --redo".
    Rv(rv::Rv),
    /// Make DIR like the sources that its SYNC file names, laid over each other
    ///
    /// The file is .fsync-sync in DIR, one absolute path a line, later ones winning; "fsync mksync" writes
    /// it. Before anything changes, DIR is kept as a snapshot; "fsync rv -d DIR" brings it back.
    Sync(sync::Sync),
    /// Write DIR's SYNC file: the sources that "fsync sync DIR" lays over each other
    ///
    /// The file is .fsync-sync in DIR. Paths are made absolute; links are left as they are. Later sources
    /// win over earlier ones.
    Mksync(mksync::Mksync),
    /// List DIR's tags, a line each: time, tag and snapshot, separated by tabs
    Th(th::Th),
    /// Say what "fsync sync DIR" would do: a line for each change, and a summary
    Status(status::Status),
    /// List DIR's snapshots, newest first: the head's mark, time, id, tags and what was done after each
    ///
    /// The fields of a line are separated by tabs. A star marks the head: the snapshot that "fsync rv -d
    /// DIR" goes back to. "@{1} apply" says that the snapshot is the state before the last operation.
    Log(log::Log),
    /// Show what is known of a snapshot
    Show(show::Show),
    /// Check the repository: that every archive is whole, and everything that snapshots name is there
    ///
    /// Exit code 8 when something is damaged. What cannot be restored is listed for each snapshot.
    Verify(verify::Verify),
    /// Show the help of a command, or of fsync itself
    Help(help::Help),
    /// Print the plan that makes one tree like others (fsync-diff)
    #[command(disable_help_flag = true)]
    Diff(Verbatim),
    /// Perform the plan on standard input (fsync-apply)
    #[command(disable_help_flag = true)]
    Apply(Verbatim),
    /// Keep a directory's state (fsync-snap)
    #[command(disable_help_flag = true)]
    Snap(Verbatim),
    /// Make a directory exactly a snapshot (fsync-revert)
    #[command(disable_help_flag = true)]
    Revert(Verbatim),
    /// List, set, move and delete tags (fsync-tag)
    #[command(disable_help_flag = true)]
    Tag(Verbatim),
}

/// Arguments of a plumbing program.
#[derive(Args, Debug)]
pub struct Verbatim {
    /// Arguments of the program; its --help lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARG"
    )]
    pub args: Vec<OsString>,
}

impl Fsync {
    /// Runs the command; the exit code.
    ///
    /// # Errors
    /// Whatever ends it.
    pub fn run(self) -> anyhow::Result<u8> {
        let session = Session::new(self.global)?;
        let plumbing = |name: &str, verbatim: Verbatim| {
            dispatch::become_program(&session, name.as_ref(), &verbatim.args)
                .map(|never| match never {})
        };
        Ok(match self.command {
            Command::Cp(cp) => cp.run(&session)?,
            Command::Rv(rv) => rv.run(&session)?,
            Command::Sync(sync) => sync.run(&session)?,
            Command::Mksync(mksync) => mksync.run(&session)?,
            Command::Th(th) => th.run(&session)?,
            Command::Status(status) => status.run(&session)?,
            Command::Log(log) => log.run(&session)?,
            Command::Show(show) => show.run(&session)?,
            Command::Verify(verify) => verify.run(&session)?,
            Command::Help(help) => help.run(&session)?,
            Command::Diff(args) => plumbing("diff", args)?,
            Command::Apply(args) => plumbing("apply", args)?,
            Command::Snap(args) => plumbing("snap", args)?,
            Command::Revert(args) => plumbing("revert", args)?,
            Command::Tag(args) => plumbing("tag", args)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Fsync::command().debug_assert();
    }

    #[test]
    fn every_plumbing_command_is_listed() {
        let command = Fsync::command();
        for name in dispatch::PLUMBING {
            assert!(command.find_subcommand(name).is_some(), "{name}");
        }
    }
}
