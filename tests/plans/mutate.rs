//! Real plans with bytes flipped, pieces put elsewhere, lines dropped, repeated and shuffled. Whatever comes of it, the
//! programs end with a code of their own, nothing outside changes, and a plan that is refused has changed nothing.

use std::collections::BTreeMap;

use crate::forged::every;
use crate::support::{Canary, Oracle, Sandbox, Told, Traces, plan_line, quick_or_long};

/// A generator of numbers, which from one seed are always the same (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }

    /// A place in a text, and how many bytes from there.
    fn piece(&mut self, text: &[u8]) -> std::ops::Range<usize> {
        let start = self.roll(text.len());
        start..(start + 1 + self.roll(24)).min(text.len())
    }
}

/// What is put in now and then: what means something.
const WORDS: [&str; 28] = [
    "..",
    "/",
    "../",
    "\0",
    "\\u0000",
    "\n",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "null",
    "true",
    "-1",
    "1e400",
    "18446744073709551616",
    "4294967295",
    "9223372036854775807",
    "-9223372036854775808",
    "directory",
    "symlink",
    "\"D\"",
    "\"A\"",
    "\"R\"",
    "\"t\"",
    "outside/f",
    ".fsync-backup",
    "\u{9b}",
];

/// One thing done to a text.
fn spoil(text: &mut Vec<u8>, dice: &mut Dice) {
    if text.is_empty() {
        return;
    }
    match dice.roll(9) {
        0 => {
            let at = dice.roll(text.len());
            text[at] ^= 1 << dice.roll(8);
        }
        1 => {
            let at = dice.roll(text.len());
            text[at] = dice.roll(256) as u8;
        }
        2 => {
            let piece = dice.piece(text);
            text.drain(piece);
        }
        3 => {
            let piece = text[dice.piece(text)].to_vec();
            let at = dice.roll(text.len());
            text.splice(at..at, piece);
        }
        4 => {
            let at = dice.roll(text.len());
            let word = WORDS[dice.roll(WORDS.len())];
            text.splice(at..at, word.bytes());
        }
        5 => {
            // In the place of a number or of a word between quotes.
            let (start, word) = (dice.roll(text.len()), WORDS[dice.roll(WORDS.len())]);
            let ends = |b: &u8| matches!(b, b':' | b',' | b'"' | b'}');
            let from = text[start..]
                .iter()
                .position(ends)
                .map_or(start, |n| start + n + 1);
            let to = text[from..]
                .iter()
                .position(ends)
                .map_or(from, |n| from + n);
            text.splice(from..to, word.bytes());
        }
        _ => lines(text, dice),
    }
}

fn lines(text: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let (one, other) = (dice.roll(lines.len()), dice.roll(lines.len()));
    match dice.roll(4) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(one, lines[other].clone()),
        2 => lines.swap(one, other),
        _ => {
            // The head of one line and the tail of another.
            let cut = dice.roll(lines[one].len());
            let rest = dice.roll(lines[other].len());
            let tail = lines[other][rest..].to_vec();
            lines[one].truncate(cut);
            lines[one].extend(tail);
        }
    }
    *text = lines.concat();
}

/// What a run may change: all that lies in the sandbox but the destination, and where the repository is.
fn others(s: &Sandbox) -> BTreeMap<String, Oracle> {
    ["src", "outside", "home"]
        .map(|name| (name.to_string(), Oracle::of(s.path(name))))
        .into()
}

fn round(s: &Sandbox, canary: &Canary, line: &str, text: &[u8], what: &str) {
    let before = Traces::of(s.path("dst"));
    let told = s.feed(line, text);
    let code = told.get_output().status.code();
    let show = || format!("{what}: {}\n{told}", text.escape_ascii());
    assert!(matches!(code, Some(0 | 2..=6)), "{}", show());
    assert!(!told.complaint().contains("panicked"), "{}", show());
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!told.complaint().chars().any(odd), "{}", show());
    if code == Some(5) || code == Some(4) {
        assert_eq!(told.complaint().lines().count(), 1, "{}", show());
        before.assert_untouched(s.path("dst"));
    } else {
        s.sh("rm -rf dst; cp -a was dst").success();
    }
    canary.assert_sings();
}

fn seeds(count: usize) -> Box<dyn Iterator<Item = u64>> {
    match std::env::var("FSYNC_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => Box::new(std::iter::once(seed)),
        None => Box::new(0..count as u64),
    }
}

#[test]
fn spoiled_records() {
    let (s, canary, plan) = every();
    s.sh("cp -a dst was").success();
    let was = others(&s);
    let whole = plan_line(&plan);
    for seed in seeds(quick_or_long(250, 20_000)) {
        let mut dice = Dice(seed);
        let mut text = whole.clone();
        (0..1 + dice.roll(4)).for_each(|_| spoil(&mut text, &mut dice));
        round(
            &s,
            &canary,
            "fsync-apply src dst",
            &text,
            &format!("FSYNC_SEED={seed}"),
        );
    }
    assert!(was == others(&s), "something else changed");
}

#[test]
fn spoiled_records_through_snap() {
    let (s, canary, plan) = every();
    s.sh("cp -a dst was").success();
    let was = others(&s);
    let (header, rest) = (plan_line(&plan[..1]), plan_line(&plan[1..]));
    for seed in seeds(quick_or_long(60, 5_000)) {
        let mut dice = Dice(seed);
        let mut text = rest.clone();
        (0..1 + dice.roll(4)).for_each(|_| spoil(&mut text, &mut dice));
        // Its header names the directory that is recorded, so it stays.
        let text = [header.clone(), text].concat();
        round(
            &s,
            &canary,
            "fsync-snap --through",
            &text,
            &format!("FSYNC_SEED={seed}"),
        );
    }
    assert!(was == others(&s), "something else changed");
}

#[test]
fn spoiled_lines() {
    let (s, canary, _) = every();
    s.sh("cp -a dst was").success();
    let was = others(&s);
    let plain = s
        .run("fsync-diff --delete --renames src dst")
        .code(0)
        .bytes();
    let ended = s
        .run("fsync-diff -z --delete --renames src dst")
        .code(0)
        .bytes();
    for seed in seeds(quick_or_long(150, 10_000)) {
        let mut dice = Dice(seed);
        let mut text = if dice.roll(2) == 0 { &plain } else { &ended }.clone();
        (0..1 + dice.roll(3)).for_each(|_| spoil(&mut text, &mut dice));
        round(
            &s,
            &canary,
            "fsync-apply src dst",
            &text,
            &format!("FSYNC_SEED={seed}"),
        );
    }
    assert!(was == others(&s), "something else changed");
}

#[test]
fn spoiled_lists_of_paths() {
    let (s, canary, _) = every();
    s.sh("cp -a dst was").success();
    let list = b"edit\ngone\nkind\nold name\ntwin/a\nnot there\n./edit\n".to_vec();
    for seed in seeds(quick_or_long(60, 5_000)) {
        let mut dice = Dice(seed);
        let mut text = list.clone();
        (0..1 + dice.roll(3)).for_each(|_| spoil(&mut text, &mut dice));
        let line = [
            "fsync-snap dst --stdin",
            "fsync-diff --patch src dst --files-from -",
        ][dice.roll(2)];
        round(&s, &canary, line, &text, &format!("FSYNC_SEED={seed}"));
    }
    canary.assert_not_recorded(&s);
}
