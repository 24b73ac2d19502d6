//! `fsync-snap`: records a directory; on its own, or as the middle of a pipeline.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use crate::cli::choose;
use crate::cli::export::ExportArgs;
use crate::cli::option::{Common, FilterArgs, GuardArgs};
use crate::cli::place::Places;
use crate::cli::progress;
use crate::cli::start::Program;
use crate::cli::talk::Talk;
use crate::cli::through;
use crate::cli::trust::location;
use crate::disk::mount::Mounts;
use crate::model::filter::only_directory;
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Exit, Filter, Listed, Rule};
use crate::ops::amend::amend;
use crate::ops::snap::{SnapOptions, Snapped, is_inside, snap};
use crate::protocol::gather::gather;
use crate::protocol::{Record, SnapshotRecord, Writer};
use crate::repo::Repo;
use crate::repo::resolve::absolute;
use crate::tree::local::Local;

/// Record a directory as a snapshot
///
/// Prints the snapshot's id. A directory that is as its head records it gets no new snapshot. With
/// --through, reads a plan, records the directory that it will change, and passes the plan on.
#[derive(Parser, Debug)]
#[command(name = "fsync-snap", version)]
pub struct Snap {
    #[command(flatten)]
    common: Common,
    /// The directory to record
    #[arg(required_unless_present_any = ["through", "export"], conflicts_with_all = ["through", "export"])]
    dir: Option<PathBuf>,
    /// Tag the snapshot [default: no tag]
    #[arg(short, long, value_name = "TAG", conflicts_with = "export")]
    tag: Option<String>,
    /// Make an archive that holds the whole tree, whatever others hold already
    #[arg(long, conflicts_with = "export")]
    full: bool,
    /// Read a plan (NDJSON) on standard input; if it holds a change, record its destination before passing on its end
    #[arg(long, conflicts_with = "export")]
    through: bool,
    /// Read paths on standard input, one a line, and record only what became of them and of all below them
    ///
    /// Paths are relative to DIR. Nothing else is looked at: all other entries are recorded as DIR's head says,
    /// but for the directories on the way to a path. Whoever lists the paths must know all that changed; of a file with
    /// several names, one made or taken away changes all of them. The rules must be those of the head. When fsync itself
    /// has changed DIR since its head (cp, sync, rv), all of it is looked at.
    #[arg(long, conflicts_with_all = ["through", "export", "full"])]
    stdin: bool,
    /// The paths on standard input end in NUL instead of newline
    #[arg(long, requires = "stdin")]
    from0: bool,
    /// Refuse what fsync-apply would refuse, before anything is recorded; takes its options
    #[arg(long, requires = "through")]
    guard: bool,
    /// Write the complete zip of SNAPSHOT instead of recording anything [default: DIR is recorded]
    #[arg(long, value_name = "SNAPSHOT")]
    export: Option<std::ffi::OsString>,
    #[command(flatten)]
    export_to: ExportArgs,
    /// Do not record what is mounted below the directory; a plan made with this option brings it along
    #[arg(long, conflicts_with = "export")]
    one_file_system: bool,
    /// Begin although the repository's disk seems to have no room for what must be recorded
    #[arg(long, help_heading = "Guards", conflicts_with = "export")]
    allow_low_space: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    guards: GuardArgs,
    /// Print records (NDJSON) instead of the id
    #[arg(long)]
    json: bool,
}

impl Snap {
    /// The directory, where nothing but a tag is said beside it.
    pub fn plain(&self) -> Option<&Path> {
        let common = &self.common;
        let odd =
            self.through || self.stdin || self.export.is_some() || self.export_to.output.is_some();
        let files = common.repo.is_some()
            || common.directory.is_some()
            || !self.filter.exclude_from.is_empty();
        self.dir.as_deref().filter(|_| !odd && !files)
    }
}

impl Program for Snap {
    const NAME: &'static str = "fsync-snap";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Exit> {
        self.common.enter()?;
        if let Some(spec) = &self.export {
            return self.export(spec.as_bytes());
        }
        let paths = self.stdin.then(|| self.paths()).transpose()?;
        if self.export_to.output.is_some() || self.export_to.tar {
            let message = "--output and --tar say where and how to --export a snapshot";
            return Err(Error::new(ErrorKind::Usage, message).into());
        }
        let mut options = SnapOptions {
            full: self.full,
            tag: self.tag.clone(),
            filter: self.filter.filter()?,
            allow_low_space: self.allow_low_space,
        };
        if let Some(tag) = &options.tag {
            crate::repo::tag::check(tag)?;
        }
        if self.through {
            let run = through::Through {
                places: Places::new(&self.common)?,
                options,
                one_file_system: self.one_file_system,
                guard: self.guard,
                allowed: self.guards.clone(),
                talk: self.talk(),
            };
            return Ok(run.run()?);
        }
        let dir = self.dir.as_deref().unwrap_or(Path::new("."));
        let dir = Local::open(dir)?;
        if self.one_file_system {
            options.filter = without_mounts(&options.filter, dir.path())?;
        }
        let repo = open_for(&self.common.repository()?, &dir)?;
        let dir = dir.hide(repo.identity());
        let done = match paths {
            Some(paths) => amend(&repo, &dir, &paths, &options)?,
            None => snap(&repo, &dir, &options)?,
        };
        progress::done();
        report(self.talk(), &repo, &done);
        self.print(&dir, &done)?;
        Ok(exit_of(&done))
    }
}

