//! `fsync du`: what the repository holds, and what each snapshot alone costs.

use std::fs;

use serde_json::Value;

use crate::support::{Sandbox, Told};

/// Bytes that do not compress, and are others for every seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A number of the record about `of` with that id or directory.
fn number(records: &[Value], of: &str, name: &str, field: &str) -> u64 {
    let fits = |r: &&Value| {
        r["of"] == of && (name.is_empty() || r["id"] == name || r["directory"]["path"] == name)
    };
    let found = records
        .iter()
        .find(fits)
        .unwrap_or_else(|| panic!("{of} {name}"));
    found[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field} of {found}"))
}

fn near(found: u64, wanted: u64) {
    let far = found.abs_diff(wanted);
    assert!(far < 4096, "{found} is not about {wanted}");
}

#[test]
fn alone_is_what_no_other_snapshot_needs() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("kept", noise(1, 100_000))
        .file("replaced", noise(2, 50_000));
    let one = s.snap("d");
    d.edit("replaced", noise(3, 30_000));
    let two = s.snap("d");
    d.edit("other", noise(4, 20_000));
    let three = s.snap("d");
    s.tree("e")
        .file("same as d's", noise(1, 100_000))
        .file("own", noise(5, 10_000));
    let four = s.snap("e");
    let records = s.run("fsync du --json").code(0).stderr("").records();
    let size = |id: &str| fs::metadata(s.archive(id)).unwrap().len();
    let alone = |id: &str| number(&records, "snapshot", id, "alone_bytes");
    near(alone(&one), 50_000);
    near(alone(&two), 0);
    near(alone(&three), 20_000);
    // The first archive of a directory repeats what others have.
    near(alone(&four), 110_000);
    for id in [&one, &two, &three, &four] {
        assert_eq!(number(&records, "snapshot", id, "archive_bytes"), size(id));
    }
    let all: u64 = [&one, &two, &three, &four].map(|id| size(id)).iter().sum();
    assert_eq!(number(&records, "repository", "", "archives"), 4);
    assert_eq!(number(&records, "repository", "", "archive_bytes"), all);
    assert_eq!(number(&records, "repository", "", "contents"), 5);
    assert_eq!(number(&records, "repository", "", "content_bytes"), 210_000);
    let path = |name: &str| {
        s.path(name)
            .canonicalize()
            .unwrap()
            .to_str()
            .unwrap()
            .to_string()
    };
    let d_alone = number(&records, "directory", &path("d"), "alone_bytes");
    // Without d, e needs one of the contents that lie in d's archive.
    near(d_alone, size(&one) + size(&two) + size(&three) - 100_000);
    assert_eq!(number(&records, "directory", &path("d"), "archives"), 3);
}

#[test]
fn only_directory_alone_is_all_of_it() {
    let s = Sandbox::new();
    let d = s.tree("d");
    for n in 0..4 {
        d.file(format!("{n}/f"), noise(n, 5000));
        s.snap("d");
    }
    let records = s.run("fsync du --json").code(0).records();
    let all = number(&records, "repository", "", "archive_bytes");
    assert_eq!(number(&records, "directory", "", "alone_bytes"), all);
    assert_eq!(records.len(), 1 + 1 + 4);
    let summary = s.run("fsync du --json -s").code(0).records();
    assert_eq!(summary[..], records[..2]);
}

#[test]
fn chunks_that_versions_share_are_counted_once() {
    let s = Sandbox::new();
    let d = s.tree("d");
    let mut bytes = noise(9, 16 << 20);
    d.file("large", &bytes);
    let one = s.snap("d");
    bytes[8 << 20] ^= 1;
    d.edit("large", &bytes);
    let two = s.snap("d");
    let records = s.run("fsync du --json").code(0).records();
    let held = number(&records, "repository", "", "packed_content_bytes");
    let archives = number(&records, "repository", "", "archive_bytes");
    assert!(held <= archives, "{held} of {archives}");
    assert!(held > 16 << 20);
    for id in [one, two] {
        let alone = number(&records, "snapshot", &id, "alone_bytes");
        assert!(
            (100_000..6 << 20).contains(&alone),
            "{alone}: the chunk that differs"
        );
    }
}

#[test]
fn lines_name_what_they_count() {
    let s = Sandbox::new();
    s.tree("d\tx").file("f", "1");
    s.sh("fsync-snap \"d\tx\"").code(0);
    s.tree("e").file("f", "1");
    let id = s.snap("e");
    let text = s.run("fsync du").code(0).stderr("").text();
    let words: Vec<Vec<&str>> = text.lines().map(|l| l.split('\t').collect()).collect();
    assert!(words.iter().all(|fields| fields.len() == 5), "{text}");
    let names: Vec<&str> = words.iter().map(|fields| fields[0]).collect();
    assert_eq!(
        names,
        [
            "total",
            "archives",
            "contents",
            "unpacked",
            "nodes",
            "log",
            "catalog",
            "directory",
            "directory",
            "snapshot",
            "snapshot"
        ]
    );
    assert!(text.contains("d\\tx\"\n"), "{text}");
    let only = s.run("fsync du -d e").code(0).text();
    assert_eq!(only.lines().count(), 7 + 2);
    assert!(only.ends_with(&id), "{only}");
    s.run("fsync du -d home")
        .code(6)
        .nothing()
        .one_line("fsync", &["\"home\""]);
    s.run("fsync du --repo nowhere")
        .code(6)
        .nothing()
        .one_line("fsync", &["nowhere"]);
}
