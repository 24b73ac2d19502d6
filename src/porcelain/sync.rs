//! `fsync sync`: as `fsync cp`, from the sources in the directory's SYNC file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::option::FilterArgs;
use crate::cli::source::{Numbered, SourceFilterArgs};
use crate::model::{Error, ErrorKind, Result};
use crate::ops;
use crate::ops::guard;
use crate::porcelain::cp::How;
use crate::porcelain::dispatch;
use crate::porcelain::session::Session;

/// The program that `--watch` hands over to.
const WATCH: &str = "fsync-watch";

/// Arguments of `fsync sync`.
#[derive(Args, Debug)]
pub struct Sync {
    /// How it is done.
    #[command(flatten)]
    pub how: How,
    /// Do it now, and again whenever a source changes (fsync-watch), until interrupted
    #[arg(long, conflicts_with_all = ["dry_run", "interactive"])]
    pub watch: bool,
    /// The directory that has the SYNC file, and changes
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl Sync {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// No SYNC file, one that is malformed, or as `cp`.
    pub fn run(self, session: &Session) -> Result<u8> {
        if self.watch {
            return watch(session, &self.dir, &self.how.filter);
        }
        let (paths, filters) = paths(&self.dir)?;
        self.how.run(session, ("sync", &paths, &filters))
    }
}

/// Becomes the program that runs this whenever a source changes.
fn watch(session: &Session, directory: &Path, filter: &FilterArgs) -> Result<u8> {
    if session.search().find(WATCH.as_ref()).is_none() {
        let message = "this program is not installed beside fsync or on PATH, and --watch needs it";
        return Err(Error::at(ErrorKind::Usage, WATCH, message));
    }
    // So that it knows what is of no interest.
    let mut args = filter.to_args();
    args.extend(["--as-given".into(), directory.into(), "--".into()]);
    // clap takes nothing that begins with a dash for an option's value: this is the option itself.
    let words = dispatch::words(std::env::args_os());
    args.extend(words.into_iter().skip(1).filter(|w| w != "--watch"));
    dispatch::become_program(session, "watch".as_ref(), &args).map(|never| match never {})
}

/// The sources that `directory`'s SYNC file names, and then itself; and the filters of the sources.
///
/// # Errors
/// As [`ops::sync::read`]; [`crate::model::ErrorKind::Refused`] when a source overlaps the directory.
pub fn paths(directory: &Path) -> Result<(Vec<OsString>, SourceFilterArgs)> {
    let sources = ops::sync::read(directory)?;
    let mut filters = SourceFilterArgs::default();
    for (at, source) in sources.iter().enumerate() {
        let numbered = |pattern: &String| Numbered {
            source: at + 1,
            pattern: pattern.clone(),
        };
        let excludes = source.exclude.iter().map(numbered);
        filters.source_exclude.extend(excludes);
        let includes = source.include.iter().map(numbered);
        filters.source_include.extend(includes);
    }
    let mut paths: Vec<_> = sources
        .into_iter()
        .map(|s| s.path.into_os_string())
        .collect();
    // Before anything is looked at: somebody may have written the root of all into it.
    if let Ok(real) = directory.canonicalize() {
        let there = paths
            .iter()
            .filter_map(|path| Path::new(path).canonicalize().ok());
        let there: Vec<PathBuf> = there.collect();
        let there: Vec<&Path> = there.iter().map(PathBuf::as_path).collect();
        guard::roots(&there, &real, None)?;
    }
    paths.push(directory.into());
    Ok((paths, filters))
}
