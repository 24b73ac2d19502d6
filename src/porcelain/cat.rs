//! `fsync cat`: contents out of a snapshot.

use std::ffi::OsString;
use std::io::{ErrorKind as IoKind, Read, Stdout};

use clap::Args;

use crate::model::{Entry, Error, ErrorKind, Kind, RelPath, Result};
use crate::porcelain::named::{Named, missing, path_in};
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::repo::fault;
use crate::tree::Dir;
use crate::tree::cursor::Cursor;

/// How much is read at a time.
const BLOCK: usize = 128 << 10;

/// Arguments of `fsync cat`.
#[derive(Args, Debug)]
pub struct Cat {
    /// The snapshot.
    #[command(flatten)]
    pub named: Named,
    /// Files in it; of a symbolic link its target is printed, as it is and without a newline
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<OsString>,
}

impl Cat {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no such snapshot or path, or what is stored of it is damaged.
    pub fn run(self, session: &Session) -> Result<u8> {
        let paths: Result<Vec<RelPath>> = self.paths.iter().map(|p| path_in(p)).collect();
        let paths = paths?;
        let (repo, id) = self.named.open(session)?;
        let tree = repo.tree(id)?;
        let mut cursor = Cursor::new(&tree);
        // All are looked up first: nothing is printed when one of them is not there.
        for path in &paths {
            let entry = cursor.entry(path)?.ok_or_else(|| missing(path, id))?;
            printable(path, &entry)?;
        }
        let mut out = Writer::new(std::io::stdout());
        for path in &paths {
            let (dir, entry) = cursor.place(path)?.ok_or_else(|| missing(path, id))?;
            match &entry.state.target {
                Some(target) => out.raw(target)?,
                None => copy(dir, path, &entry, &mut out)?,
            }
        }
        out.flush().map(|()| 0)
    }
}

fn printable(path: &RelPath, entry: &Entry) -> Result<()> {
    let message = match entry.state.kind {
        Kind::File | Kind::Symlink => return Ok(()),
        Kind::Directory => "is a directory; \"fsync ls\" lists it".to_string(),
        kind => format!("is a {}, and has no contents", kind.word()),
    };
    Err(Error::at(ErrorKind::Usage, path.as_bytes(), message))
}

/// Copies a file's bytes. A long one is checked while it passes: the last word is the exit code.
fn copy(dir: &dyn Dir, path: &RelPath, entry: &Entry, out: &mut Writer<Stdout>) -> Result<()> {
    let mut from = dir.open_file(entry)?;
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) => out.raw(&block[..n])?,
            Err(e) if e.kind() == IoKind::Interrupted => {}
            Err(e) => {
                out.flush()?;
                return Err(fault::of(path.as_bytes(), e));
            }
        }
    }
}
