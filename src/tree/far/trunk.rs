//! One connection for several programs: lanes, each with conversations of its own ([`link`]).
//!
//! The program that has the connection has the first lane. It passes blocks of others, which speak to it through sockets, on as
//! they come, so that what they say is neither looked into nor packed anew. The other side answers each lane by itself, and ends
//! with the connection. A block without bytes ends its lane. Who started the connection opens lanes with odd numbers, the
//! other side those with even ones.

use std::collections::HashMap;
use std::io::{self, BufReader, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::tree::far::block::{HEAD, Head, Packer, Unpacker};
use crate::tree::far::crew::Crew;
use crate::tree::far::link::{self, Accept, Link, Side};

/// More lanes at once are not accepted from the other side.
const LANES: usize = 8;
/// No block is longer, packed or not.
const LONGEST: usize = link::BATCH + link::LONGEST + 4096;
/// So much a pipe is to hold, in bytes.
const WIDE: usize = 1 << 20;
/// So much is read at once, where short blocks come.
const READ: usize = 64 << 10;

/// A connection.
pub struct Trunk {
    /// `None` when this side has ended it.
    write: Mutex<Option<Box<dyn Write + Send>>>,
    side: Side,
    accept: Arc<Accept>,
    crew: Arc<Crew>,
    lanes: Mutex<Lanes>,
}

struct Lanes {
    open: HashMap<u32, Lane>,
    /// The next one that is opened here.
    next: u32,
    /// The last one that the other side has opened.
    last: u32,
    is_over: bool,
}

/// Where blocks of a lane go.
#[derive(Clone)]
enum Lane {
    /// To conversations of this program.
    Own(Arc<Link>, Arc<Mutex<Unpacker>>),
    /// To another program.
    Passed(Arc<UnixStream>),
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to speak on a connection of this program alone, or with others; `accept` is told of what the other side opens. The
/// conversations of this program.
pub fn start(
    side: Side,
    read: impl Read + Send + 'static,
    write: impl Write + Send + 'static,
    accept: Arc<Accept>,
) -> (Arc<Trunk>, Arc<Link>) {
    let trunk = Arc::new(Trunk {
        write: Mutex::new(Some(Box::new(write))),
        side,
        accept,
        crew: Arc::default(),
        lanes: Mutex::new(Lanes {
            open: HashMap::new(),
            next: if side == Side::Near { 1 } else { 2 },
            last: 0,
            is_over: false,
        }),
    });
    let link = trunk.own(&mut hold(&trunk.lanes), 0, side);
    let reader = trunk.clone();
    thread::spawn(move || {
        let why = reader.read(read);
        reader.end(&why);
    });
    (trunk, link)
}

/// Makes a pipe hold more than usual, so that who writes and who reads wait for each other less often.
pub fn widen(pipe: impl AsFd) {
    // What is no pipe, or may not be larger, is as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, WIDE);
}

impl Trunk {
    /// From now on another program speaks on it, too, through a socket.
    pub fn pass(self: &Arc<Self>, stream: UnixStream) {
        let stream = Arc::new(stream);
        let mut lanes = hold(&self.lanes);
        if lanes.is_over {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        let number = lanes.next;
        lanes.next += 2;
        lanes.open.insert(number, Lane::Passed(stream.clone()));
        drop(lanes);
        let trunk = self.clone();
        let pass = move || {
            // Whatever ends it, the lane is over.
            let _ = trunk.pass_on(number, &stream);
            trunk.leave(number);
            let _ = stream.shutdown(Shutdown::Both);
        };
        // Without a thread the socket is closed, which the program hears.
        if thread::Builder::new().spawn(pass).is_err() {
            hold(&self.lanes).open.remove(&number);
        }
    }

    fn pass_on(&self, lane: u32, stream: &UnixStream) -> io::Result<()> {
        let mut blocks = Blocks::new(stream);
        while let Some((head, bytes)) = blocks.next()? {
            let head = Head { lane, ..head };
            self.write(head, &[bytes])?;
        }
        Ok(())
    }

    /// A lane of this program.
    fn own(self: &Arc<Self>, lanes: &mut Lanes, number: u32, side: Side) -> Arc<Link> {
        let mut writer = Writer {
            trunk: self.clone(),
            lane: number,
            packer: Packer::default(),
        };
        let write = move |frames: &[Vec<u8>]| writer.write(frames);
        let link = Link::start(side, write, self.accept.clone(), self.crew.clone());
        let unpacker = Arc::new(Mutex::new(Unpacker::new(LONGEST)));
        lanes.open.insert(number, Lane::Own(link.clone(), unpacker));
        link
    }

    fn write(&self, head: Head, parts: &[impl AsRef<[u8]>]) -> io::Result<()> {
        let mut write = hold(&self.write);
        let Some(write) = write.as_mut() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let head = head.write();
        let mut slices = vec![IoSlice::new(&head)];
        slices.extend(parts.iter().map(|part| IoSlice::new(part.as_ref())));
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match write.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        write.flush()
    }

    /// Ends a lane; with the first one the connection.
    fn leave(&self, lane: u32) {
        if lane == 0 {
            hold(&self.write).take();
            return;
        }
        if hold(&self.lanes).open.remove(&lane).is_some() {
            let head = Head {
                lane,
                length: 0,
                marks: 0,
            };
            // A connection that is over has no lanes.
            let _ = self.write(head, &[[]]);
        }
    }

    /// Takes blocks in until there are no more; why there are none.
    fn read(self: &Arc<Self>, from: impl Read) -> String {
        let mut blocks = Blocks::new(from);
        loop {
            let taken = match blocks.next() {
                Ok(Some((head, bytes))) => self.take(head, bytes),
                Ok(None) => return "the other side ended it".into(),
                Err(e) => return e.to_string(),
            };
            if let Err(why) = taken {
                return why;
            }
        }
    }

    fn take(self: &Arc<Self>, head: Head, bytes: &[u8]) -> Result<(), String> {
        let Some(lane) = self.lane(head.lane)? else {
            return Ok(());
        };
        match lane {
            Lane::Own(link, _) if bytes.is_empty() => {
                link.break_off("the other side ended it");
                self.leave(head.lane);
                Ok(())
            }
            Lane::Own(link, unpacker) => {
                let mut unpacker = hold(&unpacker);
                let frames = unpacker.unpack(head.marks, bytes);
                let frames = frames.map_err(|e| e.to_string())?;
                link.take_all(frames).map_err(String::from)
            }
            Lane::Passed(stream) if bytes.is_empty() => {
                hold(&self.lanes).open.remove(&head.lane);
                let _ = stream.shutdown(Shutdown::Both);
                Ok(())
            }
            Lane::Passed(stream) => {
                let head = Head { lane: 0, ..head }.write();
                let mut stream = &*stream;
                // A program that is gone is noticed by who reads from it.
                let _ = stream
                    .write_all(&head)
                    .and_then(|()| stream.write_all(bytes));
                Ok(())
            }
        }
    }

    /// The lane of that number, perhaps a new one; `None` for what is late.
    fn lane(self: &Arc<Self>, number: u32) -> Result<Option<Lane>, String> {
        let mut lanes = hold(&self.lanes);
        if let Some(lane) = lanes.open.get(&number) {
            return Ok(Some(lane.clone()));
        }
        let is_own = number == 0 || number.is_multiple_of(2) == (self.side == Side::Far);
        if is_own || number <= lanes.last {
            return Ok(None);
        }
        let own = |lane: &&Lane| matches!(lane, Lane::Own(..));
        if lanes.open.values().filter(own).count() > LANES {
            return Err("a lane was opened that cannot be".into());
        }
        lanes.last = number;
        self.own(&mut lanes, number, Side::Far);
        Ok(lanes.open.get(&number).cloned())
    }

    /// The other side says nothing more: whoever waits is told why.
    fn end(&self, why: &str) {
        let mut lanes = hold(&self.lanes);
        lanes.is_over = true;
        let open: Vec<Lane> = lanes.open.drain().map(|(_, lane)| lane).collect();
        drop(lanes);
        for lane in open {
            match lane {
                Lane::Own(link, _) => link.break_off(why),
                Lane::Passed(stream) => {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
        }
    }
}

/// Blocks as they come.
struct Blocks<R> {
    from: BufReader<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Blocks<R> {
    fn new(from: R) -> Self {
        Blocks {
            from: BufReader::with_capacity(READ, from),
            bytes: Vec::new(),
        }
    }

    fn next(&mut self) -> io::Result<Option<(Head, &[u8])>> {
        let mut head = [0; HEAD];
        match self.from.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let head = Head::read(head);
        if head.length > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "what came is no block",
            ));
        }
        if self.bytes.len() < head.length {
            self.bytes.resize(head.length, 0);
        }
        let bytes = &mut self.bytes[..head.length];
        self.from.read_exact(bytes)?;
        Ok(Some((head, bytes)))
    }
}

/// Writes the blocks of one lane. Dropping it ends the lane.
struct Writer {
    trunk: Arc<Trunk>,
    lane: u32,
    packer: Packer,
}

impl Writer {
    /// Writes a block that these frames are.
    fn write(&mut self, frames: &[Vec<u8>]) -> io::Result<()> {
        let lane = self.lane;
        let (length, begun, written) = match self.packer.pack(frames)? {
            Some((marks, bytes)) => {
                let length = bytes.len();
                let head = Head {
                    lane,
                    length,
                    marks,
                };
                let begun = Instant::now();
                (length, begun, self.trunk.write(head, &[bytes]))
            }
            None => {
                let length = frames.iter().map(Vec::len).sum();
                let head = Head {
                    lane,
                    length,
                    marks: 0,
                };
                let begun = Instant::now();
                (length, begun, self.trunk.write(head, frames))
            }
        };
        self.packer.note(length, begun.elapsed().as_secs_f64());
        written
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.trunk.leave(self.lane);
    }
}
