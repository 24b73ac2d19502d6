//! Writing a whole snapshot to a file or a pipe.

use std::fs::Permissions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::talk::Talk;
use crate::model::{Error, ErrorKind, Exit, Result, SnapshotId};
use crate::repo::Repo;

/// Where an export goes, and in which form.
#[derive(Args, Clone, Debug, Default)]
pub struct ExportArgs {
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a tar stream instead of a zip
    ///
    /// It has what zip cannot hold: owners, nanoseconds, hard links, extended attributes (as GNU tar and bsdtar
    /// write them), fifos and devices. Holes are filled with zeros; sockets are left out, and named.
    #[arg(long)]
    pub tar: bool,
}

impl ExportArgs {
    /// Writes the snapshot. A file appears whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a terminal; [`ErrorKind::Damaged`]; or when it cannot be written.
    pub fn run(&self, repo: &Repo, id: SnapshotId, talk: Talk) -> Result<Exit> {
        let Some(path) = &self.output else {
            let out = io::stdout().lock();
            if out.is_terminal() {
                let form = if self.tar { "tar stream" } else { "zip" };
                let message =
                    format!("a {form} is not for a terminal; name a file with -o, or redirect");
                return Err(Error::new(ErrorKind::Usage, message));
            }
            return self.write(repo, id, &mut Stdout(out), talk);
        };
        whole(path, |to| self.write(repo, id, to, talk))
    }

    fn write(&self, repo: &Repo, id: SnapshotId, to: &mut dyn Write, talk: Talk) -> Result<Exit> {
        if !self.tar {
            return repo.export(id, to).map(|()| Exit::Done);
        }
        let mut buffered = io::BufWriter::with_capacity(256 << 10, to);
        let passed = repo.export_tar(id, &mut buffered)?;
        for problem in &passed {
            talk.error(&format!("{}: skipped: {}", problem.path, problem.message));
        }
        Ok(match passed.is_empty() {
            true => Exit::Done,
            false => Exit::Partial,
        })
    }
}

/// Writes a file that appears whole or not at all, and never through a link.
///
/// # Errors
/// [`ErrorKind::Refused`] when something is there that is no regular file; whatever `write` gives; or when it cannot be written.
pub fn whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let cannot = |e| Error::io("cannot write", path.as_os_str().as_bytes(), e);
    let folder = folder_of(path)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    let mut buffered = io::BufWriter::with_capacity(256 << 10, &mut file);
    let written = write(&mut buffered)?;
    buffered.flush().map_err(cannot)?;
    drop(buffered);
    let handle = file.as_file();
    handle
        .set_permissions(Permissions::from_mode(0o644))
        .map_err(cannot)?;
    handle.sync_all().map_err(cannot)?;
    file.persist(path).map_err(|e| cannot(e.error))?;
    Ok(written)
}

/// The folder in which a file is made that is then renamed to `path`.
///
/// # Errors
/// [`ErrorKind::Refused`] when something is there that is no regular file: the rename would put it out of its place.
pub fn folder_of(path: &Path) -> Result<&Path> {
    if path.metadata().is_ok_and(|m| !m.is_file()) {
        let message = "is there and is no regular file; redirect standard output to it instead";
        let raw = path.as_os_str().as_bytes();
        return Err(Error::at(ErrorKind::Refused, raw, message));
    }
    Ok(match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    })
}

/// Standard output, whose broken pipe is a quiet end.
pub struct Stdout(pub io::StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        quiet(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        quiet(self.0.flush())
    }
}

fn quiet<T>(done: io::Result<T>) -> io::Result<T> {
    match done {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}
