//! `fsync mksync`: writes a directory's SYNC file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::Args;

use crate::cli::place;
use crate::cli::source::SourceFilterArgs;
use crate::model::quote::quote;
use crate::model::{ErrorKind, Result, name};
use crate::ops;
use crate::ops::sync::Source;
use crate::porcelain::pipeline::Output;
use crate::porcelain::prune::counted;
use crate::porcelain::session::{Session, absolute};

/// Arguments of `fsync mksync`.
#[derive(Args, Debug)]
pub struct Mksync {
    /// Replace a SYNC file that is there, and name sources that are missing
    #[arg(long)]
    pub force: bool,
    /// Forget the filters of sources that are named again [default: with --force these keep theirs]
    #[arg(long, requires = "force")]
    pub drop_filters: bool,
    /// What single sources supply, written down behind each.
    #[command(flatten)]
    pub filters: SourceFilterArgs,
    /// The directory that gets the file
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Directories to sync from
    #[arg(value_name = "SRC", required = true)]
    pub sources: Vec<PathBuf>,
}

impl Mksync {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// As [`ops::sync::write`].
    pub fn run(self, session: &Session) -> Result<u8> {
        let sources = self.sources(session)?;
        // What is refused is refused before anything is recorded.
        ops::sync::check_all(&self.dir, &sources, self.force)?;
        // What --force replaces must be somewhere to be taken back.
        if self.force
            && self
                .dir
                .join(OsStr::from_bytes(name::SYNC))
                .symlink_metadata()
                .is_ok()
        {
            let mut stage = session.stage("fsync-snap")?;
            let full = session.settings()?.full().then(|| "--full".into());
            stage.push(full.into_iter().collect(), &[self.dir.clone().into()]);
            let mut drain = |mut out: std::process::ChildStdout| {
                std::io::copy(&mut out, &mut std::io::sink())
                    .map(|_| ())
                    .map_err(|e| crate::model::Error::io("cannot read", "fsync-snap", e))
            };
            let finish = session.run(vec![stage], Output::Read(&mut drain))?;
            finish.report(session.talk, None);
            if finish.code() != 0 {
                return Ok(finish.code());
            }
        }
        ops::sync::write(&self.dir, &sources, self.force)?;
        let directory = quote(self.dir.as_os_str().as_bytes());
        let filters = sources.iter().map(|s| s.exclude.len() + s.include.len());
        let filters = match filters.sum::<usize>() {
            0 => String::new(),
            n => format!(" and {}", counted(n as u64, "filter")),
        };
        let count = counted(sources.len() as u64, "source");
        let message = format!("{directory}: its SYNC file names {count}{filters}");
        session.talk.note(&message);
        Ok(0)
    }

    /// The sources with their filters: those that the file has for them, and those that are given.
    fn sources(&self, session: &Session) -> Result<Vec<Source>> {
        self.filters.check(self.sources.len())?;
        let paths =
            self.sources
                .iter()
                .cloned()
                .map(|source| match place::far(source.as_os_str())? {
                    // What begins at a home directory is written so that nobody takes it for anything else.
                    Some(_) if ops::sync::is_address(source.as_os_str().as_bytes()) => Ok(source),
                    Some(address) => Ok(OsString::from_vec(address.url()).into()),
                    None => absolute(source),
                });
        let paths = paths.collect::<Result<Vec<_>>>()?;
        let mut sources: Vec<Source> = paths.into_iter().map(Source::whole).collect();
        if self.force && !self.drop_filters {
            self.keep(session, &mut sources);
        }
        let filters = &self.filters;
        for given in &filters.source_exclude {
            add(&mut sources[given.source - 1].exclude, &given.pattern);
        }
        for given in &filters.source_include {
            add(&mut sources[given.source - 1].include, &given.pattern);
        }
        Ok(sources)
    }

    /// Lets sources that are named again keep their filters.
    fn keep(&self, session: &Session, sources: &mut [Source]) {
        let old = match ops::sync::read(&self.dir) {
            Ok(old) => old,
            Err(e) if e.kind() == ErrorKind::NotFound => return,
            Err(e) => {
                let message = format!("{e}; whatever filters it has are not kept");
                return session.talk.error(&message);
            }
        };
        for was in old
            .into_iter()
            .filter(|s| s.exclude.len() + s.include.len() > 0)
        {
            let Some(again) = sources.iter_mut().find(|s| s.path == was.path) else {
                let name = quote(was.path.as_os_str().as_bytes());
                let message = format!("{name} is no source any more; its filters go with it");
                session.talk.note(&message);
                continue;
            };
            was.exclude.iter().for_each(|p| add(&mut again.exclude, p));
            was.include.iter().for_each(|p| add(&mut again.include, p));
        }
    }
}

/// Adds what is not there yet.
fn add(patterns: &mut Vec<String>, pattern: &str) {
    if !patterns.iter().any(|p| p == pattern) {
        patterns.push(pattern.into());
    }
}
