//! Guards: each refuses with 4, says which option lifts it, and has changed nothing.

use assert_cmd::assert::Assert;
use predicates::prelude::*;

use crate::support::{Oracle, Sandbox, Told, Traces, as_root, assert_same};

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
fn conformance_25_most_of_the_destination() {
    let s = surplus(15);
    refused(&s, "dst", "--max-delete", || {
        purge(&s, "").stderr(predicate::str::contains("15"))
    });
    refused(&s, "dst", "--max-delete", || purge(&s, "--max-delete 14"));
    refused(&s, "dst", "--max-delete", || purge(&s, "--max-delete 59%"));
    purge(&s, "--max-delete 60%").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn conformance_24_more_than_was_said() {
    let s = surplus(5);
    refused(&s, "dst", "--max-delete", || {
        purge(&s, "--max-delete 2").stderr(predicate::str::contains("5"))
    });
    refused(&s, "dst", "--max-delete", || purge(&s, "--max-delete 0"));
    purge(&s, "--max-delete 5").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
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
fn conformance_26_an_empty_source() {
    let s = surplus(0);
    s.sh("rm -r src; mkdir src").success();
    s.tree("dst").remove("common 1");
    refused(&s, "dst", "--allow-empty-source", || purge(&s, ""));
    purge(&s, "--allow-empty-source").code(0).nothing();
    assert_eq!(Oracle::of(s.path("dst")).len(), 0);
}

#[test]
fn conformance_26_a_source_that_is_not_mounted_now() {
    if !as_root() {
        return;
    }
    let s = surplus(3);
    s.tree("src").file("a decoy under the mount", "");
    let script = |last: &str| {
        format!(
            "mount -t tmpfs none src && touch src/f src/g && fsync cp --delete -q --max-delete 100% src dst \
             && umount src && ls -A dst > before || exit 99
             fsync-diff --json --delete src dst | fsync-snap --through | fsync-apply {last}
             code=$?; ls -A dst > after; exit $code"
        )
    };
    let run = |last: &str| {
        s.cmd("unshare")
            .args(["-m", "sh", "-c", &script(last)])
            .assert()
    };
    run("")
        .code(4)
        .nothing()
        .stderr(predicate::str::contains("--allow-unmounted"));
    s.sh("cmp before after").code(0);
    run("--allow-unmounted --max-delete 100%").code(0).nothing();
    assert!(s.path("dst/a decoy under the mount").exists());
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
fn conformance_8_missing_parents() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    let run = |options: &str| {
        s.sh(&format!(
            "fsync-diff --json src no/such/dst | fsync-apply {options}"
        ))
    };
    run("")
        .code(4)
        .nothing()
        .stderr(predicate::str::contains("--parents"));
    assert!(!s.path("no").exists());
    run("--parents").code(0).nothing();
    assert_same(s.path("src"), s.path("no/such/dst"));
}

#[test]
fn conformance_6_roots_that_overlap() {
    let s = Sandbox::new();
    s.tree("a").file("f", "").file("in/g", "");
    s.tree(".").link("alias", "a").link("deep alias", "a/in");
    for (src, dst) in [
        ("a", "a"),
        ("a", "a/in"),
        ("a/in", "a"),
        ("alias", "a"),
        ("a", "alias"),
        ("a", "deep alias"),
    ] {
        let before = Traces::of(s.path("a"));
        let mut apply = s.cmd("fsync-apply");
        apply
            .args([src, dst])
            .write_stdin("A\tin/x\n")
            .assert()
            .code(4)
            .nothing();
        before.assert_untouched(s.path("a"));
        let mut cp = s.cmd("fsync");
        cp.args(["cp", src, dst]).assert().code(4).nothing();
        before.assert_untouched(s.path("a"));
    }
}

#[test]
fn conformance_6_through_a_bind_mount() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("a").file("f", "").file("in/g", "");
    s.tree("b");
    let script = "mount --bind a b || exit 99; printf 'A\\tin/x\\n' | fsync-apply a b; one=$?
                  printf 'A\\tx\\n' | fsync-apply b/in a; echo $one $?";
    s.cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .stdout("4 4\n");
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
