//! `fsync log`: the snapshots of a directory.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::history::{Past, open, words};
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::protocol::report::History;

/// Arguments of `fsync log`.
#[derive(Args, Debug)]
pub struct Log {
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// The directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl Log {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no repository, or no snapshot of the directory.
    pub fn run(self, session: &Session) -> Result<u8> {
        use std::os::unix::ffi::OsStrExt;
        let repo = open(session)?;
        let past = Past::new(&repo, &self.dir, session)?;
        let snapshots = repo.snapshots(Some(&past.path))?;
        if snapshots.is_empty() {
            let message = "there is no snapshot of this directory in the repository";
            let path = self.dir.as_os_str().as_bytes();
            return Err(Error::at(ErrorKind::NotFound, path, message));
        }
        let mut out = Writer::new(std::io::stdout().lock());
        for info in snapshots.into_iter().rev() {
            let history = past.tell(info);
            match self.json {
                true => out.raw(&json(&history)?)?,
                false => out.raw(line(&history).as_bytes())?,
            }
        }
        out.flush().map(|()| 0)
    }
}

/// A record as a line.
///
/// # Errors
/// When it cannot be encoded.
pub fn json(record: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record).map_err(|e| {
        Error::new(
            ErrorKind::Failed,
            format!("a record cannot be written: {e}"),
        )
    })?;
    line.push(b'\n');
    Ok(line)
}

/// Mark, time, id, tags and operations, separated by tabs.
fn line(history: &History) -> String {
    let steps: Vec<_> = history.operations.iter().map(words).collect();
    format!(
        "{}\t{}\t{}\t{}\t{}\n",
        if history.head { "*" } else { "" },
        history.time.rfc3339(),
        history.id,
        history.tags.join(", "),
        steps.join("; ")
    )
}
