//! A file of which the other side has an older one: only the pieces that differ come over.
//!
//! Both sides cut their file where its contents say (FastCDC), so that what was inserted moves no later cut. The side that has
//! the old file names its pieces; the other one says its own file as pieces of those and bytes of its own. Whoever puts it
//! together checks the digest of the whole: a piece is named by half a SHA-256, and the old file may change meanwhile.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex, PoisonError};

use fastcdc::v2020::StreamCDC;
use sha2::{Digest, Sha256};

use crate::model::{Error, ErrorKind, Result};
use crate::tree::far::talk::{Ear, Mouth};
use crate::tree::far::wire::{In, Malformed, Out};

/// From this length on of both files, in bytes, it is worth a look: what is shorter comes beforehand, sooner than one question is
/// answered over a line of 50 ms and 100 Mbit/s.
pub const WORTH: u64 = 1 << 20;
/// The usual piece; the shortest is a quarter of it, the longest eight. Both sides must cut alike: other numbers are another
/// protocol.
const USUAL: usize = 8 << 10;
/// Pieces are twice as long, so many times at most.
const COARSEST: u32 = 8;
/// So long a file is cut into usual pieces; of a longer one they are longer, so that their number stays about that.
const SHORT: u64 = 2 << 30;
/// So many pieces are named in a message.
const NAMED: usize = 2048;
/// No more pieces are named: each takes memory at the other side.
const MOST: usize = 1 << 20;

/// How a file is cut: how often the usual piece is doubled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut(u32);

impl Cut {
    /// That for an older file of so many bytes.
    pub fn of(length: u64) -> Self {
        let coarse = (0..COARSEST).find(|doubled| length >> doubled <= SHORT);
        Cut(coarse.unwrap_or(COARSEST))
    }

    /// As a number.
    pub fn number(self) -> u64 {
        self.0.into()
    }

    /// From a number.
    ///
    /// # Errors
    /// [`Malformed`] for one that is none.
    pub fn from_number(number: u64) -> Result<Self, Malformed> {
        let doubled = u32::try_from(number).ok();
        doubled.filter(|n| *n <= COARSEST).map(Cut).ok_or(Malformed)
    }

    /// The pieces of a file that is read from here on.
    fn pieces(self, from: impl Read) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        let usual = USUAL << self.0;
        let cut = StreamCDC::new(from, usual / 4, usual, usual * 8);
        cut.map(|piece| piece.map(|piece| piece.data).map_err(io::Error::from))
    }
}

/// The name of a piece.
type Name = [u8; 16];

fn name(bytes: &[u8]) -> Name {
    let mut name = [0; 16];
    name.copy_from_slice(&Sha256::digest(bytes)[..16]);
    name
}

/// So many files are looked at like this at once: each takes memory for the names that the other side says.
const SEATS: usize = 4;
static TAKEN: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// One of few seats, for who hears names. Dropping it frees it.
pub struct Seat(());

