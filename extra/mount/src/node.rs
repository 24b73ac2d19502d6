//! What is behind an inode number.
//!
//! Numbers are digests of what they stand for, so that a hard link has the same one whenever it is met, also after the
//! kernel forgot it. The table holds what the kernel knows at the moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fsync::model::{Entry, Error, ErrorKind, RelPath, Result, SnapshotId};
use sha2::{Digest, Sha256};

use crate::stock::View;

/// The number of the mount point.
pub const ROOT: u64 = 1;

/// How many entries more than it says of itself a snapshot may seem to have.
const SLACK: u64 = 16;

/// A snapshot under one of its names.
#[derive(Debug)]
pub struct Top {
    /// The view that it is in.
    pub view: View,
    /// The folder of the view.
    pub folder: Vec<u8>,
    /// Its name there.
    pub name: Vec<u8>,
    /// The snapshot.
    pub id: SnapshotId,
    /// How many entries it says that it has.
    pub entries: u64,
    /// How many of them the kernel knows.
    pub known: AtomicU64,
}

/// What there can be.
#[derive(Clone, Debug)]
pub enum What {
    /// The mount point.
    Root,
    /// A way to look for snapshots.
    View(View),
    /// A directory's folder in it.
    Folder(View, Vec<u8>),
    /// The link to the newest snapshot of a folder.
    Latest(Vec<u8>),
    /// An entry of a snapshot, and its path there.
    Entry(Arc<Top>, RelPath, Arc<Entry>),
}

impl What {
    /// The number that it gets.
    pub fn number(&self) -> u64 {
        let group;
        let parts: Vec<&[u8]> = match self {
            What::Root => return ROOT,
            What::View(view) => vec![view.name()],
            What::Folder(view, folder) => vec![view.name(), folder],
            What::Latest(folder) => vec![b"latest", folder],
            What::Entry(top, path, entry) => {
                group = entry.links.map(|(_, group)| group.to_le_bytes());
                let own: [&[u8]; 2] = match &group {
                    Some(group) => [b"group", group],
                    None => [b"path", path.as_bytes()],
                };
                let top = [top.view.name(), &top.folder, &top.name, top.id.as_bytes()];
                [top.as_slice(), &own].concat()
            }
        };
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        // 0 is none, 1 the mount point; the highest bit confuses who takes numbers for signed.
        (u64::from_le_bytes(first) >> 1).max(ROOT + 1)
    }

    /// Whether both stand for the same.
    fn is(&self, other: &What) -> bool {
        match (self, other) {
            (What::Root, What::Root) => true,
            (What::View(a), What::View(b)) => a == b,
            (What::Folder(a, one), What::Folder(b, two)) => a == b && one == two,
            (What::Latest(one), What::Latest(two)) => one == two,
            (What::Entry(a, one, x), What::Entry(b, two, y)) => {
                let same = a.id == b.id && a.view == b.view && a.folder == b.folder;
                same && a.name == b.name && (one == two || x.links.is_some() && x.links == y.links)
            }
            _ => false,
        }
    }
}

struct Known {
    what: What,
    lookups: u64,
}

/// What the kernel knows.
#[derive(Default)]
pub struct Table(Mutex<HashMap<u64, Known>>);

impl Table {
    fn hold(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a number stands for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the kernel should not know it.
    pub fn get(&self, number: u64) -> Result<What> {
        if number == ROOT {
            return Ok(What::Root);
        }
        let missing = || Error::new(ErrorKind::NotFound, "an entry that was forgotten");
        self.hold()
            .get(&number)
            .map(|known| known.what.clone())
            .ok_or_else(missing)
    }

    /// The kernel gets to know `what`, once more; its number.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when its snapshot has more entries than it says: equal directories are one node, so that a
    /// small archive can stand for an endless tree.
    pub fn learn(&self, what: &What) -> Result<u64> {
        let mut table = self.hold();
        let mut number = what.number();
        // Two that fall on one number: nothing that happens, unless somebody looked for it.
        while table.get(&number).is_some_and(|known| !known.what.is(what)) {
            number = (number + 1).max(ROOT + 1);
        }
        if let Some(known) = table.get_mut(&number) {
            known.lookups += 1;
            return Ok(number);
        }
        if let What::Entry(top, path, _) = what {
            let known = top.known.fetch_add(1, Ordering::Relaxed);
            if known > top.entries.saturating_add(SLACK) {
                top.known.fetch_sub(1, Ordering::Relaxed);
                let message = "the snapshot has more entries than it says";
                return Err(Error::at(ErrorKind::Damaged, path.as_bytes(), message));
            }
        }
        let what = what.clone();
        table.insert(number, Known { what, lookups: 1 });
        Ok(number)
    }

    /// The kernel forgets a number as often as it says.
    pub fn forget(&self, number: u64, times: u64) {
        let mut table = self.hold();
        let Some(known) = table.get_mut(&number) else {
            return;
        };
        known.lookups = known.lookups.saturating_sub(times);
        if known.lookups > 0 {
            return;
        }
        let forgotten = table.remove(&number);
        if let Some(What::Entry(top, ..)) = forgotten.map(|known| known.what) {
            top.known.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fsync::model::{Kind, State, Time};

    fn entry(path: &str, links: Option<u64>, entries: u64) -> What {
        let state = State {
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: Time::new(0, 0),
            rdev: 0,
            target: None,
            inode: None,
        };
        let path = RelPath::parse(path.as_bytes()).unwrap();
        let mut entry = Entry::new(path.name(), state);
        entry.links = links.map(|group| (u64::MAX, group));
        let top = Top {
            view: View::Id,
            folder: Vec::new(),
            name: b"x".to_vec(),
            id: SnapshotId([1; 20]),
            entries,
            known: AtomicU64::new(0),
        };
        What::Entry(Arc::new(top), path, Arc::new(entry))
    }

    #[test]
    fn hard_links_share_a_number_and_nothing_else_does() {
        assert_eq!(
            entry("a", Some(0), 9).number(),
            entry("b/c", Some(0), 9).number()
        );
        assert_ne!(
            entry("a", Some(0), 9).number(),
            entry("a", Some(1), 9).number()
        );
        assert_ne!(entry("a", None, 9).number(), entry("b", None, 9).number());
        assert_ne!(
            What::View(View::Tag).number(),
            What::View(View::Time).number()
        );
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let table = Table::default();
        let what = entry("a", None, 9);
        let number = table.learn(&what).unwrap();
        assert_eq!(table.learn(&what).unwrap(), number);
        table.forget(number, 1);
        assert!(table.get(number).is_ok());
        table.forget(number, 1);
        assert!(table.get(number).is_err());
    }

    #[test]
    fn an_endless_snapshot_ends() {
        let table = Table::default();
        let What::Entry(top, _, one) = entry("a", None, 1) else {
            unreachable!()
        };
        let more = |n: u64| {
            let path = RelPath::parse(format!("p{n}").as_bytes()).unwrap();
            table.learn(&What::Entry(top.clone(), path, one.clone()))
        };
        let refused = (0..100).find_map(|n| more(n).err()).unwrap();
        assert_eq!(refused.kind(), ErrorKind::Damaged);
    }
}
