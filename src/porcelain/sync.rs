//! `fsync sync`: as `fsync cp`, from the sources in the directory's SYNC file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::model::Result;
use crate::ops;
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
/// As [`ops::sync::read`].
pub fn paths(directory: &Path) -> Result<Vec<OsString>> {
    let sources = ops::sync::read(directory)?;
    let mut paths: Vec<_> = sources.into_iter().map(OsString::from_vec).collect();
    paths.push(directory.into());
    Ok(paths)
}
