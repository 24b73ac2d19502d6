//! The tree, as everybody else sees it.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use crate::model::{ContentId, Entry, Error, ErrorKind, Medium, RelPath, Result, Xattrs};
use crate::tree::buffer::Buffer;
use crate::tree::far::ahead::{Ahead, Slot};
use crate::tree::far::ask::{Ask, Call, PATTERNS, Request};
use crate::tree::far::delta;
use crate::tree::far::link::{LONGEST, Link};
use crate::tree::far::talk::Ear;
use crate::tree::far::walk::{Found, Walk};
use crate::tree::far::wire::{In, Malformed};
use crate::tree::{Contents, Dir, Listing, Tree};

/// A tree on the other side of a connection.
pub struct Far(Arc<Core>);

struct Core {
    link: Arc<Link>,
    /// The tree, as its user named it.
    name: Box<[u8]>,
    /// Whether all of it will be listed.
    wish: Option<Wish>,
    top: OnceLock<Top>,
    walk: Walk,
    /// Of each thread what it said last, and what it said before that.
    ahead: Mutex<HashMap<ThreadId, VecDeque<Ahead>>>,
}

/// What somebody wants who will list all of a tree.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What is below directories that these leave out, lines of a gitignore file, need not be walked.
    pub patterns: Vec<String>,
    /// Extended attributes will be asked for.
    pub xattrs: bool,
}

/// What is known of the root.
struct Top {
    entry: Entry,
    device: Option<u64>,
    medium: Medium,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Far {
    /// The tree that the other side knows by that name. With a wish the first listing makes the other side walk all of it.
    ///
    /// # Errors
    /// When there is none, or the connection is broken.
    pub fn open(link: Arc<Link>, name: &[u8], wish: Option<Wish>) -> Result<Self> {
        let core = Core {
            link,
            name: Box::from(name),
            wish,
            top: OnceLock::new(),
            walk: Walk::default(),
            ahead: Mutex::default(),
        };
        core.top()?;
        Ok(Far(Arc::new(core)))
    }
}

impl Core {
    fn request(&self, ask: Ask) -> Vec<u8> {
        let tree = self.name.clone();
        Call::Tree(Request { tree, ask }).write()
    }

    fn ask(&self, ask: Ask) -> Result<Ear> {
        Ok(Ear::new(self.link.open(&self.request(ask))?))
    }

    /// A question with one answer.
    fn one<T>(&self, ask: Ask, get: impl FnOnce(&mut In<'_>) -> Result<T, Malformed>) -> Result<T> {
        let message = self.ask(ask)?.message()?;
        let mut from = In(&message);
        let answer = from.result(get)?;
        from.end()?;
        Ok(answer)
    }

    fn top(&self) -> Result<&Top> {
        if let Some(top) = self.top.get() {
            return Ok(top);
        }
        let top = self.one(Ask::Root, |from| {
            Ok(Top {
                entry: from.entry(true)?,
                device: from.option(|from| from.number())?,
                medium: Medium {
                    modes: from.truth()?,
                    owners: from.truth()?,
                    both_times: from.truth()?,
                    tick_ns: from.number()?,
                },
            })
        })?;
        Ok(self.top.get_or_init(|| top))
    }

    /// Has the other side walk the tree, once.
    fn walk(self: &Arc<Self>) -> Result<()> {
        let Some(wish) = self.wish.as_ref().filter(|_| self.walk.begin()) else {
            return Ok(());
        };
        let length: usize = wish.patterns.iter().map(String::len).sum();
        let few = wish.patterns.len() <= PATTERNS && length < LONGEST / 2;
        let asked = self.ask(Ask::Walk {
            patterns: if few {
                wish.patterns.clone()
            } else {
                Vec::new()
            },
            xattrs: wish.xattrs,
        });
        let ear = asked.inspect_err(|_| self.walk.end())?;
        let core = self.clone();
        // Without a thread each directory is asked for.
        if thread::Builder::new()
            .spawn(move || core.walk.hear(ear))
            .is_err()
        {
            self.walk.end();
        }
        Ok(())
    }

    /// What was said beforehand of an entry.
    fn early<T>(&self, path: &RelPath, take: impl FnOnce(&mut Slot) -> T) -> Option<Result<T>> {
        let mut ahead = hold(&self.ahead);
        // Taken out, so that the other threads need not wait for what this one hears.
        let own = thread::current().id();
        let mut mine = ahead.remove(&own)?;
        drop(ahead);
        let knows = |ahead: &&mut Ahead| ahead.knows(path);
        let known = mine
            .iter_mut()
            .find(knows)
            .and_then(|ahead| ahead.slot(path));
        let taken = known.map(|slot| slot.map(take));
        hold(&self.ahead).insert(own, mine);
        taken
    }
}

impl Tree for Far {
    fn root(&self) -> Result<Entry> {
        Ok(self.0.top()?.entry.clone())
    }

    fn open(&self) -> Result<Box<dyn Dir>> {
        Ok(Box::new(FarDir::new(self.0.clone(), RelPath::root())))
    }

    fn device(&self, _source: u32) -> Option<u64> {
        self.0.top().ok()?.device
    }

    fn medium(&self) -> Medium {
        self.0.top().map(|top| top.medium).unwrap_or_default()
    }

    fn is_far(&self) -> bool {
        true
    }

    fn digests(&self, paths: &[RelPath]) -> Option<Vec<Result<ContentId>>> {
        let mut ear = self.0.ask(Ask::Digests(paths.to_vec())).ok()?;
        let one = |_: &RelPath| -> Result<ContentId> {
            let message = ear.message()?;
            let mut from = In(&message);
            let digest = from.result(content)?;
            from.end()?;
            Ok(digest)
        };
        Some(paths.iter().map(one).collect())
    }

