//! What is where: the directories below the mount point, and what each entry has to show.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use fsync::model::{
    ContentId, Entry, Error, ErrorKind, Kind, RelPath, Result, State, Time, Xattrs,
};
use fuser::FileAttr;

use crate::attribute;
use crate::body::Body;
use crate::node::{Top, What};
use crate::shelf::Shelf;
use crate::stock::{Item, LATEST, Stock, View};
use crate::voice::Voice;

/// Everything that can be seen.
pub struct Scene {
    shelf: Arc<Shelf>,
    /// To whom the directories above the snapshots belong.
    owner: (u32, u32),
    voice: Arc<Voice>,
}

/// One line of a listing.
pub struct Line {
    /// The name.
    pub name: Vec<u8>,
    /// What it is.
    pub what: What,
}

impl Line {
    fn new(name: &[u8], what: What) -> Self {
        let name = name.to_vec();
        Line { name, what }
    }
}

impl Scene {
    /// What is on the shelf.
    pub fn new(shelf: Arc<Shelf>, voice: Arc<Voice>) -> Self {
        let owner = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        Scene {
            shelf,
            owner,
            voice,
        }
    }

    /// What `name` is in `parent`.
    ///
    /// # Errors
    /// When the repository cannot be read, or the directory is damaged.
    pub fn child(&self, parent: &What, name: &[u8]) -> Result<Option<What>> {
        match parent {
            What::Root => Ok(View::ALL
                .into_iter()
                .find(|view| view.name() == name)
                .map(What::View)),
            What::View(view) if self.stands_in_folders(*view) => {
                let stock = self.shelf.stock()?;
                let known = stock.folders().any(|folder| folder == name);
                Ok(known.then(|| What::Folder(*view, name.to_vec())))
            }
            What::View(view) => self.top(&*self.shelf.stock()?, *view, b"", name),
            What::Folder(view, folder) => self.top(&*self.shelf.stock()?, *view, folder, name),
            What::Entry(top, path, entry) if entry.is_dir() => {
                let found = self.shelf.dir(top.id, path)?.entry(name)?;
                Ok(found.map(|entry| below(top, path, entry)))
            }
            What::Latest(_) | What::Entry(..) => Ok(None),
        }
    }

    fn stands_in_folders(&self, view: View) -> bool {
        view != View::Id && self.shelf.has_folders()
    }

    /// A snapshot in a view, or the link among the times.
    fn top(&self, stock: &Stock, view: View, folder: &[u8], name: &[u8]) -> Result<Option<What>> {
        if view == View::Time && name == LATEST && stock.latest(folder).is_some() {
            return Ok(Some(What::Latest(folder.to_vec())));
        }
        let item = stock.items(view, folder).and_then(|items| items.get(name));
        item.map(|item| self.snapshot(*item, view, folder, name))
            .transpose()
    }

    fn snapshot(&self, item: Item, view: View, folder: &[u8], name: &[u8]) -> Result<What> {
        let (entry, entries) = self.shelf.root(item.id)?;
        let top = Top {
            view,
            folder: folder.to_vec(),
            name: name.to_vec(),
            id: item.id,
            entries,
            known: AtomicU64::new(0),
        };
        Ok(What::Entry(Arc::new(top), RelPath::root(), Arc::new(entry)))
    }

    /// All that is in a directory.
    ///
    /// # Errors
    /// As [`Self::child`].
    pub fn list(&self, what: &What) -> Result<Vec<Line>> {
        match what {
            What::Root => Ok(View::ALL.map(|v| Line::new(v.name(), What::View(v))).into()),
            What::View(view) if self.stands_in_folders(*view) => {
                let stock = self.shelf.stock()?;
                let line = |folder: &[u8]| Line::new(folder, What::Folder(*view, folder.to_vec()));
                Ok(stock.folders().map(line).collect())
            }
            What::View(view) => self.snapshots(*view, b""),
            What::Folder(view, folder) => self.snapshots(*view, folder),
            What::Latest(_) => Ok(Vec::new()),
            What::Entry(top, path, _) => {
                let list = self.shelf.list(top.id, path)?;
                let line = |entry: Entry| Line {
                    name: entry.name.to_vec(),
                    what: below(top, path, entry),
                };
                Ok(list.into_iter().map(line).collect())
            }
        }
    }

