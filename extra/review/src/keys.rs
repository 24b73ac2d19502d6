//! What is typed: the bytes of the terminal as keys. They are decoded here, because crossterm forgets those that come while
//! the terminal is made larger or smaller, and those behind the first thousand.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

const ESC: u8 = 0x1b;
/// No sequence that a key sends is as long.
const LONGEST: usize = 32;

/// Reads keys.
pub struct Keys {
    terminal: File,
    /// The beginning of a key.
    rest: Vec<u8>,
}

impl Keys {
    /// Of an open terminal.
    pub fn new(terminal: File) -> Self {
        Keys {
            terminal,
            rest: Vec::new(),
        }
    }

    /// Waits a moment for keys; those that came.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn wait(&mut self, moment: Duration) -> io::Result<Vec<KeyEvent>> {
        let mut fds = [PollFd::from_borrowed_fd(
            self.terminal.as_fd(),
            PollFlags::IN,
        )];
        let time = Timespec {
            tv_sec: 0,
            tv_nsec: moment.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&time)) {
            // What has no end by now is all that was typed.
            Ok(0) => return Ok(decode(&mut self.rest, true)),
            Err(Errno::INTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(e) => return Err(e.into()),
        }
        if !fds[0].revents().contains(PollFlags::IN) {
            return Err(Errno::IO.into());
        }
        let mut some = [0; 4_096];
        match self.terminal.read(&mut some) {
            Ok(0) => return Err(Errno::IO.into()),
            Ok(size) => self.rest.extend(&some[..size]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        Ok(decode(&mut self.rest, false))
    }
}

/// Takes the keys out of bytes, and leaves what may go on, unless that was `all`.
fn decode(bytes: &mut Vec<u8>, all: bool) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut at = 0;
    while let Some((size, key)) = first(&bytes[at..], all) {
        keys.extend(key);
        at += size;
    }
    bytes.drain(..at);
    keys
}

/// The first key, if it is one that means something, and how many bytes it is; nothing: there is no whole one.
fn first(bytes: &[u8], all: bool) -> Option<(usize, Option<KeyEvent>)> {
    let plain = |code| Some(KeyEvent::new(code, KeyModifiers::NONE));
    match bytes {
        [] => None,
        [ESC] if !all => None,
        [ESC] | [ESC, ESC, ..] => Some((1, plain(KeyCode::Esc))),
        [ESC, b'[', rest @ ..] if all || !rest.is_empty() => sequence(rest, all),
        [ESC, b'O', b'M', ..] => Some((3, plain(KeyCode::Enter))),
        [ESC, b'O', letter, ..] => Some((3, named(*letter).and_then(plain))),
        [ESC, b'[' | b'O'] if !all => None,
        [ESC, rest @ ..] => {
            let (size, key) = first(rest, all)?;
            let key = key.map(|k| KeyEvent::new(k.code, k.modifiers | KeyModifiers::ALT));
            Some((size + 1, key))
        }
        [b'\r', ..] => Some((1, plain(KeyCode::Enter))),
        [b'\t', ..] => Some((1, plain(KeyCode::Tab))),
        [0x08 | 0x7f, ..] => Some((1, plain(KeyCode::Backspace))),
        [control @ 1..=0x1a, ..] => {
            let letter = KeyCode::Char(char::from(control - 1 + b'a'));
            Some((1, Some(KeyEvent::new(letter, KeyModifiers::CONTROL))))
        }
        [0..=0x1f, ..] => Some((1, None)),
        _ => letter(bytes, all).map(|(size, c)| (size, c.map(KeyCode::Char).and_then(plain))),
    }
}

/// A key that sends more than one character: what comes behind `ESC [`.
fn sequence(bytes: &[u8], all: bool) -> Option<(usize, Option<KeyEvent>)> {
    let last = bytes.iter().position(|b| !(0x20..0x40).contains(b));
    let Some(last) = last.filter(|last| bytes[*last] != b'[' || *last + 1 < bytes.len()) else {
        return (all || bytes.len() > LONGEST).then_some((2 + bytes.len(), None));
    };
    let code = match bytes[last] {
        // The console's function keys.
        b'[' => {
            let key = (bytes[last + 1] == b'A').then_some(KeyCode::F(1));
            return Some((2 + last + 2, key.map(KeyEvent::from)));
        }
        b'~' => match bytes[..last].split(|b| *b == b';').next() {
            Some(b"1" | b"7") => Some(KeyCode::Home),
            Some(b"4" | b"8") => Some(KeyCode::End),
            Some(b"5") => Some(KeyCode::PageUp),
            Some(b"6") => Some(KeyCode::PageDown),
            Some(b"11") => Some(KeyCode::F(1)),
            _ => None,
        },
        letter => named(letter),
    };
    Some((2 + last + 1, code.map(KeyEvent::from)))
}

