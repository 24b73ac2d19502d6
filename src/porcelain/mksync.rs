//! `fsync mksync`: writes a directory's SYNC file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::model::quote::quote;
use crate::model::{Result, name};
use crate::ops;
use crate::porcelain::pipeline::Output;
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
            stage.push(Vec::new(), &[self.dir.clone().into()]);
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
        session.talk.note(&match sources.len() {
            1 => format!("{directory}: its SYNC file names 1 source"),
            n => format!("{directory}: its SYNC file names {n} sources"),
        });
        Ok(0)
    }
}
