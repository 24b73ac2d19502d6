//! Before more than a handful of entries are deleted, a person at a terminal is asked.

use crate::support::{Oracle, Sandbox, Told, assert_same};

const ASKED: &str = "Go on? [y/N]";

/// `src` has one file, `dst` that and so many others.
fn trees(s: &Sandbox, more: usize) {
    s.tree("src").file("stays", "1").settle();
    let dst = s.tree("dst");
    dst.file("stays", "1");
    for n in 0..more {
        dst.file(format!("gone{n:02}"), "x");
    }
    dst.settle();
}

#[test]
fn yes_deletes_and_anything_else_does_not() {
    for line in [
        "fsync cp --delete --max-delete 100% src dst",
        "fsync cp --delete --max-delete 100% --no-snapshot src dst",
    ] {
        let s = Sandbox::new();
        trees(&s, 11);
        let before = Oracle::of(s.path("dst"));
        for answer in ["n\n", "\n", "yess\n", "\u{4}"] {
            let seen = s.terminal(100, line, &[(ASKED, answer)]);
            assert_eq!(seen.code, 4, "{answer:?}: {}", seen.raw);
            assert!(
                seen.left.contains(
                    "dst\": 11 entries will be deleted (\"gone00\", \"gone01\", \"gone02\", ...)"
                ),
                "{}",
                seen.left
            );
            assert!(
                seen.left.contains("not confirmed; nothing was changed"),
                "{}",
                seen.left
            );
            before.assert_is(s.path("dst"));
        }
        let seen = s.terminal(100, line, &[(ASKED, "y\n")]);
        assert_eq!(seen.code, 0, "{}", seen.raw);
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn a_refused_run_records_nothing() {
    let s = Sandbox::new();
    trees(&s, 11);
    s.terminal(
        100,
        "fsync cp --delete --max-delete 100% src dst",
        &[(ASKED, "n\n")],
    );
    assert_eq!(s.archives().len(), 0);
    assert_eq!(s.head("dst"), None);
}

#[test]
fn a_handful_is_not_asked_about() {
    let s = Sandbox::new();
    trees(&s, 10);
    let seen = s.terminal(100, "fsync cp --delete --max-delete 100% src dst", &[]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert!(!seen.raw.contains(ASKED));
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn nobody_is_asked_who_said_yes_or_is_not_there() {
    let line = "fsync cp --delete --max-delete 100%";
    let s = Sandbox::new();
    trees(&s, 11);
    for (at, there) in ["--yes src dst", "-y src dst2"].iter().enumerate() {
        if at > 0 {
            s.twin("dst.kept", "dst2");
        } else {
            s.twin("dst", "dst.kept");
        }
        let seen = s.terminal(100, &format!("{line} {there}"), &[]);
        assert_eq!(seen.code, 0, "{}", seen.raw);
        assert!(!seen.raw.contains(ASKED), "{}", seen.raw);
    }
    s.twin("dst.kept", "dst3");
    s.run(&format!("{line} src dst3")).code(0);
    s.twin("dst.kept", "dst4");
    let seen = s.terminal(100, &format!("{line} src dst4 </dev/null"), &[]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert_same(s.path("src"), s.path("dst4"));
}

#[test]
fn a_revert_asks_too() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("stays", "1").settle();
    s.snap("dst");
    let before = Oracle::of(s.path("dst"));
    for n in 0..11 {
        dst.file(format!("new{n:02}"), "x");
    }
    dst.settle();
    let head = s.head("dst");
    let now = Oracle::of(s.path("dst"));
    let seen = s.terminal(100, "fsync rv -d dst", &[(ASKED, "n\n")]);
    assert_eq!(seen.code, 4, "{}", seen.raw);
    now.assert_is(s.path("dst"));
    assert_eq!(s.head("dst"), head);
    let seen = s.terminal(100, "fsync rv -d dst", &[(ASKED, "yes\n")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    before.assert_is(s.path("dst"));
    let seen = s.terminal(100, "fsync rv -y -d dst --redo", &[]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    now.assert_is(s.path("dst"));
}

#[test]
fn the_programs_ask_only_when_told_to() {
    let s = Sandbox::new();
    trees(&s, 3);
    let line =
        "fsync-diff --json --delete src dst >plan && fsync-apply --max-delete 100% --ask=2 <plan";
    let seen = s.terminal(
        100,
        &format!("sh -c '{line}'"),
        &[("3 entries will be deleted", "n\n")],
    );
    assert_eq!(seen.code, 4, "{}", seen.raw);
    s.sh("setsid fsync-apply --max-delete 100% --ask=2 <plan")
        .code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let s = Sandbox::new();
    trees(&s, 0);
    let dst = s.tree("dst");
    for n in 0..11 {
        dst.file(format!("\x1b[31mred\u{202e}{n}\r\n"), "x");
    }
    dst.settle();
    let line = "fsync --color never cp --delete --max-delete 100% src dst";
    let seen = s.terminal(100, line, &[(ASKED, "n\n")]);
    assert!(
        !seen.raw.contains("\x1b[31m") && !seen.raw.contains('\u{202e}'),
        "{:?}",
        seen.raw
    );
    s.run("fsync-diff src dst").code(0).nothing();
}

#[test]
fn settings_say_how_many_are_a_handful() {
    let s = Sandbox::new();
    trees(&s, 4);
    s.run("fsync config -d dst ask 3").code(0);
    let line = "fsync cp --delete --max-delete 100% src dst";
    let seen = s.terminal(100, line, &[("4 entries will be deleted", "n\n")]);
    assert_eq!(seen.code, 4, "{}", seen.raw);
    s.run("fsync config -d dst ask 4").code(0);
    let seen = s.terminal(100, line, &[]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    s.run("fsync config -d dst ask 0").code(0);
    s.tree("dst").file("new", "x");
    s.run("fsync -q rv -d dst").code(0);
    let seen = s.terminal(100, line, &[(ASKED, "n\n")]);
    assert_eq!(seen.code, 4, "{}", seen.raw);
    let seen = s.terminal(100, "fsync --no-config rv -d dst --redo", &[]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
}
