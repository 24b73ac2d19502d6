//! One connection, many conversations: frames of channels that either side opens, whole ones in a block ([`block`]).
//!
//! A frame is the channel's number and its length (both 32 bits, least byte first), one byte that says what it is, and the bytes. Who
//! started the connection opens channels with odd numbers, the other side those with even ones. What is sent on a channel
//! has a window: its receiver says when it has taken something out, so that a slow one holds nobody else up, and nothing piles
//! up without bounds. Whatever breaks a rule ends the connection: the other side is believed in nothing.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::model::{Error, ErrorKind, Result};
use crate::tree::far::block;

/// The longest frame that is sent, in bytes; a longer one is not accepted.
pub const LONGEST: usize = 256 << 10;
/// How many bytes may be under way on a channel: at 50 ms it lets 640 Mbit/s through.
const WINDOW: usize = 4 << 20;
/// So many frames wait for the writer at most.
const QUEUE: usize = 64;
/// The writer hands so much over at once, in bytes, when more is waiting.
const BATCH: usize = 256 << 10;
/// More channels at once are not accepted from the other side.
const MOST: usize = 4096;
const HEAD: usize = 9;

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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    channels: HashMap<u32, Ends>,
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
}

impl Ends {
    fn new() -> Self {
        Ends {
            credit: WINDOW,
            room: WINDOW,
            ..Ends::default()
        }
    }
}

/// A conversation. Dropping it ends it.
pub struct Channel {
    link: Arc<Link>,
    id: u32,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Begins to speak on a connection.
    pub fn start(
        side: Side,
        read: impl Read + Send + 'static,
        write: impl Write + Send + 'static,
        accept: Arc<Accept>,
    ) -> Arc<Link> {
        let (out, queue) = sync_channel(QUEUE);
        let link = Arc::new(Link {
            out,
            next: AtomicU32::new(if side == Side::Near { 1 } else { 2 }),
            side,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let writer = link.clone();
        thread::spawn(move || writer.write(write, &queue));
        let reader = link.clone();
        thread::spawn(move || {
            let why = reader.read(read, &accept);
            reader.break_off(&why);
        });
        link
    }

    /// Opens a channel; `request` says what for.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn open(self: &Arc<Self>, request: &[u8]) -> Result<Channel> {
        let id = self.next.fetch_add(2, Ordering::Relaxed);
        {
            let mut state = hold(&self.state);
            if let Some(why) = &state.broken {
                return Err(broken(why));
            }
            state.channels.insert(id, Ends::new());
        }
        let channel = Channel {
            link: self.clone(),
            id,
        };
        let mut request = request;
        let first = request.len().min(LONGEST);
        self.send(Kind::Open, id, &request[..first])?;
        request = &request[first..];
        match request.is_empty() {
            true => Ok(channel),
            false => Err(Error::new(ErrorKind::Failed, "a request is too long")),
        }
    }

    /// Waits until the connection is over.
    pub fn wait(&self) {
        let mut state = hold(&self.state);
        while state.broken.is_none() {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends it at once: whoever waits is told why.
    pub fn break_off(&self, why: &str) {
        let mut state = hold(&self.state);
        state.broken.get_or_insert_with(|| why.to_string());
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
        frame.extend_from_slice(&id.to_le_bytes());
        frame.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        frame.push(kind as u8);
        frame.extend_from_slice(bytes);
        self.out.send(frame).map_err(|_| {
            broken(
                hold(&self.state)
                    .broken
                    .as_deref()
                    .unwrap_or("it was closed"),
            )
        })
    }

    fn write(&self, to: impl Write, queue: &Receiver<Vec<u8>>) {
        let mut to = block::Writer::new(to);
        let mut batch = Vec::with_capacity(BATCH);
        let mut closed = false;
        while !closed && let Ok(frame) = queue.recv() {
            closed = frame.is_empty();
            batch.extend_from_slice(&frame);
            while !closed
                && batch.len() < BATCH
                && let Ok(frame) = queue.try_recv()
            {
                closed = frame.is_empty();
                batch.extend_from_slice(&frame);
            }
            if let Err(e) = to.write(&batch) {
                return self.break_off(&e.to_string());
            }
            batch.clear();
        }
    }

    /// Takes frames in until there are no more; why there are none.
    fn read(self: &Arc<Self>, from: impl Read, accept: &Arc<Accept>) -> String {
        let mut from = block::Reader::new(from, BATCH + LONGEST + HEAD);
        loop {
            let frames = match from.read() {
                Ok(Some(frames)) => frames,
                Ok(None) => return "the other side ended it".into(),
                Err(e) => return e.to_string(),
            };
            if let Err(why) = self.take_all(&frames, accept) {
                return why.into();
            }
        }
    }

    fn take_all(
        self: &Arc<Self>,
        mut frames: &[u8],
        accept: &Arc<Accept>,
    ) -> Result<(), &'static str> {
        const NONE: &str = "what came is no frame";
        while !frames.is_empty() {
            let (head, rest) = frames.split_first_chunk::<HEAD>().ok_or(NONE)?;
            let id = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let kind = Kind::of(head[8])
                .filter(|_| length <= LONGEST)
                .ok_or(NONE)?;
            let (bytes, rest) = rest.split_at_checked(length).ok_or(NONE)?;
            self.take(kind, id, bytes.to_vec(), accept)?;
            frames = rest;
        }
        Ok(())
    }

    fn take(
        self: &Arc<Self>,
        kind: Kind,
        id: u32,
        bytes: Vec<u8>,
        accept: &Arc<Accept>,
    ) -> Result<(), &'static str> {
        let mut state = hold(&self.state);
        if kind == Kind::Open {
            let theirs = id.is_multiple_of(2) == (self.side == Side::Near);
            if !theirs || state.channels.contains_key(&id) || state.channels.len() >= MOST {
                return Err("a channel was opened that cannot be");
            }
            state.channels.insert(id, Ends::new());
            drop(state);
            let channel = Channel {
                link: self.clone(),
                id,
            };
            let accept = accept.clone();
            // Without a thread the channel is dropped, which the other side is told.
            let _ = thread::Builder::new().spawn(move || accept(channel, bytes));
            return Ok(());
        }
        // Of one that is over here, something may still be under way.
        let Some(ends) = state.channels.get_mut(&id) else {
            return Ok(());
        };
        match kind {
            Kind::Data => {
                ends.room =
                    (ends.room.checked_sub(bytes.len())).ok_or("more came than was asked for")?;
                ends.inbox.push_back(bytes);
            }
            Kind::End => ends.ended = true,
            Kind::Deaf => ends.deaf = true,
            Kind::Credit => {
                let more: [u8; 4] = bytes.try_into().map_err(|_| "what came is no credit")?;
                let more = u32::from_le_bytes(more) as usize;
                ends.credit = ends.credit.saturating_add(more).min(WINDOW);
            }
            Kind::Open => {}
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }
}

fn broken(why: &str) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!("the connection broke ({why}); the next run goes on where this one was"),
    )
}

