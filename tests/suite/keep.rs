//! `--no-owner`, `--no-perms`, `--no-times`: what counts for nothing is neither compared nor set.

use std::os::unix::fs::MetadataExt;

use crate::support::{Sandbox, Told, as_root, change, outcomes};

fn mode(s: &Sandbox, path: &str) -> u32 {
    std::fs::metadata(s.path(path)).expect("an entry").mode() & 0o7777
}

fn owner(s: &Sandbox, path: &str) -> (u32, u32) {
    let meta = std::fs::metadata(s.path(path)).expect("an entry");
    (meta.uid(), meta.gid())
}

#[test]
fn new_entries_get_what_the_umask_leaves() {
    let s = Sandbox::new();
    s.tree("src")
        .file("d/f", "f")
        .mode("d/f", 0o4777)
        .file("closed/in/f", "x")
        .mode("closed/in", 0o555)
        .mode("closed", 0o2777)
        .fifo("pipe")
        .mode("pipe", 0o666)
        .file("secret", "s")
        .mode("secret", 0o600);
    s.tree("dst");
    s.sh("umask 027; fsync-diff --json --no-perms src dst | fsync-apply")
        .code(0)
        .stderr("");
    let modes = ["d", "d/f", "closed", "closed/in", "pipe", "secret"]
        .map(|n| mode(&s, &format!("dst/{n}")));
    assert_eq!(modes, [0o750, 0o750, 0o750, 0o550, 0o640, 0o600]);
    s.run("fsync-diff --no-perms src dst").code(0).stdout("");
}

#[test]
fn modes_make_no_plan_and_changed_files_keep_theirs() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "new bytes")
        .file("g", "same")
        .mode("g", 0o777)
        .dir("d")
        .mode("d", 0o700)
        .settle();
    let dst = s.tree("dst");
    dst.file("f", "old")
        .mode("f", 0o4751)
        .owner("f", 1234, 4321)
        .mode("f", 0o4751)
        .file("g", "same")
        .dir("d")
        .settle();
    s.run("fsync-diff --no-perms --no-owner src dst")
        .code(0)
        .stdout("M\tf\n");
    let plan = s
        .run("fsync-diff --json --no-perms --no-owner src dst")
        .code(0)
        .records();
    assert_eq!(plan[0]["options"]["no_perms"], true);
    assert_eq!(plan[0]["options"]["no_owner"], true);
    assert!(plan[0]["options"].get("no_times").is_none());
    let plan = crate::support::plan_line(&plan);
    s.feed("fsync-apply", &plan).code(0);
    assert_eq!(dst.read("f"), b"new bytes");
    assert_eq!(
        (mode(&s, "dst/f"), owner(&s, "dst/f")),
        (0o4751, (1234, 4321))
    );
    assert_eq!((mode(&s, "dst/g"), mode(&s, "dst/d")), (0o644, 0o755));
    let again = s.feed("fsync-apply --json", &plan).code(0).records();
    assert_eq!(outcomes(&again), ["f already"]);
    s.run("fsync-diff --no-perms --no-owner src dst")
        .code(0)
        .stdout("");
}

#[test]
fn a_setuid_bit_that_is_kept_never_meets_another_owner() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("f", "new bytes").owner("f", 77, 77);
    s.tree("dst").file("f", "old").mode("f", 0o4755);
    s.sh("fsync-diff --json --no-perms src dst | fsync-apply")
        .code(0);
    assert_eq!((mode(&s, "dst/f"), owner(&s, "dst/f")), (0o755, (77, 77)));
}

#[test]
fn access_lists_go_with_the_mode() {
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "new bytes")
        .file("g", "g")
        .xattr("f", "user.a", b"1")
        .settle();
    s.tree("dst").file("f", "old").file("g", "g").settle();
    s.sh("setfacl -m u:1234:rw,g::- dst/f && setfacl -m u:99:rw src/f src/g")
        .success();
    s.run("fsync-diff --xattrs --no-perms src dst")
        .code(0)
        .stdout("M\tf\n");
    s.sh("fsync-diff --json --xattrs --no-perms src dst | fsync-apply")
        .code(0);
    s.sh("getfacl -cn dst/f")
        .stdout("user::rw-\nuser:1234:rw-\ngroup::---\nmask::rw-\nother::r--\n\n");
    assert_eq!(
        xattr::get(s.path("dst/f"), "user.a")
            .expect("attributes")
            .as_deref(),
        Some(&b"1"[..])
    );
    s.run("fsync-diff --xattrs --no-perms src dst")
        .code(0)
        .stdout("");
}

