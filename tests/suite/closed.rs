//! What an ordinary user may not: read, own, set. Root builds it, so without root these tests are skipped.

use crate::support::{FREE, Oracle, Person, Told, outcomes, quiet};

/// An ordinary user, and root to build what he could not.
fn nobody() -> Option<Person> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: root has to build what an ordinary user may not read");
        return None;
    }
    Some(Person::nobody())
}

const THROUGH: &str = "fsync-snap --through | fsync-apply --json --require-snapshot";

#[test]
fn deletions_are_held_back_below_what_could_not_be_read_and_nowhere_else() {
    for source in ["src", "$(fsync-snap src)"] {
        let Some(p) = nobody() else { return };
        p.build(|s| {
            let (src, dst) = (s.tree("src"), s.tree("dst"));
            src.file("closed/a", "a")
                .file("open/a", "a")
                .file("deep/closed/x", "x");
            for dir in ["closed", "open", "deep/closed", "deep/gone", "gone"] {
                dst.file(format!("{dir}/extra"), "extra");
            }
            src.mode("closed", 0).mode("deep/closed", 0o300);
        });
        p.sh(&format!(
            "fsync-diff --json --delete {source} dst | {THROUGH}"
        ))
        .code(3);
        let dst = p.s.tree("dst");
        for (name, kept) in [
            ("closed/extra", true),
            ("deep/closed/extra", true),
            ("open/extra", false),
            ("deep/gone", false),
            ("gone", false),
        ] {
            assert_eq!(dst.has(name), kept, "{name} from {source}");
        }
        assert_eq!(dst.read("open/a"), b"a");
    }
}

#[test]
fn an_unreadable_file_of_the_source_replaces_nothing() {
    for source in ["src", "$(fsync-snap src)"] {
        let Some(p) = nobody() else { return };
        p.build(|s| {
            for (tree, content) in [("src", "new"), ("dst", "old one")] {
                let tree = s.tree(tree);
                tree.file("secret", content)
                    .file("f", content)
                    .file("new secret", content);
            }
            s.tree("src")
                .mode("secret", 0)
                .mode("new secret", 0)
                .settle();
            s.tree("dst").remove("new secret").settle();
        });
        let told = p
            .sh(&format!(
                "fsync-diff --json --delete {source} dst | {THROUGH}"
            ))
            .code(3);
        assert!(told.complaint().contains("\"secret\""), "{told}");
        let dst = p.s.tree("dst");
        assert_eq!(
            (dst.read("secret"), dst.read("f")),
            (b"old one".to_vec(), b"new".to_vec())
        );
        assert!(!dst.has("new secret"));
    }
}

#[test]
fn what_cannot_be_read_and_is_not_touched_is_recorded_as_such() {
    for source in ["src", "$(fsync-snap src)"] {
        let Some(p) = nobody() else { return };
        p.build(|s| {
            s.tree("src")
                .file("f", "new")
                .file("secret", "secret")
                .settle();
            s.tree("dst")
                .file("f", "old one")
                .file("secret", "secret")
                .settle();
        });
        p.s.tree("dst")
            .owner("secret", 0, 0)
            .mode("secret", 0o600)
            .mtime("secret", 1_600_000_000, 123_456_789);
        p.s.tree("src").mode("secret", 0o644);
        // Only its mode differs from the source's, and that is not his to change.
        let plan =
            format!("fsync-diff --json --delete {source} dst | grep -v '\"path\":\"secret\"'");
        let told = p.sh(&format!("{plan} | {THROUGH}"));
        let words = outcomes(&told.records());
        assert!(words.contains(&"f done".to_string()), "{told}");
        assert!(told.complaint().contains("secret"), "it is said: {told}");
        let id = std::fs::read_to_string(p.s.path("dst/.fsync-backup")).expect("a head");
        let info =
            p.s.sh(&format!(
                "unzip -p repo/{}.zip .fsync/snapshot.json",
                id.trim()
            ))
            .code(0)
            .text();
        let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
        assert!(
            info["unreadable"].to_string().contains("secret"),
            "{info:#}"
        );
        p.sh("fsync-revert dst")
            .code(predicates::prelude::predicate::in_iter([0, 3]));
        let dst = p.s.tree("dst");
        assert_eq!(
            (dst.read("f"), dst.read("secret")),
            (b"old one".to_vec(), b"secret".to_vec())
        );
    }
}

