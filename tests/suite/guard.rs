//! Guards: each refuses with 4, says which option lifts it, and has changed nothing.

use assert_cmd::assert::Assert;
use predicates::prelude::*;

use crate::support::{Oracle, Sandbox, Told, Traces, assert_same};

/// A source without, a destination with, `extra` more files; 10 are common.
fn surplus(extra: usize) -> Sandbox {
    let s = Sandbox::new();
    for side in ["src", "dst"] {
        for n in 0..10 {
            s.tree(side).file(format!("common {n}"), "");
        }
    }
    for n in 0..extra {
        s.tree("dst").file(format!("extra {n}"), "");
    }
    s.tree("src").settle();
    s.tree("dst").settle();
    s
}

/// `fsync-diff --delete | fsync-apply OPTIONS`.
fn purge(s: &Sandbox, options: &str) -> Assert {
    s.sh(&format!(
        "fsync-diff --json --delete src dst | fsync-apply {options}"
    ))
}

#[track_caller]
fn refused(s: &Sandbox, dst: &str, option: &str, run: impl FnOnce() -> Assert) {
    let (before, held) = (Traces::of(s.path(dst)), Oracle::of(s.path(dst)));
    run()
        .code(4)
        .nothing()
        .stderr(predicate::str::contains(option));
    held.assert_is(s.path(dst));
    before.assert_untouched(s.path(dst));
}

#[test]
fn few_or_less_than_half_pass() {
    let s = surplus(9);
    purge(&s, "").code(0).nothing();
    let s = Sandbox::new();
    s.tree("src").file("one", "").settle();
    for n in 0..10 {
        s.tree("dst").file(format!("{n}"), "");
    }
    purge(&s, "").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn lines_are_guarded_too() {
    let s = surplus(15);
    let run = || s.sh("fsync-diff --delete src dst | fsync-apply src dst");
    refused(&s, "dst", "--max-delete", run);
}

#[test]
fn bad_options_are_usage() {
    let s = surplus(1);
    purge(&s, "--max-delete many").code(2).nothing();
    purge(&s, "--max-delete 101%").code(2).nothing();
}

#[test]
fn deletions_in_a_home_directory() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    s.tree("home").file("f", "").file("precious", "").settle();
    let run = |options: &str| {
        s.sh(&format!(
            "fsync-diff --json --delete src home | fsync-apply {options}"
        ))
    };
    refused(&s, "home", "--allow-root", || run(""));
    run("--allow-root").code(0).nothing();
    assert!(!s.path("home/precious").exists());
}

#[test]
fn without_deletions_a_home_directory_is_like_any_other() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    s.sh("fsync-diff --json src home | fsync-apply")
        .code(0)
        .nothing();
    assert!(s.path("home/f").exists());
}

#[test]
fn a_revert_of_a_home_directory() {
    let s = Sandbox::new();
    let home = s.tree("home");
    home.file("f", "one");
    s.snap("home");
    home.edit("f", "precious");
    refused(&s, "home", "--allow-root", || s.run("fsync-revert home"));
    s.run("fsync-revert --allow-root home").code(0);
    assert_eq!(home.read("f"), b"one");
}

#[test]
fn deletions_in_the_root_directory() {
    let s = Sandbox::new();
    s.tree("src").file("f", "");
    s.tree("dst").file("precious", "");
    let mut plan = s
        .run("fsync-diff --json --delete src dst")
        .code(0)
        .records();
    let victim = s.path("dst/precious");
    let victim = victim.to_str().expect("UTF-8").trim_start_matches('/');
    plan.retain(|r| r["type"] != "change" || r["status"] == "D");
    for record in &mut plan {
        match record["type"].as_str() {
            Some("header") => record["destination"] = serde_json::json!({ "path": "/" }),
            Some("change") => record["path"] = victim.into(),
            _ => {}
        }
    }
    // The sandbox lies in `/`: a source inside the destination is refused as well, so no option is asked for.
    s.feed("fsync-apply", crate::support::plan_line(&plan))
        .code(4)
        .nothing();
    assert!(s.path("dst/precious").exists());
}

#[test]
fn roots_inside_the_repository() {
    let s = Sandbox::new();
    s.tree("src").file("f", "");
    s.snap("src");
    s.tree("repo/sub");
    let repo = s.archives();
    s.sh("fsync-diff --json src repo/sub | fsync-apply")
        .code(predicate::in_iter([4, 5]))
        .nothing();
    s.feed("fsync-apply src repo/sub", "A\tf\n")
        .code(4)
        .nothing();
    s.feed("fsync-apply src repo", "A\tf\n").code(4).nothing();
    s.run("fsync-snap repo").code(4).nothing();
    s.run("fsync-snap repo/sub").code(4).nothing();
    assert_eq!(s.archives(), repo);
    assert!(!s.path("repo/f").exists() && !s.path("repo/sub/f").exists());
}

#[test]
fn validation_comes_before_guards() {
    let s = surplus(15);
    let plan = s.run("fsync-diff --json --delete src dst").code(0).bytes();
    s.feed("fsync-apply", &plan[..plan.len() - 5])
        .code(5)
        .nothing();
}
