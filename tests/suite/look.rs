//! Looking inside snapshots: `fsync ls`, `cat`, `find`, `show`, `log --graph`, and how `fsync-diff` is told which.

use std::fs;

use predicates::str::contains;
use serde_json::{Value, json};

use crate::support::{Sandbox, T0, Told};

/// Writes a file of the repository anew, with one byte changed that lies `at` it.
fn flip(path: &std::path::Path, at: usize) {
    let mut bytes = fs::read(path).expect("an archive");
    bytes[at] ^= 1;
    fs::remove_file(path).expect("gone");
    fs::write(path, bytes).expect("an archive again");
}

/// Where `part` lies in a file.
fn offset(path: &std::path::Path, part: &[u8]) -> usize {
    let bytes = fs::read(path).expect("a file");
    let found = bytes.windows(part.len()).position(|w| w == part);
    found.expect("the part")
}

/// Bytes that do not compress, and are others for every seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn ls_lists_a_level_a_directory_and_a_single_entry() {
    let s = Sandbox::new();
    s.tree("d")
        .file("css/main.css", "m")
        .file("css/deep/x", "")
        .file("odd\tname", "")
        .link("to", "css");
    let id = s.snap("d");
    let listed = |args: &str| s.run(&format!("fsync ls {args}")).code(0).stderr("").text();
    assert_eq!(listed(&id), "css/\n\"odd\\tname\"\nto");
    assert_eq!(listed(&format!("{id} css")), "css/deep/\ncss/main.css");
    assert_eq!(listed(&format!("{id} ./css/")), "css/deep/\ncss/main.css");
    assert_eq!(listed(&format!("{id} css/main.css")), "css/main.css");
    assert_eq!(
        listed(&format!("-r {id}")),
        "css/\ncss/deep/\ncss/deep/x\ncss/main.css\n\"odd\\tname\"\nto"
    );
    assert_eq!(listed(&format!("-z {id}")), "css/\0odd\tname\0to\0");
    assert_eq!(listed("d@"), listed("-d d @"));
}

#[test]
fn ls_long_and_json_say_what_is_recorded() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("run", "#!/bin/sh\n")
        .mode("run", 0o4755)
        .link("to", "run");
    let id = s.snap("d");
    let owner = {
        use std::os::unix::fs::MetadataExt;
        let meta = fs::metadata(d.at("run")).expect("a file");
        (meta.uid(), meta.gid())
    };
    let (uid, gid) = owner;
    let time = "2020-09-13T12:26:40+00:00";
    s.run(&format!("fsync ls -l {id}")).code(0).stdout(format!(
        "-rwsr-xr-x\t{uid}:{gid}\t10\t{time}\trun\nlrwxrwxrwx\t{uid}:{gid}\t-\t{time}\tto\trun\n"
    ));
    s.run(&format!("fsync ls -lz {id} to"))
        .code(0)
        .stdout(format!("lrwxrwxrwx\t{uid}:{gid}\t-\t{time}\tto\0run\0"));
    let records = s.run(&format!("fsync ls --json {id}")).code(0).records();
    assert_eq!(
        records[0],
        json!({"type": "entry", "path": "run", "kind": "file", "size_bytes": 10,
            "mtime": {"secs": T0.0, "nanos": T0.1}, "mode": "4755", "owner": {"uid": uid, "gid": gid},
            "content": "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"})
    );
    assert_eq!(records[1]["target"], "run");
}

#[test]
fn a_path_that_is_not_there_is_6_and_one_that_leaves_is_2() {
    let s = Sandbox::new();
    s.tree("d").file("f", "x");
    let id = s.snap("d");
    for command in ["ls", "cat"] {
        for path in ["nope", "f/below", "nope/deeper"] {
            s.run(&format!("fsync {command} {id} {path}"))
                .code(6)
                .nothing()
                .one_line("fsync", &[&format!("{path:?}"), &id]);
        }
        for path in ["/f", "../f", "a//b"] {
            s.run(&format!("fsync {command} {id} {path}"))
                .code(2)
                .nothing()
                .one_line("fsync", &[&format!("{path:?}")]);
        }
        s.run(&format!("fsync {command} nothing f"))
            .code(6)
            .nothing()
            .one_line("fsync", &["\"nothing\""]);
    }
}

