//! Archives and packs of our own format that somebody dropped into the repository under their right SHA-1: whatever
//! they say, nothing outside is written, and the other snapshots stay usable.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::driver::{Ran, drive, fit, none, words};
use crate::support::{Oracle, Sandbox, Told, Traces, long};

/// No command on a hostile archive may hold more memory, in bytes.
const MEMORY: u64 = 768 << 20;
/// Nor take longer, in seconds.
const PATIENCE: u64 = 60;

/// A sound snapshot, its id, and what it recorded; `canary` stands around.
fn sound(s: &Sandbox) -> (String, Oracle) {
    s.tree("canary")
        .file("x", "alive")
        .file("d/y", "alive")
        .settle();
    s.tree("w/good").menagerie();
    let before = Oracle::of(s.path("w/good"));
    (s.snap("w/good"), before)
}

fn forge(s: &Sandbox, known: &str) -> Vec<(String, String)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/archives.py");
    let mut python = s.cmd("python3");
    python.arg(script).arg(s.path("repo")).arg(s.path("w"));
    let told = python
        .arg(s.path("canary"))
        .arg(known)
        .assert()
        .code(0)
        .text();
    let pair = |line: &str| {
        let (name, id) = line.split_once('\t').expect("a pair");
        (name.to_string(), id.to_string())
    };
    told.lines().map(pair).collect()
}

/// Drops a pack that says these lines into the repository; its id.
fn drop_pack(s: &Sandbox, lines: &str) -> String {
    let script = r#"
import hashlib, os, sys, zipfile
with zipfile.ZipFile('new.zip', 'w') as z:
    z.writestr('.fsync/ABOUT', 'a pack\n')
    z.writestr('.fsync/pack.ndjson', sys.argv[1])
    z.comment = b'{"fsync":1,"folder":".fsync","time":{"secs":9999999999,"nanos":0},"extent":"pack"}'
name = hashlib.sha1(open('new.zip', 'rb').read()).hexdigest()
os.rename('new.zip', 'repo/' + name + '.zip')
print(name)
"#;
    s.cmd("python3")
        .args(["-c", script, lines])
        .assert()
        .code(0)
        .text()
}

fn gone(id: &str) -> String {
    format!(
        "{{\"gone\":\"{id}\",\"directory\":{{\"path\":\"/x\"}},\"time\":{{\"secs\":1,\"nanos\":0}}}}\n"
    )
}

/// Commands on one snapshot.
fn commands(name: &str, id: &str, known: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        format!("fsync ls -rl {id}"),
        format!("fsync-revert x {id} --to out/{name}"),
        format!("fsync export {id} -o out/{name}.zip"),
        format!("fsync-diff --delete --renames --json {known} {id}"),
    ]
    .into();
    if long() {
        all.push(format!("fsync show --changes {id}"));
        all.push(format!("fsync cat {id} f ok a"));
        all.push(format!("fsync export --tar {id} -o out/{name}.tar"));
        all.push(format!("fsync-diff --delete {id} {known}"));
        all.push(format!("fsync-revert back {id} --max-delete 100%"));
        all.push(format!("fsync diff --patch {id} {known}"));
        all.push(format!("fsync log {name}"));
        all.push(format!("fsync find f {name}"));
        all.push(format!("fsync-snap --export {id} -o out/{name}.snap.zip"));
        all.push(format!("fsync import ../repo/{id}.zip -d out/{name}.in"));
    }
    all
}

/// What was printed is fit for a terminal, unless it is contents.
fn fault(ran: &Ran) -> Option<String> {
    let contents = ran.line.contains(" cat ") || ran.line.contains("--patch");
    let raw = || fit(&ran.out).filter(|_| !contents);
    let wrong = ran.fault(MEMORY);
    wrong.or_else(|| raw().map(|why| format!("{}: {why}", ran.line)))
}

