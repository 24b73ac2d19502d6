//! `fsync-revert`: takes a directory back exactly.

mod extract;

use std::ffi::OsString;
use std::io::stdout;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::ask;
use crate::cli::guard::{deleted, homes};
use crate::cli::journal::sweep_after_crash;
use crate::cli::option::Common;
use crate::cli::place::{Place, Places};
use crate::cli::result::{self, Told};
use crate::cli::stop::Stop;
use crate::cli::store::folder;
use crate::cli::target::nothing_recorded;
use crate::cli::{Program, Talk, diff as diff_cli, progress};
use crate::disk::Root;
use crate::disk::lock::Lock;
use crate::model::{Counts, Error, ErrorKind, Exit, Listed, RelPath, Result};
use crate::ops::aim::{known, leave, only, whole};
use crate::ops::diff::{Item, Plan, diff};
use crate::ops::guard;
use crate::ops::guard::inside;
use crate::ops::revert::{Revert, Reverted, options};
use crate::ops::snap::lock_directory;
use crate::protocol::{SnapshotRecord, Writer};
use crate::repo::{Info, Repo};
use crate::tree::Tree;
use crate::tree::local::Local;

/// Make DIR exactly what a snapshot says
///
/// Without SNAPSHOT, DIR goes back to its head: the state before its last recorded change. What was
/// added since is removed, what was deleted or changed comes back with modes, times, links and
/// attributes; what is as it was is not touched. The present state is recorded first, so --redo takes
/// the revert back. Repeated reverts walk back through all that was recorded.
///
/// Contents are brought to the disk before their files get their names. SIGINT, SIGTERM and SIGHUP end
/// the run in good order; the same revert then goes on.
#[derive(Parser, Clone, Debug)]
#[command(name = "fsync-revert", version)]
pub struct Args {
    /// The directory [default with --tag: the one that the tag belongs to]
    #[arg(required_unless_present = "tag")]
    pub dir: Option<PathBuf>,
    /// The snapshot: an id, a unique prefix of one, a tag, @, @~2, @{n}, or a DIR@{time} [default: the head]
    #[arg(conflicts_with_all = ["tag", "redo"])]
    pub snapshot: Option<OsString>,
    /// Take back only these paths, relative to DIR
    #[arg(last = true, value_name = "PATH", conflicts_with = "redo")]
    pub paths: Vec<PathBuf>,
    /// The snapshot that bears TAG [default: the head]
    #[arg(short, long, value_name = "TAG", conflicts_with = "redo")]
    pub tag: Option<String>,
    /// Take back the newest revert that was not taken back yet
    #[arg(long)]
    pub redo: bool,
    /// Write the snapshot to NEWDIR, which is missing or empty, and leave DIR alone [default: DIR is changed]
    #[arg(long, value_name = "NEWDIR", conflicts_with = "redo")]
    pub to: Option<PathBuf>,
    /// Change nothing; print the plan
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print records: results, or with --dry-run the plan
    #[arg(long)]
    pub json: bool,
    /// In the end, read everything back and compare it with the snapshot
    #[arg(long, conflicts_with = "dry_run")]
    pub verify: bool,
    /// Allow / and home directories
    #[arg(long)]
    pub allow_root: bool,
    /// Record the present state although the repository's disk seems to have no room for it
    #[arg(long)]
    pub allow_low_space: bool,
    /// Ask at the terminal before more than N entries are deleted; anything but yes refuses [default: nobody is asked]
    #[arg(long, value_name = "N")]
    pub ask: Option<u64>,
    /// Options of every program.
    #[command(flatten)]
    pub common: Common,
}