#[test]
fn a_setgid_directory_hands_its_group_down() {
    for source in ["src", "$(fsync-snap src)"] {
        let Some(p) = nobody() else { return };
        p.build(|s| {
            let src = s.tree("src");
            src.file("team/new", "n")
                .file("team/changed", "new")
                .dir("team/plain");
            src.dir("team/setgid")
                .mode("team/setgid", 0o2755)
                .file("team/suid", "s")
                .mode("team/suid", 0o6755);
            src.link("team/l", "x")
                .fifo("team/p")
                .mode("team", 0o2775)
                .settle();
            s.tree("dst")
                .file("team/changed", "old one")
                .file("team/gone", "")
                .settle();
        });
        let dst = p.s.tree("dst");
        dst.owner("team", 65_534, 77)
            .mode("team", 0o2775)
            .owner("team/changed", 65_534, 77);
        p.s.sh("chmod 2775 dst/team").success();
        let before = Oracle::of(dst.root());
        p.sh(&format!(
            "fsync-diff --json --delete {source} dst | fsync-snap --through | fsync-apply --require-snapshot {FREE}"
        ))
        .code(0)
        .stderr("");
        quiet(&p, source, "dst");
        let owned = |o: Oracle| o.owned(1, 1);
        let found = owned(Oracle::of(p.s.path("src"))).differences(&owned(Oracle::of(dst.root())));
        assert_eq!(found, "", "but for the groups");
        for name in ["team/new", "team/plain", "team/changed", "team"] {
            let gid = std::os::unix::fs::MetadataExt::gid(&dst.at(name).metadata().expect("it"));
            assert_eq!(gid, 77, "{name}");
        }
        p.sh("fsync-revert dst").code(0);
        // What is made again gets the group of its directory, as anything that he makes there.
        let found = owned(before).differences(&owned(Oracle::of(dst.root())));
        assert_eq!(found, "");
    }
}

#[test]
fn a_link_or_directory_of_somebody_else_is_left_with_a_word() {
    let Some(p) = nobody() else { return };
    p.build(|s| {
        s.tree("src").file("d/f", "new").file("f", "new").settle();
        s.tree("dst")
            .file("d/f", "old one")
            .file("f", "old one")
            .settle();
    });
    p.s.tree("dst").owner("d", 0, 0).mode("d", 0o755);
    let told = p
        .sh("fsync-diff --json src dst | fsync-apply --json")
        .code(3);
    let words = outcomes(&told.records());
    assert!(
        words.contains(&"d/f failed".to_string()) && words.contains(&"f done".to_string()),
        "{words:?}"
    );
    assert!(told.complaint().contains("Permission denied"), "{told}");
    assert_eq!(Oracle::of(p.s.path("dst")).len(), 3, "no temporary");
}

#[test]
fn a_device_that_he_could_not_bring_back_is_not_taken_away() {
    for source in ["src", "$(fsync-snap src)"] {
        let Some(p) = nobody() else { return };
        p.build(|s| {
            s.tree("src")
                .file("f", "new")
                .file("other kind", "f")
                .settle();
            s.tree("dst")
                .file("f", "old one")
                .file("d/g", "gone")
                .settle();
        });
        let dst = p.s.tree("dst");
        dst.device("null", 3)
            .device("d/null", 3)
            .device("other kind", 3)
            .settle();
        let before = Oracle::of(dst.root());
        let plan = p
            .sh(&format!("fsync-diff --json --delete {source} dst"))
            .code(3)
            .records();
        for name in ["null", "d/null", "other kind"] {
            let skip = plan
                .iter()
                .find(|r| r["type"] == "skip" && r["path"] == name);
            assert!(skip.is_some_and(|r| r["cause"] == true), "{plan:#?}");
        }
        p.sh(&format!(
            "fsync-diff --json --delete {source} dst | {THROUGH}"
        ))
        .code(3);
        assert!(dst.has("null") && dst.has("d/null") && !dst.has("d/g"));
        assert_eq!(dst.read("f"), b"new");
        p.sh("fsync-revert dst").code(0);
        before.assert_is(dst.root());
    }
}

#[test]
fn a_device_that_a_revert_cannot_make_is_told() {
    let Some(p) = nobody() else { return };
    p.build(|s| s.tree("dst").file("f", "one").settle().at("."));
    let dst = p.s.tree("dst");
    dst.device("null", 3).settle();
    let id = p.sh("fsync-snap dst").code(0).text();
    dst.remove("null");
    p.build(|s| s.tree("dst").edit("f", "two").at("."));
    let told = p.sh(&format!("fsync-revert dst {id}")).code(3);
    assert!(told.complaint().contains("\"null\""), "{told}");
    assert_eq!(dst.read("f"), b"one");
    p.sh(&format!("fsync-revert dst {id} --to out")).code(3);
    assert_eq!(p.s.tree("out").read("f"), b"one");
}
