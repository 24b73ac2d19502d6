//! What bash has before the cursor, as words.
//!
//! bash gives completion functions words that are still quoted, and cut at every `=`, `:` and `@`; to unquote them
//! there, one would have to run them. So the line is read here. What completes a word replaces, in bash, only what follows
//! the last character at which bash breaks words: [`Typed::kept`] is what stays.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// What was typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Typed {
    /// The words without their quotes, the last one as far as it was typed.
    pub words: Vec<OsString>,
    /// How many bytes of the last one bash keeps.
    pub kept: usize,
    /// The quote that is open at the end.
    pub quote: Option<char>,
}

impl Typed {
    /// Words of a shell that needs nothing else.
    pub fn of(words: Vec<OsString>) -> Self {
        Typed {
            words,
            ..Typed::default()
        }
    }
}

/// Reads a line up to the cursor. `breaks` are the characters at which bash breaks words.
pub fn split(line: &[u8], breaks: &[u8]) -> Typed {
    let mut words: Vec<OsString> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let (mut kept, mut quote) = (0, None);
    let mut rest = line.iter().copied();
    while let Some(c) = rest.next() {
        let blank = matches!(c, b' ' | b'\t' | b'\n');
        if blank && quote.is_none() {
            words.extend(word.take().map(OsString::from_vec));
            kept = 0;
            continue;
        }
        let text = word.get_or_insert_default();
        match (quote, c) {
            (None, b'\'' | b'"') => {
                quote = Some(c);
                kept = text.len();
            }
            (Some(open), _) if open == c => {
                quote = None;
                kept = text.len();
            }
            (None, b'\\') => text.extend(rest.next()),
            (Some(b'"'), b'\\') => match rest.next() {
                Some(next) if b"\"$`\\".contains(&next) => text.push(next),
                next => text.extend([c].into_iter().chain(next)),
            },
            (None, b'@') if breaks.contains(&c) => {
                // The one at which a word breaks and that belongs to what follows, as in a host's name.
                kept = text.len();
                text.push(c);
            }
            _ => {
                text.push(c);
                if quote.is_none() && breaks.contains(&c) {
                    kept = text.len();
                }
            }
        }
    }
    words.push(OsString::from_vec(word.unwrap_or_default()));
    Typed {
        words,
        kept,
        quote: quote.map(char::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &[u8] = b" \t\n\"'@><=;|&(:";

    fn of(line: &str) -> (Vec<String>, usize, Option<char>) {
        let typed = split(line.as_bytes(), BREAKS);
        let words = typed.words.into_iter().map(|w| w.into_string().unwrap());
        (words.collect(), typed.kept, typed.quote)
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_words_as_bash_does() {
        assert_eq!(of("a  b "), (words(&["a", "b", ""]), 0, None));
        assert_eq!(of(""), (words(&[""]), 0, None));
        assert_eq!(of(r"a b\ c"), (words(&["a", "b c"]), 0, None));
        assert_eq!(
            of(r#"a 'b\ "c' d"#),
            (words(&["a", r#"b\ "c"#, "d"]), 0, None)
        );
        assert_eq!(of(r#"a "b \"c\x""#).0, words(&["a", r#"b "c\x"#]));
        assert_eq!(of(r"a ''").0, words(&["a", ""]));
        assert_eq!(of("a b\\").0, words(&["a", "b"]));
    }

    #[test]
    fn says_what_bash_keeps() {
        assert_eq!(of("a --tag=fo"), (words(&["a", "--tag=fo"]), 6, None));
        assert_eq!(of("a my\\ dir@{"), (words(&["a", "my dir@{"]), 6, None));
        assert_eq!(of(r"a b\@c"), (words(&["a", "b@c"]), 0, None));
        assert_eq!(of("a x\"my d@"), (words(&["a", "xmy d@"]), 1, Some('"')));
        assert_eq!(of("a 'my d"), (words(&["a", "my d"]), 0, Some('\'')));
        assert_eq!(split(b"a copy@", b" ").kept, 0);
    }
}