impl Program for Args {
    const NAME: &'static str = "fsync-revert";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        self.common.enter()?;
        let places = Places::new(&self.common)?;
        let dir = self.dir.as_deref().map(|dir| self.named(dir)).transpose()?;
        if let Some(dir) = &dir {
            self.guards(&places, dir)?;
        }
        let repo = places.repo().map_err(|e| match e.kind() {
            ErrorKind::NotFound => nothing_recorded(e, dir.as_deref()),
            _ => e,
        })?;
        repo.notices().iter().for_each(|n| self.talk().note(n));
        if self.to.is_none() && !self.dry_run {
            return Ok(self.revert(&places, repo, dir)?);
        }
        let (dir, target) = self.target(repo, &places, dir, self.talk())?;
        self.guards(&places, &dir)?;
        Ok(match &self.to {
            Some(new) => self.write_to(&places, repo, (&target, &dir), new)?,
            None => self.rehearse(&places, repo, &target, &dir)?,
        })
    }
}

impl Args {
    fn guards(&self, places: &Places, dir: &Path) -> Result<()> {
        guard::roots(&[], dir, Some(&folder(places.repository())))?;
        match self.allow_root || self.to.is_some() || self.dry_run {
            true => Ok(()),
            false => guard::home_at_all(dir, &homes()),
        }
    }

    fn paths(&self, dir: &Path) -> Result<Vec<RelPath>> {
        self.paths.iter().map(|p| inside(dir, p)).collect()
    }

    fn revert(&self, places: &Places, repo: &Repo, named: Option<PathBuf>) -> Result<Exit> {
        let silent = Talk::new(Self::NAME, true, false);
        let (dir, talk) = match named.clone().filter(|dir| dir.is_dir()) {
            Some(dir) => (dir, self.talk()),
            // Nothing is made where there is nothing to go back to.
            None => (
                self.target(repo, places, named.clone(), self.talk())?.0,
                silent,
            ),
        };
        self.guards(places, &dir)?;
        guard::make_destination(&dir, false)?;
        let local = places.local(&dir)?;
        let root = Root::open(&dir)?;
        let held: Lock = lock_directory(&local)?;
        repo.sweep();
        // Only now does it hold still: whoever had the lock may have moved the head, or a tag.
        repo.catch_up()?;
        let (again, target) = self.target(repo, places, named, talk)?;
        if again != dir {
            let message = "the tag was moved to another directory meanwhile; try again";
            return Err(Error::at(
                ErrorKind::Busy,
                dir.as_os_str().as_bytes(),
                message,
            ));
        }
        let (dir, target) = (dir.as_path(), &target);
        self.tell_unfinished(repo, dir)?;
        sweep_after_crash(repo, dir, &root)?;
        let paths = self.paths(dir)?;
        let stop = Stop::watch();
        let revert = Revert {
            repo,
            dir: &local,
            root: &root,
            target,
            redo: self.redo,
            paths: &paths,
            verify: self.verify,
            allow_low_space: self.allow_low_space,
            stop: stop.flag(),
            confirm: &|changes| ask::deletions(self.ask, dir, deleted(changes)),
        };
        let done = revert.run(&held)?;
        progress::done();
        drop(held);
        let exit = self.tell(target, dir, done, stop.is_asked())?;
        stop.obey();
        Ok(exit)
    }

    /// After a crash a person should know whether the last operation was finished.
    fn tell_unfinished(&self, repo: &Repo, dir: &Path) -> Result<()> {
        if let Some(last) = repo
            .operations(dir)?
            .first()
            .filter(|o| o.finished.is_none())
        {
            let (work, time) = (last.begun.work.word(), last.begun.time.rfc3339());
            self.talk().note(&format!(
                "the last operation here, {work} at {time}, was never finished"
            ));
        }
        Ok(())
    }

