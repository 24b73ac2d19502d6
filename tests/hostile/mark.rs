//! BACKUP and SYNC files that are something else than they should be: nothing is read or written through them, nothing
//! waits for them, and what they name is only what it may be.

use std::fs;
use std::os::unix::fs::symlink;

use predicates::prelude::*;
use predicates::str::contains;

use crate::driver::{drive, none, words};
use crate::support::{Oracle, Sandbox, Told, Traces, as_root, quick_or_long};

const PATIENCE: u64 = 120;
const MEMORY: u64 = 200 << 20;
const MARKS: [&str; 2] = [".fsync-backup", ".fsync-sync"];

/// What runs over them; the first of them in a quick run.
const COMMANDS: [&str; 20] = [
    "fsync log dst",
    "fsync sync dst",
    "fsync-snap dst",
    "fsync cp src dst",
    "fsync cp dst copy",
    "fsync rv -d dst",
    "fsync mksync --force dst src",
    "fsync verify",
    "fsync th dst",
    "fsync status dst",
    "fsync-diff --delete src dst",
    "fsync-diff dst src",
    "fsync cp -n src dst",
    "fsync rv -d dst --redo",
    "fsync-revert dst --to elsewhere",
    "fsync show -d dst @",
    "fsync forget -n -d dst f",
    "fsync prune --keep-last 1",
    "fsync mksync dst src",
    "fsync sync dst",
];

/// What a mark can be.
const KINDS: [&str; 18] = [
    "dangling",
    "link",
    "link to a link",
    "link to a fifo",
    "link to itself",
    "directory",
    "full directory",
    "fifo",
    "socket",
    "device",
    "sparse",
    "binary",
    "hard link",
    "mode 000",
    "crlf",
    "no newline",
    "empty",
    "long line",
];

/// Puts one in place; false where only root could.
fn put(s: &Sandbox, dir: &str, mark: &str, kind: &str) -> bool {
    let tree = s.tree(dir);
    let at = tree.at(mark);
    let canary = s.path("canary/secret");
    match kind {
        "dangling" => symlink(s.path("canary/new"), &at).expect("a link"),
        "link" => symlink(&canary, &at).expect("a link"),
        "link to a link" => symlink(s.path("canary/link"), &at).expect("a link"),
        "link to a fifo" => symlink(s.path("canary/fifo"), &at).expect("a link"),
        "link to itself" => symlink(mark, &at).expect("a link"),
        "directory" => drop(tree.dir(mark)),
        "full directory" => drop(tree.file(format!("{mark}/inside"), "kept")),
        "fifo" => drop(tree.fifo(mark)),
        "socket" => drop(tree.socket(mark)),
        "device" if as_root() => drop(tree.device(mark, 5)),
        "device" => return false,
        "sparse" => {
            let size = quick_or_long(64 << 20, 10 << 30) as u64;
            tree.sparse(mark, size, size / 2, b"x");
        }
        "binary" => drop(tree.file(mark, (0..=255u8).cycle().take(9999).collect::<Vec<_>>())),
        "hard link" => fs::hard_link(&canary, &at).expect("a link"),
        "mode 000" => drop(tree.file(mark, "0".repeat(40) + "\n").mode(mark, 0)),
        "crlf" => drop(tree.file(mark, "0".repeat(40) + "\r\n/etc\r\n")),
        "no newline" => drop(tree.file(mark, "0".repeat(40))),
        "empty" => drop(tree.file(mark, "")),
        _ => drop(tree.file(mark, "/".repeat(900_000))),
    }
    true
}

fn canary(s: &Sandbox) -> Traces {
    s.tree("canary")
        .file("secret", "root:x:0:0\n")
        .link("link", "secret")
        .fifo("fifo")
        .settle();
    Traces::of(s.path("canary"))
}

#[test]
fn a_mark_that_is_something_else_is_never_gone_through() {
    let mut faults = Vec::new();
    for mark in MARKS {
        for kind in KINDS {
            let s = Sandbox::new();
            s.tree("src").file("f", "new").settle();
            s.tree("dst").file("f", "old").settle();
            s.snap("dst");
            s.sh(&format!("rm -f dst/{mark}")).success();
            let before = canary(&s);
            let content = Oracle::of(s.path("canary"));
            if !put(&s, "dst", mark, kind) {
                continue;
            }
            let lines = COMMANDS.map(words);
            let ran = drive(&s, ".", PATIENCE, &lines[..quick_or_long(8, lines.len())]);
            faults.extend(
                ran.iter()
                    .filter_map(|r| r.fault(MEMORY))
                    .map(|f| format!("{mark} {kind}: {f}")),
            );
            // Another name for a file, or one less, is a change of its inode.
            match kind {
                "hard link" => s.sh(&format!("rm -f */{mark}")).success().nothing(),
                _ => s.sh("true").success(),
            };
            if kind != "hard link" {
                before.assert_untouched(s.path("canary"));
            }
            content.assert_is(s.path("canary"));
            if kind == "full directory" {
                assert_eq!(s.tree("dst").read(format!("{mark}/inside")), b"kept");
            }
            s.sh("chmod -R u+rwX .").success();
        }
    }
    none(faults);
}

