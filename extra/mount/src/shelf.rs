//! The repository: opened when it is asked for something, and let go when nothing was asked for a while, since pruning
//! needs it alone.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fsync::cli::Talk;
use fsync::cli::trust::location;
use fsync::model::{Entry, Error, ErrorKind, NodeId, RelPath, Result, SnapshotId};
use fsync::repo::{PathText, Repo, SnapshotTree};
use fsync::tree::{Dir, Tree};

use crate::stock::Stock;

/// After how long without a question it is closed.
const IDLE: Duration = Duration::from_secs(2);
/// After how long of questions it is closed for a moment, so that who waits for it alone gets it.
const STRETCH: Duration = Duration::from_secs(5);
/// How long that moment is: who waits asks every 20 ms.
const PAUSE: Duration = Duration::from_millis(60);
/// How many open directories of a snapshot are kept.
const DIRS: usize = 512;
/// How many snapshots are kept open.
const ROOMS: usize = 64;
/// How many counts of subdirectories are kept.
const COUNTS: usize = 100_000;

/// The repository, and what is read of it.
pub struct Shelf {
    repository: PathBuf,
    only: Option<PathText>,
    talk: Talk,
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    used: Option<Instant>,
}

struct Open {
    repo: Repo,
    mark: Mark,
    stock: Arc<Stock>,
    rooms: HashMap<SnapshotId, Room>,
    counts: HashMap<NodeId, u32>,
    since: Instant,
}

/// By which a change of the repository is seen: whatever happens is written to its log.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Mark(u64, u64, i64, i64);

/// A snapshot that is looked at.
struct Room {
    tree: Arc<SnapshotTree>,
    dirs: HashMap<RelPath, Arc<dyn Dir>>,
    /// How many names each group of hard links has, by its number.
    links: Arc<Vec<u32>>,
    entries: u64,
    listed: u64,
}

impl Shelf {
    /// The repository at `repository`; of its directories only `only`, if that is given.
    ///
    /// # Errors
    /// When it cannot be opened, or has nothing to show.
    pub fn new(repository: PathBuf, only: Option<PathText>, talk: Talk) -> Result<Arc<Shelf>> {
        let shelf = Arc::new(Shelf {
            repository,
            only,
            talk,
            state: Mutex::default(),
            opened: Condvar::new(),
        });
        if shelf.stock()?.is_empty() {
            let at = match &shelf.only {
                Some(dir) => dir.0.clone(),
                None => {
                    std::os::unix::ffi::OsStrExt::as_bytes(shelf.repository.as_os_str()).to_vec()
                }
            };
            let message = "nothing was recorded of it, so there is nothing to show";
            return Err(Error::at(ErrorKind::NotFound, at, message));
        }
        Ok(shelf)
    }

    /// From now on it is closed when nobody asks.
    ///
    /// # Errors
    /// When there can be no thread that does so.
    pub fn rest(self: &Arc<Self>) -> Result<()> {
        let shelf = Arc::downgrade(self);
        let work = move || {
            while let Some(shelf) = shelf.upgrade() {
                shelf.close_when_idle();
            }
        };
        thread::Builder::new()
            .spawn(work)
            .map(drop)
            .map_err(|e| Error::refused("cannot start a thread", e))
    }

    fn close_when_idle(&self) {
        let mut state = self.hold();
        if state.open.is_none() {
            // Until somebody asks; looked at again now and then in case the program ends.
            let wait = self.opened.wait_timeout(state, STRETCH);
            drop(wait.unwrap_or_else(PoisonError::into_inner));
            return;
        }
        let rest = state
            .used
            .map_or(Duration::ZERO, |used| IDLE.saturating_sub(used.elapsed()));
        if rest.is_zero() {
            state.open = None;
            return;
        }
        drop(state);
        thread::sleep(rest);
    }

    fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the open repository; `fresh` asks it as it is now, otherwise as it was a moment ago will do.
    fn ask<T>(&self, fresh: bool, question: impl FnOnce(&mut Open) -> Result<T>) -> Result<T> {
        let mut state = self.hold();
        let long = |open: &Open| open.since.elapsed() > STRETCH;
        if state.open.as_ref().is_some_and(long) {
            state.open = None;
            thread::sleep(PAUSE);
        }
        let old = |open: &Open| fresh && open.mark != self.mark();
        if state.open.as_ref().is_some_and(old) {
            state.open = None;
        }
        let open = match &mut state.open {
            Some(open) => open,
            none => none.insert(self.open()?),
        };
        let answer = question(open);
        state.used = Some(Instant::now());
        self.opened.notify_one();
        answer
    }

    fn open(&self) -> Result<Open> {
        let repo = Repo::open(location(&self.repository))?;
        for notice in repo.notices() {
            self.talk.note(&notice);
        }
        let mark = self.mark();
        let stock = Arc::new(Stock::read(&repo, self.only.as_ref())?);
        Ok(Open {
            repo,
            mark,
            stock,
            rooms: HashMap::new(),
            counts: HashMap::new(),
            since: Instant::now(),
        })
    }

    fn mark(&self) -> Mark {
        let meta = fs::metadata(self.repository.join("log.ndjson"));
        meta.map_or_else(
            |_| Mark::default(),
            |m| Mark(m.ino(), m.len(), m.mtime(), m.mtime_nsec()),
        )
    }

