//! `fsync rv`: takes back.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::aftermath;
use crate::porcelain::cp::ask_by_itself;
use crate::porcelain::pipeline::Output;
use crate::porcelain::session::Session;
use crate::porcelain::summary::Summary;

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
        let changes = self.to.is_none() && !self.dry_run;
        let way = match self.redo || !self.paths.is_empty() {
            true => "",
            false => " --redo",
        };
        let mut stage = session.stage("fsync-revert")?;
        stage.args.extend(self.options());
        if changes {
            stage.args.push("--json".into());
        }
        let named = self.dir.clone().filter(|_| changes);
        if let Some(directory) = self.dir {
            stage.args.push(guarded(directory.into()));
        }
        if !self.paths.is_empty() {
            stage.args.push("--".into());
            stage.args.extend(self.paths);
        }
        if !changes {
            return session.run_one(stage);
        }
        let mut summary = Summary::new(session, None);
        let mut read = |stdout| summary.read(stdout);
        let finish = session.run(vec![stage], Output::Read(&mut read))?;
        let state = named
            .as_ref()
            .and_then(|dir| aftermath::after(session, &finish, dir));
        finish.report(session.talk, state.as_deref());
        if state.is_none() {
            summary.print_way_back(named.as_deref(), way)?;
        }
        Ok(finish.code())
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
        if self.to.is_none() && !self.dry_run {
            let ask = ask_by_itself(self.yes);
            options.extend(ask.map(|most| OsString::from(format!("--ask={most}"))));
        }
        options
    }
}

/// Of `fsync-revert`, `--` begins the paths, so a directory that begins with a dash is said otherwise.
fn guarded(directory: OsString) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    match directory.as_bytes().starts_with(b"-") {
        true => {
            let mut path = OsString::from("./");
            path.push(directory);
            path
        }
        false => directory,
    }
}
