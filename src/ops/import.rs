//! Records a zip file as a snapshot: one that fsync made with all that its manifest says ([`crate::ops::own`]), any
//! other as far as zip can say it ([`crate::ops::unzip`]).
//!
//! A zip is a stranger's. It is surveyed before anything is written, and read with a bound for whatever it claims; what
//! is wrong with it ends the import as a whole, so that nothing is ever half recorded.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use zip::ZipArchive;

use crate::model::meter::{self, Phase, Total};
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, NodeId, Problem, RelPath, Result, Rule, SnapshotId, Time};
use crate::ops::own::Own;
use crate::ops::read::LARGE;
use crate::ops::snap::pool;
use crate::ops::space::{refused, room_of};
use crate::ops::special::Special;
use crate::ops::survey::Survey;
use crate::ops::unzip;
use crate::repo::archive::{Archive, Purpose, folder_beside};
use crate::repo::bundle;
use crate::repo::index::What;
use crate::repo::info::{Comment, Counts, FORMAT};
use crate::repo::volume::Volume;
use crate::repo::{Extent, Info, PathText, Repo, tag};

/// What an archive needs for an entry besides its bytes, about.
const EACH: u64 = 512;

/// How to record a zip.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The directory that the snapshot shall belong to, absolute.
    pub directory: PathText,
    /// Tag it.
    pub tag: Option<String>,
    /// Who owns what a zip says no owner of: user and group.
    pub owner: (u32, u32),
    /// Begin although the repository seems to have no room for it.
    pub allow_low_space: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The snapshot.
    pub id: SnapshotId,
    /// Whether it was made now.
    pub new: bool,
    /// What was passed over, and why.
    pub skipped: Vec<Problem>,
    /// What in it grants rights.
    pub special: Special,
}

/// What a zip turned out to hold.
pub(super) struct Taken {
    pub tree: NodeId,
    pub counts: Counts,
    pub rules: Vec<Rule>,
    pub unstable: Vec<RelPath>,
    pub unreadable: Vec<RelPath>,
    /// Of those, what was to be forgotten.
    pub forgotten: Vec<RelPath>,
    pub skipped: Vec<Problem>,
    pub special: Special,
}

/// Records a zip file as a snapshot without a parent. No head moves, and no directory is touched.
///
/// # Errors
/// [`ErrorKind::BadInput`] for whatever is wrong with the file, [`ErrorKind::Refused`] when there is no room; then nothing
/// was recorded.
pub fn import(repo: &Repo, path: &Path, options: &ImportOptions) -> Result<Imported> {
    options.tag.as_deref().map_or(Ok(()), tag::check)?;
    let zip = Zip::open(path)?;
    let mut archive = ZipArchive::new(zip.again()?).map_err(|e| zip.fault(e))?;
    let known = repo.snapshots(Some(Path::new(std::ffi::OsStr::from_bytes(
        &options.directory.0,
    ))))?;
    let desk = Desk {
        repo,
        zip: &zip,
        options,
        full: known.is_empty(),
        start: Time::now(),
    };
    if bundle::is_one(archive.comment()) {
        return Err(zip.bad("is a bundle, not a whole directory; fsync-apply --bundle performs it"));
    }
    let ours = serde_json::from_slice::<Comment>(archive.comment());
    match ours {
        Ok(comment) if comment.fsync > FORMAT => {
            Err(zip.bad("its format is newer than this program's; update fsync"))
        }
        Ok(_) => {
            drop(archive);
            let own = Own::open(&desk)?;
            // A manifest may be as deep as a path can be.
            pool()?.install(|| own.record())
        }
        Err(_) => {
            let survey = Survey::of(&zip, &mut archive, options.owner)?;
            unzip::record(&desk, &mut archive, survey)
        }
    }
}

/// The file.
pub(super) struct Zip {
    pub file: Arc<Volume>,
    /// As messages call it.
    pub name: Vec<u8>,
    /// When it was last changed.
    pub mtime: Time,
}

impl Zip {
    fn open(path: &Path) -> Result<Zip> {
        use std::os::unix::fs::MetadataExt;
        let name = path.as_os_str().as_bytes();
        let cannot = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => Error::io("cannot open", name, e).as_kind(ErrorKind::Usage),
            _ => Error::io("cannot open", name, e),
        };
        let meta = std::fs::metadata(path).map_err(cannot)?;
        if !meta.is_file() {
            return Err(Error::at(ErrorKind::Usage, name, "is not a file"));
        }
        Ok(Zip {
            file: Arc::new(Volume::from(File::open(path).map_err(cannot)?)),
            name: name.to_vec(),
            mtime: Time::new(meta.mtime(), 0),
        })
    }

    /// Another handle, with a position of its own.
    fn again(&self) -> Result<File> {
        use std::os::fd::AsRawFd;
        let path = format!("/proc/self/fd/{}", self.file.local().as_raw_fd());
        File::open(path).map_err(|e| Error::io("cannot open", &self.name, e))
    }

    /// What is wrong with it.
    pub fn bad(&self, why: impl std::fmt::Display) -> Error {
        let message = format!("{why}; nothing was recorded");
        Error::at(ErrorKind::BadInput, &self.name, message)
    }

    /// What is wrong with one entry.
    pub fn bad_entry(&self, entry: &[u8], why: impl std::fmt::Display) -> Error {
        self.bad(format!("entry {}: {why}", quote(entry)))
    }

    /// What the reader says; the system's refusals are no fault of the file.
    pub fn fault(&self, e: zip::result::ZipError) -> Error {
        match e {
            zip::result::ZipError::Io(e) => self.unread(None, e),
            other => self.bad(other),
        }
    }

    /// An entry (or the directory) could not be read.
    pub fn unread(&self, entry: Option<&[u8]>, e: io::Error) -> Error {
        match (e.raw_os_error(), entry) {
            (Some(_), _) => Error::io("cannot read", &self.name, e),
            (None, Some(entry)) => self.bad_entry(entry, e),
            (None, None) => self.bad(e),
        }
    }
}

