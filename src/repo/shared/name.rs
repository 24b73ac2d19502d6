//! What objects in a store are called, and machines.

use std::ops::Range;

use crate::model::SnapshotId;

/// Which repository it is.
pub const REPOSITORY: &str = "repository";
/// What the names of archives begin with.
pub const ARCHIVES: &str = "archive/";
/// What the names begin with under which it is tried out whether a store keeps its word.
pub const PROBES: &str = "probe/";
/// What the names of machines begin with.
pub const MACHINES: &str = "machine/";
/// What a machine is that nobody waits for any more.
const RETIRED: &str = "retired";
/// The longest name of a machine, in bytes.
const LONGEST: usize = 64;

/// An archive.
pub fn archive(id: SnapshotId) -> String {
    format!("{ARCHIVES}{id}.zip")
}

/// The archive of that name.
pub fn archive_id(key: &str) -> Option<SnapshotId> {
    key.strip_prefix(ARCHIVES)?
        .strip_suffix(".zip")?
        .parse()
        .ok()
}

/// What an object says of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// Its log is in the store up to that byte; 0: it writes.
    End(u64),
    /// Nobody waits for it any more.
    Retired,
}

/// The object that says it.
pub fn word(machine: &str, word: Word) -> String {
    match word {
        Word::End(end) => format!("{MACHINES}{machine}/{end:016x}"),
        Word::Retired => format!("{MACHINES}{machine}/{RETIRED}"),
    }
}

/// What the object of that name says, and of which machine.
pub fn said(key: &str) -> Option<(&str, Word)> {
    let (machine, word) = key.strip_prefix(MACHINES)?.split_once('/')?;
    let word = match word {
        RETIRED => Word::Retired,
        digits => Word::End(number(digits)?),
    };
    is_whole(machine).then_some((machine, word))
}

/// What the pieces of a machine's log begin with.
pub fn log(machine: &str) -> String {
    format!("log/{machine}/")
}

/// The piece that begins at byte `from`.
pub fn piece(machine: &str, from: u64) -> String {
    format!("log/{machine}/{from:016x}")
}

/// The piece that others were joined to.
pub fn joined(machine: &str, range: &Range<u64>) -> String {
    format!("log/{machine}/{:016x}-{:016x}", range.start, range.end)
}

/// The bytes of the log that a piece of `size` bytes has; `None` when it is none.
pub fn range(machine: &str, key: &str, size: u64) -> Option<Range<u64>> {
    let digits = key.strip_prefix(&log(machine))?;
    let (from, end) = match digits.split_once('-') {
        Some((from, end)) => (from, Some(number(end)?)),
        None => (digits, None),
    };
    let from = number(from)?;
    let range = from..from.checked_add(size)?;
    (!range.is_empty() && end.is_none_or(|end| end == range.end)).then_some(range)
}

/// A number as names have it.
fn number(digits: &str) -> Option<u64> {
    let plain = digits
        .bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (plain && digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Whether that is what somebody tries a store out with, or has left of that.
pub fn is_probe(key: &str) -> bool {
    let digits = key.strip_prefix(PROBES).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A machine's name as others see it, of a whole name `NAME.ID`.
pub fn short(machine: &str) -> &str {
    machine.rsplit_once('.').map_or(machine, |(name, _)| name)
}

/// Whether that can be a whole name: what a store says of machines becomes names of files.
pub fn is_whole(machine: &str) -> bool {
    let digits = |id: &str| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    machine
        .rsplit_once('.')
        .is_some_and(|(name, id)| tame(name) == name && digits(id))
}

/// A name without what does not belong into one.
pub fn tame(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let tamed: String = name.chars().filter(|c| plain(*c)).take(LONGEST).collect();
    let tamed = tamed.trim_matches('.').replace("..", ".");
    match tamed.is_empty() {
        true => "machine".into(),
        false => tamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tame() {
        for (name, tamed) in [
            ("host", "host"),
            ("a.b-c_1", "a.b-c_1"),
            ("../../x", "x"),
            ("a/b c\n", "abc"),
            ("", "machine"),
            ("....", "machine"),
        ] {
            assert_eq!(tame(name), tamed);
        }
        assert!(is_whole("a.b.0123456789abcdef"));
        for bad in [
            "a",
            "a.0123",
            "../x.0123456789abcdef",
            ".0123456789abcdef",
            "a.0123456789abcdeg",
        ] {
            assert!(!is_whole(bad), "{bad}");
        }
        assert_eq!(short("a.b.0123456789abcdef"), "a.b");
        assert!(is_probe("probe/0123456789abcdef0123456789abcdef"));
        assert!(!is_probe("probe/mine") && !is_probe("repository"));
    }

    #[test]
    fn names_say_what_they_stand_for() {
        assert_eq!(range("m", &piece("m", 77), 3), Some(77..80));
        assert_eq!(range("m", &joined("m", &(7..80)), 73), Some(7..80));
        assert_eq!(range("m", &joined("m", &(7..80)), 72), None);
        assert_eq!(range("m", &piece("m", u64::MAX), 3), None);
        for bad in [
            "log/m/77",
            "log/n/0000000000000000",
            "log/m/+000000000000000",
        ] {
            assert_eq!(range("m", bad, 3), None, "{bad}");
        }
        let machine = "a.b.0123456789abcdef";
        for told in [Word::End(0), Word::End(77), Word::Retired] {
            assert_eq!(said(&word(machine, told)), Some((machine, told)));
        }
        for bad in [
            "machine/a.0123456789abcdef",
            "machine/a.0123456789abcdef/77",
            "machine/a.0123456789abcdef/+000000000000001",
            "machine/../retired",
            "machine/x/../retired",
        ] {
            assert_eq!(said(bad), None, "{bad}");
        }
    }
}
