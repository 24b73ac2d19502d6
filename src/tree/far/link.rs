//! Many conversations on one lane ([`super::trunk`]): frames of channels that either side opens, whole ones in a block.
//!
//! A frame is the channel's number and its length (both 32 bits, least byte first), one byte that says what it is, and the bytes. Who
//! started the connection opens channels with odd numbers, the other side those with even ones. What is sent on a channel
//! has a window: its receiver says when it has taken something out, so that a slow one holds nobody else up, and nothing piles
//! up without bounds. Whatever breaks a rule ends the connection: the other side is believed in nothing.

mod channel;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::model::{Error, ErrorKind, Result};
use crate::tree::far::crew::Crew;
pub use channel::Channel;

/// The longest frame that is sent, in bytes; a longer one is not accepted.
pub const LONGEST: usize = 512 << 10;
/// How many bytes may be under way on a channel at first: so much of what nobody takes is held in memory.
const FIRST: usize = 1 << 20;
/// How many may be once it is seen that they are taken: at 50 ms it lets 1300 Mbit/s through.
const WINDOW: usize = 8 << 20;
/// So many frames wait for the writer at most.
const QUEUE: usize = 64;
/// The writer hands so much over at once, in bytes, when more is waiting.
pub(super) const BATCH: usize = 256 << 10;
/// More channels at once are not accepted from the other side: each has a thread, and up to [`FIRST`] bytes that wait.
const MOST: usize = 64;
/// Who asks for what is not needed at once leaves so many for those who wait for an answer.
const SPARE: usize = MOST / 2;
/// What stands before a frame, in bytes.
pub(super) const HEAD: usize = 9;
/// What a frame counts beside its bytes: many short ones take memory, too.
const FRAME: usize = 64;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A channel begins; the bytes say what for.
    Open = 1,
    /// Something said on it.
    Data = 2,
    /// Nothing more will be said on it.
    End = 3,
    /// So many bytes more may be sent.
    Credit = 4,
    /// Nobody listens on it any more.
    Deaf = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        [Kind::Open, Kind::Data, Kind::End, Kind::Credit, Kind::Deaf]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Which side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The one that started it.
    Near,
    /// The one that was started.
    Far,
}

/// What is to be done with a channel that the other side opens: on a thread of its own.
pub type Accept = dyn Fn(Channel, Vec<u8>) + Send + Sync;

/// A connection.
pub struct Link {
    out: SyncSender<Vec<u8>>,
    next: AtomicU32,
    side: Side,
    accept: Arc<Accept>,
    crew: Arc<Crew>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    channels: HashMap<u32, Ends>,
    /// Channels that this side has opened, and left before the other side had said its last.
    left: HashSet<u32>,
    /// How many this side has opened on which the other side may still say something.
    own: usize,
    /// How many the other side has opened on which this side may still say something.
    guests: usize,
    /// Why it is over.
    broken: Option<String>,
}

/// What is known of a channel on this side.
#[derive(Default)]
struct Ends {
    inbox: VecDeque<Vec<u8>>,
    /// The other side says nothing more.
    ended: bool,
    /// This side says nothing more.
    said: bool,
    /// The other side does not listen any more.
    deaf: bool,
    /// How much may still be sent.
    credit: usize,
    /// How much was taken out since the other side was told.
    taken: usize,
    /// How much the other side may still send.
    room: usize,
    /// How much may be under way to this side.
    window: usize,
    /// Rung when something of this has changed.
    bell: Arc<Condvar>,
}

impl Ends {
    fn new() -> Self {
        Ends {
            credit: FIRST,
            room: FIRST,
            window: FIRST,
            ..Ends::default()
        }
    }

    /// Takes something out of what has come, and how much more the other side may send for it: what is taken has its window
    /// grow, so that a long way does not hold it up.
    fn take(&mut self) -> Option<(Vec<u8>, usize)> {
        let bytes = self.inbox.pop_front()?;
        self.taken += bytes.len() + FRAME;
        let mut grant = 0;
        if self.taken >= self.window / 4 {
            let more = self.window.min(WINDOW - self.window);
            self.window += more;
            grant = std::mem::take(&mut self.taken) + more;
        }
        self.room += grant;
        Some((bytes, grant))
    }

