//! What the settings change, and which options win over them.

use crate::desk::Desk;
use crate::support::Told;

/// A source and a destination that differ in every way that a setting is about.
fn trees(d: &Desk) {
    let src = d.s.tree("src");
    src.file("new", "1")
        .file("a.o", "1")
        .file("same", "one")
        .mode(".", 0o755);
    let dst = d.s.tree("dst");
    dst.file("old", "1")
        .file("b.o", "1")
        .file("same", "two")
        .mode(".", 0o755);
    src.mtime(".", 1_600_000_000, 0);
    dst.mtime(".", 1_600_000_000, 0);
}

fn plan(d: &Desk, options: &str) -> String {
    d.run(&format!("cp -n {options} src dst")).code(0).text()
}

#[test]
fn excludes_stand_in_front_of_those_of_the_command_line() {
    let d = Desk::with("exclude = [\"*.o\"]\n");
    trees(&d);
    assert_eq!(plan(&d, ""), "A\tnew");
    assert_eq!(plan(&d, "--include a.o"), "A\ta.o\nA\tnew");
    assert_eq!(plan(&d, "--exclude new"), "");
    assert_eq!(
        plan(&d, "--delete"),
        "A\tnew\nD\told",
        "what is excluded is kept"
    );
    assert_eq!(plan(&d, "--no-config"), "A\ta.o\nA\tnew");
    // A snapshot holds what is excluded.
    d.run("cp src dst").code(0);
    d.sh("fsync ls dst@").code(0).stdout("b.o\nold\nsame\n");
}

#[test]
fn delete_and_compare_and_their_opposites() {
    let d = Desk::with("delete = \"always\"\ncompare = \"checksum\"\n");
    trees(&d);
    assert_eq!(plan(&d, ""), "A\ta.o\nD\tb.o\nA\tnew\nD\told\nM\tsame");
    assert_eq!(plan(&d, "--no-delete --quick"), "A\ta.o\nA\tnew");
    assert_eq!(plan(&d, "--no-delete --size-only"), "A\ta.o\nA\tnew");
    assert_eq!(plan(&d, "--no-delete"), "A\ta.o\nA\tnew\nM\tsame");
    d.run("cp --delete --no-delete src dst").code(2);
    d.run("cp --quick --checksum src dst").code(2);
    d.set("delete = \"always\"\n[directory.\"@/dst\"]\ndelete = \"never\"\n");
    assert_eq!(plan(&d, ""), "A\ta.o\nA\tnew");
    assert_eq!(plan(&d, "--delete"), "A\ta.o\nD\tb.o\nA\tnew\nD\told");
    d.set("compare = \"size-only\"\n");
    d.s.tree("src").mtime("same", 1_700_000_000, 0);
    assert_eq!(plan(&d, ""), "A\ta.o\nA\tnew");
    assert_eq!(plan(&d, "--quick"), "A\ta.o\nA\tnew\nM\tsame");
}

#[test]
fn sync_and_status_take_them_alike() {
    let d = Desk::with("[directory.\"@/dst\"]\ndelete = \"always\"\nexclude = [\"*.o\"]\n");
    trees(&d);
    d.run("mksync dst src").code(0);
    let plan = |line: &str| d.run(line).code(0).text().replace("t\t.\n", "");
    assert_eq!(plan("status dst"), "A\tnew\nD\told");
    assert_eq!(plan("status --no-delete dst"), "A\tnew");
    assert_eq!(plan("sync -n dst"), "A\tnew\nD\told");
    let traced = d.run("--trace sync -n dst").code(0).complaint();
    assert!(
        traced.contains("fsync-diff --delete '--exclude=*.o' "),
        "{traced}"
    );
    d.run("sync dst").code(0);
    assert!(!d.s.path("dst/old").exists() && d.s.path("dst/b.o").exists());
}

#[test]
fn snapshots_are_full_where_it_is_set() {
    let d = Desk::with("snapshots = \"full\"\n");
    trees(&d);
    d.run("cp src dst").code(0);
    d.s.tree("src").file("more", "1");
    let traced = d.run("--trace cp src dst").code(0).complaint();
    assert!(
        traced.contains("fsync-snap --through --guard --full "),
        "{traced}"
    );
    let archive = "home/.local/share/fsync/$(fsync log -n 1 dst | cut -f 3).zip";
    let listed = d.sh(&format!("unzip -Z1 {archive}")).code(0).text();
    assert!(listed.lines().any(|l| l == "old"), "{listed}");
    d.s.tree("src").file("again", "1");
    d.run("cp --thin src dst").code(0);
    let listed = d.sh(&format!("unzip -Z1 {archive}")).code(0).text();
    assert!(!listed.lines().any(|l| l == "old"), "{listed}");
    d.s.tree("src").file("last", "1");
    d.run("--no-config cp --full src dst").code(0);
    let listed = d.sh(&format!("unzip -Z1 {archive}")).code(0).text();
    assert!(listed.lines().any(|l| l == "old"), "{listed}");
}

#[test]
fn nothing_inside_a_tree_is_a_setting() {
    let d = Desk::new();
    trees(&d);
    let evil = "repository = \"/nowhere\"\n[hooks]\nbefore = \"touch hacked\"\n";
    for name in [
        "config.toml",
        ".fsync-config",
        ".fsync.toml",
        "fsync/config.toml",
        ".config/fsync/config.toml",
    ] {
        d.s.tree("src").file(name, evil);
        d.s.tree("dst").file(name, evil);
    }
    d.run("cp src dst").code(0);
    d.fsync(&["-C", "dst", "cp", "../src", "."])
        .assert()
        .code(0);
    d.sh("find . -name hacked").code(0).stdout("");
    assert_eq!(d.snapshots("home/.local/share/fsync"), 1);
}
