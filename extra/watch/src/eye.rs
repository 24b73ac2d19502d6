//! inotify: which paths change below some directories.
//!
//! A directory is watched first and listed then, and its own path is told after that: whatever is made in it
//! meanwhile is either listed, or an event, or below a path that a round looks at later.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fsync::model::{Filter, RelPath, State, Xattrs, name};
use fsync::tree::Tree;
use fsync::tree::local::Local;
use rustix::fs::inotify::{
    CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch,
};
use rustix::io::Errno;

/// What is asked of a directory. Not its openings: looking at a tree is no change.
const ASKED: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DONT_FOLLOW)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// A directory that is looked after.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Where it is, a real path.
    pub path: PathBuf,
    /// What in it does not count.
    pub filter: Filter,
    /// What in it is another's business: the repository, by device and inode.
    pub hidden: Option<(u64, u64)>,
    /// Only its SYNC file counts.
    pub only_sync: bool,
}

/// What is seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Something became of a path in a ground, or below it.
    Path(usize, RelPath),
    /// A file has got another name, and its others are not known; or the ground's own entry has changed.
    Whole(usize),
    /// The SYNC file.
    Sync,
    /// Events were lost.
    Lost,
    /// A ground is gone.
    Gone(usize),
}

/// Why a directory cannot be watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blind {
    /// The system lets nobody watch more directories.
    Watches,
    /// Nor open more queues of events.
    Instances,
    /// Something else.
    Other(Errno),
}

/// Sees what becomes of directories.
pub struct Eye {
    queue: OwnedFd,
    grounds: Vec<Ground>,
    watches: HashMap<i32, (usize, RelPath)>,
    places: BTreeMap<(usize, RelPath), i32>,
    /// What the grounds say of themselves: writing the BACKUP file sets their times to what they were.
    states: Vec<Option<(State, Xattrs)>>,
    /// A directory could not be watched.
    blind: Option<Blind>,
}

impl AsFd for Eye {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

/// An event, taken out of the buffer.
struct Event {
    watch: i32,
    flags: ReadFlags,
    name: Option<Vec<u8>>,
}

impl Eye {
    /// Looks after `grounds`.
    ///
    /// # Errors
    /// When the system lets nobody watch so many.
    pub fn new(grounds: Vec<Ground>) -> Result<Eye, Blind> {
        let queue = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(|e| match e {
            Errno::MFILE => Blind::Instances,
            e => Blind::Other(e),
        })?;
        let mut eye = Eye {
            queue,
            grounds,
            watches: HashMap::new(),
            places: BTreeMap::new(),
            states: Vec::new(),
            blind: None,
        };
        for at in 0..eye.grounds.len() {
            eye.states.push(state(&eye.grounds[at].path));
            eye.add(at, RelPath::root());
        }
        match eye.blind {
            Some(blind) => Err(blind),
            None => Ok(eye),
        }
    }

    /// How many directories are watched.
    pub fn len(&self) -> usize {
        self.watches.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// Why not all are watched any more.
    pub fn blind(&self) -> Option<Blind> {
        self.blind
    }

    fn path(&self, ground: usize, rel: &RelPath) -> PathBuf {
        let top = &self.grounds[ground].path;
        match rel.is_root() {
            true => top.clone(),
            false => top.join(OsStr::from_bytes(rel.as_bytes())),
        }
    }

    /// Watches a directory and all below it.
    fn add(&mut self, ground: usize, rel: RelPath) {
        let mut rest = vec![rel];
        while let Some(rel) = rest.pop() {
            let path = self.path(ground, &rel);
            match add_watch(&self.queue, &path, ASKED) {
                Ok(watch) => {
                    self.watches.insert(watch, (ground, rel.clone()));
                    self.places.insert((ground, rel.clone()), watch);
                }
                // Gone meanwhile, of which there is another event; or not for us, which the round says.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => continue,
                Err(Errno::NOSPC) => self.blind = Some(Blind::Watches),
                Err(e) => self.blind = Some(Blind::Other(e)),
            }
            if self.blind.is_some() {
                return;
            }
            if !self.grounds[ground].only_sync {
                self.list(ground, &rel, &path, &mut rest);
            }
        }
    }

    fn list(&self, ground: usize, rel: &RelPath, path: &Path, found: &mut Vec<RelPath>) {
        let here = &self.grounds[ground];
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            let below = rel.join(name.as_bytes());
            let hidden = here
                .hidden
                .is_some_and(|hidden| entry.metadata().is_ok_and(|m| (m.dev(), m.ino()) == hidden));
            if !hidden && here.filter.excludes(&below, true).is_none() {
                found.push(below);
            }
        }
    }

