//! Directories that come before they are asked for: the other side walks its whole tree.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::model::{RelPath, Result, Xattrs};
use crate::tree::Listing;
use crate::tree::far::talk::Ear;
use crate::tree::far::wire::{In, Malformed};

/// So many bytes of what a walk found wait to be taken.
const HELD: usize = 32 << 20;

/// How far the walk of a tree has come.
#[derive(Default)]
pub struct Walk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    begun: bool,
    over: bool,
    /// The last directory that came.
    last: Option<RelPath>,
    /// Directories that nobody has taken yet, and how long what was said of them is.
    come: HashMap<RelPath, (Result<Found>, usize)>,
    /// How long all that is.
    held: usize,
    /// Directories that somebody could not wait for.
    asked: HashSet<RelPath>,
}

/// A directory that the walk found.
pub struct Found {
    /// What is in it.
    pub listing: Listing,
    /// The extended attributes of those that have some; its own under no name.
    pub xattrs: HashMap<Box<[u8]>, Xattrs>,
}

impl State {
    /// No more is held: in memory it is about four times as long.
    fn is_full(&self) -> bool {
        self.held >= HELD
    }
}

impl Walk {
    fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has to be begun: true once.
    pub fn begin(&self) -> bool {
        !std::mem::replace(&mut self.hold().begun, true)
    }

    /// Nothing more comes.
    pub fn end(&self) {
        self.hold().over = true;
        self.changed.notify_all();
    }

    /// Takes in what it finds. Where it ends early, the rest is asked for one by one.
    pub fn hear(&self, mut ear: Ear) {
        while let Ok(Some(message)) = ear.hear() {
            let length = message.len();
            let Ok((path, found)) = directory(message) else {
                break;
            };
            let mut state = self.hold();
            // Who needs one that comes later asks for it.
            while state.is_full() {
                state = self.wait(state);
            }
            state.last = Some(path.clone());
            if !state.asked.remove(&path) {
                state.held += length;
                state.come.insert(path, (found, length));
            }
            drop(state);
            self.changed.notify_all();
        }
        self.end();
    }

    /// A directory as the walk found it; `None` when it will not come, or not soon.
    pub fn take(&self, path: &RelPath) -> Option<Result<Found>> {
        let mut state = self.hold();
        loop {
            if let Some((found, length)) = state.come.remove(path) {
                state.held -= length;
                self.changed.notify_all();
                return Some(found);
            }
            // It walks in the order of paths.
            if state.over || state.last.as_ref().is_some_and(|last| last >= path) {
                return None;
            }
            if state.is_full() {
                state.asked.insert(path.clone());
                return None;
            }
            state = self.wait(state);
        }
    }
}

/// A directory, as it is said, and its path.
///
/// # Errors
/// [`Malformed`].
pub fn directory(message: &[u8]) -> Result<(RelPath, Result<Found>), Malformed> {
    let mut from = In(message);
    let path = from.path()?;
    let mut sound = Ok(());
    let found = from.result(|from| {
        let read = found(from);
        sound = read.as_ref().map(|_| ()).map_err(|e| *e);
        read
    });
    sound?;
    from.end()?;
    Ok((path, found))
}

fn found(from: &mut In<'_>) -> Result<Found, Malformed> {
    let listing = from.listing()?;
    let xattrs = from.list(|from| Ok((Box::from(from.bytes()?), from.pairs()?)))?;
    Ok(Found {
        listing,
        xattrs: xattrs.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::far::link::{Channel, Link, Side};
    use crate::tree::far::talk::Mouth;
    use crate::tree::far::trunk;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;

    fn path(n: usize) -> RelPath {
        RelPath::parse(format!("d{n:09}").as_bytes()).unwrap()
    }

    /// A connection whose far end walks without end.
    fn endless() -> Arc<Link> {
        let (a, b) = UnixStream::pair().unwrap();
        let walk = |channel: Channel, _| {
            let mut mouth = Mouth::new(&channel);
            let name = vec![b'x'; 10_000];
            let file = crate::model::Entry::new(
                &name,
                crate::tree::local::state_of_handle(std::os::fd::AsFd::as_fd(
                    &std::fs::File::open("/").unwrap(),
                ))
                .unwrap(),
            );
            let listing = || Listing {
                entries: vec![file.clone()],
                ..Listing::default()
            };
            let mut n = 0;
            while mouth
                .say(|out| {
                    out.bytes(path(n).as_bytes());
                    out.result(Ok(listing()), |out, listing| {
                        out.listing(&listing).number(0);
                    });
                })
                .is_ok()
            {
                n += 1;
            }
        };
        trunk::start(Side::Far, b.try_clone().unwrap(), b, Arc::new(walk));
        trunk::start(Side::Near, a.try_clone().unwrap(), a, Arc::new(|_, _| {})).1
    }

    #[test]
    fn an_endless_walk_takes_bounded_memory_and_holds_nobody_up() {
        let link = endless();
        let walk = Walk::default();
        assert!(walk.begin() && !walk.begin());
        let ear = Ear::new(link.open(b"").unwrap());
        thread::scope(|scope| {
            scope.spawn(|| walk.hear(ear));
            while !walk.hold().is_full() {
                thread::yield_now();
            }
            // One that comes much later is not waited for, nor kept when it comes.
            assert!(walk.take(&path(8000)).is_none());
            for n in 0..9000 {
                assert_eq!(walk.take(&path(n)).is_some(), n != 8000, "{n}");
                let state = walk.hold();
                assert!(state.held < HELD + 20_000 && state.come.len() < HELD / 9000);
            }
            assert!(walk.hold().asked.is_empty());
            link.break_off("enough");
            // Whatever still waits for room is let go.
            while !walk.hold().over {
                let last = walk.hold().last.clone();
                last.map(|last| walk.take(&last));
            }
        });
    }
}
