//! Bundles as parts: plans that were thinned out before and after, pipelines, and the porcelain that can take it back.

use std::fs;

use crate::land::land;
use crate::support::{Oracle, Sandbox, Told, outcomes, plan_line, records};

fn many(s: &Sandbox) {
    s.tree("copy")
        .file("src/a.rs", "old")
        .file("src/b.rs", "old")
        .file("notes", "n")
        .settle();
    s.twin("copy", "src");
    s.tree("src")
        .edit("src/a.rs", "new a")
        .edit("src/b.rs", "new b")
        .edit("notes", "new notes")
        .file("fresh/deep/c.rs", "c")
        .mode("fresh", 0o750)
        .settle();
}

#[test]
fn lines_choose_what_is_performed() {
    let l = land("", many);
    l.s.sh(
        "fsync-diff --bundle F.zip far | grep '\\.rs$' | fsync-apply --bundle F.zip --stdin far",
    )
    .code(0);
    let far = l.s.tree("far");
    assert_eq!(
        (far.read("src/b.rs"), far.read("notes")),
        (b"new b".to_vec(), b"n".to_vec())
    );
    assert_eq!(far.read("fresh/deep/c.rs"), b"c");
    let mode =
        |p: &str| std::os::unix::fs::MetadataExt::mode(&fs::metadata(l.s.path(p)).unwrap()) & 0o777;
    assert_eq!(
        mode("far/fresh"),
        0o750,
        "a parent that the lines do not hold is as the source's"
    );
    l.s.feed("fsync-apply --bundle F.zip --stdin far", "D\tnotes\n")
        .code(5)
        .one_line("fsync-apply", &["\"F.zip\"", "plans no D of \"notes\""]);
    l.s.feed("fsync-apply --bundle F.zip --stdin far", "")
        .code(0);
    assert_eq!(l.s.tree("far").read("notes"), b"n");
}

#[test]
fn records_choose_and_a_snapshot_comes_first() {
    let l = land("", many);
    let before = Oracle::of(l.s.path("far"));
    let pipeline = "fsync-diff --json --bundle F.zip far | grep -v notes | fsync-snap --through --guard \
                    | fsync-apply --require-snapshot --bundle F.zip --stdin --json";
    let done = l.s.sh(pipeline).code(0);
    let all = outcomes(&done.records());
    assert!(
        all.contains(&"src/a.rs done".to_string()) && !all.iter().any(|o| o.contains("notes")),
        "{all:?}"
    );
    assert_eq!(l.s.tree("far").read("notes"), b"n");
    l.s.run("fsync rv -d far").code(0);
    before.assert_is(l.s.path("far"));
}

#[test]
fn the_porcelain_records_and_takes_back() {
    let l = land("--delete", |s| {
        many(s);
        s.tree("src").remove("src/b.rs");
    });
    let before = Oracle::of(l.s.path("far"));
    let shown = l.s.run("fsync cp -n --bundle F.zip far").code(0).text();
    assert_eq!(shown, l.s.run("fsync-diff --bundle F.zip").code(0).text());
    before.assert_is(l.s.path("far"));
    let traced =
        l.s.run("fsync --trace cp -t before --bundle F.zip far")
            .code(0)
            .complaint();
    let line = "fsync-diff --json --bundle=F.zip far | fsync-snap --through --guard --tag=before | fsync-apply \
                --require-snapshot --json --bundle=F.zip --stdin\n";
    assert!(traced.starts_with(line), "{traced}");
    l.wanted.assert_is(l.s.path("far"));
    let said = l.s.run("fsync cp --bundle F.zip far").code(0).complaint();
    assert!(said.contains("as planned already"), "{said}");
    l.s.run("fsync rv -d far -t before").code(0);
    before.assert_is(l.s.path("far"));
    l.s.run("fsync cp --no-snapshot -q --bundle F.zip far")
        .code(0);
    l.wanted.assert_is(l.s.path("far"));
}