    fn tell(&self, target: &Info, dir: &Path, done: Reverted, stopped: bool) -> Result<Exit> {
        let talk = self.talk();
        if let Some(notice) = &done.notice {
            talk.note(notice);
        }
        self.tell_left(&done.left);
        for problem in &done.problems {
            talk.error(&format!("{}: {}", problem.path, problem.message));
        }
        let mut counts = Counts::default();
        done.changes.iter().for_each(|c| counts.add(c));
        let snapshot = SnapshotRecord {
            id: done.before,
            directory: Box::from(dir.as_os_str().as_bytes()),
            new: false,
        };
        let told = Told {
            talk,
            json: self.json,
            snapshot: Some(&snapshot),
            counts,
            troubles: done.problems.len() as u64,
            stopped,
        };
        let exit = result::print(&told, result::rows(&done.changes, &done.reports))?;
        let name = crate::model::quote::quote(dir.as_os_str().as_bytes());
        if let Some(fault) = &done.fault {
            talk.error(&format!(
                "{fault}; what was done is said above, but its end is not written down: fsync-revert {name} {} does \
                 that, fsync-revert {name} {} takes it back",
                target.id, done.before
            ));
            return Ok(fault.kind().into());
        }
        if stopped {
            return Ok(exit);
        }
        let what = match (exit, counts.total()) {
            (Exit::Done, 0) => format!("{name}: nothing had to change to be as {}", target.id),
            (Exit::Done, n) if !self.paths.is_empty() => {
                format!(
                    "{name}: {n} of the entries named were taken back to {}",
                    target.id
                )
            }
            (Exit::Done, n) => {
                let entries = if n == 1 { "entry" } else { "entries" };
                format!("{name}: is as {} says; {n} {entries} changed", target.id)
            }
            _ => format!(
                "{name}: is not wholly as {} says; fsync-revert {name} {} goes on, fsync rv -d {name} takes it back",
                target.id, target.id
            ),
        };
        talk.note(&what);
        match done.head {
            Some(head) => talk.detail(&format!(
                "its head is {head}; its state before the revert is {}",
                done.before
            )),
            None => talk.detail(&format!(
                "nothing is recorded before this; its state before the revert is {}",
                done.before
            )),
        }
        Ok(exit)
    }

    fn rehearse(&self, places: &Places, repo: &Repo, target: &Info, dir: &Path) -> Result<Exit> {
        let local = match places.local(dir) {
            Ok(local) => Some(local),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let plan = self.plan(repo, target, local.as_ref(), &self.paths(dir)?)?;
        self.print_plan(target, dir, &plan)
    }

    fn plan(
        &self,
        repo: &Repo,
        target: &Info,
        local: Option<&Local>,
        paths: &[RelPath],
    ) -> Result<Plan> {
        let privileged = rustix::process::geteuid().is_root();
        let tree = repo.tree(target.id)?;
        let destination = local.map(|l| l as &dyn Tree);
        let mut options = options(target, privileged)?;
        if destination.is_none() && !paths.is_empty() {
            known(paths, &[&tree])?;
            // Nothing else is even read.
            options.choice.listed = Some(Listed::new(paths.to_vec()));
        }
        let mut plan = diff(&tree, destination, &options)?;
        self.tell_left(&leave(&mut plan, target));
        only(&mut plan, paths);
        whole(&plan, target.id)?;
        if let Some(local) = destination.filter(|_| plan.items.is_empty()) {
            known(paths, &[&tree, local])?;
        }
        Ok(plan)
    }

    fn print_plan(&self, target: &Info, dir: &Path, plan: &Plan) -> Result<Exit> {
        let mut out = Writer::new(stdout());
        match self.json {
            true => {
                let options = options(target, rustix::process::geteuid().is_root())?;
                let places = (
                    Place::Snapshot(target.id),
                    Place::Directory(dir.to_path_buf()),
                );
                let header = diff_cli::header(&[places.0], &places.1, &options);
                diff_cli::records(&mut out, header, plan)?;
            }
            false => diff_cli::lines(&mut out, plan, false)?,
        }
        out.flush()?;
        self.tell_missing(plan);
        Ok(if plan.errors + plan.skipped > 0 {
            Exit::Partial
        } else {
            Exit::Done
        })
    }

    /// Says what stays as it is.
    fn tell_left(&self, left: &[RelPath]) {
        for path in left {
            let message = "its content was forgotten, so it is left as it is";
            self.talk().note(&format!("{path}: {message}"));
        }
    }

    /// Says what the plan could not hold.
    fn tell_missing(&self, plan: &Plan) {
        for item in &plan.items {
            let reason = match item {
                Item::Skip(skip) if skip.cause => &skip.reason,
                Item::Problem(problem) => &problem.message,
                _ => continue,
            };
            self.talk().error(&format!("{}: {reason}", item.path()));
        }
    }
}
