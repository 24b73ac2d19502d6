//! Which snapshots there are, and what they are called below the mount point.

use std::collections::BTreeMap;

use fsync::model::{Result, SnapshotId, Time};
use fsync::repo::{PathText, Repo};

use crate::name;

/// The three ways to look for a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum View {
    /// By its id, of all directories.
    Id,
    /// By its tags.
    Tag,
    /// By the time when it was recorded.
    Time,
}

impl View {
    /// All of them, as they sort.
    pub const ALL: [View; 3] = [View::Id, View::Tag, View::Time];

    /// The folder's name.
    pub fn name(self) -> &'static [u8] {
        match self {
            View::Id => b"by-id",
            View::Tag => b"by-tag",
            View::Time => b"by-time",
        }
    }
}

/// The link among the times that leads to the newest.
pub const LATEST: &[u8] = b"latest";

/// A snapshot under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its id.
    pub id: SnapshotId,
    /// When it was recorded.
    pub time: Time,
}

/// Snapshots by name.
pub type Items = BTreeMap<Vec<u8>, Item>;

/// What is shown, as of one moment.
#[derive(Debug, Default)]
pub struct Stock {
    /// All, by id.
    ids: Items,
    /// By the name of the directory; of one that stands alone, the empty name.
    folders: BTreeMap<Vec<u8>, Folder>,
}

#[derive(Debug, Default)]
struct Folder {
    times: Items,
    tags: Items,
    latest: Option<Vec<u8>>,
}

impl Stock {
    /// Reads the snapshots of `only`, or of all directories.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn read(repo: &Repo, only: Option<&PathText>) -> Result<Stock> {
        let mut stock = Stock::default();
        for info in repo.snapshots(None)? {
            if only.is_none_or(|only| *only == info.directory) {
                let item = Item {
                    id: info.id,
                    time: info.time,
                };
                stock.enter(&folder(only, &info.directory), item);
            }
        }
        for tag in repo.tags(only)? {
            let item = tag.id.and_then(|id| stock.named(id));
            let entry = stock.folders.get_mut(&folder(only, &tag.directory));
            if let (Some(item), Some(entry)) = (item, entry) {
                entry.tags.insert(name::tag(tag.name.as_bytes()), item);
            }
        }
        Ok(stock)
    }

    /// They come oldest first.
    fn enter(&mut self, folder: &[u8], item: Item) {
        self.ids.insert(item.id.to_string().into_bytes(), item);
        let folder = self.folders.entry(folder.to_vec()).or_default();
        let mut name = name::time(item.time).into_bytes();
        if folder.times.contains_key(&name) {
            name.extend_from_slice(format!("-{}", item.id).as_bytes());
        }
        folder.latest = Some(name.clone());
        folder.times.insert(name, item);
    }

    fn named(&self, id: SnapshotId) -> Option<Item> {
        self.ids.get(id.to_string().as_bytes()).copied()
    }

    /// How many snapshots there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The names of the directories.
    pub fn folders(&self) -> impl Iterator<Item = &[u8]> {
        self.folders.keys().map(Vec::as_slice)
    }

    /// The snapshots in a view, of a folder where it has folders.
    pub fn items(&self, view: View, folder: &[u8]) -> Option<&Items> {
        match view {
            View::Id => Some(&self.ids),
            View::Tag => self.folders.get(folder).map(|f| &f.tags),
            View::Time => self.folders.get(folder).map(|f| &f.times),
        }
    }

    /// The name of the newest snapshot among the times of a folder.
    pub fn latest(&self, folder: &[u8]) -> Option<&[u8]> {
        self.folders.get(folder)?.latest.as_deref()
    }

    /// When the newest snapshot of all was recorded.
    pub fn newest(&self) -> Time {
        let times = self.ids.values().map(|item| item.time);
        times.max().unwrap_or_default()
    }
}

/// The folder of a directory: none when it stands alone.
fn folder(only: Option<&PathText>, directory: &PathText) -> Vec<u8> {
    match only {
        Some(_) => Vec::new(),
        None => name::directory(&directory.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_have_names_of_their_own() {
        let mut stock = Stock::default();
        for n in 1..3 {
            let id = SnapshotId([n; 20]);
            let time = Time::new(7, 1);
            stock.enter(b"a", Item { id, time });
        }
        let names: Vec<_> = stock.items(View::Time, b"a").unwrap().keys().collect();
        assert_eq!(names.len(), 2);
        assert!(names[1].starts_with(b"1970-01-01T00-00-07.000Z-0202"));
        assert_eq!(stock.latest(b"a"), Some(names[1].as_slice()));
        assert_eq!(stock.items(View::Id, b"").unwrap().len(), 2);
        assert!(stock.items(View::Tag, b"b").is_none());
    }
}
