//! Archives that are damaged, or that somebody made: found out, and nothing is written outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use predicates::prelude::*;

use crate::support::{Sandbox, Told, Traces, assert_same};

/// Makes a forged twin of an archive, in which `old` is called `new`; its id.
fn forge(s: &Sandbox, id: &str, old: &str, new: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/forge.py");
    let mut python = s.cmd("python3");
    let told = python
        .arg(script)
        .arg(s.archive(id))
        .args([old, new])
        .assert()
        .code(0)
        .text();
    // Known to nobody but the folder: the catalog has to find it.
    s.sh("rm -f repo/catalog.db*").success();
    assert_ne!(told, id, "something was forged");
    told
}

fn scribble(path: &std::path::Path, change: impl FnOnce(&mut Vec<u8>)) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("writable");
    let mut bytes = fs::read(path).expect("it");
    change(&mut bytes);
    fs::write(path, bytes).expect("it");
}

/// Two snapshots; the directory is as the second says, and edited.
fn recorded() -> (Sandbox, [String; 2]) {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let noise: Vec<u8> = (0..50_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 9) as u8)
        .collect();
    dst.file("f", "one").file("noise", noise);
    let first = s.snap("dst");
    dst.edit("f", "two!");
    let second = s.snap("dst");
    dst.edit("f", "edited").remove("noise");
    (s, [first, second])
}

#[test]
fn a_forged_twin_that_is_not_evil_works() {
    let s = Sandbox::new();
    s.tree("dst").file("d/xx_evil", "content").settle();
    let id = s.snap("dst");
    let forged = forge(&s, &id, "xx_evil", "xx_good");
    s.run(&format!("fsync-revert dst {forged} --to out"))
        .code(0);
    assert_eq!(s.tree("out").read("d/xx_good"), b"content");
}

#[test]
fn holds_1_names_that_leave_the_directory_write_nothing_outside() {
    for evil in [
        "../evil",
        "../../evil",
        "/tmp/fsync-evil",
        "..",
        ".",
        "",
        "a/../../evil",
        "a/b",
        "/",
    ] {
        let s = Sandbox::new();
        let dst = s.tree("dst");
        dst.file("d/xx_evil", "content").file("d/z", "").settle();
        let id = s.snap("dst");
        let forged = forge(&s, &id, "xx_evil", evil);
        s.tree("around");
        let (around, before) = (
            fs::read_dir(s.path(".")).expect("it").count(),
            Traces::of(s.path("dst")),
        );
        for line in [
            format!("fsync-revert dst {forged} --to around/out"),
            format!("fsync-revert dst {forged}"),
            format!("fsync-revert dst {forged} -- d"),
        ] {
            let told = s.run(&line).nothing();
            let code = told.get_output().status.code();
            assert!(matches!(code, Some(3 | 5 | 8)), "{evil:?}: {told}");
            assert!(
                told.complaint().contains(&forged),
                "it is said: {evil:?}: {told}"
            );
            assert!(
                !s.path("evil").exists() && !s.path("around/evil").exists(),
                "{evil:?} {line}"
            );
            assert!(!std::path::Path::new("/tmp/fsync-evil").exists());
        }
        before.assert_untouched(s.path("dst"));
        assert_eq!(fs::read_dir(s.path(".")).expect("it").count(), around);
        s.run("fsync verify").code(8);
    }
}

#[test]
fn holds_1_a_link_and_a_directory_of_one_name_write_nothing_outside() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.link("d1", "../outside")
        .file("d2/precious", "overwritten")
        .settle();
    let id = s.snap("dst");
    let forged = forge(&s, &id, "d2", "d1");
    s.tree("outside").file("precious", "kept");
    let outside = Traces::of(s.path("outside"));
    s.run(&format!("fsync-revert dst {forged} --to out"))
        .code(predicate::in_iter([5, 8]))
        .nothing();
    s.run(&format!("fsync-revert dst {forged}"))
        .code(predicate::in_iter([5, 8]))
        .nothing();
    outside.assert_untouched(s.path("outside"));
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let (s, [_, second]) = recorded();
    let path = s.archive(&second);
    let whole = fs::read(&path).expect("it");
    for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        scribble(&path, |bytes| bytes[at] ^= 0x55);
        s.run("fsync verify")
            .code(8)
            .stderr(predicate::str::contains(&second[..]));
        scribble(&path, |bytes| bytes.clone_from(&whole));
    }
    s.run("fsync verify").code(0);
}