    /// A directory is not there any more.
    fn drop_below(&mut self, ground: usize, rel: &RelPath) {
        let from = (ground, rel.clone());
        let inside = self.places.range(from..);
        let inside = inside.take_while(|((g, path), _)| *g == ground && path.is_within(rel));
        let gone: Vec<_> = inside
            .map(|(place, watch)| (place.clone(), *watch))
            .collect();
        for (place, watch) in gone {
            self.places.remove(&place);
            // It may be watched under another name already.
            if self.watches.get(&watch) == Some(&place) {
                self.watches.remove(&watch);
                let _ = remove_watch(&self.queue, watch);
            }
        }
    }

    /// Everything that happened until now.
    ///
    /// # Errors
    /// The system's.
    pub fn look(&mut self, mut each: impl FnMut(Seen)) -> Result<(), Errno> {
        let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
        loop {
            let mut events = Vec::new();
            let mut reader = Reader::new(self.queue.as_fd(), &mut buffer);
            let end = loop {
                match reader.next() {
                    Ok(event) => events.push(Event {
                        watch: event.wd(),
                        flags: event.events(),
                        name: event.file_name().map(|name| name.to_bytes().to_vec()),
                    }),
                    Err(e) => break e,
                }
                if reader.is_buffer_empty() {
                    break Errno::INTR;
                }
            };
            for event in events {
                if let Some(seen) = self.see(event) {
                    each(seen);
                }
            }
            match end {
                Errno::INTR => {}
                Errno::WOULDBLOCK => return Ok(()),
                e => return Err(e),
            }
        }
    }

    fn see(&mut self, event: Event) -> Option<Seen> {
        if event.flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Seen::Lost);
        }
        let (ground, dir) = self.watches.get(&event.watch)?.clone();
        match event.name {
            Some(name) => self.named(event.flags, ground, &dir, &name),
            None => self.itself(event.flags, event.watch, ground, dir),
        }
    }

    /// A watched directory itself.
    fn itself(
        &mut self,
        flags: ReadFlags,
        watch: i32,
        ground: usize,
        dir: RelPath,
    ) -> Option<Seen> {
        if flags.contains(ReadFlags::IGNORED) {
            self.watches.remove(&watch);
            self.places.remove(&(ground, dir));
            return None;
        }
        let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT;
        match (flags.intersects(gone), dir.is_root()) {
            (true, true) => Some(Seen::Gone(ground)),
            // The directory above is told by name, but not of what is mounted.
            (true, false) if flags.contains(ReadFlags::UNMOUNT) => Some(Seen::Path(ground, dir)),
            (true, false) => None,
            (false, true) if self.grounds[ground].only_sync => None,
            (false, true) => self.changed(ground).then_some(Seen::Whole(ground)),
            (false, false) => Some(Seen::Path(ground, dir)),
        }
    }

    /// Whether a ground's own entry is another than before.
    fn changed(&mut self, ground: usize) -> bool {
        let now = state(&self.grounds[ground].path);
        let before = std::mem::replace(&mut self.states[ground], now);
        before != self.states[ground]
    }

    /// Something in a watched directory.
    fn named(
        &mut self,
        flags: ReadFlags,
        ground: usize,
        dir: &RelPath,
        name: &[u8],
    ) -> Option<Seen> {
        let here = &self.grounds[ground];
        if here.only_sync {
            return (name == name::SYNC).then_some(Seen::Sync);
        }
        if dir.is_root() && name == name::BACKUP {
            return None;
        }
        let (path, is_dir) = (dir.join(name), flags.contains(ReadFlags::ISDIR));
        if name.starts_with(name::TEMPORARY_PREFIX) || here.filter.excludes(&path, is_dir).is_some()
        {
            return None;
        }
        if dir.is_root() {
            self.changed(ground);
        }
        let full = self.path(ground, &path);
        let come = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
        if is_dir && flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            self.drop_below(ground, &path);
        } else if is_dir && come {
            let meta = fs::symlink_metadata(&full);
            if meta.is_ok_and(|m| self.grounds[ground].hidden == Some((m.dev(), m.ino()))) {
                return None;
            }
            self.add(ground, path.clone());
        } else if come && fs::symlink_metadata(&full).is_ok_and(|m| m.nlink() > 1) {
            return Some(Seen::Whole(ground));
        }
        Some(Seen::Path(ground, path))
    }
}