#[test]
fn cat_prints_contents_of_every_length() {
    let s = Sandbox::new();
    let large = noise(1, 20 << 20);
    let d = s.tree("d");
    d.file("empty", "")
        .file("small", "small\n")
        .file("large", &large)
        .link("to", "small");
    s.snap("d");
    s.run("fsync cat d@ small empty small")
        .code(0)
        .stdout("small\nsmall\n");
    s.run("fsync cat d@ to").code(0).stdout("small");
    assert!(s.run("fsync cat d@ large").code(0).bytes() == large);
    // Of the next version only chunks are kept.
    let mut changed = large.clone();
    changed[9 << 20] ^= 1;
    d.edit("large", &changed);
    s.snap("d");
    assert!(s.run("fsync cat d@ large").code(0).bytes() == changed);
    assert!(s.run("fsync cat d@~1 large").code(0).bytes() == large);
}

#[test]
fn cat_takes_files_only_and_prints_nothing_of_others() {
    let s = Sandbox::new();
    s.tree("d").file("f", "x").dir("sub").fifo("pipe");
    s.snap("d");
    for (path, why) in [("sub", "is a directory"), ("pipe", "is a fifo")] {
        s.run(&format!("fsync cat d@ f {path}"))
            .code(2)
            .nothing()
            .one_line("fsync", &[path, why]);
    }
    s.run("fsync cat d@ f nope").code(6).nothing();
    s.run("fsync cat d@").code(2);
}

#[test]
fn cat_finds_damage() {
    let s = Sandbox::new();
    let (small, large) = (noise(2, 4000), noise(3, 12 << 20));
    s.tree("d").file("small", &small).file("large", &large);
    let id = s.snap("d");
    let archive = s.archive(&id);
    flip(&archive, offset(&archive, &small[100..200]));
    // Most of the archive is the large file.
    flip(&archive, fs::metadata(&archive).unwrap().len() as usize / 2);
    s.run("fsync cat d@ small")
        .code(8)
        .nothing()
        .one_line("fsync", &[&id]);
    s.run("fsync cat d@ large")
        .code(8)
        .one_line("fsync", &["\"large\"", "damaged"]);
}

/// `event path` of each line of `fsync find`.
fn events(text: &str) -> Vec<String> {
    let event = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 5, "{line:?}");
        format!("{} {}", fields[2], fields[3])
    };
    text.lines().map(event).collect()
}

#[test]
fn find_tells_the_versions_of_a_path() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("other", "").settle();
    let mut ids = vec![s.snap("d")];
    d.file("a/f", "1");
    ids.push(s.snap("d"));
    d.edit("a/f", "22");
    ids.push(s.snap("d"));
    d.edit("other", "more");
    ids.push(s.snap("d"));
    d.mode("a/f", 0o600);
    ids.push(s.snap("d"));
    d.remove("a");
    ids.push(s.snap("d"));
    d.link("a/f", "../other");
    ids.push(s.snap("d"));
    let text = s.run("fsync find a/f d").code(0).stderr("").text();
    assert_eq!(
        events(&text),
        [
            "appeared a/f",
            "changed a/f",
            "touched a/f",
            "gone a/f",
            "appeared a/f"
        ]
    );
    let named: Vec<&str> = text
        .lines()
        .map(|l| l.split('\t').nth(1).unwrap())
        .collect();
    assert_eq!(named, [&ids[1], &ids[2], &ids[4], &ids[5], &ids[6]]);
    assert_eq!(text, s.run("fsync find f -d d").code(0).text());
    let records = s.run("fsync find --json f d").code(0).records();
    assert_eq!(records[0]["event"], "appeared");
    assert_eq!(records[1]["state"]["size_bytes"], 2);
    assert_eq!(records[3]["state"], Value::Null);
    assert_eq!(records[4]["state"]["kind"], "symlink");
    let nul = s.run("fsync find -z a/f d").code(0).text();
    assert_eq!(nul.matches('\0').count(), 2 * 5, "{nul:?}");
}