#[test]
fn what_makes_no_sense_is_said() {
    let l = land("", many);
    l.s.run("fsync cp --bundle F.zip").code(2);
    l.s.run("fsync cp --bundle F.zip far far2")
        .code(2)
        .one_line("fsync", &["one directory"]);
    l.s.run("fsync cp --delete --bundle F.zip far").code(2);
    l.s.run("fsync cp --exclude x --bundle F.zip far").code(2);
    l.s.run("fsync-apply --bundle F.zip")
        .code(2)
        .one_line("fsync-apply", &["the destination"]);
    l.s.run("fsync-apply --bundle F.zip far far").code(2);
    l.s.run("fsync-apply --stdin far").code(2);
    l.s.run("fsync-diff --patch --bundle F.zip far").code(2);
    l.s.run("fsync-diff --bundle F.zip far far").code(2);
    l.s.run("fsync-diff far").code(2);
    l.s.run("fsync cp far").code(2);
    let plan =
        l.s.run("fsync-diff --json --bundle F.zip far")
            .code(0)
            .bytes();
    l.s.feed("fsync-apply", &plan)
        .code(5)
        .one_line("fsync-apply", &["--bundle"]);
    l.s.tree("other");
    l.s.feed("fsync-apply --bundle F.zip --stdin other", &plan)
        .code(4)
        .one_line("fsync-apply", &["not the plan's"]);
}

#[test]
fn a_plan_on_standard_input_is_bundled() {
    let s = Sandbox::new();
    many(&s);
    s.twin("copy", "far");
    s.sh("fsync-diff --json src copy | grep -v notes | fsync bundle -o F.zip")
        .code(0);
    let plan = s.run("fsync-diff --json --bundle F.zip").code(0).records();
    let end = plan.last().unwrap();
    assert_eq!(
        end["counts"]["modified"], 2,
        "its end counts what it holds: {end}"
    );
    s.run("fsync-apply --bundle F.zip far").code(0);
    assert_eq!(s.tree("far").read("notes"), b"n");
    assert_eq!(s.tree("far").read("src/a.rs"), b"new a");
    let whole = s.run("fsync-diff --json src copy").code(0).bytes();
    s.feed("fsync bundle -o G.zip", &whole[..whole.len() - 30])
        .code(5)
        .one_line("fsync", &["cut"]);
    s.feed("fsync bundle -o G.zip", "").code(5);
    s.feed("fsync bundle -o G.zip", "M\tnotes\n")
        .code(5)
        .one_line("fsync", &["--json"]);
    assert!(!s.path("G.zip").exists());
}

#[test]
fn what_changed_since_the_plan_is_left_out_and_named() {
    let s = Sandbox::new();
    many(&s);
    s.tree("src").file("one", "1").hard("two", "one").settle();
    s.twin("copy", "far");
    let plan = s.run("fsync-diff --json src copy").code(0).bytes();
    s.tree("src")
        .edit("src/a.rs", "newer")
        .mode("fresh", 0o700)
        .edit("one", "11");
    let told = s.feed("fsync bundle -o F.zip", &plan).code(3);
    let said = told.complaint();
    for part in [
        "\"src/a.rs\": left out: the source changed",
        "\"fresh\": left out: the source changed",
        "\"fresh/deep/c.rs\": left out: \"fresh",
        "\"one\": left out: the source changed",
        "\"two\": left out",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Whoever performs it is told too.
    s.run("fsync-apply --bundle F.zip far").code(3);
    let far = s.tree("far");
    assert_eq!(
        (far.read("src/a.rs"), far.read("src/b.rs")),
        (b"old".to_vec(), b"new b".to_vec())
    );
    assert!(!far.has("fresh") && !far.has("two"));
}

#[test]
fn what_the_comparison_met_is_said_there_too() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").file("x", "a file");
    s.tree("copy").file("x/inside", "so it stays");
    s.twin("copy", "far");
    // Without --delete a directory that holds something is not replaced.
    s.run("fsync bundle -o F.zip src copy").code(3);
    let shown = s.run("fsync-diff --json --bundle F.zip").code(3).records();
    assert!(
        shown
            .iter()
            .any(|r| r["type"] == "skip" && r["path"] == "x"),
        "{shown:?}"
    );
    s.run("fsync-apply --bundle F.zip far").code(3);
    assert_eq!(s.tree("far").read("a"), b"1");
}

#[test]
fn a_plan_that_went_through_a_snapshot_is_still_a_plan() {
    let s = Sandbox::new();
    many(&s);
    s.twin("copy", "far");
    let plan = s
        .sh("fsync-diff --json src copy | fsync-snap --through")
        .code(0)
        .bytes();
    assert!(records(&plan).iter().any(|r| r["type"] == "snapshot"));
    s.feed("fsync bundle -o F.zip", plan_line(&records(&plan)))
        .code(0);
    s.sh("rm -r repo").code(0);
    s.run("fsync-apply --require-snapshot --bundle F.zip far")
        .code(4)
        .one_line("fsync-apply", &["snapshot"]);
    s.run("fsync-apply --bundle F.zip far").code(0);
    assert_eq!(s.tree("far").read("notes"), b"new notes");
}
