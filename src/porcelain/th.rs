//! `fsync th`: the tags of a directory.

use std::path::PathBuf;

use clap::Args;

use crate::model::Result;
use crate::porcelain::session::Session;

/// Arguments of `fsync th`.
#[derive(Args, Debug)]
pub struct Th {
    /// The directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl Th {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When `fsync-tag` cannot be started.
    pub fn run(self, session: &Session) -> Result<u8> {
        let mut stage = session.stage("fsync-tag")?;
        // Always behind "--": a directory may be called "create", which is a command of fsync-tag.
        stage.args.extend(["--".into(), self.dir.into()]);
        session.run_one(stage)
    }
}
