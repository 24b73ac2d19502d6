//! The page: one file that needs nothing else, and may ask for nothing.
//!
//! All that comes from outside is in one element that is not run, as JSON in which no character can end that element.
//! The script makes text of it, never markup. The policy lets exactly this script and this style be used, and
//! nothing be loaded or sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::data::Data;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// The page.
pub fn render(data: &Data) -> String {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        digest(SCRIPT),
        digest(STYLE)
    );
    // Nothing is looked for in what was put in before: each hole is filled once.
    format!(
        include_str!("page/page.html"),
        policy = policy,
        style = STYLE,
        script = SCRIPT,
        data = embedded(data)
    )
}

/// How a policy names a text.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// JSON that may stand in an element of HTML.
fn embedded(value: &impl serde::Serialize) -> String {
    // Words and numbers can always be written.
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".into());
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                out += &format!("\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_ends_the_element() {
        let text = "</script><!--<script>]]>&amp;\u{2028}\u{2029}";
        let json = embedded(&text);
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn the_script_makes_no_markup() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "fetch(",
            "XMLHttpRequest",
            "setAttribute('style'",
            "localStorage",
        ] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
        // Neither text may end its own element.
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    proptest! {
        #[test]
        fn what_is_embedded_comes_back(text in ".*") {
            let json = embedded(&text);
            let ends = json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!ends);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