#[test]
fn a_backup_that_names_what_is_not_here_is_said() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "1").settle();
    let mine = s.snap("dst");
    s.tree("theirs").file("f", "theirs").settle();
    let theirs = s.run("fsync-snap --repo foreign theirs").code(0).text();
    let other = {
        s.tree("third").file("f", "third").settle();
        s.snap("third")
    };
    // Another repository's.
    dst.edit(".fsync-backup", format!("{theirs}\n"))
        .edit("f", "2");
    s.run("fsync rv -d dst").code(6).stderr(contains(&theirs));
    assert_eq!(dst.read("f"), b"2");
    let next = s.snap("dst");
    let told = s
        .sh(&format!("unzip -p repo/{next}.zip .fsync/snapshot.json"))
        .code(0)
        .text();
    assert!(
        told.contains(&format!("\"foreign_parent\":\"{theirs}\"")),
        "{told}"
    );
    // Another directory's of this repository: a revert goes there, and can be taken back.
    dst.edit(".fsync-backup", format!("{other}\n"))
        .edit("f", "3");
    let told = s.run("fsync rv -d dst");
    let code = told.get_output().status.code();
    assert!(matches!(code, Some(0 | 4 | 6)), "{told}");
    if code == Some(0) {
        s.run("fsync rv -d dst --redo").code(0);
    }
    assert_eq!(dst.read("f"), b"3");
    s.run(&format!("fsync-revert dst {mine} --to old")).code(0);
    assert_eq!(s.tree("old").read("f"), b"1");
}

#[test]
fn a_sync_file_names_only_absolute_directories_that_may_be_sources() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x").settle();
    let dst = s.tree("dst");
    dst.file("g", "y").settle();
    s.tree("canary").file("secret", "s").settle();
    let before = Traces::of(s.path("canary"));
    let (here, root) = (
        s.path("dst").display().to_string(),
        s.path(".").display().to_string(),
    );
    let many = format!("{}\n", s.path("src").display()).repeat(1_000_000);
    let long: Vec<(String, i32)> = [
        ("src\n".to_string(), 2),
        ("./src\n".into(), 2),
        ("../src\n".into(), 2),
        ("~/src\n".into(), 2),
        ("-x\n".into(), 2),
        ("--delete\n".into(), 2),
        (" /src\n".into(), 2),
        ("$HOME\n".into(), 2),
        ("/a\0b\n".into(), 2),
        ("/\0\n".into(), 2),
        (format!("{here}\n"), 4),
        (format!("{here}/\n"), 4),
        (format!("{here}/../dst\n"), 4),
        (format!("{here}/sub\n"), 4),
        (format!("{root}\n"), 4),
        ("/\n".into(), 4),
        (format!("{}\r\n", s.path("src").display()), 4),
        (format!("{}/no\n", s.path("src").display()), 4),
        (format!("{}/f\n", s.path("src").display()), 2),
        ("\n\n\n".into(), 2),
        ("# nothing\n".into(), 2),
        (many, 5),
    ]
    .into();
    for (text, code) in long {
        let shown = text.chars().take(60).collect::<String>();
        dst.edit(".fsync-sync", &text);
        for line in [
            "fsync status dst",
            "fsync sync dst",
            "fsync sync --delete dst",
        ] {
            let ran = drive(&s, ".", PATIENCE, &[words(line)]).remove(0);
            ran.civil(MEMORY);
            assert!(
                ran.code == Some(code.into())
                    || matches!((ran.code, code), (Some(2 | 4 | 6), 2 | 4 | 6)),
                "{shown:?} {line}: {:?} {}",
                ran.code,
                ran.said()
            );
        }
        assert_eq!(dst.read("g"), b"y", "{shown:?}");
        assert!(!dst.has("f"), "{shown:?}");
    }
    before.assert_untouched(s.path("canary"));
    // An absolute path that only looks like an option or a pattern is a path.
    let odd = s.tree("-x *");
    odd.file("h", "z").settle();
    dst.edit(".fsync-sync", format!("{}\n", s.path("-x *").display()));
    s.run("fsync sync -q dst").code(0);
    assert_eq!(dst.read("h"), b"z");
    s.run("fsync status dst").code(predicate::eq(0));
}
