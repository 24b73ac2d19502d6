//! A bundle: a plan with the contents that it needs, as one zip that no repository holds (`man/fsync-repository.5`).
//!
//! It is made as an archive is, so its tree has manifest nodes and says owners, nanoseconds and attributes exactly; but the
//! tree holds only what the plan brings and the directories above that. The zip's comment names tree and plan by
//! their digests, so whatever else is in the file, and whatever it is called there, means nothing.
//!
//! A bundle is a stranger's. What is wrong with its shape is bad input; bytes that are not those that were stored are
//! damage.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::quote::quote;
use crate::model::{
    ContentId, Entry, Error, ErrorKind, Kind, NodeId, Result, SnapshotId, Time, Xattrs,
};
use crate::repo::catalog::Place;
use crate::repo::index::place_of;
use crate::repo::manifest::{self, Child};
use crate::repo::place::{self, Checked, WHOLE};
use crate::repo::reader;
use crate::repo::volume::Volume;
use crate::tree::{Contents, Dir, Listing, Tree};

/// The format's number; `tests/sample/bundle-1` pins what it means.
pub const FORMAT: u32 = 1;
/// The entry that holds the plan, for people: programs go by its digest.
pub const PLAN: &str = "plan.ndjson";
/// No node is longer, in bytes: a directory of a million entries is not.
const LONGEST: u64 = 512 << 20;
/// Deflate cannot shrink more than this.
const MOST: u64 = 1100;

/// What a bundle says of itself: its zip comment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// The format's number.
    pub fsync_bundle: u32,
    /// The folder that holds what is not contents.
    pub folder: String,
    /// The SHA-256 of the plan.
    pub plan: ContentId,
    /// The tree record of what the plan brings.
    pub tree: NodeId,
    /// Where it was made.
    pub host: String,
    /// When.
    pub time: Time,
}

/// What every later format has too.
#[derive(Deserialize)]
struct Probe {
    fsync_bundle: u32,
}

/// Whether a zip with this comment is a bundle, of whatever format.
pub fn is_one(comment: &[u8]) -> bool {
    serde_json::from_slice::<Probe>(comment).is_ok()
}

/// An open bundle.
pub struct Bundle {
    file: Arc<Volume>,
    name: Vec<u8>,
    /// What it says of itself.
    pub about: About,
    places: HashMap<[u8; 32], Place>,
}