    /// Whether folders of directories stand in the views.
    pub fn has_folders(&self) -> bool {
        self.only.is_none()
    }

    /// What there is to show now.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn stock(&self) -> Result<Arc<Stock>> {
        self.ask(true, |open| Ok(Arc::clone(&open.stock)))
    }

    /// The root of a snapshot, and how many entries it says that it has.
    ///
    /// # Errors
    /// When it is gone or damaged.
    pub fn root(&self, id: SnapshotId) -> Result<(Entry, u64)> {
        self.ask(false, |open| {
            let room = open.room(id)?;
            Ok((room.tree.root()?, room.entries))
        })
    }

    /// A directory of a snapshot, open.
    ///
    /// # Errors
    /// When it is gone or damaged.
    pub fn dir(&self, id: SnapshotId, path: &RelPath) -> Result<Arc<dyn Dir>> {
        self.ask(false, |open| open.room(id)?.dir(path))
    }

    /// The entries of a directory, sorted.
    ///
    /// # Errors
    /// As [`Self::dir`].
    pub fn list(&self, id: SnapshotId, path: &RelPath) -> Result<Vec<Entry>> {
        self.ask(false, |open| open.room(id)?.list(path))
    }

    /// How many names an entry has: hard links of a file, subdirectories of a directory and two more.
    ///
    /// # Errors
    /// When the snapshot is gone, or its hard links are damaged.
    pub fn links(&self, id: SnapshotId, entry: &Entry) -> Result<u32> {
        match (entry.links, entry.node) {
            (Some((_, group)), _) => self.ask(false, |open| {
                let links = Arc::clone(&open.room(id)?.links);
                let at = usize::try_from(group).unwrap_or(usize::MAX);
                Ok(links.get(at).copied().unwrap_or(1))
            }),
            // What is damaged is damaged when it is looked into; its own entry is as it was recorded.
            (None, Some(node)) => match self.ask(false, |open| open.subdirectories(node)) {
                Err(e) if e.kind() == ErrorKind::Damaged => Ok(1),
                count => count,
            },
            (None, None) => Ok(if entry.is_dir() { 2 } else { 1 }),
        }
    }
}

impl Open {
    fn room(&mut self, id: SnapshotId) -> Result<&mut Room> {
        if !self.rooms.contains_key(&id) {
            let room = Room::new(&self.repo, id)?;
            if self.rooms.len() >= ROOMS {
                self.rooms.clear();
            }
            self.rooms.insert(id, room);
        }
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no snapshot {id}"));
        self.rooms.get_mut(&id).ok_or_else(missing)
    }

    fn subdirectories(&mut self, node: NodeId) -> Result<u32> {
        if let Some(count) = self.counts.get(&node) {
            return Ok(*count);
        }
        let children = self.repo.entries(node)?;
        let dirs = children.iter().filter(|child| child.entry.is_dir());
        let count = u32::try_from(dirs.count())
            .unwrap_or(u32::MAX - 2)
            .saturating_add(2);
        if self.counts.len() >= COUNTS {
            self.counts.clear();
        }
        self.counts.insert(node, count);
        Ok(count)
    }
}

impl Room {
    fn new(repo: &Repo, id: SnapshotId) -> Result<Room> {
        let tree = repo.tree(id)?;
        let (_, linked) = repo.tree_record(tree.info().tree)?;
        let groups = repo.link_groups(linked)?;
        let links = groups
            .iter()
            .map(|g| u32::try_from(g.len()).unwrap_or(u32::MAX));
        Ok(Room {
            entries: tree.info().counts.entries(),
            links: Arc::new(links.collect()),
            dirs: HashMap::new(),
            listed: 0,
            tree: Arc::new(tree),
        })
    }

    fn dir(&mut self, path: &RelPath) -> Result<Arc<dyn Dir>> {
        if let Some(dir) = self.dirs.get(path) {
            return Ok(Arc::clone(dir));
        }
        if self.dirs.len() >= DIRS {
            self.dirs.clear();
        }
        let root = RelPath::root();
        let mut at = match self.dirs.get(&root) {
            Some(dir) => Arc::clone(dir),
            None => Arc::from(self.tree.open()?),
        };
        self.dirs.insert(root.clone(), Arc::clone(&at));
        let mut here = root;
        for name in path.components() {
            here = here.join(name);
            at = match self.dirs.get(&here) {
                Some(dir) => Arc::clone(dir),
                None => {
                    let missing =
                        || Error::at(ErrorKind::NotFound, path.as_bytes(), "is no directory");
                    let entry = at.entry(name)?.filter(Entry::is_dir).ok_or_else(missing)?;
                    Arc::from(at.open_dir(&entry)?)
                }
            };
            self.dirs.insert(here.clone(), Arc::clone(&at));
        }
        Ok(at)
    }

    /// A tree lists no more entries than it says it has, a few times over; whoever looks at it for hours lists it more often.
    fn list(&mut self, path: &RelPath) -> Result<Vec<Entry>> {
        if self.listed > self.entries {
            self.dirs.clear();
            self.listed = 0;
        }
        let list = self.dir(path)?.list()?.entries;
        self.listed = self.listed.saturating_add(list.len() as u64);
        Ok(list)
    }
}
