//! `fsync-snap`: what a snapshot costs, when there is none, what goes through.

use predicates::str::contains;
use serde_json::json;

use crate::support::{Sandbox, Told, Traces, Tree, as_root, assert_same};

fn size(path: impl AsRef<std::path::Path>) -> u64 {
    std::fs::metadata(path).expect("a file").len()
}

#[test]
fn prints_the_id_and_writes_backup() {
    let s = Sandbox::new();
    s.tree("dst").menagerie();
    let id = s.snap("dst");
    assert_eq!(s.archives(), [s.archive(&id)]);
    assert_eq!(s.head("dst").as_ref(), Some(&id));
}

#[test]
fn a_snapshot_leaves_the_tree_as_it_was() {
    let s = Sandbox::new();
    s.tree("dst").menagerie();
    s.twin("dst", "before");
    s.snap("dst");
    assert_same(s.path("before"), s.path("dst"));
    s.run("fsync-diff --delete --xattrs before dst")
        .code(0)
        .nothing();
}

#[test]
fn an_unchanged_tree_makes_no_archive() {
    let s = Sandbox::new();
    s.tree("dst").menagerie();
    let id = s.snap("dst");
    let before = Traces::of(s.path("dst"));
    assert_eq!(s.snap("dst"), id);
    assert_eq!(s.snap("dst/"), id);
    assert_eq!(s.archives().len(), 1);
    before.assert_untouched(s.path("dst"));
}

#[test]
fn every_kind_of_change_makes_another() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "same size")
        .file("g", "")
        .dir("d")
        .link("l", "x")
        .settle();
    type Make = fn(&Tree);
    let changes: [(&str, Make); 9] = [
        ("bytes, size and time kept", |t| {
            t.file("f", "size same").settle();
        }),
        ("a mode", |t| {
            t.mode("g", 0o600);
        }),
        ("a nanosecond", |t| {
            t.mtime("g", 1, 1);
        }),
        ("an attribute", |t| {
            t.xattr("g", "user.x", b"");
        }),
        ("a target", |t| {
            t.remove("l").link("l", "y").settle();
        }),
        ("a link", |t| {
            t.hard("h", "g").settle();
        }),
        ("a name", |t| {
            t.dir("d/e").settle();
        }),
        ("an owner", |t| {
            t.owner("d", 5, 6);
        }),
        ("the root's mode", |t| {
            t.mode(".", 0o711);
        }),
    ];
    let mut seen = std::collections::BTreeSet::from([s.snap("dst")]);
    for (what, change) in changes {
        change(&dst);
        assert!(seen.insert(s.snap("dst")), "{what} is a new snapshot");
    }
    assert_eq!(s.archives().len(), 10);
}

#[test]
fn one_changed_file_in_20_000_costs_a_few_kib() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    for d in 0..200 {
        std::fs::create_dir_all(dst.at(format!("d{d}"))).expect("a directory");
        for f in 0..100 {
            std::fs::write(dst.at(format!("d{d}/f{f}")), format!("{d} {f}")).expect("a file");
        }
    }
    s.snap("dst");
    dst.edit("d7/f7", "changed");
    let id = s.snap("dst");
    let cost = size(s.archive(&id));
    assert!(cost < 16 * 1024, "{cost} bytes");
}

#[test]
fn no_new_content_costs_about_1_kib() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("big", vec![9; 100_000]).file("f", "");
    s.snap("dst");
    dst.mode("f", 0o600);
    let id = s.snap("dst");
    assert!(
        size(s.archive(&id)) < 3072,
        "{} bytes",
        size(s.archive(&id))
    );
}

#[test]
fn a_content_that_occurs_twice_is_stored_once() {
    let s = Sandbox::new();
    let noise: Vec<u8> = (0..200_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let dst = s.tree("dst");
    dst.file("a", &noise);
    s.snap("dst");
    dst.file("copy/of/a", &noise).file("another", &noise);
    let second = s.snap("dst");
    assert!(
        size(s.archive(&second)) < 8192,
        "{} bytes",
        size(s.archive(&second))
    );
    s.tree("other").file("a third", &noise);
    let third = s.snap("other");
    assert!(size(s.archive(&third)) < size(s.path("other/a third")) * 2);
}

#[test]
fn full_holds_everything_again() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file(
        "big",
        (0..90_000u32)
            .flat_map(|n| n.to_le_bytes())
            .collect::<Vec<_>>(),
    )
    .file("f", "");
    let first = s.snap("dst");
    dst.edit("f", "changed");
    let full = s.run("fsync-snap --full dst").code(0).text();
    assert!(size(s.archive(&full)) * 10 > size(s.archive(&first)) * 9);
}

#[test]
fn json_is_a_snapshot_record() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "");
    let told = s.run("fsync-snap --json dst").code(0).records();
    let id = s.head("dst").expect("a head");
    let record = told
        .iter()
        .find(|r| r["type"] == "snapshot")
        .expect("a snapshot");
    assert_eq!(record["id"], json!(id));
    assert_eq!(record["directory"], json!({ "path": s.path("dst") }));
    assert_eq!(record["new"], true);
    let again = s.run("fsync-snap --json dst").code(0).records();
    let record = again
        .iter()
        .find(|r| r["type"] == "snapshot")
        .expect("a snapshot");
    assert_eq!((&record["id"], &record["new"]), (&json!(id), &json!(false)));
}

