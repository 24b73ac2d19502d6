//! Entries of our own: at once where they come; or, in what others read from afar, at an archive's end, where all is that
//! lists and browses.

use crate::model::{ContentId, Result};
use crate::repo::archive::{Archive, Writing, sizes_of};
use crate::repo::deflate::pack;
use crate::repo::writer::{Method, Sizes};

/// An entry that waits for the end of an archive.
pub(super) struct Late {
    name: String,
    content: ContentId,
    method: Method,
    sizes: Sizes,
    packed: Vec<u8>,
}

impl Archive {
    /// Adds an entry of our own, named after its digest, unless it is not needed.
    pub(super) fn inner(&self, kind: &str, id: ContentId, bytes: &[u8]) -> Result<()> {
        if !self.claim(&id.0)? {
            return Ok(());
        }
        let name = format!("{}/{kind}/{id}", self.purpose.folder);
        if !self.home.is_shared() {
            return self.pack(&self.header(&name, Some(id)), bytes);
        }
        // Who browses fetches the end of an archive: there it must be.
        let mut packed = Vec::new();
        let method = pack(bytes, &mut packed);
        if method == Method::Stored {
            packed = bytes.to_vec();
        }
        let late = Late {
            name,
            content: id,
            method,
            sizes: sizes_of(bytes, packed.len()),
            packed,
        };
        let mut state = self.state();
        state.late.push(late);
        // The file begins with the first entry, whichever that is.
        self.with(&mut state, |_| Ok(()))
    }

    /// Writes what has waited.
    pub(super) fn write_late(&self, state: &mut Writing) -> Result<()> {
        for late in std::mem::take(&mut state.late) {
            let header = self.header(&late.name, Some(late.content));
            let (method, sizes) = (late.method, late.sizes);
            self.with(state, |w| {
                w.entry(&header, method, sizes, &late.packed).map(|_| ())
            })?;
        }
        Ok(())
    }
}