/// The key whose sequence ends so.
fn named(letter: u8) -> Option<KeyCode> {
    match letter {
        b'A' => Some(KeyCode::Up),
        b'B' => Some(KeyCode::Down),
        b'C' => Some(KeyCode::Right),
        b'D' => Some(KeyCode::Left),
        b'H' => Some(KeyCode::Home),
        b'F' => Some(KeyCode::End),
        b'P' => Some(KeyCode::F(1)),
        _ => None,
    }
}

/// A character in UTF-8; a byte that begins none is nothing.
fn letter(bytes: &[u8], all: bool) -> Option<(usize, Option<char>)> {
    let size = match bytes[0] {
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => 1,
    };
    match bytes.get(..size).unwrap_or(bytes) {
        some if some.len() < size && !all => None,
        some => match std::str::from_utf8(some) {
            Ok(text) => Some((size, text.chars().next())),
            Err(_) => Some((1, None)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All keys of bytes that come at once, and nothing behind them.
    fn keys(bytes: &[u8]) -> Vec<KeyEvent> {
        let mut bytes = bytes.to_vec();
        let mut keys = decode(&mut bytes, false);
        keys.extend(decode(&mut bytes, true));
        assert!(bytes.is_empty());
        keys
    }

    fn codes(bytes: &[u8]) -> Vec<KeyCode> {
        keys(bytes).into_iter().map(|key| key.code).collect()
    }

    #[test]
    fn bytes_are_keys() {
        use KeyCode::{Backspace, Char, Down, End, Enter, Esc, F, Home, PageDown, PageUp, Tab, Up};
        let cases: [(&[u8], &[KeyCode]); 12] = [
            (
                b"aG\r\t\x7f",
                &[Char('a'), Char('G'), Enter, Tab, Backspace],
            ),
            (
                "\u{e4}\u{4f60}".as_bytes(),
                &[Char('\u{e4}'), Char('\u{4f60}')],
            ),
            (b"\x1b[A\x1bOBx", &[Up, Down, Char('x')]),
            (
                b"\x1b[5~\x1b[6~\x1b[1~\x1b[8~",
                &[PageUp, PageDown, Home, End],
            ),
            (b"\x1b[H\x1bOF\x1b[1;5A\x1bOM", &[Home, End, Up, Enter]),
            (
                b"\x1bOP\x1b[11~\x1b[[A\x1b[[Bx",
                &[F(1), F(1), F(1), Char('x')],
            ),
            (b"\x1b", &[Esc]),
            (b"\x1b\x1b", &[Esc, Esc]),
            (b"\x1b[?1;2c\x1b[<0;1;1Mx", &[Char('x')]),
            (b"\xff\xc3(\x00\x1f", &[Char('(')]),
            (b"\x1b[", &[]),
            (b"\xe4\xbd", &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                codes(bytes),
                expected,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn control_and_alt_are_told() {
        let all = keys(b"\x03\x1a\x1bq");
        let both = |letter, modifiers| KeyEvent::new(KeyCode::Char(letter), modifiers);
        assert_eq!(
            all,
            [
                both('c', KeyModifiers::CONTROL),
                both('z', KeyModifiers::CONTROL),
                both('q', KeyModifiers::ALT)
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Wherever a read ends, the keys are the same.
        #[test]
        fn a_key_may_come_in_parts(
            which in prop::collection::vec(0..6_usize, 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let parts: [&[u8]; 6] = [b"a", b"\x1b[A", b"\x1b[1;5B", b"\x1bOH", b"\x1b[5~", "\u{4f60}".as_bytes()];
            let bytes = which.iter().flat_map(|at| parts[*at]).copied().collect::<Vec<u8>>();
            let (front, back) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut rest = front.to_vec();
            let mut told = decode(&mut rest, false);
            rest.extend(back);
            told.extend(decode(&mut rest, false));
            prop_assert_eq!(told, keys(&bytes));
        }

        #[test]
        fn no_bytes_are_left_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            keys(&bytes);
        }
    }
}
