//! Names as people see them: C-quoted as git does, so that no byte of a name reaches a terminal raw.

use std::fmt::Write;

/// Whether `bytes` can stand in a line without quotes: no control character, quote or backslash,
/// and valid UTF-8.
fn is_plain(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|s| !s.is_empty() && s.chars().all(|c| !c.is_control() && c != '"' && c != '\\'))
}

/// The name as the line form prints it: itself when it is plain, else [`quote`]d.
pub fn quote_if_odd(bytes: &[u8]) -> Vec<u8> {
    if is_plain(bytes) {
        bytes.to_vec()
    } else {
        quote(bytes).into_bytes()
    }
}

/// In double quotes, with git's escapes (`\n`, `\t`, `\"`, `\\`, octal for the rest).
///
/// Printable UTF-8 stays readable (git's `core.quotePath=false`).
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_char(&mut out, c);
        }
        for &b in chunk.invalid() {
            push_octal(&mut out, b);
        }
    }
    out.push('"');
    out
}

fn push_char(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\x0b' => out.push_str("\\v"),
        '\x0c' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        c if c.is_control() => {
            let mut buf = [0; 4];
            for &b in c.encode_utf8(&mut buf).as_bytes() {
                push_octal(out, b);
            }
        }
        c => out.push(c),
    }
}

fn push_octal(out: &mut String, b: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\{b:03o}");
}

/// The bytes that [`quote_if_odd`] was given; `None` when `text` begins with a quote and is not
/// rightly quoted.
pub fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let Some(rest) = text.strip_prefix(b"\"") else {
        return Some(text.to_vec());
    };
    let body = rest.strip_suffix(b"\"")?;
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => return None,
            b'\\' => at += unescape(&body[at + 1..], &mut out)?,
            b => out.push(b),
        }
        at += 1;
    }
    Some(out)
}

/// Reads one escape after its backslash; how many bytes it took.
fn unescape(rest: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let b = match *rest.first()? {
        b'"' => b'"',
        b'\\' => b'\\',
        b'a' => 0x07,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        b'0'..=b'3' => {
            let digits = rest.get(..3)?;
            if !digits.iter().all(|d| (b'0'..=b'7').contains(d)) {
                return None;
            }
            out.push(digits.iter().fold(0, |n, d| n * 8 + (d - b'0')));
            return Some(3);
        }
        _ => return None,
    };
    out.push(b);
    Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_as_git_does() {
        assert_eq!(quote(b"a\nb"), r#""a\nb""#);
        assert_eq!(quote(b"a\x1b\xffb"), r#""a\033\377b""#);
        assert_eq!(quote_if_odd("äb c".as_bytes()), "äb c".as_bytes());
        assert_eq!(quote_if_odd(b"a\\b"), br#""a\\b""#);
    }

    #[test]
    fn refuses_bad_quoting() {
        for bad in [
            &b"\"a"[..],
            b"\"a\\",
            b"\"\\9\"",
            b"\"a\"b\"",
            b"\"\\40\"",
            b"\"\\x\"",
        ] {
            assert_eq!(unquote(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn comes_back(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            let text = quote_if_odd(&bytes);
            prop_assert!(!text.iter().any(|b| *b < 0x20));
            prop_assert_eq!(unquote(&text), Some(bytes));
        }
    }
}
