//! `fsync sync`: as `fsync cp`, from the sources in the directory's SYNC file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::model::Result;
use crate::ops;
use crate::ops::guard;
use crate::porcelain::cp::How;
use crate::porcelain::session::Session;

/// Arguments of `fsync sync`.
#[derive(Args, Debug)]
pub struct Sync {
    /// How it is done.
    #[command(flatten)]
    pub how: How,
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
        self.how.run(session, &paths(&self.dir)?)
    }
}

/// The sources that `directory`'s SYNC file names, and then itself.
///
/// # Errors
/// As [`ops::sync::read`]; [`crate::model::ErrorKind::Refused`] when a source overlaps the directory.
pub fn paths(directory: &Path) -> Result<Vec<OsString>> {
    let sources = ops::sync::read(directory)?;
    let mut paths: Vec<_> = sources.into_iter().map(OsString::from_vec).collect();
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
    Ok(paths)
}
