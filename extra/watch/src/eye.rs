//! inotify: which paths change below some directories.
//!
//! A directory is watched first and listed then, and its own path is told after that: whatever is made in it
//! meanwhile is either listed, or an event, or below a path that a round looks at later.
//!
//! The kernel is asked directly, not by way of the crate notify (8.2), for what its source (`inotify.rs`) does:
//!
//! - its mask always holds `IN_OPEN` and `IN_CLOSE_WRITE`, and nothing in its `Config` takes them out: every file that
//!   anybody opens, a round of ours too, is an event, so that a backup or a grep of the tree fills the kernel's queue;
//! - it watches everything below a directory: what rules leave out (a `node_modules`, the repository) counts against the
//!   system's limit of watches, and what happens there fills the queue too;
//! - it hands over the event of a new directory first, and sets the watches below it when all that could be read is
//!   handed over; nobody is told when, or which directories it found, and of failures only that of the limit is told. A
//!   round that begins between the two sees the directory half made, and what is made later, but before the watch, is
//!   in no event;
//! - what is kept between its thread and the reader is the reader's business: the channels it takes as they are have no
//!   bound. Here the kernel's queue is the only one; when it runs over, everything is looked at.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use fsync::model::{RelPath, State, Xattrs, name};
use rustix::fs::inotify::{
    CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch,
};
use rustix::io::Errno;

use crate::ground::Ground;

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

/// How much is read of the queue at a time, and how often before something else is done.
const BUFFER: usize = 64 << 10;
const BUFFERS: usize = 64;

/// What is seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Something became of a path in a ground, or below it.
    Path(usize, RelPath),
    /// A file has got another name, and its others are not known.
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

impl Blind {
    /// Why that is, and what helps, in words.
    pub fn why(self) -> String {
        let (what, setting) = match self {
            Blind::Watches => (
                "it has more directories than the system lets you watch",
                "max_user_watches=1000000",
            ),
            Blind::Instances => (
                "the system lets you open no more queues of events",
                "max_user_instances=1024",
            ),
            Blind::Other(e) => return format!("it cannot be watched: {e}"),
        };
        format!("{what}; raise that (sysctl fs.inotify.{setting}) and start this anew")
    }
}

/// Sees what becomes of directories.
pub struct Eye {
    queue: OwnedFd,
    grounds: Vec<Ground>,
    watches: HashMap<i32, (usize, RelPath)>,
    places: BTreeMap<(usize, RelPath), i32>,
    /// What is known of the grounds' own entries.
    own: Vec<Own>,
    /// A directory could not be watched.
    blind: Option<Blind>,
}

