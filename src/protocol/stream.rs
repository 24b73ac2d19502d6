//! Reading and writing streams of records.

use std::io::{BufRead, BufReader, Read, Write};

use rayon::prelude::*;

use crate::model::{Change, Error, ErrorKind, Result};
use crate::protocol::line::{self, Line};
use crate::protocol::record::{Record, write_change};

/// The longest line that is read, in bytes: far above two paths of `PATH_MAX` in hex, far below memory.
pub const MAX_LINE: usize = 1 << 20;

/// How much is read before it is parsed.
const BATCH: usize = 512 * 1024;

/// How much is gathered before it is written.
const BUFFER: usize = 64 * 1024;

/// What is said of the human form of a plan.
const IS_PATCH: &str = "is a patch (fsync-diff --patch), which is for eyes, patch(1) and git apply; give the lines or \
     the records of fsync-diff instead; nothing was changed";

/// What stdin turned out to be, told by its first byte.
pub enum Input<R: Read> {
    /// NDJSON: begins with `{`.
    Records(Reader<R>),
    /// The line form, whole.
    Lines(Vec<Line>),
    /// Nothing at all.
    Nothing,
}

impl<R: Read> Input<R> {
    /// Looks at the first byte; reads the line form to its end.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when the line form is malformed or cut.
    pub fn open(from: R) -> Result<Self> {
        let mut from = BufReader::with_capacity(BUFFER, from);
        let first = from.fill_buf().map_err(read_error)?.first().copied();
        match first {
            None => Ok(Input::Nothing),
            Some(b'{') => Ok(Input::Records(Reader {
                from,
                buffer: Vec::new(),
                at: 0,
            })),
            Some(_) => lines(from).map(Input::Lines),
        }
    }
}

/// Reads the line form as it comes: what is none is refused before there is much of it.
fn lines(mut from: impl BufRead) -> Result<Vec<Line>> {
    let bad = |(at, why): (usize, String)| bad_line(at as u64, &why);
    let mut text = Vec::new();
    let mut more = |text: &mut Vec<u8>, size: usize| {
        let read = from.by_ref().take(size as u64).read_to_end(text);
        read.map_err(read_error)
    };
    more(&mut text, MAX_LINE + 1)?;
    if text.starts_with(b"diff ") {
        return Err(Error::at(ErrorKind::BadInput, "standard input", IS_PATCH));
    }
    // Whichever end lines have, the first one is in here.
    let mut parser = line::Parser::new(text.contains(&0));
    loop {
        let whole = parser.feed(&text).map_err(bad)?;
        text.drain(..whole);
        if text.len() > 2 * MAX_LINE {
            return Err(bad_line(parser.next(), "longer than 1 MiB"));
        }
        if more(&mut text, BATCH)? == 0 {
            return parser.end(&text).map_err(bad);
        }
    }
}

/// Reads records, one a line.
pub struct Reader<R: Read> {
    from: BufReader<R>,
    buffer: Vec<u8>,
    at: u64,
}

impl<R: Read> Reader<R> {
    /// The next record; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for a line that is malformed, too long or cut.
    pub fn next_record(&mut self) -> Result<Option<Record>> {
        let mut line = std::mem::take(&mut self.buffer);
        line.clear();
        let there = self.line(&mut line);
        self.buffer = line;
        match there? {
            false => Ok(None),
            true => Record::parse(&self.buffer)
                .map(Some)
                .map_err(|why| bad_line(self.at, &why)),
        }
    }

    /// Hands on every record that is left, in order. Lines are parsed on all threads, a batch at a time.
    ///
    /// # Errors
    /// As [`Self::next_record`]; and whatever `take` gives.
    pub fn each(mut self, mut take: impl FnMut(Record) -> Result<()>) -> Result<()> {
        let (mut text, mut lines) = (Vec::new(), Vec::new());
        loop {
            text.clear();
            lines.clear();
            let before = self.at;
            while text.len() < BATCH {
                let start = text.len();
                if !self.line(&mut text)? {
                    break;
                }
                lines.push(start..text.len());
            }
            if lines.is_empty() {
                return Ok(());
            }
            let records: Vec<_> = lines
                .par_iter()
                .with_min_len(64)
                .map(|line| Record::parse(&text[line.clone()]))
                .collect();
            for (at, record) in (before + 1..).zip(records) {
                take(record.map_err(|why| bad_line(at, &why))?)?;
            }
        }
    }

    /// Appends the next line, without its newline; whether there was one.
    fn line(&mut self, text: &mut Vec<u8>) -> Result<bool> {
        self.at += 1;
        let start = text.len();
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.from).take(limit).read_until(b'\n', text);
        match read.map_err(read_error)? {
            0 => Ok(false),
            _ if text.last() != Some(&b'\n') => Err(bad_line(
                self.at,
                match text.len() - start > MAX_LINE {
                    true => "longer than 1 MiB",
                    false => "the last line has no end: the input was cut",
                },
            )),
            _ => {
                text.pop();
                Ok(true)
            }
        }
    }

    /// The line that [`Self::next_record`] read last, without its newline.
    pub fn raw(&self) -> &[u8] {
        &self.buffer
    }
}

fn read_error(error: std::io::Error) -> Error {
    Error::io("cannot read", "standard input", error)
}

fn bad_line(at: u64, why: &str) -> Error {
    Error::at(
        ErrorKind::BadInput,
        "standard input",
        format!("line {at}: {why}; nothing was changed"),
    )
}

/// Writes records, buffered.
pub struct Writer<W: Write> {
    to: W,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A writer; [`Self::flush`] before it is dropped.
    pub fn new(to: W) -> Self {
        Writer {
            to,
            buffer: Vec::with_capacity(BUFFER + 4096),
        }
    }

    /// Writes one record.
    ///
    /// # Errors
    /// [`ErrorKind::Stdout`].
    pub fn record(&mut self, record: &Record) -> Result<()> {
        record.write(&mut self.buffer).map_err(encode_error)?;
        self.spill()
    }

    /// Writes a `change` record.
    ///
    /// # Errors
    /// [`ErrorKind::Stdout`].
    pub fn change(&mut self, change: &Change) -> Result<()> {
        write_change(change, &mut self.buffer).map_err(encode_error)?;
        self.spill()
    }

    /// Writes a change in the line form.
    ///
    /// # Errors
    /// [`ErrorKind::Stdout`].
    pub fn line(&mut self, change: &Change, nul: bool) -> Result<()> {
        line::write(change, nul, &mut self.buffer);
        self.spill()
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// [`ErrorKind::Stdout`].
    pub fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.spill()
    }

    fn spill(&mut self) -> Result<()> {
        match self.buffer.len() >= BUFFER {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Hands everything on.
    ///
    /// # Errors
    /// [`ErrorKind::Stdout`].
    pub fn flush(&mut self) -> Result<()> {
        let written = self
            .to
            .write_all(&self.buffer)
            .and_then(|()| self.to.flush());
        self.buffer.clear();
        written
            .map_err(|e| Error::io("cannot write", "standard output", e).as_kind(ErrorKind::Stdout))
    }
}

fn encode_error(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!("a record cannot be written: {error}"),
    )
}
