//! What programs say to people: lines on stderr that begin with the program's name.

use std::io::stderr;

use anstyle::Style;

use crate::cli::colour::{self, paint};
use crate::cli::progress::aside;
use crate::cli::screen::write;
use crate::model::quote::is_hidden;

/// A program's voice.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    name: &'static str,
    level: i8,
}

impl Talk {
    /// The voice of program `name`; `quiet` leaves only errors, `verbose` adds details.
    pub fn new(name: &'static str, quiet: bool, verbose: bool) -> Self {
        Talk {
            name,
            level: i8::from(verbose) - i8::from(quiet),
        }
    }

    /// Something that failed, or was passed over for cause: always said.
    pub fn error(self, message: &str) {
        self.say(message, colour::ERROR);
    }

    /// What was done, in a line: said unless quiet.
    pub fn note(self, message: &str) {
        if self.level >= 0 {
            self.say(message, colour::NAME);
        }
    }

    /// Details: said when verbose.
    pub fn detail(self, message: &str) {
        if self.level > 0 {
            self.say(message, colour::NAME);
        }
    }

    /// What another program of ours has said, with its own name: said as it is.
    pub fn pass_on(self, said: &[u8]) {
        aside(|| write(said));
    }

    fn say(self, message: &str, style: Style) {
        // Whatever a message quotes, it stays one line, moves no cursor and floods no terminal.
        let message = shown(&shortened(message));
        // One write, so that lines of several programs do not mix.
        let name = match colour::wanted(&stderr()) {
            true => paint(style, self.name),
            false => self.name.to_string(),
        };
        let line = format!("{name}: {message}\n");
        aside(|| write(line.as_bytes()));
    }
}

/// The most characters of a message: room for two paths of `PATH_MAX`.
const LONGEST: usize = 10_000;

/// A message without its middle, where it is too long: input may hold words of any length.
fn shortened(message: &str) -> std::borrow::Cow<'_, str> {
    if message.len() <= LONGEST {
        return message.into();
    }
    let half = |at: usize| (0..=at).rev().find(|at| message.is_char_boundary(*at));
    let head = half(LONGEST / 2).unwrap_or(0);
    let tail = half(message.len() - LONGEST / 2).unwrap_or(0);
    format!("{} [...] {}", &message[..head], &message[tail..]).into()
}

/// Text as it may reach a terminal: whatever it quotes, it stays one line, moves no cursor and hides nothing.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hidden(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_an_end() {
        assert_eq!(shortened("short"), "short");
        let long = format!("begin {} end", "\u{e4}".repeat(LONGEST));
        let said = shortened(&long);
        assert!(said.len() < LONGEST + 20 && said.starts_with("begin ") && said.ends_with(" end"));
    }
}
