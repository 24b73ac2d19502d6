//! The arguments of `fsync`; the doc comments are its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::option::Common;
use crate::porcelain::session::Session;
use crate::porcelain::{
    bundle, cat, complete, config, cp, dispatch, du, export, far, find, forget, help, import, log,
    ls, mksync, prune, repo, rv, serve, show, status, sync, th, verify,
};

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
    after_help = "Beside these stand programs of their own: review (choose at the terminal what of a plan goes on), graph (draw the history), \
        watch (keep a directory in step, or recorded, as it changes) and mount (show snapshots as directories).\n\
        Any program fsync-NAME on the exec path or on PATH runs as \"fsync NAME\".",
    after_long_help = "Beside these stand programs of their own: review (choose at the terminal what of a plan goes on), graph (draw the history), \
        watch (keep a directory in step, or recorded, as it changes) and mount (show snapshots as directories).\n\
        Any program fsync-NAME on the exec path or on PATH runs as \"fsync NAME\".\n\n\
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
    /// Leave out of account what "fsync config" has set [default: the settings hold where no option is given]
    #[arg(long, global = true)]
    pub no_config: bool,
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
    /// The file is .fsync-sync in DIR, one absolute path a line, later ones winning, each perhaps with filters of its own;
    /// "fsync mksync" writes it. Before anything changes, DIR is kept as a snapshot; "fsync rv -d DIR" brings it back.
    Sync(sync::Sync),
    /// Write DIR's SYNC file: the sources that "fsync sync DIR" lays over each other
    ///
    /// The file is .fsync-sync in DIR. Paths are made absolute; links are left as they are. Later sources
    /// win over earlier ones.
    Mksync(mksync::Mksync),
    /// Write a plan and the contents that it needs as one zip, for a machine that no network joins
    ///
    /// DST is a directory or a snapshot here that is as the far directory is; it is not changed. There, "fsync cp --bundle FILE
    /// DIR" records DIR and performs the plan, and "fsync-apply --bundle FILE DIR" performs it alone. What is not as DST
    /// was when the plan was made is refused as stale, alone; a bundle whose contents are damaged is refused as a whole.
    /// Without SRC and DST the plan on standard input is taken, as "fsync-diff --json" printed it or jq left it.
    ///
    /// A source that changes while it is read is left out, and named (exit code 3). The file appears whole or not at all, and
    /// only its owner can read it.
    Bundle(bundle::Bundle),
    /// List DIR's tags, a line each: time, tag and snapshot, separated by tabs
    Th(th::Th),
    /// Say what "fsync sync DIR" would do: a line for each change, and a summary
    Status(status::Status),
    /// List DIR's snapshots, newest first: the head's mark, time, id, tags and what was done after each
    ///
    /// The fields of a line are separated by tabs. A star marks the head: the snapshot that "fsync rv -d
    /// DIR" goes back to. "@{1} apply" says that the snapshot is the state before the last operation.
    Log(log::Log),
    /// Record a zip file as a snapshot, and print its id
    ///
    /// A zip that fsync made (an archive, an export) keeps all that its manifest says: owners, links, attributes,
    /// devices and setuid bits too, so look whose it is before root restores it. Of any other zip, names,
    /// permissions, times, contents, symbolic links and directories are recorded; all of it belongs to the user who imports,
    /// without setuid, setgid and sticky bits. Devices, fifos and sockets are skipped (exit code 3). A zip that is damaged, or
    /// has names that lead elsewhere, is refused as a whole (5). No head moves, and no directory is touched: "fsync rv -d
    /// DIR -t TAG" restores from it.
    Import(import::Import),
    /// Show what is known of a snapshot, and what it changed
    ///
    /// The changes are those since its parent, as fsync-diff prints them: a letter, a tab and a path. The first 20 are
    /// printed.
    Show(show::Show),
    /// List what a snapshot holds
    ///
    /// A line is a path from the root of the snapshot; those of directories end in /. Exit code 6 when it has no such
    /// path.
    Ls(ls::Ls),
    /// Print the contents of files in a snapshot
    ///
    /// They are checked against their digests: up to 8 MiB before the first byte is printed, larger ones at their end.
    /// Exit code 8 when they are damaged.
    Cat(cat::Cat),
    /// Say in which snapshots a path exists, and when it changed
    ///
    /// A line for each version of each path: the time and the id of the first snapshot that has it so, what happened to
    /// it, the path, and the directory, separated by tabs. "appeared", "changed" (contents, kind or target), "touched"
    /// (metadata only; of directories not the time) and "gone" are since the snapshot before, in order of time. A
    /// version lasts until the next line of the same path. What a snapshot's rules exclude is gone from it. Exit code 6
    /// when nothing matches.
    Find(find::Find),
    /// Say what the repository holds, and what each snapshot alone costs
    ///
    /// Lines of what, how many, bytes, bytes alone and a name, separated by tabs. "archives" are the zip files,
    /// "contents" the different contents of files as they are packed in them, "unpacked" the same as they are in files,
    /// "nodes" the manifest's; "total" is archives, log and catalog. The bytes of a snapshot are its archive's. Those
    /// alone are what would be freed if it went and all others stayed: its archive, less what others need of that, and
    /// what only it needs of other archives; of a directory, if all of its snapshots went.
    Du(du::Du),
    /// Write a whole snapshot as an ordinary zip, or as a tar stream
    ///
    /// Compressed contents are copied as they are. A file appears whole or not at all.
    Export(export::Export),
    /// Check the repository: that every archive is whole, and everything that snapshots name is there
    ///
    /// Exit code 8 when something is damaged. What cannot be restored is listed for each snapshot.
    Verify(verify::Verify),
    /// Make or update a second copy of the repository
    ///
    /// "copy OTHER": archives that OTHER lacks are copied and checked, then the log. OTHER must be empty, missing, or an earlier copy that
    /// nothing else was recorded in; else it is refused (exit code 4). Nothing is removed there, though it is gone
    /// here. What is damaged here is named and left out (8). A run that was cut short is simply run again.
    /// "fsync --repo OTHER ..." works with the copy; record into one of the two only.
    Repo(repo::Repository),
    /// Remove old snapshots, and keep those that the policy names
    ///
    /// Give at least one --keep option, or set keep (fsync config); what any of them keeps stays. The policy holds for each directory by
    /// itself. The head of a directory (what "fsync rv" goes back to) always stays, and so does what has a tag,
    /// unless --prune-tagged is given. A policy whose options keep no snapshot of some directory is refused.
    ///
    /// The order of snapshots is that of the log, and ages are counted from a directory's newest snapshot, so the
    /// clock of this machine decides nothing; hours, days, weeks, months and years are those of UTC.
    ///
    /// Prints a line for each snapshot that goes, the newest first: time, id, directory and tags, separated by
    /// tabs. What remaining snapshots need of the archives that go is kept in a pack. The repository is locked
    /// meanwhile.
    Prune(prune::Prune),
    /// Take what a file ever held out of every snapshot, for good
    ///
    /// For what should never have been recorded, such as a key. Every content that PATH had in any snapshot of DIR is
    /// removed from the repository, and cannot be brought back. All snapshots stay, without those contents: a revert
    /// leaves these paths as they are. Their names and sizes are still known.
    ///
    /// The archives that hold the bytes, name them, or follow such a one are written anew, so their snapshots get new
    /// ids; the old ids still lead to them, and tags, heads and BACKUP files are brought up to date. Copies of the
    /// repository are not, nor archives that were copied away. The directory itself is not touched.
    ///
    /// When other paths hold the same bytes, nothing is done (exit code 4) until these are named too or --everywhere is
    /// given. Prints the directory and the path of each file whose contents went, separated by a tab. A run that was
    /// cut short is completed by another.
    Forget(forget::Forget),
    /// Show and change settings: what holds for every directory, and for single ones
    ///
    /// Without KEY, says every setting with its value and where that comes from. With KEY, prints its value; with KEY and
    /// VALUE, sets it. The file is ${XDG_CONFIG_HOME:-~/.config}/fsync/config.toml, or $FSYNC_CONFIG;
    /// fsync-config(5) lists what may be set. Options win over settings.
    Config(config::Config),
    /// Be the far end of a connection: ssh starts this on another machine
    ///
    /// It speaks to the fsync that started it on standard input and output, and does for it what is to be done here: lists and
    /// opens directories, and runs commands that change them, with the repository and the settings of this machine.
    Serve(serve::Serve),
    /// Show the help of a command, or of fsync itself
    Help(help::Help),
    /// Say what fits at the cursor of a command line, for the completions of shells
    #[command(hide = true)]
    Complete(complete::Complete),
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

