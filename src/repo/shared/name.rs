//! What objects in a store are called, and machines.

use crate::model::SnapshotId;

/// Which repository it is.
pub const REPOSITORY: &str = "repository";
/// What the names of archives begin with.
pub const ARCHIVES: &str = "archive/";
/// What the names begin with under which it is tried out whether a store keeps its word.
pub const PROBES: &str = "probe/";
/// What the names of machines begin with that nobody waits for any more.
pub const RETIRED: &str = "retired/";
/// What the names of machines begin with.
pub const MACHINES: &str = "machine/";
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

/// What the pieces of a machine's log begin with.
pub fn log(machine: &str) -> String {
    format!("log/{machine}/")
}

/// The piece that begins at byte `from`.
pub fn piece(machine: &str, from: u64) -> String {
    format!("log/{machine}/{from:016x}")
}

/// Where a piece begins.
pub fn begins(machine: &str, key: &str) -> Option<u64> {
    let digits = key.strip_prefix(&log(machine))?;
    u64::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() == 16)
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
        assert_eq!(begins("m", &piece("m", 77)), Some(77));
        assert_eq!(begins("m", "log/m/77"), None);
        assert!(is_probe("probe/0123456789abcdef0123456789abcdef"));
        assert!(!is_probe("probe/mine") && !is_probe("repository"));
    }
}
