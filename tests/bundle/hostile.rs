//! Bundles from strangers, and damaged ones: one line, and nothing is changed; whatever they hold, nothing outside.

use std::fs;

use crate::land::{Land, land};
use crate::support::{Oracle, Sandbox, Told, Traces, quick_or_long};

/// A bundle with a bit of everything that a trick could use.
fn good(compressible: bool) -> Land {
    land("--no-owner", |s| {
        s.tree("copy")
            .file("old", "old")
            .file("dir/a", "a")
            .settle();
        s.twin("copy", "src");
        let src = s.tree("src");
        src.file("new", "new contents, which are this long\n")
            .file("dir/b", "b")
            .edit("old", "newer")
            .link("link", "old");
        if compressible {
            src.file("large", "a line of it\n".repeat(800_000));
        }
        src.settle();
    })
}

fn codes(text: &str) -> Vec<i32> {
    text.split(',')
        .map(|code| code.parse().expect("a code"))
        .collect()
}

#[test]
fn no_forgery_changes_anything() {
    let l = good(true);
    let s = &l.s;
    s.tree("canary").file("x", "alive");
    fs::create_dir(s.path("forged")).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bundle/forge.py");
    let cases = s
        .cmd("python3")
        .args(["-B", script, "F.zip", "forged"])
        .arg(s.path("canary"))
        .assert()
        .code(0)
        .text();
    assert!(cases.lines().count() > 55, "{cases}");
    let canary = Traces::of(s.path("canary"));
    for line in cases.lines() {
        let (name, allowed) = line.split_once('\t').unwrap();
        s.sh("rm -rf far && cp -a 'left behind copy' far").code(0);
        let before = Traces::of(s.path("far"));
        let done = s.run(&format!("fsync-apply --bundle forged/{name} far"));
        let output = done.get_output().clone();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        eprintln!("{name}: {code:?} {said}");
        assert!(
            code.is_some_and(|c| codes(allowed).contains(&c)),
            "{name}: {code:?}, not {allowed}: {said}"
        );
        if code == Some(0) {
            l.wanted.assert_is(s.path("far"));
        } else {
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            assert!(said.contains(&format!("forged/{name}")), "{name}: {said}");
            before.assert_untouched(s.path("far"));
        }
        canary.assert_untouched(s.path("canary"));
    }
}

#[test]
fn links_in_the_far_directory_lead_nowhere() {
    let l = good(false);
    let s = &l.s;
    s.tree("canary").file("a", "a").file("b", "alive");
    s.sh("rm -r far/dir && ln -s ../canary far/dir && ln -s ../canary/b far/new")
        .code(0);
    let canary = Traces::of(s.path("canary"));
    s.run("fsync-apply --bundle F.zip far").code(3);
    canary.assert_untouched(s.path("canary"));
    assert_eq!(s.tree("far").read("old"), b"newer");
}

#[test]
fn a_cut_bundle_changes_nothing() {
    let l = good(false);
    let s = &l.s;
    let whole = fs::read(s.path("F.zip")).unwrap();
    let before = Traces::of(s.path("far"));
    let step = whole.len() / quick_or_long(40, 1000).min(whole.len()) + 1;
    for length in (0..whole.len()).step_by(step) {
        fs::write(s.path("cut.zip"), &whole[..length]).unwrap();
        let done = s.run("fsync-apply --bundle cut.zip far").code(5);
        done.one_line("fsync-apply", &["\"cut.zip\"", "nothing was changed"]);
        before.assert_untouched(s.path("far"));
    }
}

/// Whichever byte is another: it is seen before anything is changed, or it was of no use.
#[test]
fn a_flipped_bit_is_seen_or_was_of_no_use() {
    let l = good(false);
    let s = &l.s;
    let whole = fs::read(s.path("F.zip")).unwrap();
    let before = Oracle::of(s.path("far"));
    let step = whole.len() / quick_or_long(120, whole.len()).min(whole.len());
    let (mut seen, mut harmless) = (0, 0);
    for at in (0..whole.len()).step_by(step.max(1)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(s.path("bad.zip"), bytes).unwrap();
        let done = s.run("fsync-apply --bundle bad.zip far");
        let said = done.complaint();
        match done.get_output().status.code() {
            Some(0) => {
                harmless += 1;
                l.wanted.assert_is(s.path("far"));
                s.sh("rm -r far && cp -a 'left behind copy' far").code(0);
            }
            Some(5 | 8) => {
                seen += 1;
                assert_eq!(said.lines().count(), 1, "byte {at}: {said}");
                before.assert_is(s.path("far"));
            }
            other => panic!("byte {at}: {other:?} {said}"),
        }
    }
    assert!(seen > harmless, "{seen} seen, {harmless} harmless");
}

#[test]
fn what_is_no_file_is_no_bundle() {
    let s = Sandbox::new();
    s.tree("far").file("a", "1");
    s.sh("mkfifo pipe").code(0);
    for (what, part) in [
        ("pipe", "no regular file"),
        ("far", "no regular file"),
        ("missing.zip", "cannot open"),
        ("-", "cannot come through a pipe"),
    ] {
        s.run(&format!("fsync-apply --bundle {what} far"))
            .code(2)
            .one_line("fsync-apply", &[part]);
        s.run(&format!("fsync-diff --bundle {what}"))
            .code(2)
            .one_line("fsync-diff", &[part]);
    }
}
