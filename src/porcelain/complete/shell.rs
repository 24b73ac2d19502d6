//! A reply, said so that a shell understands it.
//!
//! The first line says what the shell itself shall add: `nothing`, `directories` or `files`; ` open` behind it that no
//! space follows. The others are what fits, one a line: of bash quoted, as it is to be inserted; of zsh `VALUE:WORDS` as
//! its `_describe` takes it, behind a slash when no space follows and else behind a space; of fish `VALUE`, a tab and words.

use std::os::unix::ffi::OsStrExt;

use crate::porcelain::complete::line::Typed;
use crate::porcelain::complete::offer::{Native, Offer, Reply};

/// Whether more of a word follows.
fn is_open(offer: &Offer) -> bool {
    offer.text.ends_with(['/', '@'])
}

fn native(reply: &Reply) -> &'static str {
    match reply.native {
        Native::Nothing => "nothing",
        Native::Directories => "directories",
        Native::Files => "files",
    }
}

/// For bash, which inserts it as it is.
pub fn bash(reply: &Reply, typed: &Typed) -> String {
    let word = typed.words.last().map_or(&b""[..], |w| w.as_bytes());
    let fits = |offer: &&Offer| offer.text.as_bytes().starts_with(word);
    let offers: Vec<_> = reply.offers.iter().filter(fits).collect();
    let open = !offers.is_empty() && offers.iter().all(|o| is_open(o));
    let mut said = format!("{}{}\n", native(reply), if open { " open" } else { "" });
    for offer in offers {
        // Where bash keeps half a character, nothing can be inserted.
        if let Some(rest) = offer.text.get(typed.kept..) {
            said += &quoted(rest, typed.quote, typed.kept == 0);
            said.push('\n');
        }
    }
    said
}

/// Text as it stands inside of a quote, or without one.
fn quoted(text: &str, quote: Option<char>, first: bool) -> String {
    let special = |c: char| match quote {
        Some(_) => "\"$`\\".contains(c),
        None => !c.is_alphanumeric() && !"_-./,+@%^:={}".contains(c),
    };
    // Braces mean something only around these.
    let braces = quote.is_none() && (text.contains(',') || text.contains(".."));
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        let brace = braces && "{}".contains(c);
        let tilde = first && at == 0 && c == '~' && text.starts_with("~/");
        match quote {
            Some('\'') if c == '\'' => out += "'\\'",
            Some('\'') => {}
            _ if (special(c) || brace) && !tilde => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    out
}

/// For zsh.
pub fn zsh(reply: &Reply) -> String {
    let mut said = format!("{}\n", native(reply));
    let escaped = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    for offer in &reply.offers {
        let mark = if is_open(offer) { '/' } else { ' ' };
        let about = match offer.about.is_empty() {
            true => String::new(),
            false => format!(":{}", offer.about),
        };
        said += &format!("{mark}{}{about}\n", escaped(&offer.text));
    }
    said
}

/// For fish, which looks itself at what more of a word follows.
pub fn fish(reply: &Reply) -> String {
    let mut said = format!("{}\n", native(reply));
    for offer in &reply.offers {
        said += &format!("{}\t{}\n", offer.text, offer.about);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::porcelain::complete::line;

    fn reply(texts: &[&str]) -> Reply {
        Reply {
            native: Native::Nothing,
            offers: texts
                .iter()
                .filter_map(|t| Offer::new(*t, "a: b"))
                .collect(),
        }
    }

    #[test]
    fn bash_gets_what_it_is_to_insert() {
        let said = |line: &str, texts: &[&str]| {
            let typed = line::split(line.as_bytes(), b" \t\n\"'@><=;|&(:");
            bash(&reply(texts), &typed)
        };
        assert_eq!(
            said("f ", &["it's $1", "ab"]),
            "nothing\nit\\'s\\ \\$1\nab\n"
        );
        assert_eq!(said("f a", &["it's", "ab"]), "nothing\nab\n");
        assert_eq!(said("f \"i", &["it's \"x\""]), "nothing\nit's \\\"x\\\"\n");
        assert_eq!(said("f 'i", &["it's $x"]), "nothing\nit'\\''s $x\n");
        assert_eq!(said("f --tag=", &["--tag=a b"]), "nothing\na\\ b\n");
        assert_eq!(said("f c@{", &["c@{1}", "c@{2}"]), "nothing\n@{1}\n@{2}\n");
        assert_eq!(said("f ", &["{a,b}", "#x"]), "nothing\n\\{a,b\\}\n\\#x\n");
        assert_eq!(said("f ~", &["~/x/"]), "nothing open\n~/x/\n");
        assert_eq!(said("f c", &["c@"]), "nothing open\nc@\n");
    }

    #[test]
    fn zsh_and_fish_get_words_too() {
        let reply = reply(&["a:b\\", "d/"]);
        assert_eq!(zsh(&reply), "nothing\n a\\:b\\\\:a: b\n/d/:a: b\n");
        assert_eq!(fish(&reply), "nothing\na:b\\\ta: b\nd/\ta: b\n");
    }
}
