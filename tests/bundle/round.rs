//! There and back: what is performed far away is what was here.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::land::land;
use crate::support::{Oracle, Person, Sandbox, Told, as_root, outcomes, records};

/// Changes of every kind, of everything that a tree can hold.
fn everything(s: &Sandbox) {
    s.tree("src").menagerie();
    s.twin("src", "copy");
    let src = s.tree("src");
    src.edit("plain", "other\n")
        .remove("deep/er/still/file")
        .remove("deep/er/still")
        .file("deep/fresh/leaf", "leaf")
        .link("deep/fresh/to", "leaf")
        .file("twins/c", "three names")
        .hard("twins/d", "twins/c")
        .hard("e", "twins/c")
        .remove("twins/a")
        .file("twins/a", "on its own")
        .remove("to file")
        .file("to file", "a file now")
        .remove("to dir")
        .link("to dir", "hollow")
        .remove("empty")
        .dir("empty/now a directory")
        .mode("secret", 0o640)
        .mtime("old", -90_000, 7)
        .xattr("noted", "user.colour", b"red")
        .xattr("hollow/in", "user.more", b"m")
        .sparse("other holes", 5 << 20, 2 << 20, b"x")
        .file(
            "large",
            (0..9_500_000u32)
                .flat_map(|n| (n / 1000).to_le_bytes())
                .collect::<Vec<_>>(),
        )
        .file(b"odd\n\xff", "odd")
        .file("back\\slash", "b")
        .file(".fsync/own", "a name like ours")
        .fifo("second pipe")
        .settle();
}

#[test]
fn everything_arrives_and_a_second_time_is_no_work() {
    let l = land("--delete --xattrs --owner", everything);
    l.s.run("fsync-apply --bundle F.zip far").code(0).nothing();
    l.wanted.assert_is(l.s.path("far"));
    let again = l.s.run("fsync-apply --json --bundle F.zip far").code(0);
    for outcome in outcomes(&again.records()) {
        assert!(outcome.ends_with(" already"), "{outcome}");
    }
    l.wanted.assert_is(l.s.path("far"));
}

#[test]
fn large_and_sparse_files_are_what_they_were() {
    let l = land("", |s| {
        let noise = |n: u32| n.wrapping_mul(2_654_435_761).to_le_bytes();
        s.tree("src")
            .file(
                "noise",
                (0..5_000_000u32).flat_map(noise).collect::<Vec<_>>(),
            )
            .sparse("holes", 64 << 20, 32 << 20, b"in the middle");
        s.tree("copy");
    });
    l.s.run("fsync-apply --bundle F.zip far").code(0);
    l.wanted.assert_is(l.s.path("far"));
    let blocks = fs::metadata(l.s.path("far/holes")).unwrap().blocks();
    assert!(blocks * 512 < 8 << 20, "holes stay holes: {blocks} blocks");
    assert!(fs::metadata(l.s.path("F.zip")).unwrap().len() < 30 << 20);
}

