//! Reading text of lines whole, as long as it is one: what has no line ends would fill the memory first.

use std::io::{self, Read};

use crate::protocol::stream::MAX_LINE;

/// Reads to the end; every line ends with `end`, but perhaps the last.
///
/// # Errors
/// The system's; `InvalidData` for a line that is longer than 1 MiB.
pub fn gather(from: &mut impl Read, end: u8) -> io::Result<Vec<u8>> {
    let (mut text, mut line) = (Vec::new(), 0);
    loop {
        let start = text.len();
        if from.by_ref().take(1 << 16).read_to_end(&mut text)? == 0 {
            return Ok(text);
        }
        if let Some(at) = text[start..].iter().rposition(|b| *b == end) {
            line = start + at + 1;
        }
        if text.len() - line > MAX_LINE {
            let message = "a line is longer than 1 MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_without_bounds() {
        let mut lines = io::repeat(b'\n').take(3 << 20);
        assert_eq!(gather(&mut lines, b'\n').unwrap().len(), 3 << 20);
        let mut endless = io::repeat(b'a');
        assert!(gather(&mut endless, b'\n').is_err());
    }
}
