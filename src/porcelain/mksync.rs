//! `fsync mksync`: writes a directory's SYNC file.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::model::Result;
use crate::model::quote::quote;
use crate::ops;
use crate::porcelain::session::{Session, absolute};

/// Arguments of `fsync mksync`.
#[derive(Args, Debug)]
pub struct Mksync {
    /// Replace a SYNC file that is there, and name sources that are missing
    #[arg(long)]
    pub force: bool,
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
        let sources = self
            .sources
            .into_iter()
            .map(absolute)
            .collect::<Result<Vec<_>>>()?;
        ops::sync::write(&self.dir, &sources, self.force)?;
        let directory = quote(self.dir.as_os_str().as_bytes());
        session.talk.note(&match sources.len() {
            1 => format!("{directory}: its SYNC file names 1 source"),
            n => format!("{directory}: its SYNC file names {n} sources"),
        });
        Ok(0)
    }
}