#[test]
fn hostile_archives_do_no_harm_and_others_stay_usable() {
    let s = Sandbox::new();
    let (known, before) = sound(&s);
    let canary = Traces::of(s.path("canary"));
    let forged = forge(&s, &known);
    assert!(forged.len() > 150, "{}", forged.len());
    s.tree("w/out");
    s.tree("w/back");
    // The archives that lead to endless trees have a test of their own; deep ones take minutes to restore.
    let aside = |name: &str| name.starts_with("laughs") || !long() && name.starts_with("depth");
    let (aside, forged): (Vec<_>, Vec<_>) = forged.into_iter().partition(|(name, _)| aside(name));
    for (_, id) in &aside {
        fs::rename(s.archive(id), s.path(&format!("{id}.away"))).expect("away");
    }
    let mut lines = Vec::new();
    for (name, id) in forged.iter().filter(|(name, _)| !name.starts_with("pack")) {
        lines.extend(commands(name, id, &known).iter().map(|line| words(line)));
    }
    let ran = drive(&s, "w", PATIENCE, &lines);
    let most = ran.iter().max_by_key(|r| r.rss).expect("some");
    let longest = ran
        .iter()
        .max_by(|a, b| a.seconds.total_cmp(&b.seconds))
        .expect("some");
    eprintln!(
        "{} archives, {} commands; at most {} MiB ({}), {:.1} s ({})",
        forged.len(),
        ran.len(),
        most.rss >> 20,
        most.line,
        longest.seconds,
        longest.line
    );
    let mut faults: Vec<String> = ran.iter().filter_map(fault).collect();
    canary.assert_untouched(s.path("canary"));
    nothing_beside(&s);
    whole(&s, &known, &before);
    for line in [
        "fsync verify",
        "fsync verify --read-data all",
        "fsync verify --restore",
        "fsync du",
        "fsync du -s",
        "fsync log --graph good",
        "fsync find plain good",
        "fsync th good",
        "fsync prune -n --keep-last 1",
        "fsync repo copy ../copy",
        "fsync prune --keep-last 1",
        "fsync verify --repair",
        "fsync verify",
    ] {
        let ran = drive(&s, "w", 2 * PATIENCE, &[words(line)]);
        eprintln!(
            "{line}: {:?}, {:.1} s, {} MiB",
            ran[0].code,
            ran[0].seconds,
            ran[0].rss >> 20
        );
        faults.extend(fault(&ran[0]));
        // What one archive says of itself does not keep the others from being looked at.
        if line.starts_with("fsync verify") {
            assert_eq!(ran[0].code, Some(8), "{line}: {}", ran[0].said());
        }
        whole(&s, &known, &before);
    }
    canary.assert_untouched(s.path("canary"));
    nothing_beside(&s);
    none(faults);
}

/// The sandbox has what it had.
fn nothing_beside(s: &Sandbox) {
    let mut names: Vec<String> = fs::read_dir(s.path("."))
        .expect("it")
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|n| !n.ends_with(".away") && n != "copy")
        .collect();
    names.sort();
    assert_eq!(names, ["canary", "home", "repo", "w"]);
}

/// The sound snapshot can be listed, and restored exactly.
#[track_caller]
fn whole(s: &Sandbox, known: &str, before: &Oracle) {
    s.run(&format!("fsync-revert w/good {known} --to w/again"))
        .code(0);
    before.assert_is(s.path("w/again"));
    s.sh("rm -r w/again").success();
    let told = s.run("fsync log w/good").code(0).text();
    assert!(told.contains(known), "{told}");
}

#[test]
fn endless_trees_end() {
    let s = Sandbox::new();
    let (known, before) = sound(&s);
    let forged = forge(&s, &known);
    for (_, id) in forged
        .iter()
        .filter(|(name, _)| !name.starts_with("laughs"))
    {
        fs::remove_file(s.archive(id)).expect("away");
    }
    s.sh("rm -f repo/catalog.db*").success();
    s.tree("w/out");
    let mut faults = Vec::new();
    for (name, id) in forged.iter().filter(|(name, _)| name.starts_with("laughs")) {
        let lying = name.ends_with("False");
        for line in [
            format!("fsync-revert x {id} --to out/{name}"),
            format!("fsync-revert good {id}"),
            format!("fsync-diff {id} good"),
            format!("fsync export {id} -o out/{name}.zip"),
            format!("fsync export --tar {id} -o out/{name}.tar"),
            format!("fsync find * {name}"),
            format!("fsync ls -r {id}"),
        ] {
            // A list of a tree that says truly how large it is goes on as long as somebody reads it.
            if !lying && !line.starts_with("fsync-revert") {
                continue;
            }
            let ran = drive(&s, "w", PATIENCE, &[words(&line)]);
            eprintln!(
                "{line}: {:?}, {:.1} s, {} MiB",
                ran[0].code,
                ran[0].seconds,
                ran[0].rss >> 20
            );
            faults.extend(fault(&ran[0]));
            assert_ne!(ran[0].code, Some(0), "{line}");
        }
    }
    for line in [
        "fsync verify",
        "fsync verify --read-data all",
        "fsync du",
        "fsync prune -n --keep-last 1",
    ] {
        let ran = drive(&s, "w", PATIENCE, &[words(line)]);
        eprintln!(
            "{line}: {:?}, {:.1} s, {} MiB",
            ran[0].code,
            ran[0].seconds,
            ran[0].rss >> 20
        );
        faults.extend(fault(&ran[0]));
    }
    whole(&s, &known, &before);
    none(faults);
}