    /// What the other side says of the channel.
    fn note(&mut self, kind: Kind, bytes: Vec<u8>) -> Result<(), &'static str> {
        match kind {
            Kind::Data => {
                let room = self.room.checked_sub(bytes.len() + FRAME);
                self.room = room.ok_or("more came than was asked for")?;
                self.inbox.push_back(bytes);
            }
            Kind::End => self.ended = true,
            Kind::Deaf => self.deaf = true,
            Kind::Credit => {
                let more: [u8; 4] = bytes.try_into().map_err(|_| "what came is no credit")?;
                let more = u32::from_le_bytes(more) as usize;
                self.credit = self.credit.saturating_add(more).min(WINDOW);
            }
            Kind::Open => {}
        }
        Ok(())
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'s, T>(bell: &Condvar, held: MutexGuard<'s, T>) -> MutexGuard<'s, T> {
    bell.wait(held).unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Begins to speak; `write` takes the frames of a block, and [`Link::take_all`] is told of what comes. `crew` answers the
    /// other side, here and on other lanes.
    pub(super) fn start(
        side: Side,
        write: impl FnMut(&[Vec<u8>]) -> io::Result<()> + Send + 'static,
        accept: Arc<Accept>,
        crew: Arc<Crew>,
    ) -> Arc<Link> {
        let (out, queue) = sync_channel(QUEUE);
        let link = Arc::new(Link {
            out,
            next: AtomicU32::new(if side == Side::Near { 1 } else { 2 }),
            side,
            accept,
            crew,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let writer = link.clone();
        thread::spawn(move || writer.write(write, &queue));
        link
    }

    /// Opens a channel; `request` says what for. Waits while there are too many.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn open(self: &Arc<Self>, request: &[u8]) -> Result<Channel> {
        let mut state = hold(&self.state);
        while state.own >= MOST && state.broken.is_none() {
            state = wait(&self.changed, state);
        }
        self.open_now(state, request)
    }

    /// As [`Link::open`] for what need not be asked now; `None` while others may need the room.
    ///
    /// # Errors
    /// As [`Link::open`].
    pub fn open_early(self: &Arc<Self>, request: &[u8]) -> Result<Option<Channel>> {
        let state = hold(&self.state);
        match state.own < MOST - SPARE {
            true => self.open_now(state, request).map(Some),
            false => Ok(None),
        }
    }

    fn open_now(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        request: &[u8],
    ) -> Result<Channel> {
        if let Some(why) = &state.broken {
            return Err(broken(why));
        }
        if request.len() > LONGEST {
            return Err(Error::new(ErrorKind::Failed, "a request is too long"));
        }
        let id = self.next.fetch_add(2, Ordering::Relaxed);
        state.channels.insert(id, Ends::new());
        state.own += 1;
        drop(state);
        let channel = Channel {
            link: self.clone(),
            id,
        };
        self.send(Kind::Open, id, request)?;
        Ok(channel)
    }

    /// Whether a channel is one that this side has opened.
    fn is_own(&self, id: u32) -> bool {
        id.is_multiple_of(2) == (self.side == Side::Far)
    }

    /// Waits until the connection is over.
    pub fn wait(&self) {
        let mut state = hold(&self.state);
        while state.broken.is_none() {
            state = wait(&self.changed, state);
        }
    }

    /// Ends it at once: whoever waits is told why.
    pub fn break_off(&self, why: &str) {
        let mut state = hold(&self.state);
        state.broken.get_or_insert_with(|| why.to_string());
        state
            .channels
            .values()
            .for_each(|ends| ends.bell.notify_all());
        drop(state);
        self.changed.notify_all();
        // A full queue has a writer that will see for itself.
        let _ = self.out.try_send(Vec::new());
    }

    /// Ends it when all that was said has been written: the other side sees the end.
    pub fn close(&self) {
        // A writer that is gone has closed it.
        let _ = self.out.send(Vec::new());
    }

    fn send(&self, kind: Kind, id: u32, bytes: &[u8]) -> Result<()> {
        let mut frame = Vec::with_capacity(HEAD + bytes.len());
        frame.resize(HEAD, 0);
        frame.extend_from_slice(bytes);
        self.send_frame(kind, id, frame)
    }

    /// Sends bytes that have room for a head in front.
    fn send_frame(&self, kind: Kind, id: u32, mut frame: Vec<u8>) -> Result<()> {
        let length = (frame.len() - HEAD) as u32;
        frame[..4].copy_from_slice(&id.to_le_bytes());
        frame[4..8].copy_from_slice(&length.to_le_bytes());
        frame[8] = kind as u8;
        self.out.send(frame).map_err(|_| {
            broken(
                hold(&self.state)
                    .broken
                    .as_deref()
                    .unwrap_or("it was closed"),
            )
        })
    }

    fn write(
        &self,
        mut write: impl FnMut(&[Vec<u8>]) -> io::Result<()>,
        queue: &Receiver<Vec<u8>>,
    ) {
        let mut batch = Vec::new();
        let mut closed = false;
        while !closed && let Ok(frame) = queue.recv() {
            let mut next = Some(frame);
            let mut length = 0;
            while let Some(frame) = next.take() {
                // An empty one says that it is closed.
                closed = frame.is_empty();
                length += frame.len();
                batch.push(frame);
                if !closed && length < BATCH {
                    next = queue.try_recv().ok();
                }
            }
            if length > 0
                && let Err(e) = write(&batch)
            {
                return self.break_off(&e.to_string());
            }
            batch.clear();
            closed |= hold(&self.state).broken.is_some();
        }
    }

    /// Takes frames in.
    ///
    /// # Errors
    /// Why they cannot be.
    pub(super) fn take_all(self: &Arc<Self>, mut frames: &[u8]) -> Result<(), &'static str> {
        const NONE: &str = "what came is no frame";
        while !frames.is_empty() {
            let (head, rest) = frames.split_first_chunk::<HEAD>().ok_or(NONE)?;
            let id = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let kind = Kind::of(head[8])
                .filter(|_| length <= LONGEST)
                .ok_or(NONE)?;
            let (bytes, rest) = rest.split_at_checked(length).ok_or(NONE)?;
            self.take(kind, id, bytes.to_vec())?;
            frames = rest;
        }
        Ok(())
    }

    fn take(self: &Arc<Self>, kind: Kind, id: u32, bytes: Vec<u8>) -> Result<(), &'static str> {
        let mut state = hold(&self.state);
        if kind == Kind::Open {
            if self.is_own(id) || state.channels.contains_key(&id) || state.guests >= MOST {
                return Err("a channel was opened that cannot be");
            }
            state.channels.insert(id, Ends::new());
            state.guests += 1;
            drop(state);
            let channel = Channel {
                link: self.clone(),
                id,
            };
            let accept = self.accept.clone();
            return self.crew.give(Box::new(move || accept(channel, bytes)));
        }
        let mut over = kind == Kind::End && state.left.remove(&id);
        // Of one that is over here, something may still be under way.
        if let Some(ends) = state.channels.get_mut(&id) {
            over = kind == Kind::End && !ends.ended && self.is_own(id);
            ends.note(kind, bytes)?;
            ends.bell.notify_all();
        }
        if over {
            state.own = state.own.saturating_sub(1);
            drop(state);
            self.changed.notify_all();
        }
        Ok(())
    }
}

