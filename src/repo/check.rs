//! Checks one archive by itself: that it is the bytes that its name says, and reads as the zip file that it should be. A second
//! reader, the `zip` crate, is asked too, so that no fault of our own reader and writer agree with each other.

use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;

use sha1::{Digest, Sha1};

use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::catalog::NewPlace;
use crate::repo::index::{Index, What};
use crate::repo::local;
use crate::repo::place::Section;
use crate::repo::store::Repo;

/// What an archive turned out to be.
pub(super) struct Checked {
    /// Its id.
    pub id: SnapshotId,
    /// What it says of itself, if it is whole.
    pub what: Option<What>,
    /// Why it is not.
    pub damage: Option<String>,
    /// That is no damage: it is of a later format, or may not be read.
    pub alive: bool,
    /// Of how many contents and nodes the catalog says that they lie in it, rightly.
    pub known: u64,
    /// Why the catalog is wrong about it.
    pub unknown: bool,
}

/// Checks an archive.
pub(super) fn archive(repo: &Repo, id: SnapshotId) -> Checked {
    let (digest, index) = rayon::join(|| digest(repo, id), || structure(repo, id));
    let mut checked = Checked {
        id,
        what: None,
        damage: None,
        alive: false,
        known: 0,
        unknown: false,
    };
    checked.alive = [digest.as_ref().err(), index.as_ref().err()]
        .into_iter()
        .flatten()
        .any(is_alive);
    match (digest, index) {
        (Ok(()), Ok(index)) => {
            match known(repo, id, index.places) {
                Ok(known) => checked.known = known,
                Err(_) => checked.unknown = true,
            }
            checked.what = Some(index.what);
        }
        (Err(e), Ok(_)) | (Ok(()), Err(e)) => checked.damage = Some(e.cause()),
        (Err(e), Err(more)) => {
            let (e, more) = (e.cause(), more.cause());
            checked.damage = Some(match e == more {
                true => e,
                false => format!("{e}, and it does not read as an archive: {more}"),
            });
        }
    }
    checked
}

/// Whether a failure says nothing against the archive: a later program wrote it, or the system does not let us read it
/// (though not since the disk is broken).
fn is_alive(e: &Error) -> bool {
    let broken = Some(rustix::io::Errno::IO.raw_os_error());
    e.kind() == ErrorKind::Refused
        || e.kind() == ErrorKind::Failed && e.errno().is_some() && e.errno() != broken
}

/// All of an archive as a stream.
fn whole(repo: &Repo, id: SnapshotId) -> Result<Section> {
    let file = repo.archive(id)?;
    let path = repo.archive_path(id);
    let length = file
        .length()
        .map_err(|e| Error::io("cannot examine", path.as_os_str().as_bytes(), e))?;
    Ok(Section::new(file, 0, length))
}

/// Whether the file's SHA-1 is its name.
fn digest(repo: &Repo, id: SnapshotId) -> Result<()> {
    let path = repo.archive_path(id);
    let name = path.as_os_str().as_bytes();
    let cannot = |e| Error::io("cannot read", name, e);
    let mut file = whole(repo, id)?;
    let mut digest = Sha1::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(cannot)? {
            0 => break,
            n => digest.update(&buffer[..n]),
        }
    }
    match digest.finalize()[..] == id.0 {
        true => Ok(()),
        false => Err(Error::at(
            ErrorKind::Damaged,
            name,
            "its SHA-1 is not its name",
        )),
    }
}

/// Whether it reads as an archive of ours, in every respect.
fn structure(repo: &Repo, id: SnapshotId) -> Result<Index> {
    let index = repo.read_index(id)?;
    headers(repo, id, &index)?;
    second_opinion(repo, id, &index)?;
    Ok(index)
}

/// Whether every local header is as the directory says.
fn headers(repo: &Repo, id: SnapshotId, index: &Index) -> Result<()> {
    let path = repo.archive_path(id);
    let name = path.as_os_str().as_bytes();
    let file = repo.archive(id)?;
    for item in &index.items {
        let local =
            local::read(&file, item.offset).map_err(|e| Error::io("cannot read", name, e))?;
        if !local.is_some_and(|local| local.agrees(item)) {
            let message = format!(
                "the local header of {} is not as the directory says",
                quote(&item.name)
            );
            return Err(Error::at(ErrorKind::Damaged, name, message));
        }
    }
    Ok(())
}

/// Whether the `zip` crate sees the same entries.
fn second_opinion(repo: &Repo, id: SnapshotId, index: &Index) -> Result<()> {
    let path = repo.archive_path(id);
    let name = path.as_os_str().as_bytes();
    let damaged = |message: String| Error::at(ErrorKind::Damaged, name, message);
    let unread = |e: zip::result::ZipError| match e {
        zip::result::ZipError::Io(e) if e.raw_os_error().is_some() => {
            Error::io("cannot read", name, e)
        }
        e => damaged(e.to_string()),
    };
    let file = whole(repo, id)?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(unread)?;
    if zip.len() != index.items.len() {
        return Err(damaged(format!(
            "{} entries, another reader sees {}",
            index.items.len(),
            zip.len()
        )));
    }
    for (at, item) in index.items.iter().enumerate() {
        let entry = zip.by_index_raw(at).map_err(unread)?;
        let same = entry.name_raw() == &*item.name
            && entry.size() == item.sizes.size
            && entry.compressed_size() == item.sizes.packed
            && entry.crc32() == item.sizes.crc;
        if !same {
            return Err(damaged(format!(
                "another reader sees {} otherwise",
                quote(&item.name)
            )));
        }
    }
    Ok(())
}

/// How much of what lies in an archive the catalog looks for there.
///
/// # Errors
/// When it does not know of something, or looks for it in the wrong place of the archive.
fn known(repo: &Repo, archive: SnapshotId, mut places: Vec<NewPlace>) -> Result<u64> {
    places.sort_unstable_by_key(|(id, place)| (*id, place.offset));
    let wrong = || Error::at(ErrorKind::Damaged, "catalog.db", "is wrong");
    let mut known = 0;
    for same in places.chunk_by(|a, b| a.0 == b.0) {
        let id = &same[0].0;
        let said = repo.find_place(id)?.ok_or_else(wrong)?;
        if said.archive == archive {
            known += 1;
            if !same.iter().any(|(_, place)| *place == said) {
                return Err(wrong());
            }
        }
    }
    Ok(known)
}
