//! `fsync rv`: takes back.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;

use clap::Args;

use crate::cli::ask::HANDFUL;
use crate::cli::guard::homes;
use crate::cli::trust::location;
use crate::model::{Error, ErrorKind, Result};
use crate::ops::guard;
use crate::porcelain::cp::ask_by_itself;
use crate::porcelain::hook::{Given, Planner};
use crate::porcelain::pipeline::{Output, Stage};
use crate::porcelain::session::Session;
use crate::porcelain::summary::Summary;
use crate::porcelain::verdict::Finish;
use crate::porcelain::{aftermath, hook, prune, review};
use crate::repo::{Info, Repo};

/// Arguments of `fsync rv`.
#[derive(Args, Debug)]
pub struct Rv {
    /// The directory [default: the one that the tag belongs to]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Go back to the snapshot named TAG [default: the state before the last change]
    #[arg(short, long, value_name = "TAG", conflicts_with = "redo")]
    pub tag: Option<OsString>,
    /// Take back the last rv instead
    #[arg(long, conflicts_with = "to")]
    pub redo: bool,
    /// Write the state into NEWDIR, and leave the directory as it is [default: the directory is changed]
    #[arg(long, value_name = "NEWDIR")]
    pub to: Option<PathBuf>,
    /// Print the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Choose at the terminal what of the plan is done; fsync-review must be installed
    ///
    /// Where all of it is chosen this is the same revert as without -i, and refused if the plan is another one by then. A
    /// part of it is done as with PATHs: a new state, which "fsync rv -d DIR" takes back. Nobody is asked about deletions.
    #[arg(short, long, conflicts_with_all = ["dry_run", "to", "verify"])]
    pub interactive: bool,
    /// In the end, read everything back and compare it with the snapshot
    #[arg(long, conflicts_with = "dry_run")]
    pub verify: bool,
    /// Delete without a question; without it more than 10 deletions are asked about at a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// Allow a revert of / or of a home directory
    #[arg(long)]
    pub allow_root: bool,
    /// Record the present state although the repository's disk seems to have no room for it
    #[arg(long)]
    pub allow_low_space: bool,
    /// Only these paths, relative to the directory
    #[arg(value_name = "PATH", last = true)]
    pub paths: Vec<OsString>,
}

impl Rv {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When neither directory nor tag is given, or `fsync-revert` cannot be started.
    pub fn run(self, session: &Session) -> Result<u8> {
        if self.dir.is_none() && self.tag.is_none() {
            return Err(Error::new(
                ErrorKind::Usage,
                "rv: say what to take back: -d DIR, -t TAG or both",
            ));
        }
        if self.to.is_some() || self.dry_run {
            let stage = self.stage(session, self.options())?;
            return session.run_one(stage);
        }
        let Some(dir) = self
            .dir
            .clone()
            .map_or_else(|| self.tagged(session), |d| Ok(Some(d)))?
        else {
            // Nothing is done without the choice: this says what is wrong with the tag.
            let stage = match self.interactive {
                true => return session.run_one(self.planner(session)?),
                false => self.stage(session, self.changing(HANDFUL))?,
            };
            return Ok(self.run_stage(session, stage)?.code());
        };
        let its = session.of(&dir)?;
        let settings = its.settings()?;
        let with = (session, settings);
        let review = review::stage(session, self.interactive)?;
        if review.is_some() && !self.allow_root {
            guard::home_at_all(&guard::absolute(&dir)?, &homes())?;
        }
        let work = |given: Option<Given>| {
            let finish = match given {
                Some(given) if given.thinned => self.run_part(session, given.file, &dir)?,
                given => {
                    if let Some(given) = given.filter(|_| self.interactive) {
                        self.hold(session, given.file, &dir)?;
                    }
                    let stage = self.stage(session, self.changing(settings.ask()))?;
                    self.run_stage(session, stage)?
                }
            };
            Ok(hook::worked(with, &finish, &dir))
        };
        let stage = self.planner(session)?;
        let planner = Planner { stage, review };
        let worked = hook::around(with, ("rv", &dir), planner, work)?;
        Ok(prune::after(with, &worked, &dir))
    }

    /// Runs the stage that changes the directory, and says how to take it back.
    fn run_stage(&self, session: &Session, stage: Stage) -> Result<Finish> {
        let way = match self.redo || !self.paths.is_empty() {
            true => "",
            false => " --redo",
        };
        let mut summary = Summary::new(session, None);
        let mut read = |stdout| summary.read(stdout);
        let finish = session.run(vec![stage], Output::Read(&mut read))?;
        let named = self.dir.as_deref();
        let state = named.and_then(|dir| aftermath::after(session, &finish, dir));
        finish.report(session.talk, state.as_deref());
        if state.is_none() {
            summary.print_way_back(named, way)?;
        }
        Ok(finish)
    }

