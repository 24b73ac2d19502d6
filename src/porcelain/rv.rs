//! `fsync rv`: takes back.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::trust::location;
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::pipeline::{Output, Stage};
use crate::porcelain::session::Session;
use crate::porcelain::{aftermath, hook, prune};
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
    /// Write the state into NEWDIR, and leave the directory as it is
    #[arg(long, value_name = "NEWDIR")]
    pub to: Option<PathBuf>,
    /// Print the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// In the end, read everything back and compare it with the snapshot
    #[arg(long, conflicts_with = "dry_run")]
    pub verify: bool,
    /// Allow a revert of / or of a home directory
    #[arg(long)]
    pub allow_root: bool,
    /// Record the present state although the repository's disk seems to have no room for it
    #[arg(long)]
    pub allow_low_space: bool,
    /// Only these paths, relative to the directory
    #[arg(value_name = "PATH", last = true, conflicts_with = "to")]
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
        let stage = self.stage(session, self.options())?;
        let tagged = || self.tagged(session);
        let changed = match (&self.dir, &self.to, self.dry_run) {
            (Some(dir), None, false) => Some(dir.clone()),
            (None, None, false) => tagged()?,
            _ => None,
        };
        let Some(dir) = changed else {
            return session.run_one(stage);
        };
        let its = session.of(&dir)?;
        let with = (session, its.settings()?);
        let work = |_| {
            let finish = session.run(vec![stage], Output::Ours)?;
            let state = match &self.dir {
                Some(dir) => aftermath::after(session, &finish, dir),
                None => None,
            };
            finish.report(session.talk, state.as_deref());
            Ok(hook::worked(with, &finish, &dir))
        };
        let planner = self.planner(session)?;
        let worked = hook::around(with, ("rv", &dir), planner, work)?;
        Ok(prune::after(with, &worked, &dir))
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
        if session.config()?.is_empty() {
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