    /// The snapshots of a folder. One that is damaged is named, and left out; the others are shown.
    fn snapshots(&self, view: View, folder: &[u8]) -> Result<Vec<Line>> {
        let stock = self.shelf.stock()?;
        let mut lines = Vec::new();
        for (name, item) in stock.items(view, folder).into_iter().flatten() {
            match self.snapshot(*item, view, folder, name) {
                Ok(what) => lines.push(Line::new(name, what)),
                // Pruned a moment ago.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => self.voice.error(e.to_string()),
            }
        }
        if view == View::Time && stock.latest(folder).is_some() {
            lines.push(Line::new(LATEST, What::Latest(folder.to_vec())));
        }
        Ok(lines)
    }

    /// What stat(2) tells.
    ///
    /// # Errors
    /// When the repository cannot be read, or the snapshot is gone.
    pub fn attributes(&self, number: u64, what: &What) -> Result<FileAttr> {
        match what {
            What::Entry(top, _, entry) => {
                let links = self.shelf.links(top.id, entry)?;
                Ok(attribute::all(number, entry, links))
            }
            What::Latest(_) => {
                let target = Some(self.target(what)?);
                let entry = self.own(Kind::Symlink, 0o777, target, self.shelf.stock()?.newest());
                Ok(attribute::all(number, &entry, 1))
            }
            What::Root | What::View(_) | What::Folder(..) => {
                let mtime = self.shelf.stock()?.newest();
                let entry = self.own(Kind::Directory, 0o555, None, mtime);
                Ok(attribute::all(number, &entry, 2))
            }
        }
    }

    /// An entry that is in no snapshot.
    fn own(&self, kind: Kind, mode: u32, target: Option<Box<[u8]>>, mtime: Time) -> Entry {
        let (uid, gid) = self.owner;
        let state = State {
            kind,
            mode,
            uid,
            gid,
            size: 0,
            mtime,
            rdev: 0,
            target,
            inode: None,
        };
        Entry::new(b"", state)
    }

    /// The extended attributes, ACLs among them.
    ///
    /// # Errors
    /// When the manifest is damaged, or the snapshot is gone.
    pub fn xattrs(&self, what: &What) -> Result<Xattrs> {
        match what {
            What::Entry(top, path, entry) => {
                let parent = path.parent().unwrap_or_else(RelPath::root);
                self.shelf.dir(top.id, &parent)?.xattrs(entry)
            }
            _ => Ok(Xattrs::new()),
        }
    }

    /// Where a link leads.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn target(&self, what: &What) -> Result<Box<[u8]>> {
        match what {
            What::Latest(folder) => {
                let stock = self.shelf.stock()?;
                Ok(stock.latest(folder).unwrap_or(b".").into())
            }
            What::Entry(_, _, entry) => Ok(entry.state.target.clone().unwrap_or_default()),
            _ => Ok(Box::default()),
        }
    }

    /// The checked bytes of a file.
    ///
    /// # Errors
    /// When they are damaged, or there is no room for them.
    pub fn body(&self, what: &What) -> Result<Body> {
        let What::Entry(top, path, entry) = what else {
            return Err(Error::new(ErrorKind::Usage, "is no file"));
        };
        let parent = path.parent().unwrap_or_else(RelPath::root);
        let contents = self.shelf.dir(top.id, &parent)?.open_file(entry)?;
        Body::read(contents, entry.state.size, entry.sparse, path.as_bytes())
    }
}

/// By which equal contents are known.
pub fn content(what: &What) -> Option<ContentId> {
    match what {
        What::Entry(_, _, entry) => entry.content,
        _ => None,
    }
}

/// What kind of entry it is.
pub fn kind(what: &What) -> Kind {
    match what {
        What::Entry(_, _, entry) => entry.state.kind,
        What::Latest(_) => Kind::Symlink,
        _ => Kind::Directory,
    }
}

fn below(top: &Arc<Top>, path: &RelPath, entry: Entry) -> What {
    What::Entry(top.clone(), path.join(&entry.name), Arc::new(entry))
}