impl Seat {
    /// Waits for one.
    pub fn take() -> Self {
        let mut taken = TAKEN.0.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= SEATS {
            taken = TAKEN.1.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Seat(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *TAKEN.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        TAKEN.1.notify_one();
    }
}

/// The old file, and where its pieces lie.
struct Old {
    file: File,
    pieces: Vec<(u64, usize)>,
}

/// Names the pieces of `old` to the other side; what comes then is the new file, of `length` bytes.
///
/// # Errors
/// When the old file cannot be read, or the connection breaks.
pub fn ask(old: File, cut: Cut, length: u64, ear: Ear) -> Result<Patch> {
    let mut mouth = Mouth::new(ear.channel());
    let (mut list, mut at) = (Vec::new(), 0);
    let mut out = Out::default();
    for piece in cut.pieces(&old).take(MOST) {
        let piece = piece.map_err(|e| Error::refused("cannot read the older file", e))?;
        out.0.extend_from_slice(&name(&piece));
        list.push((at, piece.len()));
        at += piece.len() as u64;
        if list.len() % NAMED == 0 {
            mouth.message(&out.0)?;
            out.0.clear();
        }
    }
    if !out.0.is_empty() {
        mouth.message(&out.0)?;
    }
    mouth.message(&[])?;
    mouth.flush()?;
    let pieces = list;
    Ok(Patch {
        ear,
        old: Old { file: old, pieces },
        part: Cursor::default(),
        digest: Sha256::new(),
        left: length,
        over: false,
    })
}

/// The pieces that the other side names.
///
/// # Errors
/// When what comes is no list of names.
pub fn named(ear: &mut Ear) -> Result<HashMap<Name, u64>> {
    let mut names = HashMap::new();
    let mut count = 0;
    loop {
        let message = ear.message()?;
        if message.is_empty() {
            return Ok(names);
        }
        let (all, rest) = message.as_chunks::<16>();
        if !rest.is_empty() || all.is_empty() || count as usize + all.len() > MOST {
            return Err(Malformed.into());
        }
        for name in all {
            names.entry(*name).or_insert(count);
            count += 1;
        }
    }
}

/// Says a file as pieces that the other side has, and bytes; its digest.
///
/// # Errors
/// The outer one when nobody hears it, the inner one when the file cannot be read.
pub fn say(
    from: impl Read,
    cut: Cut,
    known: &HashMap<Name, u64>,
    mouth: &mut Mouth<'_>,
) -> Result<io::Result<[u8; 32]>> {
    let mut digest = Sha256::new();
    for piece in cut.pieces(from) {
        let piece = match piece {
            Ok(piece) => piece,
            Err(e) => return Ok(Err(e)),
        };
        digest.update(&piece);
        match known.get(&name(&piece)) {
            Some(at) => mouth.say(|out| {
                out.number(1).number(*at);
            })?,
            None => mouth.say(|out| {
                out.number(0).bytes(&piece);
            })?,
        }
    }
    Ok(Ok(digest.finalize().into()))
}

/// The new file, put together while it is read.
pub struct Patch {
    ear: Ear,
    old: Old,
    part: Cursor<Vec<u8>>,
    digest: Sha256,
    /// How much may still come.
    left: u64,
    over: bool,
}

impl Patch {
    /// Hears whether the file could be opened.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(mut self) -> Result<Self> {
        let message = self.ear.message()?;
        In(&message).result(|_| Ok(()))?;
        Ok(self)
    }

    fn next(&mut self) -> Result<Vec<u8>> {
        let message = self.ear.message()?;
        if message.is_empty() {
            self.over = true;
            let verdict = self.ear.message()?;
            let mut from = In(&verdict);
            let whole = from.result(|from| from.bytes().map(<[u8]>::to_vec))?;
            return match whole == self.digest.clone().finalize().as_slice() {
                true => Ok(Vec::new()),
                false => {
                    let message = "what was put together of the older file is not the new one: it changed meanwhile";
                    Err(Error::new(ErrorKind::Failed, message))
                }
            };
        }
        let mut from = In(&message);
        let piece = match from.number()? {
            0 => from.bytes()?.to_vec(),
            _ => {
                let at = usize::try_from(from.number()?).unwrap_or(usize::MAX);
                let (offset, length) = *self.old.pieces.get(at).ok_or(Malformed)?;
                let mut piece = vec![0; length];
                let read = self.old.file.read_exact_at(&mut piece, offset);
                read.map_err(|e| Error::refused("cannot read the older file", e))?;
                piece
            }
        };
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or_else(longer)?;
        self.digest.update(&piece);
        Ok(piece)
    }
}

/// Nobody is made to write without end.
pub fn longer() -> Error {
    Error::new(
        ErrorKind::Failed,
        "more of it came than it was said to have",
    )
}

impl Read for Patch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.over {
                return Ok(read);
            }
            let part = self.next().map_err(|e| io::Error::other(e.cause()))?;
            self.part = Cursor::new(part);
        }
    }
}