fn broken(why: &str) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!("the connection broke ({why}); the next run goes on where this one was"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::far::block::Head;
    use crate::tree::far::trunk;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::AtomicUsize;

    /// A pair of connected sides; the far one answers each channel by saying back what it hears.
    fn pair() -> (Arc<Link>, Arc<Link>) {
        let (a, b) = UnixStream::pair().unwrap();
        let echo = |channel: Channel, request: Vec<u8>| {
            let _ = channel.say(&request);
            while let Ok(Some(bytes)) = channel.hear() {
                let _ = channel.say(&bytes);
            }
            let _ = channel.end();
        };
        let near = trunk::start(Side::Near, a.try_clone().unwrap(), a, Arc::new(|_, _| {}));
        let far = trunk::start(Side::Far, b.try_clone().unwrap(), b, Arc::new(echo));
        (near.1, far.1)
    }

    #[test]
    fn much_is_said_on_many_channels_at_once() {
        let (near, _far) = pair();
        let long = vec![7; 3 * WINDOW];
        thread::scope(|scope| {
            for n in 0..8u8 {
                let (near, long) = (&near, &long);
                scope.spawn(move || {
                    let channel = near.open(&[n]).unwrap();
                    assert_eq!(channel.hear().unwrap().unwrap(), [n]);
                    scope_say(&channel, long);
                });
            }
        });
        assert!(hold(&near.state).channels.is_empty());
    }

    fn scope_say(channel: &Channel, long: &[u8]) {
        thread::scope(|scope| {
            scope.spawn(|| {
                channel.say(long).unwrap();
                channel.end().unwrap();
            });
            let mut heard = 0;
            while let Some(bytes) = channel.hear().unwrap() {
                assert!(bytes.iter().all(|b| *b == 7));
                heard += bytes.len();
            }
            assert_eq!(heard, long.len());
        });
    }

    #[test]
    fn a_broken_connection_is_told_to_all_who_wait() {
        let (near, far) = pair();
        let channel = near.open(b"x").unwrap();
        assert_eq!(channel.hear().unwrap().unwrap(), b"x");
        far.break_off("enough");
        near.break_off("enough");
        assert!(channel.hear().unwrap_err().to_string().contains("enough"));
        assert!(near.open(b"y").is_err());
        near.wait();
    }

    #[test]
    fn what_is_no_frame_ends_it() {
        for junk in [
            &b"Welcome to host!\n"[..],
            &[0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255, 2],
            &[0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0],
        ] {
            let (a, mut b) = UnixStream::pair().unwrap();
            let none = Arc::new(|_: Channel, _: Vec<u8>| {});
            let (_, link) = trunk::start(Side::Near, a.try_clone().unwrap(), a, none);
            b.write_all(junk).unwrap();
            link.wait();
        }
    }

    /// A side, and the raw line to it.
    fn raw(accept: Arc<Accept>) -> (Arc<Link>, UnixStream) {
        let (a, b) = UnixStream::pair().unwrap();
        let (_, link) = trunk::start(Side::Near, a.try_clone().unwrap(), a, accept);
        // What it says is heard by nobody, and must not hold it up.
        let mut rest = b.try_clone().unwrap();
        thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        (link, b)
    }

    fn frame(id: u32, kind: Kind, length: usize) -> Vec<u8> {
        let mut frame = Vec::from(id.to_le_bytes());
        frame.extend_from_slice(&(length as u32).to_le_bytes());
        frame.push(kind as u8);
        frame.resize(HEAD + length, 0);
        frame
    }

    fn block(frames: &[u8]) -> Vec<u8> {
        let (lane, length, marks) = (0, frames.len(), 0);
        let head = Head {
            lane,
            length,
            marks,
        };
        [&head.write(), frames].concat()
    }

    #[test]
    fn more_than_the_window_is_not_taken() {
        for length in [LONGEST, 1000, 1, 0] {
            let (link, mut b) = raw(Arc::new(|_, _| {}));
            let channel = link.open(b"").unwrap();
            let frames =
                frame(channel.id, Kind::Data, length).repeat((64 << 10) / (length + HEAD) + 1);
            let mut said = 0;
            // It may be closed before all is written.
            while said < 4 * FIRST && b.write_all(&block(&frames)).is_ok() {
                said += frames.len();
            }
            link.wait();
            let state = hold(&link.state);
            let held: usize = state.channels[&channel.id]
                .inbox
                .iter()
                .map(|bytes| bytes.len() + FRAME)
                .sum();
            assert!(held <= FIRST, "{length}: {held}");
            assert!(state.broken.as_ref().unwrap().contains("more came"));
        }
    }

    #[test]
    fn windows_grow_with_what_is_taken_and_no_further() {
        let (near, _far) = pair();
        let channel = near.open(b"x").unwrap();
        assert_eq!(channel.hear().unwrap().unwrap(), b"x");
        scope_say(&channel, &vec![7; 10 * WINDOW]);
        assert_eq!(hold(&near.state).channels[&channel.id].window, WINDOW);
    }

    #[test]
    fn the_other_side_starts_no_more_threads_than_it_may() {
        let working = Arc::new(AtomicUsize::new(0));
        let count = working.clone();
        let (link, mut b) = raw(Arc::new(move |channel: Channel, _| {
            count.fetch_add(1, Ordering::SeqCst);
            while let Ok(Some(_)) = channel.hear() {}
        }));
        for n in 0..MOST as u32 + 1 {
            b.write_all(&block(&frame(2 * n + 2, Kind::Open, 0)))
                .unwrap();
        }
        link.wait();
        assert!(working.load(Ordering::SeqCst) <= MOST);
        let why = hold(&link.state).broken.clone().unwrap();
        assert!(why.contains("a channel was opened that cannot be"), "{why}");
    }

    #[test]
    fn who_asks_waits_for_room_and_what_is_early_is_not_asked() {
        let (near, _far) = pair();
        let mut open: Vec<Channel> = (0..MOST - SPARE)
            .map(|_| near.open(b"x").unwrap())
            .collect();
        assert!(near.open_early(b"x").unwrap().is_none());
        open.extend((0..SPARE).map(|_| near.open(b"x").unwrap()));
        // Many more than there may be at once: each in the place of one that is over.
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..MOST {
                        let channel = near.open(b"y").unwrap();
                        assert_eq!(channel.hear().unwrap().unwrap(), b"y");
                    }
                });
            }
            open.clear();
        });
        assert!(hold(&near.state).broken.is_none());
        // As soon as the other side has said its last on those.
        let early = loop {
            match near.open_early(b"x").unwrap() {
                Some(channel) => break channel,
                None => thread::yield_now(),
            }
        };
        assert_eq!(early.hear().unwrap().unwrap(), b"x");
    }
}
