//! Every archive is an ordinary zip, named after its bytes.

use crate::support::{Oracle, Sandbox, Told};

/// A history of five snapshots: a full one, thin ones, one with `--full`.
fn history() -> Sandbox {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.menagerie();
    s.snap("dst");
    dst.edit("plain", "changed")
        .file("deep/more", vec![0; 2 << 20]);
    s.snap("dst");
    dst.mode("empty", 0o600);
    s.snap("dst");
    dst.remove("deep").file("deep", "a file");
    s.run("fsync-snap --full dst").code(0);
    dst.sparse("holes", 5 << 20, 4 << 20, b"moved");
    s.snap("dst");
    assert_eq!(s.archives().len(), 5);
    s
}

#[test]
fn holds_7_every_reader_reads_every_archive() {
    let s = history();
    for archive in s.archives() {
        let zip = archive.display();
        s.sh(&format!("unzip -t {zip}")).code(0).stderr("");
        s.sh(&format!("7z t {zip}")).code(0).stderr("");
        s.sh(&format!("bsdtar -tf {zip}")).code(0).stderr("");
        let python = format!(
            "python3 -W error -c 'import zipfile; assert zipfile.ZipFile(\"{zip}\").testzip() is None'"
        );
        s.sh(&python).code(0).stderr("");
    }
}

#[test]
fn holds_7_the_name_is_the_sha_1() {
    let s = history();
    for archive in s.archives() {
        let sum = s
            .sh(&format!("sha1sum {}", archive.display()))
            .code(0)
            .text();
        let stem = archive
            .file_stem()
            .expect("a name")
            .to_str()
            .expect("UTF-8");
        assert!(sum.starts_with(stem), "{sum}");
    }
}

#[test]
fn holds_7_a_full_one_extracts_to_the_tree() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.menagerie();
    // What unzip cannot give back: setuid bits, and times before 1970.
    dst.remove("setuid")
        .remove("old")
        .mode("hollow/in/side", 0o775)
        .settle();
    let first = s.snap("dst");
    dst.edit("plain", "changed");
    let full = s.run("fsync-snap --full dst").code(0).text();
    let expected = Oracle::of(s.path("dst")).rough();
    s.sh(&format!("mkdir out one; unzip -q repo/{full}.zip -d out"))
        .code(0);
    let out = Oracle::of(s.path("out")).rough();
    assert!(
        out.without(".fsync").len() < out.len(),
        "our folder is in it"
    );
    let out = out.without(".fsync").without(".fsync-backup");
    assert_eq!(expected.without(".fsync-backup").differences(&out), "");
    s.sh(&format!("unzip -q repo/{first}.zip -d one")).code(0);
    let plain = s.tree("one").read("plain");
    assert_eq!(plain, b"plain\n");
}

#[test]
fn a_first_archive_holds_each_file_under_its_name() {
    let s = Sandbox::new();
    s.tree("dst")
        .file("a", "same bytes")
        .file("d/b", "same bytes")
        .file("empty", "")
        .link("l", "a")
        .settle();
    let id = s.snap("dst");
    let list = s.sh(&format!("unzip -Z1 repo/{id}.zip")).code(0).text();
    for name in [
        "a",
        "d/b",
        "empty",
        "l",
        ".fsync/ABOUT",
        ".fsync/snapshot.json",
    ] {
        assert!(list.lines().any(|l| l == name), "{name} in {list}");
    }
    let names: std::collections::BTreeSet<_> = list.lines().collect();
    assert_eq!(names.len(), list.lines().count(), "no name twice");
    let methods = s.sh(&format!("unzip -Zs repo/{id}.zip")).code(0).text();
    let ours = |line: &&str| line.starts_with(['-', 'd', 'l']) && line.contains("unx");
    for line in methods.lines().filter(ours) {
        assert!(line.contains(" def") || line.contains(" stor"), "{line}");
    }
}

#[test]
fn the_chain_can_be_walked_with_unzip() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "one");
    let first = s.snap("dst");
    dst.edit("f", "two!");
    let second = s.snap("dst");
    s.sh(&format!("unzip -p repo/{second}.zip .fsync-backup"))
        .code(0)
        .stdout(format!("{first}\n"));
}

#[test]
fn a_thin_archive_holds_only_what_is_new() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("old/one", "1")
        .file("old/two", "2")
        .file("d/f", "3");
    s.snap("dst");
    dst.edit("d/f", "changed");
    let id = s.snap("dst");
    let list = s.sh(&format!("unzip -Z1 repo/{id}.zip")).code(0).text();
    assert!(list.lines().any(|l| l == "d/f"), "{list}");
    assert!(!list.lines().any(|l| l.starts_with("old/")), "{list}");
}

#[test]
fn a_folder_of_our_own_name_is_kept_apart() {
    let s = Sandbox::new();
    s.tree("dst")
        .file(".fsync/snapshot.json", "theirs")
        .file(".fsync/tree/a", "b")
        .settle();
    let id = s.snap("dst");
    s.sh(&format!("unzip -p repo/{id}.zip .fsync/snapshot.json"))
        .code(0)
        .stdout("theirs");
    s.tree("dst").remove(".fsync");
    s.run("fsync-revert dst").code(0);
    assert_eq!(s.tree("dst").read(".fsync/snapshot.json"), b"theirs");
}

#[test]
fn every_state_comes_back_after_all_that() {
    let s = history();
    s.run("fsync verify").code(0);
    for at in 0..5 {
        let name = format!("@~{at}").replace("@~0", "@");
        s.run(&format!("fsync-revert dst {name} --to out{at}"))
            .code(0);
    }
    assert_eq!(s.tree("out4").read("plain"), b"plain\n");
    assert_eq!(s.tree("out3").read("deep/more").len(), 2 << 20);
    assert_eq!(s.tree("out1").read("deep"), b"a file");
}
