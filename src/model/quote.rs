//! Names as people see them: C-quoted as git does, so that no byte of a name reaches a terminal raw.

use std::fmt::Write;

/// Whether a character must not reach a terminal: it would move the cursor, change the direction of what follows, or
/// not be seen at all, so that one name looks like another.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether `bytes` can stand in a line without quotes: no character that is hidden, quote or backslash,
/// and valid UTF-8.
fn is_plain(bytes: &[u8]) -> bool {
    let plain = |c: char| !is_hidden(c) && c != '"' && c != '\\';
    std::str::from_utf8(bytes).is_ok_and(|s| !s.is_empty() && s.chars().all(plain))
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
        c if is_hidden(c) => {
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

/// The text itself, or [`quote`]d when something in it is hidden: for tags, which may hold quotes.
pub fn quote_if_hidden(text: &str) -> String {
    match text.chars().any(is_hidden) {
        true => quote(text.as_bytes()),
        false => text.to_string(),
    }
}

/// Writes what is hidden in the JSON that begins at `from` as escapes, which mean the same to whoever parses it.
pub fn escape_json(out: &mut Vec<u8>, from: usize) {
    let tail = &out[from..];
    if tail.is_ascii() && !tail.contains(&0x7f) {
        return;
    }
    let Ok(text) = std::str::from_utf8(tail) else {
        return;
    };
    let mut escaped = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        match is_hidden(c) && !c.is_ascii_whitespace() {
            true => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            false => escaped.push(c),
        }
    }
    out.truncate(from);
    out.extend_from_slice(escaped.as_bytes());
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
        assert_eq!(
            quote("\u{202e}a\u{9b}".as_bytes()),
            r#""\342\200\256a\302\233""#
        );
        assert_eq!(quote_if_odd("\u{200b}".as_bytes()), br#""\342\200\213""#);
        assert_eq!(quote_if_odd(b"a\\b"), br#""a\\b""#);
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\u{9b}\u{7f}\u{202e}\u{e0041}\u{e4}\n";
        let json = serde_json::to_vec(text).unwrap();
        let mut escaped = b"\x7f".to_vec();
        escaped.extend(&json);
        escape_json(&mut escaped, 1);
        assert_eq!(escaped[0], 0x7f);
        let shown = std::str::from_utf8(&escaped[1..]).unwrap();
        assert!(!shown.chars().any(is_hidden) && shown.contains('\u{e4}'));
        assert_eq!(serde_json::from_str::<String>(shown).unwrap(), text);
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
            prop_assert!(!String::from_utf8_lossy(&text).chars().any(is_hidden));
            prop_assert_eq!(unquote(&text), Some(bytes));
        }
    }
}
