//! Command lines as a shell reads them, so that what `--trace` prints can be pasted.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use crate::model::quote::is_hidden;

/// One word, quoted where a POSIX shell needs it.
///
/// Bytes that are no printable UTF-8 are written as `$'\377'`, which bash, zsh, ksh and POSIX.1-2024 read.
pub fn word(word: &OsStr) -> String {
    let bytes = word.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.bytes().all(is_plain) => text.to_string(),
        Ok(text) if !text.chars().any(is_hidden) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => escaped(bytes),
    }
}

/// Words joined by spaces.
pub fn line<I: IntoIterator<Item: AsRef<OsStr>>>(words: I) -> String {
    let words: Vec<_> = words.into_iter().map(|w| word(w.as_ref())).collect();
    words.join(" ")
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(&b)
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::from("$'");
    for &b in bytes {
        match b {
            b'\'' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            b' '..=b'~' => out.push(char::from(b)),
            // Three digits always, so that a digit that follows is not taken for a fourth.
            b => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{b:03o}");
            }
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_only_what_needs_it() {
        let quoted = |b: &[u8]| word(OsStr::from_bytes(b));
        assert_eq!(quoted(b"--exclude=a/b.c"), "--exclude=a/b.c");
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(b"it's *"), r"'it'\''s *'");
        assert_eq!(quoted("ä".as_bytes()), "'ä'");
        assert_eq!(quoted(b"a\n'\xff1"), r"$'a\012\'\3771'");
        assert_eq!(line(["a", "b c"]), "a 'b c'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn bash_reads_it_back(bytes in proptest::collection::vec(1u8.., 0..30)) {
            let script = format!("printf %s {}", word(OsStr::from_bytes(&bytes)));
            let out = std::process::Command::new("bash").args(["-c", &script]).env("LC_ALL", "C").output().unwrap();
            prop_assert_eq!(out.stdout, bytes);
        }
    }
}
