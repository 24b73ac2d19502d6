//! Answers that come before they are asked for: the entries that a thread said it would read, in that order.

use std::collections::{HashMap, VecDeque};

use crate::model::{Entry, Error, RelPath, Result, Xattrs};
use crate::tree::far::talk::Ear;
use crate::tree::far::wire::{In, Malformed};

/// What was said of an entry.
pub struct Slot {
    /// It; `None` when there is none.
    pub entry: Option<Entry>,
    /// Its extended attributes.
    pub xattrs: Xattrs,
    /// Of a short file, its bytes; they are given once.
    pub bytes: Option<Vec<u8>>,
}

/// The answers of one thread.
pub struct Ahead {
    ear: Ear,
    /// What is still to come, in order.
    coming: VecDeque<RelPath>,
    come: HashMap<RelPath, Result<Slot>>,
}

impl Ahead {
    /// That hears the answers about `paths`.
    pub fn new(ear: Ear, paths: Vec<RelPath>) -> Self {
        Ahead {
            ear,
            coming: paths.into(),
            come: HashMap::new(),
        }
    }

    /// Whether it is about that path.
    pub fn knows(&self, path: &RelPath) -> bool {
        self.come.contains_key(path) || self.coming.contains(path)
    }

    /// What is known of an entry, which may have to come first; `None` when nothing will.
    ///
    /// # Errors
    /// When it could not be read there, or the connection broke.
    pub fn slot(&mut self, path: &RelPath) -> Option<Result<&mut Slot>> {
        if !self.come.contains_key(path) {
            let at = self.coming.iter().position(|coming| coming == path)?;
            for path in self.coming.drain(..=at) {
                let said = self.ear.hear();
                let said = said.and_then(|said| said.ok_or_else(|| Malformed.into()));
                let slot = said.and_then(|bytes| slot(bytes, path.is_root()));
                self.come.insert(path, slot);
            }
        }
        // An error is told once: whoever asks again asks anew.
        if matches!(self.come.get(path), Some(Err(_))) {
            return self.come.remove(path).and_then(Result::err).map(Err);
        }
        self.come
            .get_mut(path)
            .and_then(|slot| slot.as_mut().ok())
            .map(Ok)
    }
}

/// What is said of an entry, perhaps of the root.
///
/// # Errors
/// What it was said could not be done, or when it is malformed.
pub fn slot(bytes: &[u8], root: bool) -> Result<Slot, Error> {
    let mut from = In(bytes);
    let slot = from.result(|from| {
        Ok(Slot {
            entry: from.option(|from| from.entry(root))?,
            xattrs: from.pairs()?,
            bytes: from.option(|from| from.bytes().map(<[u8]>::to_vec))?,
        })
    })?;
    from.end()?;
    Ok(slot)
}