impl Bundle {
    /// Opens a bundle and looks its directory over.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such file, [`ErrorKind::BadInput`] when it is no bundle or not whole.
    pub fn open(path: &Path) -> Result<Bundle> {
        let name = path.as_os_str().as_bytes();
        let cannot = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => Error::io("cannot open", name, e).as_kind(ErrorKind::Usage),
            _ => Error::io("cannot open", name, e),
        };
        let meta = std::fs::metadata(path).map_err(cannot)?;
        if !meta.is_file() {
            let message = "is no regular file, and a bundle is read at many places; copy it to one";
            return Err(Error::at(ErrorKind::Usage, name, message));
        }
        let file = File::open(path).map_err(cannot)?;
        Self::read(Volume::from(file), name, meta.len()).map_err(|e| match e.kind() {
            ErrorKind::Damaged => bad(name, &e.cause()),
            _ => e,
        })
    }

    fn read(file: Volume, name: &[u8], length: u64) -> Result<Bundle> {
        let (mut found, mut plans) = (Vec::new(), Vec::new());
        let comment = reader::read(&file, name, |item| {
            if item.name.ends_with(PLAN.as_bytes()) {
                plans.push((item.name.clone(), item.content));
            }
            if let Some(content) = item.content {
                let offset = reader::data_offset(&file, name, &item)?;
                found.push((content.0, place_of(SnapshotId([0; 20]), offset, &item)));
            }
            Ok(())
        })?;
        let about = about(&comment).map_err(|why| bad(name, &why))?;
        let own = format!("{}/{PLAN}", about.folder);
        let mut plans = plans.iter().filter(|(n, _)| **n == *own.as_bytes());
        // Lest people be shown another plan than programs take.
        if plans.next().and_then(|(_, id)| *id) != Some(about.plan) || plans.next().is_some() {
            return Err(bad(name, "its plan is not the one that its comment names"));
        }
        possible(&mut found, length).map_err(|why| bad(name, why))?;
        Ok(Bundle {
            file: Arc::new(file),
            name: name.to_vec(),
            about,
            places: found.into_iter().collect(),
        })
    }

    /// As messages call it.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// An error about it that kept everything as it was.
    pub fn bad(&self, why: &str) -> Error {
        bad(&self.name, why)
    }

    /// How long a content is that it holds.
    pub fn holds(&self, id: ContentId) -> Option<u64> {
        self.places.get(&id.0).map(|place| place.size)
    }

    /// The plan's text, whose bytes were checked.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when they are not those that were stored.
    pub fn plan(&self) -> Result<Box<dyn Read + Send>> {
        let damaged = |_| {
            let message = "its plan is damaged; nothing was changed";
            Error::at(ErrorKind::Damaged, &self.name, message)
        };
        self.verify(self.about.plan).map_err(damaged)?;
        let place = self.place(self.about.plan)?;
        Ok(place::stream(self.file.clone(), place))
    }

    /// Reads a content to its end.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when its bytes are not those that were stored.
    pub fn verify(&self, id: ContentId) -> Result<()> {
        let damaged = |e: io::Error| {
            let refused = e.raw_os_error().is_some();
            let error = Error::io("cannot read", &self.name, e);
            if refused {
                error
            } else {
                error.as_kind(ErrorKind::Damaged)
            }
        };
        match self.contents(id)? {
            Contents::Bytes(_) => Ok(()),
            mut stream => io::copy(&mut stream, &mut io::sink())
                .map(drop)
                .map_err(damaged),
        }
    }

    fn place(&self, id: ContentId) -> Result<&Place> {
        self.places
            .get(&id.0)
            .ok_or_else(|| self.bad(&format!("does not hold {id}")))
    }

    fn contents(&self, id: ContentId) -> Result<Contents> {
        let place = self.place(id)?;
        if place.size <= WHOLE {
            let bytes = place::checked(&self.file, &self.name, place, &id.0)?;
            return Ok(Contents::Bytes(Cursor::new(bytes)));
        }
        let stream = place::stream(self.file.clone(), place);
        let stream = Checked::new(stream, id.0, place.size);
        Ok(Contents::Stream(Box::new(stream)))
    }

    /// The bytes of a node, checked.
    fn node(&self, id: NodeId) -> Result<Vec<u8>> {
        let place = self.place(ContentId(id.0))?;
        if place.size > LONGEST {
            return Err(self.bad("a node of its manifest is too long"));
        }
        let bytes = place::checked(&self.file, &self.name, place, &id.0)?;
        Ok(bytes.as_ref().to_vec())
    }
}

fn bad(name: &[u8], why: &str) -> Error {
    let message = format!("{why}; nothing was changed");
    Error::at(ErrorKind::BadInput, name, message)
}

fn about(comment: &[u8]) -> Result<About, String> {
    let probe: Probe = serde_json::from_slice(comment)
        .map_err(|_| "is a zip, and no bundle (fsync bundle makes one)")?;
    if probe.fsync_bundle > FORMAT {
        return Err(format!(
            "its format {} is newer than this program's {FORMAT}; update fsync",
            probe.fsync_bundle
        ));
    }
    serde_json::from_slice(comment).map_err(|e| format!("its comment: {e}"))
}

/// Refuses entries that lie over each other or could not be as long as they say: so little stands for so much only where
/// somebody wants it to.
fn possible(found: &mut [([u8; 32], Place)], length: u64) -> Result<(), &'static str> {
    found.sort_by_key(|(_, place)| place.offset);
    let mut end = 0;
    for (_, place) in found.iter() {
        if place.offset < end {
            return Err("two of its entries lie over each other");
        }
        end = place.offset.saturating_add(place.packed);
        if end > length {
            return Err("an entry reaches beyond its end");
        }
        if place.size / MOST > place.packed {
            return Err("an entry says an impossible length");
        }
    }
    Ok(())
}

/// What a bundle brings, as a tree.
pub struct BundleTree {
    bundle: Arc<Bundle>,
    root: Child,
}

