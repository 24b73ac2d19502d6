//! What was read of archives that are elsewhere, in blocks, for as long as there is room: in a file without a name, or in
//! memory where there can be none.
//!
//! A first look at a place fetches the blocks that it lies in; whoever goes on where the last one ended gets twice as
//! much each time, up to [`MOST`] at once, and the more was asked of an archive, the longer is what a first look fetches: one
//! file costs one request, and a whole restore is a stream, in whatever order it reads. Measured with 78,600 files: a restore reads
//! its contents so far apart from each other that 96 MB of memory had three quarters of the blocks fetched more than once.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::model::Error;
use crate::repo::shared::{MOST, Remote};

/// The length of a block, in bytes.
const BLOCK: u64 = 256 << 10;
/// How many blocks are kept in memory.
const KEPT: u64 = 384;
/// How many are kept in a file: 4 GiB,
const FILED: u64 = 16 << 10;
/// but no more than this part of what is free there.
const SHARE: u64 = 8;
/// The most blocks that are asked for at once.
const RUN: u64 = MOST / BLOCK;
/// After so many requests for an archive a first look at a place fetches twice as much.
const OFTEN: u64 = 8;

/// How many blocks further on one may read and still go on.
const GAP: u64 = 4;
/// How many streams are known at once.
const STREAMS: usize = 64;

type Name = (Arc<str>, u64);
/// A file, and which block of it.
type Place = (Arc<File>, u64);

#[derive(Clone)]
enum Slot {
    /// Somebody has asked for it.
    Coming,
    /// It is in memory.
    Here(Arc<Vec<u8>>),
    /// It is in the file, as the block of that number since the beginning.
    Filed(u64),
}

#[derive(Default)]
struct Held {
    slots: HashMap<Name, Slot>,
    /// Those that are here or will be, the oldest first.
    order: VecDeque<Name>,
    /// How many there have been.
    count: u64,
    /// Where they are; `None` before the first.
    room: Option<Room>,
    /// Streams: the block behind what was asked for last, and how many blocks that were.
    runs: HashMap<Name, u64>,
    /// How many requests there were for an archive.
    asked: HashMap<Arc<str>, u64>,
}

/// Where blocks are kept, and how many.
#[derive(Clone)]
struct Room {
    file: Option<Arc<File>>,
    blocks: u64,
}

impl Room {
    /// A file in that folder; where there can be none, memory.
    fn new(folder: &std::path::Path) -> Self {
        let Ok(file) = tempfile::tempfile_in(folder) else {
            return Room::memory();
        };
        let free = rustix::fs::fstatvfs(&file).map_or(0, |s| s.f_bavail.saturating_mul(s.f_frsize));
        match (free / SHARE / BLOCK).min(FILED) {
            blocks if blocks > KEPT => Room {
                file: Some(Arc::new(file)),
                blocks,
            },
            _ => Room::memory(),
        }
    }

    fn memory() -> Self {
        Room {
            file: None,
            blocks: KEPT,
        }
    }
}

/// What is remembered of one store.
pub struct Window {
    remote: Remote,
    folder: PathBuf,
    held: Mutex<Held>,
    came: Condvar,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window({:?})", self.remote)
    }
}

impl Window {
    /// Nothing of a store yet; what comes is kept in `folder`.
    pub fn new(remote: Remote, folder: PathBuf) -> Self {
        Window {
            remote,
            folder,
            held: Mutex::default(),
            came: Condvar::new(),
        }
    }

