//! Names of files for what may be called anything: directories, tags and points in time.

use fsync::model::Time;
use fsync::model::quote::is_hidden;
use sha2::{Digest, Sha256};

/// The most bytes of a name (`NAME_MAX`).
const LONGEST: usize = 255;

/// A tag as the name of a file: `%`, `/` and what cannot be seen are `%` and two hex digits, and so are the dots of `.`
/// and `..`.
pub fn tag(bytes: &[u8]) -> Vec<u8> {
    shortened(escaped(bytes, None), bytes)
}

/// A directory's path as the name of a file: `/home/you/work` is `home+you+work`, `/` is `+`.
pub fn directory(path: &[u8]) -> Vec<u8> {
    let inner = path.strip_prefix(b"/").filter(|inner| !inner.is_empty());
    shortened(escaped(inner.unwrap_or(path), Some(b'+')), path)
}

/// A point in time as the name of a file, in UTC, so that names sort as times do: `2026-11-22T20-59-49.123Z`. It has no
/// colon: behind one, rsync and scp look for another machine.
pub fn time(time: Time) -> String {
    let stamp = jiff::Timestamp::new(time.secs, time.nanos as i32);
    stamp.map_or_else(
        |_| format!("@{}", time.secs),
        |t| {
            t.to_zoned(jiff::tz::TimeZone::UTC)
                .strftime("%Y-%m-%dT%H-%M-%S.%3fZ")
                .to_string()
        },
    )
}

/// Without what a name of a file cannot hold or a terminal would obey; a slash becomes `slash`, where one is given.
fn escaped(bytes: &[u8], slash: Option<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let only_dots = matches!(bytes, b"" | b"." | b"..");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let raw = c.encode_utf8(&mut buffer).as_bytes();
            match c {
                '/' if slash.is_some() => out.extend(slash),
                '/' | '%' => hex(&mut out, raw),
                '.' if only_dots => hex(&mut out, raw),
                c if slash.is_some_and(|s| char::from(s) == c) || is_hidden(c) => {
                    hex(&mut out, raw);
                }
                _ => out.extend_from_slice(raw),
            }
        }
        hex(&mut out, chunk.invalid());
    }
    if out.is_empty() {
        out.push(b'%');
    }
    out
}

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(format!("%{byte:02X}").as_bytes());
    }
}

/// A name that is too long ends in a digest of what it stands for.
fn shortened(mut name: Vec<u8>, whole: &[u8]) -> Vec<u8> {
    if name.len() <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(whole);
    let mut end = LONGEST - 18;
    while end > 0 && (name[end] & 0xc0 == 0x80 || name[end - 1] == b'%' || name[end - 2] == b'%') {
        end -= 1;
    }
    name.truncate(end);
    name.extend_from_slice(b"%~");
    for byte in &digest[..8] {
        name.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: Vec<u8>) -> String {
        String::from_utf8(name).unwrap()
    }

    #[test]
    fn names_are_plain_and_differ() {
        assert_eq!(text(directory(b"/home/you/work")), "home+you+work");
        assert_eq!(text(directory(b"/")), "+");
        assert_eq!(text(directory(b"/a+b/%")), "a%2Bb+%25");
        assert_eq!(text(directory(b"/a\xff\n")), "a%FF%0A");
        assert_eq!(text(tag(b"before the move")), "before the move");
        assert_eq!(text(tag(b"..")), "%2E%2E");
        assert_eq!(text(tag(b"a+b/c")), "a+b%2Fc");
        assert_eq!(text(tag("\u{202e}x".as_bytes())), "%E2%80%AEx");
        assert_eq!(text(tag(b"")), "%");
    }

    #[test]
    fn long_names_fit_and_differ() {
        let one = "\u{4}\u{e4}".repeat(200);
        let two = format!("{one}x");
        let (one, two) = (tag(one.as_bytes()), tag(two.as_bytes()));
        assert!(one.len() <= LONGEST && two.len() <= LONGEST && one != two);
        assert!(std::str::from_utf8(&one).is_ok());
    }

    #[test]
    fn times_sort() {
        assert_eq!(time(Time::new(0, 5_000_000)), "1970-01-01T00-00-00.005Z");
        assert_eq!(time(Time::new(i64::MAX, 0)), format!("@{}", i64::MAX));
    }
}