/// A directory in it.
struct BundleDir {
    bundle: Arc<Bundle>,
    own: Xattrs,
    children: Vec<Child>,
}

impl BundleTree {
    /// The tree of a bundle.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] or [`ErrorKind::Damaged`] when its manifest is none.
    pub fn new(bundle: &Arc<Bundle>) -> Result<Self> {
        let record = bundle.node(bundle.about.tree)?;
        let (root, _) = manifest::parse_tree(&record).map_err(|why| bundle.bad(&why))?;
        Ok(BundleTree {
            bundle: bundle.clone(),
            root,
        })
    }
}

impl Tree for BundleTree {
    fn root(&self) -> Result<Entry> {
        Ok(self.root.entry.clone())
    }

    fn open(&self) -> Result<Box<dyn Dir>> {
        open(&self.bundle, &self.root)
    }
}

fn open(bundle: &Arc<Bundle>, child: &Child) -> Result<Box<dyn Dir>> {
    let children = match child.entry.node {
        Some(node) => manifest::parse_directory(&bundle.node(node)?)
            .map_err(|why| bundle.bad(&format!("a node of its manifest: {why}")))?,
        None => Vec::new(),
    };
    Ok(Box::new(BundleDir {
        bundle: bundle.clone(),
        own: child.xattrs.clone(),
        children,
    }))
}

impl BundleDir {
    fn child(&self, name: &[u8]) -> Option<&Child> {
        let found = self
            .children
            .binary_search_by(|child| (*child.entry.name).cmp(name));
        found.ok().map(|at| &self.children[at])
    }

    fn need(&self, entry: &Entry, kind: Kind) -> Result<&Child> {
        let child = self.child(&entry.name);
        child.filter(|c| c.entry.state.kind == kind).ok_or_else(|| {
            let what = quote(&entry.name);
            self.bundle.bad(&format!("has no {} {what}", kind.word()))
        })
    }
}

impl Dir for BundleDir {
    fn list(&self) -> Result<Listing> {
        Ok(Listing {
            entries: self.children.iter().map(|c| c.entry.clone()).collect(),
            ..Listing::default()
        })
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        Ok(self.child(name).map(|child| child.entry.clone()))
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        open(&self.bundle, self.need(entry, Kind::Directory)?)
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        match self.need(entry, Kind::File)?.entry.content {
            Some(id) => self.bundle.contents(id),
            None => Err(self.bundle.bad("does not say the contents of a file")),
        }
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        if entry.name.is_empty() {
            return Ok(self.own.clone());
        }
        let child = self.child(&entry.name);
        Ok(child.map_or_else(Vec::new, |child| child.xattrs.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::catalog::Form;

    fn place(offset: u64, packed: u64, size: u64) -> ([u8; 32], Place) {
        let place = Place {
            archive: SnapshotId([0; 20]),
            offset,
            form: Form::Deflate,
            packed,
            size,
            crc: 0,
        };
        ([0; 32], place)
    }

    #[test]
    fn entries_must_be_possible() {
        let judge = |mut found: Vec<_>| possible(&mut found, 1000);
        assert_eq!(
            judge(vec![place(500, 500, 9), place(30, 470, 500_000)]),
            Ok(())
        );
        assert!(
            judge(vec![place(30, 100, 1), place(129, 1, 1)]).is_err(),
            "over each other"
        );
        assert!(judge(vec![place(30, 971, 1)]).is_err(), "beyond the end");
        assert!(
            judge(vec![place(30, u64::MAX, 1)]).is_err(),
            "beyond all ends"
        );
        assert!(
            judge(vec![place(30, 10, 20_000)]).is_err(),
            "longer than deflate can say"
        );
    }

    #[test]
    fn comments_are_told_apart() {
        assert!(is_one(br#"{"fsync_bundle":9,"more":true}"#));
        assert!(!is_one(br#"{"fsync":1,"folder":".fsync"}"#));
        assert!(
            about(br#"{"fsync_bundle":9}"#)
                .unwrap_err()
                .contains("newer")
        );
        assert!(
            about(br#"{"fsync_bundle":1}"#)
                .unwrap_err()
                .contains("comment")
        );
        assert!(about(b"").unwrap_err().contains("no bundle"));
    }
}