    /// Performs what is left of the plan, whose source is the snapshot; as of any plan that was thinned out, what is no longer
    /// as it says is refused alone, and the state before is recorded.
    fn run_part(&self, session: &Session, plan: File, dir: &Path) -> Result<Finish> {
        let mut snap = session.stage("fsync-snap")?;
        let mut apply = session.stage("fsync-apply")?;
        snap.args.push("--through".into());
        if self.allow_low_space {
            snap.args.push("--allow-low-space".into());
        }
        // What a revert needs nobody's leave for.
        let free = ["--max-delete=100%", "--allow-empty-source", "--json"];
        apply.args.push("--require-snapshot".into());
        apply.args.extend(free.map(OsString::from));
        if self.allow_root {
            apply.args.push("--allow-root".into());
        }
        let mut summary = Summary::new(session, None);
        let mut read = |stdout| summary.read(stdout);
        let finish = session.run_on(Some(plan), vec![snap, apply], Output::Read(&mut read))?;
        let state = aftermath::after(session, &finish, dir);
        finish.report(session.talk, state.as_deref());
        if state.is_none() {
            summary.print(finish.culprit().is_none(), dir)?;
        }
        Ok(finish)
    }

    /// Refuses when a plan made now is not the one that was chosen whole.
    fn hold(&self, session: &Session, mut chosen: File, dir: &Path) -> Result<()> {
        let mut same = false;
        let mut compare = |mut now: ChildStdout| {
            let failed = |e| Error::refused("cannot read the plan", e);
            let (mut old, mut new) = (Vec::new(), Vec::new());
            chosen.read_to_end(&mut old).map_err(failed)?;
            now.read_to_end(&mut new).map_err(failed)?;
            same = old == new;
            Ok(())
        };
        session.run(vec![self.planner(session)?], Output::Read(&mut compare))?;
        match same {
            true => Ok(()),
            false => {
                let message =
                    "changed while the plan was looked at; nothing was changed, try again";
                let name = dir.as_os_str().as_bytes();
                Err(Error::at(ErrorKind::Refused, name, message))
            }
        }
    }

    /// The options of the stage that changes the directory.
    fn changing(&self, handful: u64) -> Vec<OsString> {
        let mut options = self.options();
        let ask = ask_by_itself(self.yes || self.interactive, handful);
        options.extend(ask.map(|most| OsString::from(format!("--ask={most}"))));
        options.push("--json".into());
        options
    }

    fn stage(&self, session: &Session, options: Vec<OsString>) -> Result<Stage> {
        let mut stage = session.stage("fsync-revert")?;
        stage.args.extend(options);
        if let Some(directory) = &self.dir {
            stage.args.push(guarded(directory.into()));
        }
        if !self.paths.is_empty() {
            stage.args.push("--".into());
            stage.args.extend(self.paths.iter().cloned());
        }
        Ok(stage)
    }

    /// The stage that prints the plan, and nothing that will be said again.
    fn planner(&self, session: &Session) -> Result<Stage> {
        let mut options = vec!["--dry-run".into(), "--json".into()];
        options.extend(self.options().into_iter().filter(|o| o != "--verify"));
        let mut stage = self.stage(session, options)?;
        let talk = |arg: &OsString| arg == "--quiet" || arg == "--verbose";
        stage.args.retain(|arg| !talk(arg));
        stage.args.insert(0, "--quiet".into());
        Ok(stage)
    }

    /// The directory that the tag belongs to, if there are settings that could say something of it. What is wrong with the
    /// tag `fsync-revert` says.
    fn tagged(&self, session: &Session) -> Result<Option<PathBuf>> {
        let Some(tag) = self.tag.as_ref().filter(|_| self.dir.is_none()) else {
            return Ok(None);
        };
        if session.config()?.is_empty() && !self.interactive {
            return Ok(None);
        }
        let find = || {
            let repo = Repo::open(location(&session.repository()?))?;
            repo.snapshot(repo.resolve(tag.as_bytes(), None)?)
        };
        let directory = |info: Info| PathBuf::from(OsStr::from_bytes(&info.directory.0));
        Ok(find().ok().map(directory))
    }

    fn options(&self) -> Vec<OsString> {
        let mut options = Vec::new();
        let mut joined = |name: &str, value: &std::ffi::OsStr| {
            let mut option = OsString::from(name);
            option.push(value);
            options.push(option);
        };
        if let Some(tag) = &self.tag {
            joined("--tag=", tag);
        }
        if let Some(to) = &self.to {
            joined("--to=", to.as_os_str());
        }
        let flags = [
            ("--redo", self.redo),
            ("--dry-run", self.dry_run),
            ("--verify", self.verify),
            ("--allow-root", self.allow_root),
            ("--allow-low-space", self.allow_low_space),
        ];
        options.extend(flags.iter().filter(|f| f.1).map(|f| OsString::from(f.0)));
        options
    }
}

/// Of `fsync-revert`, `--` begins the paths, so a directory that begins with a dash is said otherwise.
fn guarded(directory: OsString) -> OsString {
    match directory.as_bytes().starts_with(b"-") {
        true => {
            let mut path = OsString::from("./");
            path.push(directory);
            path
        }
        false => directory,
    }
}
