//! The first line that each side of a connection says: that it is fsync, and which protocol of links it speaks.

use std::io::{Read, Write};

use crate::model::{Error, ErrorKind, Result};

/// The protocol of links. Both sides must speak the same.
pub const PROTOCOL: u32 = 1;
/// How the line begins.
const NAME: &str = "fsync-link";
/// No line is longer, in bytes.
const LONGEST: usize = 200;

/// Says who this is.
///
/// # Errors
/// The system's.
pub fn say(to: &mut impl Write) -> std::io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    to.write_all(format!("{NAME} {PROTOCOL} {version}\n").as_bytes())?;
    to.flush()
}

/// Hears who the other side is, byte by byte: what comes behind the line is for others.
///
/// # Errors
/// [`ErrorKind::Failed`] when it is somebody else, or speaks another protocol; `None` when nothing comes at all.
pub fn hear(from: &mut impl Read) -> Result<Option<()>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LONGEST && line.last() != Some(&b'\n') {
        match from.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::refused("cannot hear the other side", e)),
        }
    }
    if line.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    let mut words = text.split_whitespace();
    if words.next() != Some(NAME) {
        let heard: String = text.trim_end().chars().take(60).collect();
        let message = format!(
            "the other side is no fsync: it says {heard:?}; nothing may be printed there by the files that a shell reads when it starts"
        );
        return Err(Error::new(ErrorKind::Failed, message));
    }
    match words.next().and_then(|number| number.parse::<u32>().ok()) {
        Some(PROTOCOL) => Ok(Some(())),
        other => {
            let theirs = other.map_or("none".into(), |number| number.to_string());
            let version = words
                .next()
                .unwrap_or("unknown")
                .chars()
                .take(20)
                .collect::<String>();
            let message = format!(
                "the fsync there ({version:?}) speaks link protocol {theirs}, this one {PROTOCOL}; bring the older one up to date"
            );
            Err(Error::new(ErrorKind::Failed, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_knows_the_other() {
        let mut line = Vec::new();
        say(&mut line).unwrap();
        line.extend_from_slice(b"rest");
        let mut from = &line[..];
        assert_eq!(hear(&mut from).unwrap(), Some(()));
        assert_eq!(from, b"rest");
        assert_eq!(hear(&mut &b""[..]).unwrap(), None);
        for (said, wanted) in [
            (
                &b"Welcome to \x1b[2Jhost\n"[..],
                "is no fsync: it says \"Welcome to \\u{1b}[2Jhost\"",
            ),
            (b"fsync-link 2 9.9\n", "speaks link protocol 2, this one 1"),
            (b"fsync-link x\n", "speaks link protocol none"),
            (&[b'x'; 1000], "is no fsync"),
        ] {
            let error = hear(&mut &said[..]).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