#[test]
fn renames_travel_without_contents() {
    let l = land("--delete --renames", |s| {
        let noise: Vec<u8> = (0..50_000u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let copy = s.tree("copy");
        copy.file("a/one", noise)
            .file("dir/x", "x")
            .file("dir/y", "yy")
            .file("p", "pp")
            .file("q", "qqq")
            .settle();
        s.twin("copy", "src");
        let src = s.tree("src");
        fs::rename(src.at("a/one"), src.at("two")).unwrap();
        fs::rename(src.at("dir"), src.at("moved")).unwrap();
        fs::rename(src.at("p"), src.at("r")).unwrap();
        fs::rename(src.at("q"), src.at("p")).unwrap();
        fs::rename(src.at("r"), src.at("q")).unwrap();
        src.mode("two", 0o600).mtime("two", 1_600_000_000, 0);
    });
    assert!(
        fs::metadata(l.s.path("F.zip")).unwrap().len() < 20_000,
        "no contents"
    );
    let plan = l.s.run("fsync-diff --bundle F.zip").code(0).text();
    assert!(
        plan.contains("R\ttwo\ta/one") || plan.contains("R\ta/one\ttwo"),
        "{plan}"
    );
    l.s.run("fsync-apply --bundle F.zip far").code(0);
    l.wanted.assert_is(l.s.path("far"));
    let again = l.s.run("fsync-apply --json --bundle F.zip far").code(0);
    assert!(
        outcomes(&again.records())
            .iter()
            .all(|o| o.ends_with(" already"))
    );
    l.wanted.assert_is(l.s.path("far"));
}

#[test]
fn several_sources_and_a_missing_destination() {
    let s = Sandbox::new();
    s.tree("low")
        .file("d/a", "low")
        .file("d/only", "1")
        .mode("d", 0o755)
        .settle();
    s.tree("high")
        .file("d/a", "higher")
        .mode("d", 0o750)
        .settle();
    s.run("fsync bundle -o F.zip low high not-there").code(0);
    s.run("fsync cp low high both").code(0);
    let wanted = Oracle::of(s.path("both"));
    s.sh("rm -r low high both repo").code(0);
    s.run("fsync-apply --bundle F.zip far").code(0);
    wanted.assert_is(s.path("far"));
    s.run("fsync-apply --bundle F.zip a/b/far")
        .code(4)
        .one_line("fsync-apply", &["--parents"]);
    s.run("fsync-apply --parents --bundle F.zip a/b/far")
        .code(0);
    wanted.assert_is(s.path("a/b/far"));
}

#[test]
fn a_snapshot_stands_for_the_far_directory_and_for_a_source() {
    let s = Sandbox::new();
    s.tree("dir").file("a", "1").file("b", "22").settle();
    s.twin("dir", "far");
    s.run("fsync-snap -t first dir").code(0);
    s.tree("dir")
        .edit("a", "333")
        .file("c", vec![5; 9 << 20])
        .remove("b")
        .settle();
    s.run("fsync-snap -t new dir").code(0);
    s.tree("dir").edit("a", "later than both");
    s.run("fsync bundle --delete -d dir -o F.zip new first")
        .code(0);
    s.sh("rm -r dir repo").code(0);
    s.run("fsync-apply --bundle F.zip far").code(0);
    assert_eq!(s.tree("far").read("a"), b"333");
    assert_eq!(s.tree("far").read("c"), vec![5; 9 << 20]);
    assert!(!s.tree("far").has("b"));
}

#[test]
fn the_bundle_says_nothing_of_inodes_and_sources() {
    let l = land("--delete", |s| {
        s.tree("src").file("a", "1").settle();
        s.tree("copy").file("a", "22").file("b", "3").settle();
    });
    let text = l.s.sh("unzip -p F.zip .fsync/plan.ndjson").code(0).bytes();
    let plan = records(&text);
    assert_eq!(plan.len(), 4, "{plan:?}");
    assert!(
        plan[0]["sources"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with("/src"),
        "provenance stays"
    );
    let text = String::from_utf8(text).unwrap();
    for word in ["\"dev\"", "\"ino\"", "\"ctime\""] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    let shown =
        l.s.run("fsync-diff --json --bundle F.zip far")
            .code(0)
            .records();
    assert_eq!(shown[0]["sources"].as_array().unwrap().len(), 0);
    assert!(
        shown[0]["destination"]["path"]
            .as_str()
            .unwrap()
            .ends_with("/far")
    );
    assert_eq!(shown[1..], plan[1..]);
}

#[test]
fn the_file_is_its_owners_alone_and_goes_where_it_is_told() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1");
    s.tree("dst");
    let told = s.run("fsync bundle -o F.zip src dst").code(0);
    assert_eq!(
        told.complaint(),
        "fsync: \"F.zip\": 1 added, 1 B of contents\n"
    );
    assert_eq!(
        fs::metadata(s.path("F.zip")).unwrap().mode() & 0o7777,
        0o600
    );
    s.sh("fsync bundle -q src dst >G.zip && unzip -tq G.zip")
        .code(0);
    s.sh("fsync bundle -q src dst | head -c 1 >/dev/null")
        .code(0);
    s.sh("mkfifo pipe").code(0);
    s.run("fsync bundle -o pipe src dst")
        .code(4)
        .one_line("fsync", &["\"pipe\"", "no regular file"]);
    s.run("fsync bundle -o missing/F.zip src dst")
        .code(9)
        .one_line("fsync", &["missing"]);
    s.run("fsync bundle -o F.zip src").code(2);
    s.run("fsync bundle -o H.zip nothing dst").code(6);
    assert!(!s.path("H.zip").exists());
    let left = fs::read_dir(s.path(".")).unwrap().count();
    assert_eq!(left, 6, "home src dst F.zip G.zip pipe, and no temporaries");
}

#[test]
fn an_ordinary_user_performs_what_root_has_bundled() {
    if !as_root() {
        return;
    }
    let p = Person::nobody();
    p.s.tree("src")
        .file("a", "root's")
        .owner("a", 0, 0)
        .file("d/b", "2")
        .settle();
    p.s.tree("copy").file("a", "older").settle();
    p.s.run("fsync bundle -o F.zip src copy").code(0);
    p.s.twin("copy", "far");
    p.own();
    p.sh("fsync-apply --bundle F.zip far").code(0);
    assert_eq!(p.s.tree("far").read("a"), b"root's");
    assert_eq!(fs::metadata(p.s.path("far/a")).unwrap().uid(), 65_534);
    let again = p.sh("fsync-apply --json --bundle F.zip far").code(0);
    let all = outcomes(&again.records());
    assert!(all.iter().all(|o| o.ends_with(" already")), "{all:?}");
}

#[test]
fn an_ordinary_user_makes_one() {
    let p = Person::nobody();
    p.build(|s| {
        s.tree("src")
            .file("a", "mine")
            .mode("a", 0o400)
            .link("l", "a")
            .settle();
        s.tree("far");
    });
    p.sh("fsync bundle -o F.zip src far && mv src gone && fsync cp --bundle F.zip far")
        .code(0);
    assert_eq!(p.s.tree("far").read("a"), b"mine");
    p.sh("fsync rv -d far && ! test -e far/a").code(0);
}