/// A ground's own entry. Whoever writes the BACKUP file sets its times to what they were, a moment later: what it says is
/// compared when nobody of ours is at work.
struct Own {
    state: Option<(State, Xattrs)>,
    /// It was touched itself.
    touched: bool,
    /// Something in it that a round looks at, and at the entry with it.
    inside: bool,
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
            own: Vec::new(),
            blind: None,
        };
        for at in 0..eye.grounds.len() {
            eye.own.push(Own {
                state: eye.grounds[at].state(),
                touched: false,
                inside: false,
            });
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

    /// Watches a directory and all below it.
    fn add(&mut self, ground: usize, rel: RelPath) {
        let mut rest = vec![rel];
        while let Some(rel) = rest.pop() {
            let here = &self.grounds[ground];
            match add_watch(&self.queue, here.at(&rel), ASKED) {
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
            let here = &self.grounds[ground];
            if !here.only_sync {
                rest.extend(here.directories(&rel));
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

    /// What happened until now; of very much, a part at a time, so that whoever asks can do something else too.
    ///
    /// # Errors
    /// The system's.
    pub fn look(&mut self, mut each: impl FnMut(Seen)) -> Result<(), Errno> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        for _ in 0..BUFFERS {
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
        Ok(())
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
            let place = (ground, dir);
            // Another may be in its place already.
            if self.places.get(&place) == Some(&watch) {
                self.places.remove(&place);
            }
            return None;
        }
        let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT;
        match (flags.intersects(gone), dir.is_root()) {
            (true, true) => Some(Seen::Gone(ground)),
            // The directory above is told by name, but not of what is mounted.
            (true, false) if flags.contains(ReadFlags::UNMOUNT) => Some(Seen::Path(ground, dir)),
            (true, false) => None,
            (false, true) => {
                self.own[ground].touched = !self.grounds[ground].only_sync;
                None
            }
            (false, false) => Some(Seen::Path(ground, dir)),
        }
    }

    /// Whether a ground's own entry is another than before, of which no path tells. For when no round is at work.
    pub fn settle(&mut self) -> bool {
        let mut news = false;
        for (ground, own) in self.grounds.iter().zip(&mut self.own) {
            if own.touched || own.inside {
                let before = std::mem::replace(&mut own.state, ground.state());
                news |= !own.inside && before != own.state;
                (own.touched, own.inside) = (false, false);
            }
        }
        news
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
        if name.starts_with(name::TEMPORARY_PREFIX) || !here.counts(&path, is_dir) {
            return None;
        }
        self.own[ground].inside |= dir.is_root();
        if flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            return self.come(ground, path, is_dir);
        }
        if is_dir && flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            self.drop_below(ground, &path);
            // Two may have changed places; otherwise there is nothing to add.
            self.add(ground, path.clone());
        }
        Some(Seen::Path(ground, path))
    }

    /// Something is there that was not.
    fn come(&mut self, ground: usize, path: RelPath, is_dir: bool) -> Option<Seen> {
        let here = &self.grounds[ground];
        let meta = fs::symlink_metadata(here.at(&path));
        match is_dir {
            true if meta.as_ref().is_ok_and(|m| here.hides(m)) => return None,
            true => self.add(ground, path.clone()),
            false if meta.is_ok_and(|m| m.nlink() > 1) => return Some(Seen::Whole(ground)),
            false => {}
        }
        Some(Seen::Path(ground, path))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fsync::model::{Filter, Rule};
    use rustix::fs::CWD;

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
    fn directories_may_change_places() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir_all(at("a/x")).unwrap();
        fs::create_dir_all(at("b/x")).unwrap();
        let mut eye = eye(top.path());
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        let swapped = rustix::fs::renameat_with(CWD, at("a"), CWD, at("b"), flags);
        if swapped.is_err() {
            eprintln!("skipped: nothing can be exchanged here");
            return;
        }
        seen(&mut eye);
        for path in ["a/1", "b/1", "a/x/1", "b/x/1"] {
            fs::write(at(path), "x").unwrap();
            assert_eq!(seen(&mut eye), [path]);
        }
        fs::create_dir(at("empty")).unwrap();
        seen(&mut eye);
        fs::rename(at("a"), at("empty")).unwrap();
        seen(&mut eye);
        fs::rename(at("empty"), at("c")).unwrap();
        seen(&mut eye);
        fs::write(at("c/x/2"), "x").unwrap();
        assert_eq!(seen(&mut eye), ["c/x/2"]);
        assert_eq!((eye.len(), eye.places.len()), (5, 5));
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
        assert!(seen(&mut eye).is_empty() && eye.settle());
        handle.set_times(times).unwrap();
        assert!(seen(&mut eye).is_empty() && !eye.settle());
        // Looked at in the midst of it, as a round writes: its times are other ones for a moment.
        handle.set_times(times).unwrap();
        fs::write(top.path().join(".fsync-tmp-2"), "x").unwrap();
        assert!(seen(&mut eye).is_empty());
        handle.set_times(times).unwrap();
        assert!(seen(&mut eye).is_empty() && !eye.settle());
        // So it does when something in it is seen then.
        fs::write(top.path().join("a"), "x").unwrap();
        assert_eq!(seen(&mut eye), ["a"]);
        handle.set_times(times).unwrap();
        assert!(seen(&mut eye).is_empty() && !eye.settle());
    }

    #[test]
    fn what_does_not_count_is_neither_watched_nor_told() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir_all(at("build/deep")).unwrap();
        let filter = |pattern: &str| {
            let rule = Rule {
                pattern: pattern.into(),
                origin: "--exclude".into(),
                line: 0,
            };
            Filter::new(vec![rule]).unwrap()
        };
        let ground = Ground {
            path: top.path().into(),
            filters: vec![filter("*.o"), filter("/build/")],
            ..Ground::default()
        };
        let mut eye = Eye::new(vec![ground]).unwrap();
        assert_eq!(eye.len(), 1);
        fs::write(at("build/deep/x"), "x").unwrap();
        fs::write(at("a.o"), "x").unwrap();
        assert!(seen(&mut eye).is_empty());
        fs::rename(at("build/deep"), at("deep")).unwrap();
        fs::rename(at("a.o"), at("a")).unwrap();
        assert_eq!(seen(&mut eye), ["deep", "a"]);
        fs::write(at("deep/x"), "y").unwrap();
        assert_eq!(seen(&mut eye), ["deep/x"]);
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