/// Rules that also leave out what is mounted below a directory, so that a revert leaves it alone as well.
///
/// # Errors
/// [`ErrorKind::Refused`] for a mount point that no rule can name.
pub fn without_mounts(filter: &Filter, dir: &Path) -> crate::model::Result<Filter> {
    let mut rules = filter.rules().to_vec();
    for point in Mounts::read().below(dir) {
        let name = point.to_str().ok_or_else(|| {
            let message = "is mounted below and has no UTF-8 name, so no rule can leave it out";
            Error::at(ErrorKind::Refused, point.as_os_str().as_bytes(), message)
        })?;
        rules.push(Rule {
            pattern: only_directory(name),
            origin: "--one-file-system".into(),
            line: 0,
        });
    }
    Filter::new(rules)
}

impl Snap {
    /// The paths on standard input.
    fn paths(&self) -> crate::model::Result<Listed> {
        let name = "standard input";
        if self.filter.reads_input() {
            let message = "cannot be both the paths and the patterns of --exclude-from";
            return Err(Error::at(ErrorKind::Usage, name, message));
        }
        let end = if self.from0 { b'\0' } else { b'\n' };
        let text = gather(&mut io::stdin().lock(), end).map_err(|e| match e.kind() {
            io::ErrorKind::InvalidData => {
                let message = format!("{e}; nothing was recorded");
                Error::at(ErrorKind::BadInput, name, message)
            }
            _ => Error::io("cannot read paths from", name, e),
        })?;
        choose::parse(&text, end).map_err(|why| {
            Error::at(
                ErrorKind::BadInput,
                name,
                format!("{why}; nothing was recorded"),
            )
        })
    }

    fn print(&self, dir: &Local, done: &Snapped) -> Result<()> {
        let mut out = Writer::new(io::stdout().lock());
        if self.json {
            out.record(&record_of(dir, done))?;
            for problem in &done.problems {
                out.record(&Record::Error(problem.clone()))?;
            }
        } else {
            out.raw(format!("{}\n", done.id).as_bytes())?;
        }
        Ok(out.flush()?)
    }

    fn export(&self, spec: &[u8]) -> Result<Exit> {
        let repo = Repo::open(location(&self.common.repository()?))?;
        let here = std::env::current_dir().ok();
        let id = repo.resolve(spec, here.as_deref())?;
        Ok(self.export_to.run(&repo, id, self.talk())?)
    }
}

/// Opens the repository for recording `dir`; makes it if there is none.
///
/// # Errors
/// [`ErrorKind::Refused`] when the directory lies in it, or is one that is no tree of files.
pub fn open_for(repository: &Path, dir: &Local) -> crate::model::Result<Repo> {
    let refuse = |why: &str| Error::at(ErrorKind::Refused, dir.path().as_os_str().as_bytes(), why);
    let path = dir.path();
    if path == Path::new("/") || path.starts_with("/proc") || path.starts_with("/sys") {
        return Err(refuse("is not a directory that can be recorded"));
    }
    if path.starts_with(absolute(repository)) {
        return Err(refuse("lies in the repository"));
    }
    let repo = Repo::create(location(repository))?;
    match is_inside(&repo, path) {
        true => Err(refuse("lies in the repository")),
        false => Ok(repo),
    }
}

/// The `snapshot` record of what was done.
pub fn record_of(dir: &Local, done: &Snapped) -> Record {
    Record::Snapshot(SnapshotRecord {
        id: done.id,
        directory: Box::from(dir.path().as_os_str().as_bytes()),
        new: done.new,
    })
}

/// Says on stderr what a person should know.
pub fn report(talk: Talk, repo: &Repo, done: &Snapped) {
    for notice in repo.notices().iter().chain(&done.notice) {
        talk.note(notice);
    }
    for problem in &done.problems {
        talk.error(&format!(
            "{}: {}",
            quote(problem.path.as_bytes()),
            problem.message
        ));
    }
    if done.excluded > 0 {
        talk.detail(&format!("{} entries left out by rules", done.excluded));
    }
}

/// What the run comes to.
pub fn exit_of(done: &Snapped) -> Exit {
    match done.problems.is_empty() {
        true => Exit::Done,
        false => Exit::Partial,
    }
}