    fn hold(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills `into` from byte `at` of the object `key`, of which the first `end` bytes count.
    ///
    /// # Errors
    /// The store's; when the object is gone or shorter.
    pub fn read(&self, key: &str, end: u64, into: &mut [u8], at: u64) -> io::Result<()> {
        if into.is_empty() {
            return Ok(());
        }
        let key: Arc<str> = key.into();
        let last = (at + into.len() as u64 - 1) / BLOCK;
        let mut filled = 0;
        for n in at / BLOCK..=last {
            let begin = n * BLOCK;
            let from = at + filled as u64 - begin;
            let length = BLOCK.min(end.saturating_sub(begin));
            let room = (into.len() - filled).min(length.saturating_sub(from) as usize);
            if room == 0 {
                break;
            }
            let part = &mut into[filled..filled + room];
            while !self.copy(&(key.clone(), n), (end, last), part, from)? {}
            filled += room;
        }
        match filled == into.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Copies what lies in a block from byte `from` on; whether it could.
    fn copy(
        &self,
        name: &Name,
        (end, last): (u64, u64),
        into: &mut [u8],
        from: u64,
    ) -> io::Result<bool> {
        let (slot, file) = self.block(name, end, last)?;
        match (slot, file) {
            (Slot::Here(block), _) => {
                into.copy_from_slice(&block[from as usize..][..into.len()]);
                Ok(true)
            }
            (Slot::Filed(number), Some((file, place))) => {
                file.read_exact_at(into, place * BLOCK + from)?;
                // A newer block may have come into its place meanwhile.
                let still = self.hold();
                Ok(matches!(still.slots.get(name), Some(Slot::Filed(now)) if *now == number))
            }
            _ => Ok(false),
        }
    }

    /// A block, and where it is if it is in a file; up to `last` more will be asked for.
    fn block(&self, name: &Name, end: u64, last: u64) -> io::Result<(Slot, Option<Place>)> {
        let mut held = self.hold();
        loop {
            match held.slots.get(name) {
                Some(Slot::Coming) => {
                    held = self.came.wait(held).unwrap_or_else(PoisonError::into_inner);
                }
                Some(slot) => return Ok((slot.clone(), held.place(slot))),
                None => break,
            }
        }
        let (key, n) = name;
        let (first, count) = held.claim(key, *n, last, end);
        drop(held);
        let fetched = self.fetch(key, first, count, end);
        let kept = fetched.and_then(|bytes| {
            self.keep((key, first), &bytes);
            let own = bytes.chunks(BLOCK as usize).nth((n - first) as usize);
            own.map(<[u8]>::to_vec)
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        });
        if kept.is_err() {
            let mut held = self.hold();
            for i in first..first + count {
                held.slots.remove(&(key.clone(), i));
            }
        }
        self.came.notify_all();
        Ok((Slot::Here(Arc::new(kept?)), None))
    }

    /// Keeps the blocks from `first` on.
    fn keep(&self, (key, first): (&Arc<str>, u64), bytes: &[u8]) {
        let blocks = || {
            (first..)
                .map(|i| (key.clone(), i))
                .zip(bytes.chunks(BLOCK as usize))
        };
        let mut held = self.hold();
        let room = held
            .room
            .get_or_insert_with(|| Room::new(&self.folder))
            .clone();
        let begin = held.count;
        held.count += blocks().count() as u64;
        held.order.extend(blocks().map(|(name, _)| name));
        held.make_room(room.blocks);
        drop(held);
        let write = |file: &Arc<File>| {
            (begin..)
                .zip(blocks())
                .try_for_each(|(number, (_, block))| {
                    file.write_all_at(block, number % room.blocks * BLOCK)
                })
        };
        let filed = room.file.as_ref().is_some_and(|file| write(file).is_ok());
        let mut held = self.hold();
        if !filed && held.room.as_ref().is_some_and(|r| r.file.is_some()) {
            // A disk that is full, say: what is in the file is forgotten, and all that comes is kept in memory.
            held.slots.retain(|_, slot| !matches!(slot, Slot::Filed(_)));
            held.room = Some(Room::memory());
        }
        let here = held.room.as_ref().is_some_and(|r| r.file.is_some());
        for (number, (name, block)) in (begin..).zip(blocks()) {
            let slot = match (filed, here) {
                (true, true) if number + room.blocks > held.count => Some(Slot::Filed(number)),
                (true, _) => None,
                (false, _) => Some(Slot::Here(Arc::new(block.to_vec()))),
            };
            match slot {
                Some(slot) => held.slots.insert(name, slot),
                None => held.slots.remove(&name),
            };
        }
        let most = held.room.as_ref().map_or(KEPT, |r| r.blocks);
        held.make_room(most);
    }

    fn fetch(&self, key: &str, n: u64, count: u64, end: u64) -> io::Result<Vec<u8>> {
        let other = |e: Error| io::Error::other(e.to_string());
        let (from, wanted) = (n * BLOCK, (count * BLOCK).min(end - n * BLOCK));
        let store = self.remote.store().map_err(other)?;
        let bytes = store.get(key, from, wanted).map_err(other)?;
        let gone = || io::Error::new(io::ErrorKind::NotFound, "is not in the store any more");
        let bytes = bytes.ok_or_else(gone)?;
        match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Held {
    /// Where in which file a block is.
    fn place(&self, slot: &Slot) -> Option<Place> {
        let room = self.room.as_ref()?;
        match slot {
            Slot::Filed(number) => Some((room.file.clone()?, number % room.blocks)),
            _ => None,
        }
    }

    /// Forgets the oldest blocks, so that no more than `most` are left.
    fn make_room(&mut self, most: u64) {
        while self.order.len() as u64 > most {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            // One that is still coming is seen to by who fetches it.
            if !matches!(self.slots.get(&oldest), Some(Slot::Coming)) {
                self.slots.remove(&oldest);
            }
        }
    }

    /// Says that blocks around `n` will come: the first, and how many.
    fn claim(&mut self, key: &Arc<str>, n: u64, last: u64, end: u64) -> (u64, u64) {
        // Whoever reads a little further on goes on all the same: what lies between is neighbours' or small.
        let near = (n.saturating_sub(GAP)..=n).rev();
        let run = near
            .map(|next| (next, self.runs.remove(&(key.clone(), next))))
            .find_map(|(next, run)| Some((next, run?)));
        let asked = self.asked.entry(key.clone()).or_default();
        *asked += 1;
        let least = 1 << (*asked / OFTEN).min(RUN.ilog2().into());
        let (mut first, run) = run.map_or((n, least), |(next, run)| (next, least.max(run * 2)));
        while first < n && self.slots.contains_key(&(key.clone(), first)) {
            first += 1;
        }
        let whole = end.div_ceil(BLOCK);
        let most = (run.max(last + 1 - n) + n - first)
            .min(RUN)
            .min(whole - first);
        let free = |i: &u64| !self.slots.contains_key(&(key.clone(), first + i));
        let count = (1..most.max(n - first + 1)).take_while(free).count() as u64 + 1;
        // Somebody else may have claimed part of the gap.
        let (first, count) = match first + count > n {
            true => (first, count),
            false => (n, 1),
        };
        for i in 0..count {
            self.slots.insert((key.clone(), first + i), Slot::Coming);
        }
        if self.runs.len() >= STREAMS {
            self.runs.clear();
        }
        self.runs
            .insert((key.clone(), first + count), run.max(count));
        (first, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Result;
    use crate::repo::shared::{Put, Store};

    /// One object, and what was asked of it.
    struct Counting {
        bytes: Vec<u8>,
        asked: Mutex<Vec<(u64, u64)>>,
    }

    impl Store for Counting {
        fn put(&self, _: &str, _: &mut dyn io::Read, _: u64) -> Result<Put> {
            Ok(Put::Exists)
        }

        fn get(&self, _: &str, from: u64, length: u64) -> Result<Option<Vec<u8>>> {
            self.asked.lock().unwrap().push((from, length));
            let from = from as usize;
            Ok(Some(self.bytes[from..from + length as usize].to_vec()))
        }

        fn list(&self, _: &str, _: &str) -> Result<Vec<(String, u64)>> {
            Ok(Vec::new())
        }

        fn delete(&self, _: &str) -> Result<()> {
            Ok(())
        }
    }

    fn window(length: usize) -> (Arc<Counting>, Window) {
        let store = Arc::new(Counting {
            bytes: (0..length).map(|n| (n / 7 % 251) as u8).collect(),
            asked: Mutex::default(),
        });
        let given = store.clone();
        let connect = move || -> Result<Arc<dyn Store>> { Ok(given.clone()) };
        (
            store,
            Window::new(
                Remote::new("x://", None, Arc::new(connect)),
                std::env::temp_dir(),
            ),
        )
    }

    #[test]
    fn in_whatever_order_it_is_read_nothing_comes_twice() {
        let length = 120 << 20;
        for filed in [true, false] {
            let (store, window) = window(length);
            if !filed {
                window.hold().room = Some(Room::memory());
            }
            let mut into = vec![0; 30_000];
            let count = length / into.len();
            for turn in 0..count {
                // Prime to each other: every part once.
                let at = turn * 1009 % count * into.len();
                window
                    .read("k", length as u64, &mut into, at as u64)
                    .unwrap();
                assert_eq!(into[..], store.bytes[at..at + into.len()]);
            }
            let asked = store.asked.lock().unwrap();
            let whole: u64 = asked.iter().map(|(_, length)| length).sum();
            assert!(!filed || asked.len() < 120, "{}", asked.len());
            assert_eq!(filed, whole <= length as u64, "{whole}");
        }
    }

    #[test]
    fn a_file_that_takes_no_more_is_done_without() {
        let (store, window) = window(4 << 20);
        let mut into = vec![0; 1000];
        let mut look = |at: usize| {
            window.read("k", 4 << 20, &mut into, at as u64).unwrap();
            assert_eq!(into, store.bytes[at..at + 1000]);
        };
        look(0);
        let name = window.folder.join(format!("window-{}", std::process::id()));
        std::fs::write(&name, "").unwrap();
        // It cannot be written.
        let file = Some(Arc::new(File::open(&name).unwrap()));
        std::fs::remove_file(&name).unwrap();
        window.hold().room = Some(Room { file, blocks: 1000 });
        look(3 << 20);
        assert!(window.hold().room.as_ref().unwrap().file.is_none());
        (0..4000).for_each(|n| look(n * 1000));
    }

    #[test]
    fn streams_come_in_ever_longer_parts_and_nothing_twice() {
        let length = 60 << 20;
        let (store, window) = window(length);
        let mut at = [0, length / 2];
        let mut into = vec![0; 100_000];
        // Two readers, each in order.
        for turn in 0..600 {
            let own = &mut at[turn % 2];
            let room = into.len().min(length - *own);
            window
                .read("k", length as u64, &mut into[..room], *own as u64)
                .unwrap();
            assert_eq!(into[..room], store.bytes[*own..*own + room]);
            *own += room;
        }
        let asked = store.asked.lock().unwrap();
        assert!(asked.len() < 24, "{asked:?}");
        let whole: u64 = asked.iter().map(|(_, length)| length).sum();
        assert!(whole <= length as u64);
        assert!(asked.iter().all(|(_, length)| *length <= MOST));
    }

    #[test]
    fn one_look_asks_for_what_it_needs() {
        let (store, window) = window(10 << 20);
        let mut into = vec![0; 700_000];
        window.read("k", 10 << 20, &mut into, 3_000_000).unwrap();
        assert_eq!(into, store.bytes[3_000_000..3_700_000]);
        let asked = store.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 1);
        assert!(asked[0].1 <= 700_000 + 2 * BLOCK, "{asked:?}");
        let mut rest = [0; 10];
        assert!(window.read("k", 5, &mut rest, 0).is_err());
    }
}