#[test]
fn through_passes_the_plan_on_with_a_snapshot_in_it() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").file("b", "2").settle();
    s.tree("dst").file("b", "other").settle();
    let plan = s.run("fsync-diff --json src dst").code(0).records();
    let told = s
        .feed("fsync-snap --through", crate::support::plan_line(&plan))
        .code(0)
        .records();
    let id = s.head("dst").expect("a head");
    let found: Vec<_> = told.iter().filter(|r| r["type"] == "snapshot").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], json!(id));
    let rest: Vec<_> = told
        .iter()
        .filter(|r| r["type"] != "snapshot")
        .cloned()
        .collect();
    assert_eq!(rest, plan);
    assert_eq!(told[told.len() - 1]["type"], "end", "end is last");
}

#[test]
fn holds_3_a_plan_without_changes_makes_no_snapshot() {
    let s = Sandbox::new();
    for side in ["src", "dst"] {
        s.tree(side).file("a", "1").settle();
    }
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    let before = Traces::of(s.path("dst"));
    let told = s.feed("fsync-snap --through", &plan).code(0).bytes();
    assert_eq!(told, plan);
    assert!(s.archives().is_empty());
    before.assert_untouched(s.path("dst"));
}

#[test]
fn through_a_missing_destination_records_it_empty() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").settle();
    s.sh("fsync-diff --json src dst | fsync-snap --through | fsync-apply --require-snapshot")
        .code(0)
        .nothing();
    assert_same(s.path("src"), s.path("dst"));
    assert_eq!(s.archives().len(), 1);
    s.run("fsync-revert dst").code(0);
    assert_eq!(crate::support::Oracle::of(s.path("dst")).len(), 0);
}

#[test]
fn a_tag_is_set_with_the_snapshot() {
    let s = Sandbox::new();
    s.tree("dst").file("a", "1");
    let id = s.run("fsync-snap -t before dst").code(0).text();
    let list = s.run("fsync-tag dst").code(0).text();
    assert!(list.ends_with(&format!("\tbefore\t{id}")), "{list}");
    for bad in ["a/b", "a@b", "a~b", "a:b", &id] {
        s.run(&format!("fsync-snap -t {bad} dst")).code(2).nothing();
    }
}

#[test]
fn export_is_the_complete_zip() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "one").file("d/b", "kept").settle();
    s.snap("dst");
    dst.file("a", "two!").settle();
    let id = s.snap("dst");
    s.twin("dst", "expected");
    dst.file("a", "three");
    s.run(&format!("fsync-snap --export {id} -o out.zip"))
        .code(0);
    let piped = s
        .run(&format!("fsync-snap --export {}", &id[..10]))
        .code(0)
        .bytes();
    assert_eq!(piped, std::fs::read(s.path("out.zip")).expect("it"));
    s.sh("unzip -q out.zip -d out && rm -rf out/.fsync out/.fsync-backup")
        .code(0);
    let rough = |name: &str| crate::support::Oracle::of(s.path(name)).rough();
    assert_eq!(rough("expected").differences(&rough("out")), "");
    s.run("fsync-snap --export nosuch -o x.zip")
        .code(6)
        .nothing()
        .one_line("fsync-snap", &["nosuch"]);
    assert!(!s.path("x.zip").exists());
}

#[test]
fn bad_requests() {
    let s = Sandbox::new();
    s.tree(".").file("file", "");
    s.run("fsync-snap").code(2).nothing();
    s.run("fsync-snap nosuch")
        .code(6)
        .nothing()
        .one_line("fsync-snap", &["nosuch\""]);
    s.run("fsync-snap file")
        .code(2)
        .nothing()
        .one_line("fsync-snap", &["file\""]);
    s.run("fsync-snap --help")
        .code(0)
        .stdout(contains("--through"));
    assert!(!s.path("repo").exists(), "nothing is made for nothing");
}

#[test]
fn the_repository_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let s = Sandbox::new();
    s.tree("dst").file("secret", "x").mode("secret", 0o600);
    let id = s.snap("dst");
    let mode =
        |p: std::path::PathBuf| std::fs::metadata(p).expect("it").permissions().mode() & 0o7777;
    assert_eq!(mode(s.path("repo")), 0o700);
    assert_eq!(mode(s.archive(&id)), 0o400);
    assert_eq!(
        std::fs::read_dir(s.path("repo/tmp"))
            .map(|d| d.count())
            .unwrap_or(0),
        0
    );
}

#[test]
fn the_head_of_another_repository_starts_a_new_chain() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "1");
    s.snap("dst");
    dst.edit("a", "22");
    let snap = s
        .cmd("fsync-snap")
        .env("FSYNC_REPO", s.path("repo2"))
        .arg("dst")
        .assert()
        .code(0)
        .text();
    assert!(s.path("repo2").join(format!("{snap}.zip")).exists());
    s.run("fsync-revert dst").code(6).nothing();
    assert_eq!(dst.read("a"), b"22");
}
