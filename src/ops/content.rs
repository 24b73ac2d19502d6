//! Adds what some reader gives to an archive: checked against the length that was announced, and never more of it read.

use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;

use sha2::{Digest, Sha256};

use crate::model::meter;
use crate::model::{ContentId, Error, ErrorKind, RelPath, State};
use crate::ops::read::{LARGE, cut};
use crate::repo::archive::Archive;

/// How reading a content failed.
pub(super) enum Fault {
    /// The bytes that it was to be read from.
    Read(io::Error),
    /// It has another length than it said.
    Length,
    /// The archive.
    Ours(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Ours(error)
    }
}

/// Adds a content of as many bytes as `state` says; its id, and of a long one that of its chunk list.
pub(super) fn add(
    archive: &Archive,
    path: &RelPath,
    state: &State,
    mut from: impl Read,
) -> Result<(ContentId, Option<ContentId>), Fault> {
    let size = state.size;
    meter::at(path);
    meter::files(1);
    if size >= LARGE {
        return long(archive, path, state, from);
    }
    let mut bytes = Vec::new();
    let limited = from.by_ref().take(size + 1).read_to_end(&mut bytes);
    if limited.map_err(Fault::Read)? as u64 != size {
        return Err(Fault::Length);
    }
    meter::bytes(size);
    let id = ContentId(Sha256::digest(&bytes).into());
    archive.file(path, state, id, &bytes)?;
    Ok((id, None))
}

/// A long content is read into a temporary file first, since it is looked at twice.
fn long(
    archive: &Archive,
    path: &RelPath,
    state: &State,
    from: impl Read,
) -> Result<(ContentId, Option<ContentId>), Fault> {
    let mut spool = archive.spool()?;
    let place = spool.path().as_os_str().as_bytes().to_vec();
    let cannot = |e| Fault::Ours(Error::io("cannot write", &place, e));
    let mut from = from.take(state.size + 1);
    let mut buffer = vec![0; 256 << 10];
    let mut length = 0;
    loop {
        match from.read(&mut buffer).map_err(Fault::Read)? {
            0 => break,
            n => {
                spool.write_all(&buffer[..n]).map_err(cannot)?;
                length += n as u64;
            }
        }
    }
    if length != state.size {
        return Err(Fault::Length);
    }
    let file = spool.as_file_mut();
    file.rewind().map_err(cannot)?;
    let large = cut(file).map_err(cannot)?;
    let list = archive.large(path, state, file, &large)?.ok_or_else(|| {
        let message = "a temporary file changed by itself";
        Fault::Ours(Error::at(ErrorKind::Failed, &place, message))
    })?;
    Ok((large.id, Some(list)))
}
