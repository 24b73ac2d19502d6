//! What comes in: lines, and bytes behind them.

use std::io::{self, BufRead, Read};

use bytes::Bytes;

/// The longest line.
const LINE: u64 = 2_048;

/// Why a dialogue cannot go on.
pub struct Cut(pub String);

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Cut {
        Cut(format!("standard input: {error}"))
    }
}

/// A line without its end; `None` at the end of the input.
pub fn line(input: &mut impl BufRead) -> Result<Option<String>, Cut> {
    let mut bytes = Vec::new();
    input.take(LINE).read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| Cut("a line is no text".into())),
        Some(_) if bytes.len() as u64 + 1 == LINE => Err(Cut("a line is too long".into())),
        Some(_) => Err(Cut("the input ended within a line".into())),
    }
}

/// So many bytes, no fewer.
pub fn exactly(input: &mut impl Read, length: u64) -> Result<Bytes, Cut> {
    let mut bytes = Vec::with_capacity(length as usize);
    input.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes.into()),
        false => Err(Cut("the input ended within the bytes of a put".into())),
    }
}

/// Reads bytes and forgets them.
pub fn swallow(input: &mut impl Read, length: u64) -> Result<(), Cut> {
    match io::copy(&mut input.take(length), &mut io::sink())? == length {
        true => Ok(()),
        false => Err(Cut("the input ended within the bytes of a put".into())),
    }
}