impl Command {
    /// The directory that the command is about, whose settings hold for it; of a command that names none only the top level
    /// does.
    fn directory(&self) -> Option<PathBuf> {
        match self {
            Command::Cp(cp) => cp.paths.last().cloned(),
            Command::Bundle(bundle) => bundle.paths.last().cloned(),
            Command::Rv(rv) => rv.dir.clone(),
            Command::Sync(sync) => Some(sync.dir.clone()),
            Command::Mksync(mksync) => Some(mksync.dir.clone()),
            Command::Th(th) => Some(th.dir.clone()),
            Command::Status(status) => Some(status.dir.clone()),
            Command::Log(log) => Some(log.dir.clone()),
            Command::Import(import) => import.dir.clone(),
            Command::Show(show) => show.named.directory(),
            Command::Ls(ls) => ls.named.directory(),
            Command::Cat(cat) => cat.named.directory(),
            Command::Export(export) => export.named.directory(),
            Command::Find(find) => find.dir.clone().or_else(|| find.only.clone()),
            Command::Du(du) => du.dir.clone(),
            Command::Prune(prune) => prune.dir.clone(),
            Command::Forget(forget) => Some(forget.dir.clone()),
            Command::Config(config) => config.directory(),
            Command::Verify(_)
            | Command::Repo(_)
            | Command::Serve(_)
            | Command::Help(_)
            | Command::Complete(_)
            | Command::Diff(_)
            | Command::Apply(_)
            | Command::Snap(_)
            | Command::Revert(_)
            | Command::Tag(_) => None,
        }
    }
}

