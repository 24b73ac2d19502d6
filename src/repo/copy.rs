//! A second copy of a repository: its archives and its log, checked while they are read and again when they are
//! written. The catalog is not copied; whoever opens the copy makes one.
//!
//! Archives come first, and are durable before the log says that they are there; so a copy that was cut short is a whole
//! repository of some time ago, or none yet, and doing it again goes on where it ended. What is gone here
//! stays there.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use crate::disk::anchor::anchor;
use crate::disk::lock::{PATIENCE, lock};
use crate::disk::mount::Mounts;
use crate::model::meter::{self, Phase, Total};
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::folder::archives;
use crate::repo::leftover;
use crate::repo::log::{LONGEST, Log};
use crate::repo::plain;
use crate::repo::store::{LOG, Repo, TEMPORARY};
use crate::repo::torn::whole;
use crate::repo::trust::Location;
use crate::repo::upkeep::CATALOG;

/// What became of it.
#[derive(Debug, Default)]
pub struct Copied {
    /// How many archives were copied.
    pub archives: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many the copy holds now.
    pub held: u64,
    /// How many of those are gone here.
    pub gone: u64,
    /// Whether the log was.
    pub log: bool,
    /// What of ours is damaged, and so was not copied.
    pub damaged: Vec<Error>,
}

/// How a copy of one archive failed.
enum Fault {
    /// What we have is not what was stored.
    Damage(Error),
    /// The copy cannot be written.
    There(Error),
}

/// The folder of a copy.
struct Other<'a> {
    repo: &'a Repo,
    path: PathBuf,
    folder: File,
}