fn state(path: &Path) -> Option<(State, Xattrs)> {
    let local = Local::open(path).ok()?;
    let mut root = local.root().ok()?;
    let xattrs = local.open().and_then(|dir| dir.xattrs(&root)).ok()?;
    // Of which inode it is and when that changed, others are told, and the latter changes with every look.
    root.state.inode = None;
    Some((root.state, xattrs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eye(path: &Path) -> Eye {
        let ground = Ground {
            path: path.into(),
            ..Ground::default()
        };
        Eye::new(vec![ground]).unwrap()
    }

    fn seen(eye: &mut Eye) -> Vec<String> {
        let mut all = Vec::new();
        eye.look(|seen| {
            let word = match seen {
                Seen::Path(_, path) => String::from_utf8_lossy(path.as_bytes()).into_owned(),
                other => format!("{other:?}"),
            };
            all.push(word);
        })
        .unwrap();
        all.dedup();
        all
    }

    #[test]
    fn follows_directories_that_come_and_move() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let mut eye = eye(top.path());
        fs::create_dir_all(at("a/b")).unwrap();
        assert_eq!(seen(&mut eye), ["a"]);
        assert_eq!(eye.len(), 3);
        fs::write(at("a/b/c"), "x").unwrap();
        assert_eq!(seen(&mut eye), ["a/b/c"]);
        fs::rename(at("a"), at("z")).unwrap();
        assert_eq!(seen(&mut eye), ["a", "z"]);
        fs::write(at("z/b/c"), "y").unwrap();
        assert_eq!(seen(&mut eye), ["z/b/c"]);
        let away = tempfile::tempdir().unwrap();
        fs::rename(at("z"), away.path().join("z")).ok();
        fs::remove_dir_all(at("z")).ok();
        seen(&mut eye);
        assert_eq!(eye.len(), 1);
    }

    #[test]
    fn its_own_writes_are_not_seen() {
        let top = tempfile::tempdir().unwrap();
        let mut eye = eye(top.path());
        fs::write(top.path().join(".fsync-tmp-1"), "x").unwrap();
        fs::rename(
            top.path().join(".fsync-tmp-1"),
            top.path().join(".fsync-backup"),
        )
        .unwrap();
        assert!(seen(&mut eye).is_empty());
        let handle = fs::File::open(top.path()).unwrap();
        let past = std::time::SystemTime::UNIX_EPOCH;
        let times = fs::FileTimes::new().set_accessed(past).set_modified(past);
        handle.set_times(times).unwrap();
        handle.set_times(times).unwrap();
        assert_eq!(seen(&mut eye), ["Whole(0)"]);
        handle.set_times(times).unwrap();
        assert!(seen(&mut eye).is_empty());
    }

    #[test]
    fn another_name_of_a_file_is_seen_whole() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("a"), "x").unwrap();
        let mut eye = eye(top.path());
        fs::hard_link(top.path().join("a"), top.path().join("b")).unwrap();
        assert_eq!(seen(&mut eye), ["Whole(0)"]);
    }
}
