//! `fsync verify`: checks the repository.

use clap::Args;

use crate::model::quote::quote;
use crate::model::{Exit, Result};
use crate::porcelain::history::open;
use crate::porcelain::session::Session;
use crate::repo::verify::{Finding, verify};

/// Arguments of `fsync verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// Read the contents of every file too, and compare them with their digests
    #[arg(long)]
    pub read_data: bool,
}

impl Verify {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When the repository cannot be read at all.
    pub fn run(self, session: &Session) -> Result<u8> {
        use std::os::unix::ffi::OsStrExt;
        let repo = open(session)?;
        let snapshots = repo.snapshots(None)?.len();
        let findings = verify(&repo, self.read_data)?;
        findings.iter().for_each(|f| session.talk.error(&line(f)));
        let name = quote(repo.path().as_os_str().as_bytes());
        let snapshots = match snapshots {
            1 => "1 snapshot".to_string(),
            n => format!("{n} snapshots"),
        };
        match findings.len() {
            0 => {
                session
                    .talk
                    .note(&format!("{name}: {snapshots}, no damage"));
                Ok(Exit::Done.code())
            }
            n => {
                session
                    .talk
                    .error(&format!("{name}: {n} faults in {snapshots}"));
                Ok(Exit::Damaged.code())
            }
        }
    }
}

fn line(finding: &Finding) -> String {
    match &finding.snapshot {
        Some(id) => format!("snapshot {id}: {}", finding.message),
        None => finding.message.clone(),
    }
}
