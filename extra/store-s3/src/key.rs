//! What is a key, and what begins one.

/// The longest key, in bytes.
const LONGEST: usize = 512;

fn is_plain(component: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !component.is_empty() && component != "." && component != ".." && component.chars().all(fits)
}

/// Whether it is a key: plain components divided by single slashes.
pub fn is_key(text: &str) -> bool {
    text.len() <= LONGEST && text != "-" && text.split('/').all(is_plain)
}

/// Whether it may be asked for as what keys begin with: a key, or one with a slash at its end.
pub fn is_prefix(text: &str) -> bool {
    text.len() <= LONGEST && is_key(text.strip_suffix('/').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_what_is_none() {
        for key in ["a", "a/b", "A-1._", "...", ".a", "a/..b", "--", "a/-"] {
            assert!(is_key(key) && is_prefix(key), "{key}");
        }
        for odd in [
            "", "-", ".", "..", "a/", "/a", "a//b", "a/./b", "../a", "a b", "ä", "a\0", "a~",
            "a\\b", "a%2e",
        ] {
            assert!(!is_key(odd), "{odd}");
        }
        assert!(is_prefix("a/") && !is_prefix("/") && !is_prefix("a//") && !is_prefix("../"));
        assert!(is_key(&"x".repeat(512)) && !is_key(&"x".repeat(513)));
    }
}
