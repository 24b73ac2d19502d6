//! Names as they may be shown: nothing in them is hidden, and none is endless.

use fsync::model::quote::{quote_if_hidden, quote_if_odd};

/// The most characters of a name.
const LONGEST: usize = 1_000;

/// A path as the line form prints it: quoted when it is odd.
pub fn path(bytes: &[u8]) -> String {
    shortened(String::from_utf8_lossy(&quote_if_odd(bytes)).into_owned())
}

/// Other words of strangers: a tag, a host, an outcome.
pub fn word(text: &str) -> String {
    shortened(quote_if_hidden(text))
}

/// Without its middle, where it is too long.
fn shortened(text: String) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST / 2).collect();
    let tail: String = text.chars().skip(length - LONGEST / 2).collect();
    format!("{head} [...] {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_seen() {
        assert_eq!(path(b"plain \xc3\xa4"), "plain \u{e4}");
        assert_eq!(path(b"a\nb\xff"), r#""a\nb\377""#);
        assert_eq!(
            path("gpj.\u{202e}exe".as_bytes()),
            r#""gpj.\342\200\256exe""#
        );
        assert_eq!(word("a\u{200b}b"), r#""a\342\200\213b""#);
        assert_eq!(word("<b>"), "<b>");
    }

    #[test]
    fn a_name_has_an_end() {
        let long = path(&[b'x'; 100_000]);
        assert!(long.len() < LONGEST + 10 && long.contains(" [...] "));
    }
}
