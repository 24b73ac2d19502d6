//! Changes as a patch in git's form: for eyes, patch(1) and `git apply`. It says less than a plan: text
//! files and symbolic links, and whether a file can be run.

use std::io::Read;

use sha1::{Digest, Sha1};

use crate::model::quote::quote_if_odd;
use crate::model::{Change, Entry, Error, ErrorKind, Kind, RelPath, Result, Status};
use crate::ops::hunk;
use crate::tree::cursor::Cursor;
use crate::tree::{Dir, Tree};

/// Larger files are not compared as text, in bytes.
pub const LARGEST: u64 = 8 << 20;
/// A NUL in as many bytes makes a file binary, as git sees it.
const LOOK: usize = 8000;

/// Makes the patch of changes between two trees, in path order.
pub struct Patch<'t> {
    source: Cursor<'t>,
    destination: Option<Cursor<'t>>,
}

/// One side of a change.
enum Side {
    /// Nothing that a patch could hold: nothing at all, or a directory.
    Nothing,
    /// What git would call a blob.
    Blob(Blob),
    /// Something that has no text, in words.
    Odd(&'static str),
}

#[derive(PartialEq, Eq)]
struct Blob {
    mode: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    /// As git names it.
    fn id(&self) -> String {
        let mut digest = Sha1::new();
        digest.update(format!("blob {}\0", self.bytes.len()));
        digest.update(&self.bytes);
        hex::encode(digest.finalize())
    }

    fn is_text(&self) -> bool {
        !self.bytes[..self.bytes.len().min(LOOK)].contains(&0)
    }
}

impl<'t> Patch<'t> {
    /// Between two trees; a destination that does not exist is `None`.
    pub fn new(source: &'t dyn Tree, destination: Option<&'t dyn Tree>) -> Self {
        Patch {
            source: Cursor::new(source),
            destination: destination.map(Cursor::new),
        }
    }

    /// The part of the patch that one change is; empty where a patch cannot say it. A rename must have been
    /// planned as a deletion and an addition.
    ///
    /// # Errors
    /// When a side cannot be read.
    pub fn of(&mut self, change: &Change) -> Result<Vec<u8>> {
        let path = &change.path;
        let mut out = Vec::new();
        let nothing = Side::Nothing;
        let old = match (change.status, change.kind) {
            (Status::Added, _) | (Status::Touched, Kind::Directory) => Side::Nothing,
            _ => self.old(path)?,
        };
        let new = match (change.status, change.kind) {
            (Status::Deleted, _) | (Status::Touched, Kind::Directory) => Side::Nothing,
            _ => self.new_side(path)?,
        };
        match change.status {
            Status::TypeChanged => {
                block(path, &old, &nothing, &mut out);
                block(path, &nothing, &new, &mut out);
            }
            _ => block(path, &old, &new, &mut out),
        }
        Ok(out)
    }

    fn new_side(&mut self, path: &RelPath) -> Result<Side> {
        side(&mut self.source, path)
    }

    fn old(&mut self, path: &RelPath) -> Result<Side> {
        match &mut self.destination {
            Some(cursor) => side(cursor, path),
            None => Ok(Side::Nothing),
        }
    }
}

fn side(cursor: &mut Cursor<'_>, path: &RelPath) -> Result<Side> {
    match cursor.place(path)? {
        Some((dir, entry)) => read(dir, &entry, path),
        None => {
            let message = "it changed while it was compared";
            Err(Error::at(ErrorKind::Failed, path.as_bytes(), message))
        }
    }
}

fn read(dir: &dyn Dir, entry: &Entry, path: &RelPath) -> Result<Side> {
    let state = &entry.state;
    let mode = match (state.kind, state.mode & 0o100) {
        (Kind::Directory, _) => return Ok(Side::Nothing),
        (Kind::Symlink, _) => "120000",
        (Kind::File, 0) => "100644",
        (Kind::File, _) => "100755",
        (kind, _) => return Ok(Side::Odd(kind.word())),
    };
    if let Some(target) = &state.target {
        let bytes = target.to_vec();
        return Ok(Side::Blob(Blob { mode, bytes }));
    }
    if state.size > LARGEST {
        return Ok(Side::Odd("larger than 8 MiB"));
    }
    let mut bytes = Vec::new();
    let mut file = dir.open_file(entry)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes)
        .map_err(|e| Error::io("cannot read", path.as_bytes(), e))?;
    match bytes.len() as u64 > LARGEST {
        true => Ok(Side::Odd("larger than 8 MiB")),
        false => Ok(Side::Blob(Blob { mode, bytes })),
    }
}

