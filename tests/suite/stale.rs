//! Plans that wait while the world goes on: what no longer holds is refused, alone, with its reason.

use crate::support::{Oracle, Sandbox, Told, Traces, assert_same, outcomes, plan_line};

/// Two trees that differ in `a` (edited), `b` (edited), `gone` (deleted) and `new` (added).
fn planned() -> (Sandbox, Vec<u8>) {
    let s = Sandbox::new();
    s.tree("src")
        .file("a", "new a")
        .file("b", "new b")
        .file("new", "n")
        .file("same", "")
        .settle();
    s.tree("dst")
        .file("a", "a")
        .file("b", "b")
        .file("gone", "g")
        .file("same", "")
        .settle();
    let plan = s.run("fsync-diff --json --delete src dst").code(0).bytes();
    (s, plan)
}

#[test]
fn every_kind_of_interference_is_noticed() {
    let (s, plan) = planned();
    let dst = s.tree("dst");
    dst.remove("a")
        .edit("gone", "not the same")
        .file("new", "came first");
    dst.remove("b").link("b", "elsewhere");
    let told = s.feed("fsync-apply --json", &plan).code(3).records();
    assert_eq!(
        outcomes(&told),
        ["a stale", "b stale", "gone stale", "new stale"]
    );
    assert!(!dst.has("a") && dst.has("gone"));
    assert_eq!(dst.read("new"), b"came first");
    assert!(dst.at("b").is_symlink());
    let why = |path: &str| {
        told.iter()
            .find(|r| r["path"] == path)
            .map(|r| r["message"].clone())
    };
    assert!(
        why("a").is_some_and(|m| m.as_str().is_some_and(|t| !t.is_empty())),
        "a reason"
    );
}

#[test]
fn a_chmod_or_a_touch_makes_a_change_stale() {
    let (s, plan) = planned();
    s.tree("dst").mode("a", 0o600).mtime("b", 5, 5);
    let told = s.feed("fsync-apply --json", &plan).code(3).records();
    assert_eq!(outcomes(&told)[..2], ["a stale", "b stale"]);
}

#[test]
fn the_same_plan_twice_is_all_already() {
    let (s, plan) = planned();
    s.feed("fsync-apply", &plan).code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
    let before = Traces::of(s.path("dst"));
    let told = s.feed("fsync-apply --json", &plan).code(0).records();
    let words = outcomes(&told);
    assert!(
        !words.is_empty() && words.iter().all(|w| w.ends_with(" already")),
        "{words:?}"
    );
    before.assert_untouched(s.path("dst"));
}

#[test]
fn the_same_plan_twice_for_every_kind() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.tree("dst")
        .file("deep", "a file")
        .dir("to file")
        .link("empty", "x")
        .file("gone/x", "")
        .settle();
    let plan = s
        .run("fsync-diff --json --delete --xattrs src dst")
        .code(0)
        .bytes();
    s.feed("fsync-apply", &plan).code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
    let told = s.feed("fsync-apply --json", &plan).code(0).records();
    let words = outcomes(&told);
    assert!(words.iter().all(|w| w.ends_with(" already")), "{words:?}");
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_type_change_over_a_directory_that_gained_a_file_is_kept() {
    let s = Sandbox::new();
    s.tree("src").file("d", "a file").settle();
    let dst = s.tree("dst");
    dst.file("d/old", "").settle();
    let plan = s.run("fsync-diff --json --delete src dst").code(0).bytes();
    dst.file("d/newcomer", "precious");
    s.feed("fsync-apply --json", &plan).code(3);
    assert_eq!(dst.read("d/newcomer"), b"precious");
}

#[test]
fn a_line_whose_letter_no_longer_agrees_is_stale() {
    let s = Sandbox::new();
    s.tree("src").file("a", "new").file("b", "new").settle();
    let dst = s.tree("dst");
    dst.file("a", "there").settle();
    let told = s
        .feed("fsync-apply --json src dst", "A\ta\nA\tb\n")
        .code(3)
        .records();
    assert_eq!(outcomes(&told), ["a stale", "b done"]);
    assert_eq!(
        (dst.read("a"), dst.read("b")),
        (b"there".to_vec(), b"new".to_vec())
    );
}

#[test]
fn a_listed_m_is_copied() {
    let s = Sandbox::new();
    s.tree("src").file("a", "12345678").settle();
    let dst = s.tree("dst");
    dst.file("a", "87654321").settle();
    s.sh("fsync-diff --checksum src dst | fsync-apply src dst")
        .code(0)
        .nothing();
    assert_eq!(dst.read("a"), b"12345678");
}

#[test]
fn an_error_record_on_the_input_is_exit_3() {
    let (s, plan) = planned();
    let mut stream = crate::support::records(&plan);
    stream.insert(1, serde_json::json!({
        "type": "error", "path": "elsewhere", "operation": "list", "message": "Permission denied",
    }));
    s.feed("fsync-apply", plan_line(&stream)).code(3).nothing();
    let dst = s.tree("dst");
    assert_eq!(dst.read("a"), b"new a", "the rest is done");
}

#[test]
fn a_source_that_vanished_is_refused() {
    let (s, plan) = planned();
    s.sh("rm -r src").success();
    let before = Oracle::of(s.path("dst"));
    s.feed("fsync-apply", &plan)
        .code(4)
        .nothing()
        .one_line("fsync-apply", &["src\""]);
    before.assert_is(s.path("dst"));
}