#[test]
fn find_takes_patterns_and_all_directories() {
    let s = Sandbox::new();
    s.tree("d")
        .file("x/one.css", "")
        .file("two.css", "")
        .file("x/css/f", "");
    s.tree("e").file("three.css", "").dir("css");
    let (d, e) = (s.snap("d"), s.snap("e"));
    let found = |args: &[&str]| {
        let out = s.cmd("fsync").arg("find").args(args).assert().code(0);
        events(&out.text())
    };
    let appeared = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| format!("appeared {name}"))
            .collect()
    };
    assert_eq!(
        found(&["*.css"]),
        appeared(&["two.css", "x/one.css", "three.css"])
    );
    assert_eq!(found(&["*.css", "d"]), appeared(&["two.css", "x/one.css"]));
    assert_eq!(found(&["/*.css"]), appeared(&["two.css", "three.css"]));
    assert_eq!(found(&["css/"]), appeared(&["x/css", "css"]));
    assert_eq!(found(&["x/**/f"]), appeared(&["x/css/f"]));
    s.run("fsync find two.css").code(0).stdout(contains(&d));
    s.run("fsync find three.css").code(0).stdout(contains(&e));
    s.run("fsync find nope")
        .code(6)
        .nothing()
        .one_line("fsync", &["\"nope\""]);
    s.run("fsync find x home")
        .code(6)
        .nothing()
        .one_line("fsync", &["\"home\""]);
    s.run("fsync find [z-a] d")
        .code(2)
        .nothing()
        .one_line("fsync", &["[z-a]"]);
}

/// Changes a byte of the manifest node that names `$2`, in every archive of the repository `$1`.
const DAMAGE: &str = r#"
import os, sys, zipfile, glob
for path in glob.glob(sys.argv[1] + "/*.zip"):
    data = bytearray(open(path, "rb").read())
    for item in zipfile.ZipFile(path).infolist():
        if item.filename.startswith(".fsync/tree/"):
            if sys.argv[2].encode() in zipfile.ZipFile(path).read(item):
                at = item.header_offset
                extra = 30 + data[at + 26] + 256 * data[at + 27] + data[at + 28] + 256 * data[at + 29]
                data[at + extra + item.compress_size // 2] ^= 1
                print("damaged")
    os.remove(path)
    open(path, "wb").write(data)
"#;

#[test]
fn find_reads_only_what_it_must() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("a/f", "1").file("b/unread", "1");
    s.snap("d");
    d.edit("a/f", "2");
    s.snap("d");
    let repo = s.path("repo");
    let damage = s
        .cmd("python3")
        .args(["-c", DAMAGE, repo.to_str().unwrap(), "unread"])
        .assert();
    assert_eq!(damage.code(0).text(), "damaged", "of one node, once");
    let text = s.run("fsync find a/f d").code(0).text();
    assert_eq!(events(&text), ["appeared a/f", "changed a/f"]);
    s.run("fsync find *f d").code(8).nothing();
    // Equal nodes are skipped by a comparison too.
    s.run("fsync diff -d d --delete @ @~1")
        .code(0)
        .stdout("M\ta/f\n");
    s.run("fsync ls -r d@").code(8).stdout("a/\na/f\nb/\n");
}

#[test]
fn show_lists_what_a_snapshot_changed() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("gone", "").file("edited", "1").settle();
    s.snap("d");
    d.remove("gone").edit("edited", "22").file("odd\nname", "");
    let id = s.snap("d");
    let listed = "\nt\t.\nM\tedited\nD\tgone\nA\t\"odd\\nname\"\n";
    s.run("fsync show d@")
        .code(0)
        .stdout(contains(listed))
        .stderr("");
    let size = fs::metadata(s.archive(&id)).unwrap().len();
    s.run("fsync show --stat d@")
        .code(0)
        .stdout(predicates::function::function(move |text: &str| {
            text.contains("1 added, 1 modified, 1 deleted, 1 with new metadata since its parent")
                && text.contains(&format!("added       {size} bytes to the repository\n"))
                && !text.contains("\tedited")
        }));
    let records = s.run("fsync show --json --changes d@").code(0).records();
    assert_eq!(records[0]["type"], "history");
    assert_eq!(records[0]["archive_bytes"], json!(size));
    let paths: Vec<&Value> = records[1..].iter().map(|r| &r["path"]).collect();
    assert_eq!(paths, [".", "edited", "gone", "odd\nname"]);
    s.run("fsync show d@~1")
        .code(0)
        .stdout(contains("parent      none\n"));
}