fn raw(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

fn refused(path: &Path, why: impl Into<String>) -> Error {
    Error::at(ErrorKind::Refused, raw(path), why)
}

/// Makes `other` a copy of the repository, or brings one up to date.
///
/// # Errors
/// [`ErrorKind::Refused`] when something else is there, or a copy that has gone its own way; [`ErrorKind::Busy`];
/// or it cannot be written. Damage here is in what is returned.
pub fn copy(repo: &Repo, other: &Location) -> Result<Copied> {
    repo.not_shared("copied as a whole")?;
    other.check()?;
    let other = Other::open(repo, &other.path)?;
    let _held = lock(&other.folder, true, &other.path, PATIENCE)?;
    // The log before the archives: whatever it names was there before it.
    let log = other.our_log()?;
    let ours: BTreeSet<SnapshotId> = archives(repo.path()).collect();
    let theirs: BTreeSet<SnapshotId> = archives(&other.path).collect();
    let news = other.news(&log, &ours, &theirs)?;
    plain::sweep(&other.path.join(TEMPORARY));
    let mut done = Copied {
        gone: theirs.difference(&ours).count() as u64,
        log: news,
        ..Copied::default()
    };
    meter::begin(Phase::Copying, Some(Total::files(ours.len())));
    for id in &ours {
        meter::files(1);
        if theirs.contains(id) && other.is_whole(*id) {
            continue;
        }
        match other.archive(*id) {
            Ok(bytes) => {
                done.archives += 1;
                done.bytes += bytes;
            }
            Err(Fault::Damage(error)) => done.damaged.push(error),
            Err(Fault::There(error)) => return Err(error),
        }
    }
    other.sync()?;
    if news {
        other.log(&log)?;
    }
    done.held = archives(&other.path).count() as u64;
    Ok(done)
}

impl<'a> Other<'a> {
    /// Opens the folder; makes it if need be.
    fn open(repo: &'a Repo, path: &Path) -> Result<Self> {
        let cannot = |e| Error::io("cannot make the copy", raw(path), e);
        let mut private = DirBuilder::new();
        private.mode(0o700);
        let is_new = !path.exists();
        if is_new {
            private.create(path).map_err(cannot)?;
        }
        let path = path.canonicalize().map_err(cannot)?;
        if Mounts::read().overlap(repo.path(), &path) {
            if is_new {
                fs::remove_dir(&path).map_err(cannot)?;
            }
            return Err(refused(&path, "is, holds or lies inside the repository"));
        }
        for entry in path.read_dir().map_err(cannot)? {
            let name = entry.map_err(cannot)?.file_name();
            if !is_part(name.as_bytes()) {
                let message = format!("holds {}, and is no repository", quote(name.as_bytes()));
                return Err(refused(&path, message));
            }
        }
        let folder = File::open(&path).map_err(cannot)?;
        plain::check(&path, &[LOG], &[TEMPORARY])?;
        plain::folder(&path.join(TEMPORARY)).map_err(cannot)?;
        if Log::new(&path.join(LOG)).length() == 0 {
            anchor(&path).map_err(cannot)?;
        }
        Ok(Other { repo, path, folder })
    }

    fn cannot(&self, e: io::Error) -> Error {
        Error::io("cannot write the copy", raw(&self.path), e)
    }

    /// All whole lines of our log.
    fn our_log(&self) -> Result<Vec<u8>> {
        let path = self.repo.path().join(LOG);
        let end = self.repo.log().read(0)?.end;
        let log = beginning(&path, end);
        log.map_err(|e| Error::io("cannot read", raw(&path), e))
    }

    /// Whether the copy's log lacks lines of ours.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when it is no beginning of ours.
    fn news(
        &self,
        log: &[u8],
        ours: &BTreeSet<SnapshotId>,
        theirs: &BTreeSet<SnapshotId>,
    ) -> Result<bool> {
        let path = self.path.join(LOG);
        let there = match beginning(&path, log.len() as u64 + LONGEST) {
            Ok(there) => there,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io("cannot read", raw(&path), e)),
        };
        let known = whole(&there);
        if known.is_empty() && !theirs.is_subset(ours) {
            return Err(refused(&self.path, "holds archives of another repository"));
        }
        if log.starts_with(known) {
            return Ok(there != log);
        }
        let named = |path: &Path| -> Result<String> {
            let id = Log::new(&path.join(LOG)).repository()?;
            Ok(id.unwrap_or_else(|| "without an id".into()))
        };
        let (id, here) = (named(&self.path)?, named(self.repo.path())?);
        Err(refused(
            &self.path,
            match id == here {
                true => format!(
                    "is a copy of this repository ({here}) that has gone its own way: its log ({id}) is no beginning of \
                     ours; copy to another folder"
                ),
                false => format!(
                    "is another repository ({id}, and this one is {here}); copy to another folder"
                ),
            },
        ))
    }

    /// Whether an archive that is there has the length of ours.
    fn is_whole(&self, id: SnapshotId) -> bool {
        let there = plain::length(&self.place(id));
        there.is_some() && there == plain::length(&self.repo.archive_path(id))
    }

    fn place(&self, id: SnapshotId) -> PathBuf {
        self.path.join(format!("{id}.zip"))
    }

    /// Copies an archive; how many bytes it has.
    fn archive(&self, id: SnapshotId) -> Result<u64, Fault> {
        let there = |e| Fault::There(self.cannot(e));
        let path = self.repo.archive_path(id);
        let mut from = plain::open(&path)
            .map_err(|e| Fault::Damage(Error::io("cannot open the archive", raw(&path), e)))?;
        let mut file = self.temporary().map_err(there)?;
        let mut digest = Sha1::new();
        let mut buffer = vec![0; 1 << 20];
        let mut length = 0;
        loop {
            let read = from.read(&mut buffer);
            match read.map_err(|e| Fault::Damage(Error::io("cannot read", raw(&path), e)))? {
                0 => break,
                n => {
                    digest.update(&buffer[..n]);
                    file.write_all(&buffer[..n]).map_err(there)?;
                    length += n as u64;
                }
            }
        }
        if digest.finalize()[..] != id.0[..] {
            let message = "its SHA-1 is not its name";
            return Err(Fault::Damage(Error::at(
                ErrorKind::Damaged,
                raw(&path),
                message,
            )));
        }
        let readable = fs::Permissions::from_mode(0o400);
        file.as_file().set_permissions(readable).map_err(there)?;
        file.as_file().sync_all().map_err(there)?;
        if sha1(file.as_file_mut()).map_err(there)? != id.0 {
            let message = format!("{id}.zip does not read back as what was written");
            let error = Error::at(ErrorKind::Failed, raw(&self.path), message);
            return Err(Fault::There(error));
        }
        file.persist(self.place(id)).map_err(|e| there(e.error))?;
        Ok(length)
    }

    /// A new file there, locked, so that nobody sweeps it.
    fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        leftover::temporary(&self.path.join(TEMPORARY))
    }

    fn sync(&self) -> Result<()> {
        self.folder.sync_all().map_err(|e| self.cannot(e))
    }

    /// Gives the copy our log.
    fn log(&self, log: &[u8]) -> Result<()> {
        let write = || -> io::Result<()> {
            let mut file = self.temporary()?;
            file.write_all(log)?;
            file.as_file().sync_all()?;
            file.persist(self.path.join(LOG)).map_err(|e| e.error)?;
            Ok(())
        };
        write().map_err(|e| self.cannot(e))?;
        self.sync()?;
        let path = self.path.join(LOG);
        let back = plain::read(&path).map_err(|e| Error::io("cannot read", raw(&path), e))?;
        match back == log {
            true => Ok(()),
            false => {
                let message = "does not read back as what was written";
                Err(Error::at(ErrorKind::Failed, raw(&path), message))
            }
        }
    }
}

/// The first bytes of a log, as many as could matter.
fn beginning(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    plain::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a name is one that a repository has.
fn is_part(name: &[u8]) -> bool {
    let id = |stem: &[u8]| std::str::from_utf8(stem).is_ok_and(|s| s.parse::<SnapshotId>().is_ok());
    name == TEMPORARY.as_bytes()
        || name == LOG.as_bytes()
        || name.starts_with(CATALOG.as_bytes())
        || name.strip_suffix(b".zip").is_some_and(id)
}

/// The SHA-1 of a file from its beginning.
fn sha1(file: &mut File) -> io::Result<[u8; 20]> {
    file.rewind()?;
    let mut digest = Sha1::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.finalize().into()),
            n => digest.update(&buffer[..n]),
        }
    }
}
