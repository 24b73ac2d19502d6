//! What was read of archives that are elsewhere, in blocks, for as long as there is room.
//!
//! A first look at a place fetches the blocks that it lies in; whoever goes on where the last one ended gets twice as
//! much each time, up to [`MOST`] at once: one file costs one request, and a whole restore is a stream.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::model::Error;
use crate::repo::shared::{MOST, Remote};

/// The length of a block, in bytes.
const BLOCK: u64 = 256 << 10;
/// How many blocks are kept.
const KEPT: usize = 384;
/// The most blocks that are asked for at once.
const RUN: u64 = MOST / BLOCK;

/// How many blocks further on one may read and still go on.
const GAP: u64 = 4;
/// How many streams are known at once.
const STREAMS: usize = 64;

type Name = (Arc<str>, u64);

enum Slot {
    /// Somebody has asked for it.
    Coming,
    Here(Arc<Vec<u8>>),
}

#[derive(Default)]
struct Held {
    slots: HashMap<Name, Slot>,
    /// Those that are here, the oldest first.
    order: VecDeque<Name>,
    /// Streams: the block behind what was asked for last, and how many blocks that were.
    runs: HashMap<Name, u64>,
}

/// What is remembered of one store.
pub struct Window {
    remote: Remote,
    held: Mutex<Held>,
    came: Condvar,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window({:?})", self.remote)
    }
}

impl Window {
    /// Nothing of a store yet.
    pub fn new(remote: Remote) -> Self {
        Window {
            remote,
            held: Mutex::default(),
            came: Condvar::new(),
        }
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
            let block = self.block(&key, end, n, last)?;
            let from = (at + filled as u64 - n * BLOCK) as usize;
            let room = (into.len() - filled).min(block.len().saturating_sub(from));
            into[filled..filled + room].copy_from_slice(&block[from..from + room]);
            filled += room;
        }
        match filled == into.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Block `n`; up to `last` more will be asked for.
    fn block(&self, key: &Arc<str>, end: u64, n: u64, last: u64) -> io::Result<Arc<Vec<u8>>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match held.slots.get(&(key.clone(), n)) {
                Some(Slot::Here(block)) => return Ok(block.clone()),
                Some(Slot::Coming) => {
                    held = self.came.wait(held).unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        let (first, count) = held.claim(key, n, last, end);
        drop(held);
        let fetched = self.fetch(key, first, count, end);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for i in first..first + count {
            held.slots.remove(&(key.clone(), i));
        }
        let blocks = fetched.inspect_err(|_| self.came.notify_all())?;
        for (i, block) in blocks.iter().enumerate() {
            let name = (key.clone(), first + i as u64);
            held.slots.insert(name.clone(), Slot::Here(block.clone()));
            held.order.push_back(name);
        }
        while held.order.len() > KEPT {
            if let Some(oldest) = held.order.pop_front() {
                held.slots.remove(&oldest);
            }
        }
        self.came.notify_all();
        Ok(blocks[(n - first) as usize].clone())
    }

    fn fetch(&self, key: &str, n: u64, count: u64, end: u64) -> io::Result<Vec<Arc<Vec<u8>>>> {
        let other = |e: Error| io::Error::other(e.to_string());
        let (from, wanted) = (n * BLOCK, (count * BLOCK).min(end - n * BLOCK));
        let store = self.remote.store().map_err(other)?;
        let bytes = store.get(key, from, wanted).map_err(other)?;
        let gone = || io::Error::new(io::ErrorKind::NotFound, "is not in the store any more");
        let bytes = bytes.ok_or_else(gone)?;
        if bytes.len() as u64 != wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let blocks = bytes.chunks(BLOCK as usize);
        Ok(blocks.map(|block| Arc::new(block.to_vec())).collect())
    }
}

impl Held {
    /// Says that blocks around `n` will come: the first, and how many.
    fn claim(&mut self, key: &Arc<str>, n: u64, last: u64, end: u64) -> (u64, u64) {
        // Whoever reads a little further on goes on all the same: what lies between is neighbours' or small.
        let near = (n.saturating_sub(GAP)..=n).rev();
        let run = near
            .map(|next| (next, self.runs.remove(&(key.clone(), next))))
            .find_map(|(next, run)| Some((next, run?)));
        let (mut first, run) = run.map_or((n, 1), |(next, run)| (next, run * 2));
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
            Window::new(Remote::new("x://", None, Arc::new(connect))),
        )
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
