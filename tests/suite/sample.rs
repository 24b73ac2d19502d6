//! What was written once stays readable: checked-in samples of the repository's format and of the protocol, which
//! are never edited. A script of another author, written from the manual page alone, reads them too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Sandbox, Told, as_root};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sample")
        .join(name)
}

/// A copy of the sample repository, as `repo`.
fn repository() -> Sandbox {
    let s = Sandbox::new();
    let (from, to) = (sample("format-1/repository"), s.path("repo"));
    s.sh(&format!(
        "cp -r {} {} && chmod 700 repo",
        from.display(),
        to.display()
    ))
    .code(0);
    s
}

/// The snapshots of the sample, and what a restore of each must be.
fn expected() -> Vec<(String, String)> {
    let folder = sample("format-1/expected");
    let mut all: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let id = path.file_stem().unwrap().to_str().unwrap().to_string();
            (id, fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    assert_eq!(all.len(), 6);
    all
}

fn listing(directory: &Path) -> String {
    let out = Command::new("python3")
        .args(["-B".as_ref(), sample("listing.py").as_os_str()])
        .arg(directory)
        .output()
        .unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn every_snapshot_of_format_1_comes_back() {
    let s = repository();
    s.run("fsync verify --read-data").code(0);
    for (id, expected) in expected() {
        s.run(&format!("fsync-revert nowhere {id} --to {id}"))
            .code(0);
        assert_eq!(listing(&s.path(&id)), expected, "{id}");
    }
}

#[test]
fn a_script_written_from_the_page_alone_restores_them() {
    let s = repository();
    let script = sample("restore.py");
    for (id, expected) in expected() {
        s.sh(&format!("python3 -B {} repo {id} {id}", script.display()))
            .code(0);
        assert_eq!(listing(&s.path(&id)), expected, "{id}");
    }
}

/// The script reads what this version writes, too.
#[test]
fn the_script_restores_what_is_written_now() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("a", "1")
        .file("sub/b", "2")
        .file("big", vec![7; 9 << 20]);
    s.sh("ln d/a d/sub/a; ln -s a d/l; printf x >\"d/$(printf 'odd\\n\\377')\"")
        .code(0);
    s.snap("d");
    d.edit("sub/b", "three").edit("big", vec![8; 10 << 20]);
    let id = s.snap("d");
    s.sh(&format!(
        "python3 -B {} repo {id} out",
        sample("restore.py").display()
    ))
    .code(0);
    assert_eq!(listing(&s.path("out")), listing(&s.path("d")));
}

#[test]
fn history_and_tags_of_format_1_are_read() {
    let s = repository();
    let tags = s.run("fsync-tag").code(0).text();
    for tag in ["first", "before-src", "notes"] {
        assert!(tags.contains(&format!("\t{tag}\t")), "{tags}");
    }
    let log = s.run("fsync log /srv/sample/site").code(0).text();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.contains("@{1} revert") && log.contains("@{2} apply from \"/srv/sample/src\""));
    let notes = s.run("fsync log /srv/sample/notes").code(0).text();
    assert_eq!(notes.lines().count(), 3, "{notes}");
}

/// The trees of the sample plan, made anew, and the plan as one of theirs.
fn planned() -> (Sandbox, String) {
    let s = Sandbox::new();
    s.sh(&format!("sh {}", sample("trees.sh").display()))
        .code(0);
    let plan = fs::read_to_string(sample("protocol-1/plan.ndjson")).unwrap();
    let here = s
        .path("")
        .to_str()
        .unwrap()
        .trim_end_matches('/')
        .to_string();
    (s, plan.replace("/srv/sample", &here))
}

#[test]
fn a_plan_of_protocol_1_is_performed() {
    let (s, plan) = planned();
    if !as_root() {
        return;
    }
    s.feed("fsync-apply", &plan).code(0);
    s.run("fsync-diff --delete --exclude *.out --exit-code src dst")
        .code(0)
        .stdout("");
    s.feed("fsync-apply", &plan).code(0);
}

#[test]
fn lines_of_protocol_1_are_performed() {
    for (name, option) in [("plan.txt", ""), ("plan-z", "")] {
        let (s, _) = planned();
        let lines = fs::read(sample("protocol-1").join(name)).unwrap();
        s.feed(&format!("fsync-apply {option} src dst"), lines)
            .code(0);
        s.run("fsync-diff --delete --exclude *.out --exit-code src dst")
            .code(0)
            .stdout("");
    }
}

/// Through the snapshotter, whose output is the next program's input.
#[test]
fn a_plan_of_protocol_1_goes_through() {
    let (s, plan) = planned();
    let told = s.feed("fsync-snap --through", &plan).code(0).text();
    let sample = fs::read_to_string(sample("protocol-1/through.ndjson")).unwrap();
    assert_eq!(told.lines().count(), sample.lines().count());
    assert!(told.contains("{\"type\":\"snapshot\","));
}