#[test]
fn damaged_content_never_gets_out() {
    let (s, [first, second]) = recorded();
    let path = s.archive(&first);
    let length = fs::metadata(&path).expect("it").len() as usize;
    scribble(&path, |bytes| bytes[length / 2..length / 2 + 64].fill(0));
    let before = s.tree("dst").read("f");
    let told = s.run(&format!("fsync-revert dst {second} --to out"));
    let code = told.get_output().status.code();
    assert!(matches!(code, Some(3 | 8)), "{told}");
    assert!(
        told.complaint().contains("noise") || told.complaint().contains(&first),
        "{told}"
    );
    assert!(
        !s.path("out/noise").exists(),
        "no damaged bytes under the file's own name"
    );
    assert_eq!(s.tree("dst").read("f"), before);
}

#[test]
fn a_cut_or_missing_archive() {
    let (s, [first, second]) = recorded();
    let whole = fs::read(s.archive(&first)).expect("it");
    let before = Traces::of(s.path("dst"));
    for keep in [0, 10, whole.len() / 2] {
        scribble(&s.archive(&first), |bytes| bytes.truncate(keep));
        s.run(&format!("fsync-revert dst {first}"))
            .code(predicate::in_iter([3, 8]))
            .nothing();
        s.run("fsync verify").code(8);
        scribble(&s.archive(&first), |bytes| bytes.clone_from(&whole));
    }
    fs::rename(s.archive(&first), s.path("kept")).expect("moved");
    s.run(&format!("fsync-revert dst {first}"))
        .code(predicate::in_iter([6, 8]))
        .nothing();
    s.run("fsync verify").code(8);
    before.assert_untouched(s.path("dst"));
    fs::rename(s.path("kept"), s.archive(&first)).expect("back");
    s.run("fsync verify").code(0);
    s.run(&format!("fsync-revert dst {second}")).code(0);
    assert_eq!(s.tree("dst").read("f"), b"two!");
}

#[test]
fn a_damaged_catalog_is_no_loss() {
    let (s, [first, _]) = recorded();
    s.run(&format!("fsync-tag create t {first} -d dst")).code(0);
    let list = s.run("fsync-tag dst").code(0).text();
    s.sh("rm -f repo/catalog.db-*; echo this is no database > repo/catalog.db")
        .success();
    let told = s.run("fsync-tag dst");
    let code = told.get_output().status.code();
    assert!(matches!(code, Some(0 | 8)), "{told}");
    s.sh("rm -f repo/catalog.db*").success();
    assert_eq!(s.run("fsync-tag dst").code(0).text(), list);
}

#[test]
fn a_last_line_of_the_log_that_was_cut_is_no_loss() {
    let (s, [first, second]) = recorded();
    s.run(&format!("fsync-tag create t {first} -d dst")).code(0);
    let log = s.path("repo/log.ndjson");
    scribble(&log, |bytes| bytes.extend(b"{\"half\":"));
    s.sh("rm -f repo/catalog.db*").success();
    assert!(s.run("fsync-tag dst").code(0).text().ends_with(&first));
    let third = s.snap("dst");
    assert_ne!(third, second);
    s.sh("rm -f repo/catalog.db*").success();
    assert!(s.run("fsync-tag dst").code(0).text().ends_with(&first));
    s.run("fsync-revert dst").code(0);
    s.run("fsync-revert dst").code(0);
    assert_eq!(s.tree("dst").read("f"), b"two!");
    s.twin("dst", "now");
    assert_same(s.path("now"), s.path("dst"));
}