#[test]
fn a_foreign_pack_removes_nothing() {
    for second in ["gone", "replaced", "gone and kept"] {
        let s = Sandbox::new();
        let (known, before) = sound(&s);
        s.tree("w/good").edit("plain", "changed");
        let newest = s.snap("w/good");
        let lines = match second {
            "gone" => gone(&known),
            "replaced" => format!("{{\"replaced\":\"{known}\"}}\n"),
            _ => format!("{}{}", gone(&known), gone(&newest)),
        };
        let pack = drop_pack(&s, &lines);
        for catalog in ["old", "new"] {
            whole(&s, &known, &before);
            s.run("fsync verify").code(8).stderr(
                contains(&pack)
                    .and(contains(&known))
                    .and(contains("does not count")),
            );
            if catalog == "old" {
                s.sh("rm -f repo/catalog.db*").success();
            }
        }
        s.run("fsync prune --keep-last 5").code(0);
        assert!(s.archive(&known).exists(), "{second}");
        whole(&s, &known, &before);
        // A prune of our own takes the pack's lines over no more than they count.
        s.tree("w/other").file("f", "1");
        s.snap("w/other");
        s.tree("w/other").edit("f", "22");
        s.snap("w/other");
        s.run("fsync prune -d w/other --keep-last 1").code(0);
        assert!(s.archive(&known).exists(), "{second}");
        whole(&s, &known, &before);
        s.run("fsync repo copy copy").code(0);
        s.run(&format!("fsync --repo copy cat {known} plain"))
            .code(0);
        s.run("fsync verify --repair")
            .code(predicate::in_iter([0, 8]));
        whole(&s, &known, &before);
    }
}

#[test]
fn a_foreign_pack_does_not_silence_one_of_ours() {
    let s = Sandbox::new();
    let a = s.tree("a");
    let ids: Vec<String> = (0..3)
        .map(|n| {
            a.file("f", format!("version {n}"));
            s.snap("a")
        })
        .collect();
    // The first is read from a pack of ours from now on.
    let archive = s.archive(&ids[0]);
    let bytes = fs::read(&archive).expect("it");
    fs::remove_file(&archive).expect("away");
    fs::write(&archive, &bytes[..bytes.len() - 30]).expect("cut");
    s.run("fsync verify --repair").code(0);
    drop_pack(&s, &gone(&ids[0]));
    for _ in 0..2 {
        s.run(&format!("fsync cat {} f", ids[0]))
            .code(0)
            .stdout("version 0");
        s.sh("rm -f repo/catalog.db*").success();
    }
    // Nor does it lead elsewhere who asks for what is gone.
    s.run("fsync prune --keep-last 2").code(0);
    s.run(&format!("fsync cat {} f", ids[0])).code(6);
    let lie = gone(&ids[0]).replace(
        ",\"directory\"",
        &format!(",\"instead\":\"{}\",\"directory\"", ids[1]),
    );
    drop_pack(&s, &lie);
    for _ in 0..2 {
        s.run(&format!("fsync cat {} f", ids[0])).code(6);
        s.sh("rm -f repo/catalog.db*").success();
    }
}

#[test]
fn a_pack_that_is_ours_counts_wherever_it_goes() {
    let s = Sandbox::new();
    let a = s.tree("a");
    let ids: Vec<String> = (0..4)
        .map(|n| {
            a.file("f", format!("version {n}"));
            s.snap("a")
        })
        .collect();
    s.run("fsync repo copy copy").code(0);
    s.sh(&format!("cp -a repo/{}.zip kept.zip", ids[0]))
        .success();
    s.run("fsync prune --keep-last 2").code(0);
    // What a prune could not take away goes with the next one, which names it.
    fs::rename(s.path("kept.zip"), s.archive(&ids[0])).expect("back");
    s.run("fsync verify").code(0);
    s.run("fsync prune -n --keep-last 2")
        .code(0)
        .stderr(contains(&ids[0]).and(contains("would go")));
    s.run("fsync prune --keep-last 2")
        .code(0)
        .stderr(contains(&ids[0]));
    assert!(!s.archive(&ids[0]).exists());
    s.run("fsync repo copy copy").code(0);
    s.run(&format!("fsync --repo copy cat {} f", ids[0]))
        .code(6);
    s.run("fsync --repo copy verify").code(0);
    s.run("fsync --repo copy prune --keep-last 2")
        .code(0)
        .stderr(contains(&ids[0]));
    assert!(!Path::new(&s.path(&format!("copy/{}.zip", ids[0]))).exists());
}