#[test]
fn show_prints_some_changes_and_all_when_asked() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("one", "").settle();
    s.snap("d");
    for n in 0..30 {
        d.file(format!("many/{n:02}"), "");
    }
    s.snap("d");
    let some = s.run("fsync show d@").code(0).text();
    assert!(
        some.ends_with("\nA\tmany/17\n... and 12 more; --changes prints all"),
        "{some}"
    );
    let all = s.run("fsync show --changes d@").code(0).text();
    assert!(all.ends_with("\nA\tmany/28\nA\tmany/29"), "{all}");
}

/// A history with a branch: two states of `d`, a revert, and another state. Their ids, oldest first.
fn branched(s: &Sandbox) -> Vec<String> {
    // Both have the same time, whatever tick of the clock they were made in.
    s.tree("src").file("f", "1").settle();
    s.tree("d").settle();
    s.run("fsync -q cp src d").code(0);
    s.tree("src").edit("f", "22");
    s.run("fsync -q cp -t two src d").code(0);
    s.run("fsync -q rv -d d").code(0);
    s.tree("d").edit("f", "333");
    s.snap("d");
    let ids = s.run("fsync log --json d").code(0).records();
    let ids = ids
        .iter()
        .rev()
        .map(|r| r["id"].as_str().unwrap()[..12].to_string());
    ids.collect()
}

#[test]
fn log_draws_branches_operations_and_the_head() {
    let s = Sandbox::new();
    let ids = branched(&s);
    let [one, two, three, four] = &ids[..] else {
        panic!("{ids:?}");
    };
    let text = s.run("fsync log --graph d").code(0).stderr("").text();
    // Times are other ones in every run.
    let words = text.lines().map(|line| {
        let is_time = |word: &&str| word.len() == 25 && word.contains('T');
        let words: Vec<&str> = line.split(' ').filter(|w| !is_time(w)).collect();
        words.join(" ")
    });
    let src = s.path("src").canonicalize().unwrap();
    let from = format!("apply from \"{}\"", src.display());
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            format!("* {four} (head)"),
            format!("| * {three}"),
            format!("| | @{{1}} revert to {two}"),
            format!("| * {two} (two)"),
            format!("| | @{{2}} {from}"),
            "|/".to_string(),
            format!("* {one}"),
            format!("  @{{3}} {from}"),
        ]
    );
    let first = s.run("fsync log --graph -n 1 d").code(0).text();
    assert_eq!(Some(first.as_str()), text.lines().next());
    assert_eq!(s.run("fsync log -n 2 d").code(0).text().lines().count(), 2);
    assert_eq!(s.run("fsync log --json -n 3 d").code(0).records().len(), 3);
    s.run("fsync log --graph --json d").code(2);
}

#[test]
fn diff_takes_snapshots_by_every_name() {
    let s = Sandbox::new();
    let ids = branched(&s);
    let here = s.path("d").canonicalize().unwrap();
    let here = here.display();
    let changed = "M\tf\n";
    for args in [
        format!("snap:{} snap:{}", ids[3], ids[1]),
        format!("{} {}", ids[3], ids[1]),
        "-d d @ two".to_string(),
        "d two".to_string(),
        "d snap:two".to_string(),
        "d d@{1}".to_string(),
        "d d@{1}~0".to_string(),
        format!("d {here}@{{1}}"),
        format!("{here} ./d@{{1}}"),
        format!("{here}@ snap:{here}@{{1}}"),
        format!("-d {here} @{{1}} @"),
    ] {
        s.run(&format!("fsync diff {args}"))
            .code(0)
            .stdout(changed)
            .stderr("");
        s.run(&format!("fsync-diff {args}"))
            .code(0)
            .stdout(changed)
            .stderr("");
    }
    s.run("fsync diff -d d --delete @~1 @")
        .code(0)
        .stdout("D\tf\n");
    s.run("fsync diff d d@").code(0).nothing();
    s.run("fsync diff src d@{9}").code(6).nothing();
    // What is not there, and could be no state of anything, is a directory that is to be made.
    s.run("fsync diff src ./new@{1}")
        .code(0)
        .stdout("A\t.\nA\tf\n");
}
