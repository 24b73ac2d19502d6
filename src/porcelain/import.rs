//! `fsync import`: a zip file becomes a snapshot.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::trust::location;
use crate::model::quote::quote;
use crate::model::{Exit, Result};
use crate::ops::guard;
use crate::ops::import::{ImportOptions, import};
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::repo::{Repo, directory_at};

/// Arguments of `fsync import`.
#[derive(Args, Debug)]
pub struct Import {
    /// The directory that the snapshot shall belong to; it need not exist [default: the path of FILE itself]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Tag the snapshot [default: no tag]
    #[arg(short, long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Begin although the repository's disk seems to have no room for what is in FILE
    #[arg(long)]
    pub allow_low_space: bool,
    /// The zip file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

impl Import {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// A file that is refused, or a repository that cannot be written.
    pub fn run(self, session: &Session) -> Result<u8> {
        let repo = Repo::create(location(&session.repository()?))?;
        repo.notices().iter().for_each(|n| session.talk.note(n));
        let directory = guard::absolute(self.dir.as_deref().unwrap_or(&self.file))?;
        let options = ImportOptions {
            directory: directory_at(&directory),
            tag: self.tag,
            owner: (
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw(),
            ),
            allow_low_space: self.allow_low_space,
        };
        let done = import(&repo, &self.file, &options)?;
        for skipped in &done.skipped {
            session
                .talk
                .error(&format!("{}: {}", skipped.path, skipped.message));
        }
        if let Some(words) = done.special.words() {
            let name = quote(self.file.as_os_str().as_bytes());
            session.talk.note(&format!("{name}: {words}"));
        }
        if !done.new {
            session.talk.note("it was recorded already");
        }
        let mut out = Writer::new(std::io::stdout().lock());
        out.raw(format!("{}\n", done.id).as_bytes())?;
        out.flush()?;
        Ok(match done.skipped.is_empty() {
            true => Exit::Done.code(),
            false => Exit::Partial.code(),
        })
    }
}