/// A name as git prints it behind `a/` or `b/`.
fn named(prefix: &str, path: &RelPath) -> Vec<u8> {
    quote_if_odd(&[prefix.as_bytes(), path.as_bytes()].concat())
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend(*part));
    out.push(b'\n');
}

/// What differs at one path.
fn block(path: &RelPath, old: &Side, new: &Side, out: &mut Vec<u8>) {
    let (a, b) = (named("a/", path), named("b/", path));
    let (before, after) = match (old, new) {
        (Side::Nothing, Side::Nothing) => return,
        (Side::Odd(why), _) | (_, Side::Odd(why)) => return odd((&a, old), (&b, new), why, out),
        _ => (blob(old), blob(new)),
    };
    if before == after {
        return;
    }
    let changed = before.map(|b| &b.bytes) != after.map(|b| &b.bytes);
    if changed && [before, after].into_iter().flatten().any(|b| !b.is_text()) {
        return odd((&a, old), (&b, new), "", out);
    }
    put(out, &[b"diff --git ", &a, b" ", &b]);
    modes(before, after, out);
    if changed {
        index(before, after, out);
        texts((&a, before), (&b, after), out);
    }
}

fn blob(side: &Side) -> Option<&Blob> {
    match side {
        Side::Blob(blob) => Some(blob),
        _ => None,
    }
}

/// Both names, and that there is no text of them. It is no part that git would take for one of its own, so
/// the rest can be applied.
fn odd(old: (&[u8], &Side), new: (&[u8], &Side), why: &str, out: &mut Vec<u8>) {
    fn name<'n>((name, side): (&'n [u8], &Side)) -> &'n [u8] {
        match side {
            Side::Nothing => b"/dev/null",
            _ => name,
        }
    }
    let (from, to) = (name(old), name(new));
    put(out, &[b"diff ", old.0, b" ", new.0]);
    match why {
        "" => put(out, &[b"Binary files ", from, b" and ", to, b" differ"]),
        why => put(
            out,
            &[
                b"Files ",
                from,
                b" and ",
                to,
                b" differ (",
                why.as_bytes(),
                b")",
            ],
        ),
    }
}

fn modes(old: Option<&Blob>, new: Option<&Blob>, out: &mut Vec<u8>) {
    match (old.map(|b| b.mode), new.map(|b| b.mode)) {
        (None, Some(mode)) => put(out, &[b"new file mode ", mode.as_bytes()]),
        (Some(mode), None) => put(out, &[b"deleted file mode ", mode.as_bytes()]),
        (Some(from), Some(to)) if from != to => {
            put(out, &[b"old mode ", from.as_bytes()]);
            put(out, &[b"new mode ", to.as_bytes()]);
        }
        _ => {}
    }
}

fn index(old: Option<&Blob>, new: Option<&Blob>, out: &mut Vec<u8>) {
    let id = |blob: Option<&Blob>| blob.map_or_else(|| "0".repeat(40), Blob::id);
    let mode = match (old, new) {
        (Some(old), Some(new)) if old.mode == new.mode => format!(" {}", old.mode),
        _ => String::new(),
    };
    let line = format!("index {}..{}{mode}", id(old), id(new));
    put(out, &[line.as_bytes()]);
}

/// The names and the hunks; of an empty file that comes or goes there are none.
fn texts(old: (&[u8], Option<&Blob>), new: (&[u8], Option<&Blob>), out: &mut Vec<u8>) {
    let bytes = |blob: Option<&Blob>| blob.map_or_else(Vec::new, |b| b.bytes.clone());
    let mut hunks = Vec::new();
    hunk::write(&bytes(old.1), &bytes(new.1), &mut hunks);
    if hunks.is_empty() {
        return;
    }
    for (mark, (name, blob)) in [(&b"--- "[..], old), (b"+++ ", new)] {
        let name = blob.map_or(&b"/dev/null"[..], |_| name);
        // A space would end the name for those who expect a time behind it.
        let spaced = name.contains(&b' ') && !name.starts_with(b"\"");
        put(out, &[mark, name, if spaced { b"\t" } else { b"" }]);
    }
    out.extend(hunks);
}