#[test]
fn owners_are_not_set() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src")
        .file("d/f", "f")
        .owner("d/f", 1234, 4321)
        .owner("d", 5, 6);
    s.tree("dst");
    s.sh("fsync-diff --json --no-owner src dst | fsync-apply")
        .code(0);
    assert_eq!((owner(&s, "dst/d"), owner(&s, "dst/d/f")), ((0, 0), (0, 0)));
    s.run("fsync-diff --no-owner src dst").code(0).stdout("");
    s.run("fsync-diff src dst").code(0).stdout("t\td\nt\td/f\n");
    s.run("fsync-diff --owner --no-owner src dst").code(2);
}

#[test]
fn without_times_contents_are_compared() {
    let s = Sandbox::new();
    s.tree("src")
        .file("same", "bytes")
        .file("other", "there")
        .file("new/f", "n")
        .settle();
    let dst = s.tree("dst");
    dst.file("same", "bytes")
        .mtime("same", 7, 7)
        .file("other", "here!")
        .mtime("other", 7, 7);
    let plan = s
        .run("fsync-diff --json --no-times src dst")
        .code(0)
        .records();
    assert_eq!(
        change(&plan, "other")["why"],
        serde_json::json!(["content"])
    );
    let plan = crate::support::plan_line(&plan);
    let told = s.feed("fsync-apply --json", &plan).code(0).records();
    assert_eq!(outcomes(&told), ["new done", "new/f done", "other done"]);
    assert_eq!(dst.read("other"), b"there");
    let year = std::fs::metadata(dst.at("new/f")).expect("a file").mtime();
    assert!(year > 1_700_000_000, "the time of its making: {year}");
    s.run("fsync-diff --no-times src dst").code(0).stdout("");
    let again = s.feed("fsync-apply --json", &plan).code(0).records();
    assert_eq!(
        outcomes(&again),
        ["new already", "new/f already", "other already"]
    );
    // Equal sizes prove nothing: what was edited meanwhile is not taken for made.
    dst.edit("new/f", "x");
    let again = s.feed("fsync-apply --json", &plan).code(3).records();
    assert_eq!(outcomes(&again)[1], "new/f stale");
}

#[test]
fn the_line_form_can_be_told() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "new")
        .mode("f", 0o777)
        .owner("f", 9, 9);
    s.tree("dst").file("f", "older").mode("f", 0o600);
    let all = "--no-perms --no-owner --no-times";
    s.sh(&format!(
        "fsync-diff {all} src dst | fsync-apply {all} src dst"
    ))
    .code(0);
    assert_eq!(s.tree("dst").read("f"), b"new");
    assert_eq!((mode(&s, "dst/f"), owner(&s, "dst/f")), (0o600, (0, 0)));
    s.run(&format!("fsync-diff {all} src dst"))
        .code(0)
        .stdout("");
    s.run("fsync-diff src dst").code(0).stdout("t\t.\nt\tf\n");
}

#[test]
fn cp_hands_them_on() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "f")
        .mode("f", 0o777)
        .owner("f", 9, 9);
    let all = "--no-perms --no-owner --no-times";
    s.sh(&format!("umask 077; fsync cp {all} src dst")).code(0);
    assert_eq!((mode(&s, "dst/f"), owner(&s, "dst/f")), (0o700, (0, 0)));
    s.run(&format!("fsync cp {all} src dst"))
        .code(0)
        .stderr("fsync: nothing to do\n");
}

#[test]
fn a_new_directory_keeps_the_setgid_bit_that_it_inherits() {
    let s = Sandbox::new();
    s.tree("src").file("n/f", "x");
    s.tree("dst").dir("ref").mode(".", 0o2775);
    s.sh("fsync-diff --no-perms --json src dst | fsync-apply; mkdir dst/after")
        .code(0);
    let mode = |name: &str| s.sh(&format!("stat -c %a dst/{name}")).text();
    assert_eq!(mode("n"), mode("after"));
    s.sh("fsync-diff --no-perms --no-times src dst").nothing();
}

#[test]
fn a_setuid_bit_survives_an_owner_that_is_kept() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("f", "new").mode("f", 0o4755).settle();
    s.tree("dst").file("f", "b").owner("f", 65_534, 0).settle();
    s.sh("fsync-diff --no-owner --json src dst | fsync-apply --no-owner; fsync-diff --no-owner src dst")
        .code(0)
        .nothing();
    assert_eq!(s.sh("stat -c '%a %u' dst/f").text(), "4755 65534");
}