/// Where a zip is taken in.
pub(super) struct Desk<'a> {
    pub repo: &'a Repo,
    pub zip: &'a Zip,
    pub options: &'a ImportOptions,
    /// The archive holds the whole tree: it is the first of its directory.
    pub full: bool,
    pub start: Time,
}

impl Desk<'_> {
    /// Refuses what the repository's file system has no room for: so many bytes, the largest content of which is
    /// written twice, and so many entries.
    pub fn check_room(&self, bytes: u64, largest: u64, entries: u64) -> Result<()> {
        let total = Total {
            files: entries,
            bytes,
        };
        meter::begin(Phase::Recording, Some(total));
        let Some(room) = room_of(self.repo)?.filter(|_| !self.options.allow_low_space) else {
            return Ok(());
        };
        let twice = if largest >= LARGE { largest } else { 0 };
        let needed = bytes
            .saturating_add(twice)
            .saturating_add(entries.saturating_mul(EACH));
        match needed > room.free {
            true => Err(refused(self.repo, &self.zip.name, bytes, room.free)),
            false => Ok(()),
        }
    }

    /// A new archive for a tree that has these names at its root.
    pub fn archive<'n>(&self, names: impl Iterator<Item = &'n [u8]> + Clone) -> Archive {
        let folder = folder_beside(|taken| names.clone().any(|name| name == taken));
        let about = format!(
            "What was in {} at {}, imported by fsync {}. Files are under their own names; {folder}/ holds the rest.",
            quote(&self.file_name()),
            self.start.rfc3339(),
            env!("CARGO_PKG_VERSION")
        );
        let purpose = Purpose {
            full: self.full,
            backup: None,
            folder,
            time: self.start,
            about,
        };
        Archive::new(self.repo, purpose)
    }

    fn file_name(&self) -> Vec<u8> {
        let start = self.zip.name.iter().rposition(|b| *b == b'/');
        self.zip.name[start.map_or(0, |at| at + 1)..].to_vec()
    }

    /// Makes what was taken in a snapshot, or finds the one that says the same.
    pub fn commit(&self, archive: Archive, taken: Taken) -> Result<Imported> {
        let (repo, directory) = (self.repo, &self.options.directory);
        let tag = self.options.tag.as_deref();
        let twin = self.twin(&taken)?;
        if let Some(id) = twin {
            tag.map_or(Ok(()), |tag| repo.set_tag(directory, tag, id))?;
        }
        let (skipped, special) = (taken.skipped.clone(), taken.special);
        let id = match twin {
            Some(id) => id,
            None => {
                let index = archive.commit(&What::Snapshot(Box::new(self.info(taken))))?;
                repo.log_import(index.id, directory, tag)?;
                repo.enter_archive(&index, |_| Ok(()))?;
                repo.catch_up()?;
                index.id
            }
        };
        Ok(Imported {
            id,
            new: twin.is_none(),
            skipped,
            special,
        })
    }

    /// A snapshot of the directory without a parent that says the same already.
    fn twin(&self, taken: &Taken) -> Result<Option<SnapshotId>> {
        for id in self.repo.twins(&self.options.directory, taken.tree, None)? {
            let info = self.repo.snapshot(id)?;
            if info.rules == taken.rules && info.foreign_parent.is_none() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn info(&self, taken: Taken) -> Info {
        let texts = |paths: Vec<RelPath>| {
            let text = |p: RelPath| PathText(p.as_bytes().to_vec());
            paths.into_iter().map(text).collect()
        };
        let host = rustix::system::uname();
        Info {
            format: FORMAT,
            id: SnapshotId([0; 20]),
            tree: taken.tree,
            parent: None,
            foreign_parent: None,
            directory: self.options.directory.clone(),
            host: host.nodename().to_string_lossy().into_owned(),
            time: self.start,
            extent: match self.full {
                true => Extent::Full,
                false => Extent::Thin,
            },
            tag: self.options.tag.clone(),
            rules: taken.rules,
            counts: taken.counts,
            unstable: texts(taken.unstable),
            unreadable: texts(taken.unreadable),
            forgotten: texts(taken.forgotten),
            imported: Some(PathText(self.file_name())),
        }
    }
}