    fn expect(&self, paths: Vec<RelPath>) {
        let own = thread::current().id();
        if paths.is_empty() {
            hold(&self.0.ahead).remove(&own);
            return;
        }
        // Whoever cannot be told beforehand asks when it is time.
        let request = self.0.request(Ask::Ahead(paths.clone()));
        if let Ok(Some(channel)) = self.0.link.open_early(&request) {
            let ear = Ear::new(channel);
            let mut ahead = hold(&self.0.ahead);
            let mine = ahead.entry(own).or_default();
            mine.push_back(Ahead::new(ear, paths));
            if mine.len() > 2 {
                mine.pop_front();
            }
        }
    }
}

/// A directory, by its path.
struct FarDir {
    core: Arc<Core>,
    path: RelPath,
    xattrs: OnceLock<HashMap<Box<[u8]>, Xattrs>>,
}

impl FarDir {
    fn new(core: Arc<Core>, path: RelPath) -> Self {
        FarDir {
            core,
            path,
            xattrs: OnceLock::new(),
        }
    }

    fn at(&self, name: &[u8]) -> RelPath {
        match name.is_empty() {
            true => self.path.clone(),
            false => self.path.join(name),
        }
    }
}

impl Dir for FarDir {
    fn list(&self) -> Result<Listing> {
        self.core.walk()?;
        let walked = self
            .core
            .wish
            .as_ref()
            .and_then(|_| self.core.walk.take(&self.path));
        if let Some(found) = walked {
            let Found { listing, xattrs } = found?;
            // Where nobody asked for them, none came, which says nothing.
            if self.core.wish.as_ref().is_some_and(|wish| wish.xattrs) {
                let _ = self.xattrs.set(xattrs);
            }
            return Ok(listing);
        }
        self.core
            .one(Ask::List(self.path.clone()), |from| from.listing())
    }

    fn find(&self, names: &[&[u8]]) -> Result<Listing> {
        let names = names.iter().map(|name| Box::from(*name)).collect();
        self.core
            .one(Ask::Find(self.path.clone(), names), |from| from.listing())
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        if let Some(entry) = self.core.early(&self.at(name), |slot| slot.entry.clone()) {
            return entry;
        }
        let Listing {
            mut entries,
            problems,
            ..
        } = self.find(&[name])?;
        match problems.into_iter().next() {
            Some(problem) => Err(Error::at(ErrorKind::Failed, name, problem.message)),
            None => Ok(entries.pop()),
        }
    }

    fn enter(&self, name: &[u8]) -> Result<Option<Box<dyn Dir>>> {
        // Whether it is a directory, the answer to the next question tells.
        Ok(Some(Box::new(FarDir::new(
            self.core.clone(),
            self.at(name),
        ))))
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        Ok(Box::new(FarDir::new(
            self.core.clone(),
            self.at(&entry.name),
        )))
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        let path = self.at(&entry.name);
        if let Some(Ok(Some(bytes))) = self.core.early(&path, |slot| slot.bytes.take()) {
            return Ok(Contents::Bytes(Cursor::new(Buffer::from(bytes))));
        }
        let mut ear = self.core.ask(Ask::Read(path))?;
        let message = ear.message()?;
        let mut from = In(&message);
        from.result(|_| Ok(()))?;
        Ok(Contents::Stream(Box::new(Stream {
            ear,
            part: Cursor::default(),
            left: entry.state.size,
            over: false,
        })))
    }

    fn open_like(&self, entry: &Entry, old: File) -> Result<Contents> {
        let length = old.metadata().map_or(0, |meta| meta.len());
        if entry.state.size.min(length) < delta::WORTH {
            return self.open_file(entry);
        }
        let cut = delta::Cut::of(length);
        let ear = self.core.ask(Ask::Like(self.at(&entry.name), cut))?;
        let patch = delta::ask(old, cut, entry.state.size, ear)?;
        Ok(Contents::Stream(Box::new(patch.begin()?)))
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        if let Some(known) = self.xattrs.get() {
            return Ok(known.get(&entry.name).cloned().unwrap_or_default());
        }
        let path = self.at(&entry.name);
        if let Some(Ok(xattrs)) = self.core.early(&path, |slot| slot.xattrs.clone()) {
            return Ok(xattrs);
        }
        self.core.one(Ask::Xattrs(path), |from| from.pairs())
    }

    fn digest(&self, entry: &Entry) -> Option<Result<ContentId>> {
        let path = self.at(&entry.name);
        Some(self.core.one(Ask::Digest(path), content))
    }
}

fn content(from: &mut In<'_>) -> Result<ContentId, Malformed> {
    let (id, rest) = from.0.split_first_chunk().ok_or(Malformed)?;
    from.0 = rest;
    Ok(ContentId(*id))
}

/// A file's bytes as they come: messages, an empty one behind the last, and whether the file held still.
struct Stream {
    ear: Ear,
    part: Cursor<Vec<u8>>,
    /// How much may still come.
    left: u64,
    over: bool,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let other = |e: Error| io::Error::other(e.cause());
        loop {
            let read = self.part.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.over {
                return Ok(read);
            }
            let part = self.ear.message().map_err(other)?;
            let left = self.left.checked_sub(part.len() as u64);
            self.left = left.ok_or_else(delta::longer).map_err(other)?;
            if part.is_empty() {
                self.over = true;
                let verdict = self.ear.message().map_err(other)?;
                In(&verdict).result(|_| Ok(())).map_err(other)?;
            }
            self.part = Cursor::new(part);
        }
    }
}