impl Channel {
    /// Says something, in as many frames as it takes; waits while the other side is slow.
    ///
    /// # Errors
    /// When the connection is broken, or nobody listens any more.
    pub fn say(&self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(LONGEST) {
            self.wait_for_room(part.len())?;
            self.link.send(Kind::Data, self.id, part)?;
        }
        Ok(())
    }

    fn wait_for_room(&self, length: usize) -> Result<()> {
        let mut state = hold(&self.link.state);
        loop {
            if let Some(why) = &state.broken {
                return Err(broken(why));
            }
            let Some(ends) = state.channels.get_mut(&self.id).filter(|e| !e.deaf) else {
                return Err(Error::new(ErrorKind::Failed, "nobody listens any more"));
            };
            if ends.credit >= length {
                ends.credit -= length;
                return Ok(());
            }
            state = self
                .link
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the other side says next, a frame at a time; `None` at the end.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn hear(&self) -> Result<Option<Vec<u8>>> {
        let mut state = hold(&self.link.state);
        let (bytes, grant) = loop {
            let broken_off = state.broken.clone();
            let Some(ends) = state.channels.get_mut(&self.id) else {
                return Ok(None);
            };
            if let Some(bytes) = ends.inbox.pop_front() {
                ends.taken += bytes.len();
                let grant = if ends.taken >= WINDOW / 4 {
                    std::mem::take(&mut ends.taken)
                } else {
                    0
                };
                ends.room += grant;
                break (bytes, grant);
            }
            if ends.ended {
                return Ok(None);
            }
            if let Some(why) = broken_off {
                return Err(broken(&why));
            }
            state = self
                .link
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        if grant > 0 {
            // Broken by now: what is there can be heard nevertheless.
            let _ = self
                .link
                .send(Kind::Credit, self.id, &(grant as u32).to_le_bytes());
        }
        Ok(Some(bytes))
    }

    /// Says that nothing more will be said.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn end(&self) -> Result<()> {
        if let Some(ends) = hold(&self.link.state).channels.get_mut(&self.id)
            && !std::mem::replace(&mut ends.said, true)
        {
            return self.link.send(Kind::End, self.id, &[]);
        }
        Ok(())
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The reader must not wait for the writer, nor the other way round: nothing is sent under the lock.
        let ends = hold(&self.link.state).channels.remove(&self.id);
        if let Some(ends) = ends {
            if !ends.said {
                let _ = self.link.send(Kind::End, self.id, &[]);
            }
            if !ends.ended {
                let _ = self.link.send(Kind::Deaf, self.id, &[]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

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
        let near = Link::start(Side::Near, a.try_clone().unwrap(), a, Arc::new(|_, _| {}));
        let far = Link::start(Side::Far, b.try_clone().unwrap(), b, Arc::new(echo));
        (near, far)
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
            &[2, 0, 0, 0, 255, 255, 255, 255, 2],
            &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        ] {
            let (a, mut b) = UnixStream::pair().unwrap();
            let link = Link::start(Side::Near, a.try_clone().unwrap(), a, Arc::new(|_, _| {}));
            b.write_all(junk).unwrap();
            link.wait();
        }
    }

    #[test]
    fn more_than_the_window_is_not_taken() {
        let (a, mut b) = UnixStream::pair().unwrap();
        let link = Link::start(Side::Near, a.try_clone().unwrap(), a, Arc::new(|_, _| {}));
        let channel = link.open(b"").unwrap();
        let mut frame = Vec::from(channel.id.to_le_bytes());
        frame.extend_from_slice(&(LONGEST as u32).to_le_bytes());
        frame.push(Kind::Data as u8);
        frame.resize(HEAD + LONGEST, 0);
        let mut block = Vec::from((frame.len() as u32).to_le_bytes());
        block.extend_from_slice(&frame);
        for _ in 0..=WINDOW / LONGEST {
            // It may be closed before all is written.
            let _ = b.write_all(&block);
        }
        link.wait();
    }
}