impl Command {
    /// Whether all that it is about is its directory, so that it can run on the machine that has it.
    fn runs_elsewhere(&self) -> bool {
        matches!(
            self,
            Command::Rv(_)
                | Command::Sync(_)
                | Command::Mksync(_)
                | Command::Status(_)
                | Command::Th(_)
                | Command::Log(_)
                | Command::Find(_)
                | Command::Du(_)
                | Command::Prune(_)
                | Command::Forget(_)
        )
    }
}

impl Fsync {
    /// Runs the command; the exit code.
    ///
    /// # Errors
    /// Whatever ends it.
    pub fn run(self) -> anyhow::Result<u8> {
        let mut session = Session::new(self.global)?;
        if let Some(directory) = self.command.directory() {
            if self.command.runs_elsewhere()
                && let Some(code) = far::about(&session, directory.as_os_str())?
            {
                return Ok(code);
            }
            session = session.of(&directory)?;
        }
        let plumbing = |name: &str, verbatim: Verbatim| {
            dispatch::become_program(&session, name.as_ref(), &verbatim.args)
                .map(|never| match never {})
        };
        Ok(match self.command {
            Command::Cp(cp) => cp.run(&session)?,
            Command::Bundle(bundle) => bundle.run(&session)?,
            Command::Rv(rv) => rv.run(&session)?,
            Command::Sync(sync) => sync.run(&session)?,
            Command::Mksync(mksync) => mksync.run(&session)?,
            Command::Th(th) => th.run(&session)?,
            Command::Status(status) => status.run(&session)?,
            Command::Log(log) => log.run(&session)?,
            Command::Import(import) => import.run(&session)?,
            Command::Show(show) => show.run(&session)?,
            Command::Ls(ls) => ls.run(&session)?,
            Command::Cat(cat) => cat.run(&session)?,
            Command::Find(find) => find.run(&session)?,
            Command::Du(du) => du.run(&session)?,
            Command::Export(export) => export.run(&session)?,
            Command::Verify(verify) => verify.run(&session)?,
            Command::Repo(repo) => repo.run(&session)?,
            Command::Prune(prune) => prune.run(&session)?,
            Command::Forget(forget) => forget.run(&session)?,
            Command::Config(config) => config.run(&session)?,
            Command::Serve(serve) => serve.run(&session)?,
            Command::Help(help) => help.run(&session)?,
            Command::Complete(complete) => complete.run()?,
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
