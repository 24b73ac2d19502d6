//! `fsync forget`: takes leaked contents out of all that was ever recorded.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::model::quote::{quote, quote_if_odd};
use crate::model::{Error, ErrorKind, Exit, RelPath, Result};
use crate::ops::guard::inside;
use crate::porcelain::prune::{counted, freed, named, open};
use crate::porcelain::session::Session;
use crate::porcelain::signal::{Farewell, farewell};
use crate::protocol::Writer;
use crate::repo::forget::{Forget as Plan, Spot, Wish};
use crate::repo::mend::ASIDE;
use crate::repo::reissue::Forgotten;

/// Arguments of `fsync forget`.
#[derive(Args, Debug)]
pub struct Forget {
    /// The directory, which may be gone
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Forget the contents wherever else they are recorded: under other paths, of other directories
    #[arg(long)]
    pub everywhere: bool,
    /// Change nothing; say what would be forgotten
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Files, or directories with all below, relative to DIR; they may have been deleted long ago
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

impl Forget {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when other paths hold the same contents; as [`crate::repo::Repo::plan_forget`].
    pub fn run(self, session: &Session) -> Result<u8> {
        let repo = open(session, !self.dry_run)?;
        let farewell = match self.dry_run {
            true => Farewell::default(),
            false => farewell(session.talk, "forget", repo.path().into())?,
        };
        let directory = named(&self.dir);
        let root = Path::new(OsStr::from_bytes(&directory.0));
        let paths: Result<Vec<RelPath>> = self.paths.iter().map(|p| inside(root, p)).collect();
        let wish = Wish {
            paths: paths?,
            directory: directory.clone(),
        };
        let plan = repo.plan_forget(&wish)?;
        let mut spots: Vec<Spot> = plan.spots.iter().cloned().collect();
        if self.everywhere || self.dry_run {
            spots.extend(plan.elsewhere.iter().cloned());
        }
        if self.dry_run {
            print(&spots)?;
        }
        if let Some(other) = plan.elsewhere.first().filter(|_| !self.everywhere) {
            return Err(obstacle(other, plan.elsewhere.len()));
        }
        let sum = words(&plan);
        if self.dry_run {
            let archives = counted(plan.concerned(&repo)?.len() as u64, "archive");
            let message = format!("{sum} would be forgotten; {archives} would be written anew");
            session.talk.note(&message);
            return Ok(Exit::Done.code());
        }
        let done = plan.run(&repo)?;
        let aside = repo.path().join(ASIDE);
        // Nothing below needs the others to wait.
        drop(repo);
        farewell.obey();
        print(&spots)?;
        let code = tell(session, &sum, &spots, &done);
        if aside
            .read_dir()
            .is_ok_and(|mut there| there.next().is_some())
        {
            session.talk.note(&format!(
                "{} was moved aside by a repair and may still hold it: delete it",
                quote(aside.as_os_str().as_bytes())
            ));
        }
        Ok(code)
    }
}

/// Says what was done, and what is left to do; the exit code.
fn tell(session: &Session, sum: &str, spots: &[Spot], done: &Forgotten) -> u8 {
    let archives = counted(done.archives as u64, "archive");
    let message = format!(
        "{sum} forgotten; {archives} written anew, {}",
        freed(done.freed)
    );
    session.talk.note(&message);
    for spot in spots.iter().filter(|s| is_there(s)) {
        session.talk.note(&format!(
            "{} is still there: the next snapshot records it again, unless it is deleted or excluded",
            quote(&full(spot))
        ));
    }
    for error in &done.stale {
        session.talk.error(&error.to_string());
    }
    match done.stale.is_empty() {
        true => Exit::Done.code(),
        false => Exit::Partial.code(),
    }
}

fn words(plan: &Plan) -> String {
    format!(
        "{} of {}",
        counted(plan.contents as u64, "content"),
        counted(plan.bytes, "byte")
    )
}

fn obstacle(other: &Spot, count: usize) -> Error {
    let more = match count {
        1 => String::new(),
        n => format!(", and so do {} more", n - 1),
    };
    let message = format!(
        "holds the same bytes in a snapshot{more}; nothing was changed. Name it too, or give --everywhere"
    );
    Error::at(ErrorKind::Refused, full(other), message)
}

fn full(spot: &Spot) -> Vec<u8> {
    let mut path = spot.directory.clone();
    path.push(b'/');
    path.extend_from_slice(spot.path.as_bytes());
    path
}

fn is_there(spot: &Spot) -> bool {
    Path::new(OsStr::from_bytes(&full(spot)))
        .symlink_metadata()
        .is_ok()
}

/// A line for each path: the directory and the path in it, separated by a tab.
fn print(spots: &[Spot]) -> Result<()> {
    let mut out = Writer::new(std::io::stdout().lock());
    for spot in spots {
        let mut line = quote_if_odd(&spot.directory);
        line.push(b'\t');
        line.extend_from_slice(&quote_if_odd(spot.path.as_bytes()));
        line.push(b'\n');
        out.raw(&line)?;
    }
    out.flush()
}
