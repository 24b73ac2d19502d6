//! `fsync repo copy`: a second copy of a repository, made, kept up to date, and as good as the first.

use std::fs;

use crate::support::{Oracle, Person, Sandbox, Told};

/// A repository of three snapshots; what they held.
fn history(s: &Sandbox) -> Vec<(String, Oracle)> {
    let dst = s.tree("dst");
    dst.menagerie();
    let mut all = vec![(s.snap("dst"), Oracle::of(s.path("dst")))];
    dst.edit("plain", "changed").file("long", vec![3; 9 << 20]);
    all.push((s.snap("dst"), Oracle::of(s.path("dst"))));
    s.tree("src").file("new", "new").settle();
    s.run("fsync cp -q -t before src dst").code(0);
    let third = s.head("dst").expect("a head");
    assert_eq!(third, all[1].0);
    dst.remove("deep");
    all.push((s.snap("dst"), Oracle::of(s.path("dst"))));
    all
}

fn names(s: &Sandbox, folder: &str) -> Vec<String> {
    let list = s.sh(&format!("cd {folder} && ls *.zip; ls -A tmp")).text();
    list.lines().map(String::from).collect()
}

#[test]
fn a_copy_is_as_good_as_the_first() {
    let s = Sandbox::new();
    let states = history(&s);
    let told = s.run("fsync repo copy other").code(0).nothing().complaint();
    assert!(
        told.contains("3 archives of") && told.contains("the log"),
        "{told}"
    );
    assert_eq!(names(&s, "other"), names(&s, "repo"));
    s.sh("cmp repo/log.ndjson other/log.ndjson && stat -c %a other other/*.zip | sort -u")
        .stdout("400\n700\n");
    s.run("fsync --repo other verify --read-data").code(0);
    for (n, (id, state)) in states.iter().enumerate() {
        s.run(&format!("fsync --repo other revert dst {id} --to out{n}"))
            .code(0);
        state.assert_is(s.path(&format!("out{n}")));
    }
    let tags = s.run("fsync th dst").code(0).text();
    s.run("fsync --repo other th dst")
        .code(0)
        .stdout(format!("{tags}\n"));
    let told = s.run("fsync repo copy other").code(0).complaint();
    assert!(told.contains("nothing was missing"), "{told}");
    s.tree("dst").edit("plain", "once more");
    let id = s.snap("dst");
    let told = s.run("fsync repo copy other").code(0).complaint();
    assert!(
        told.contains("1 archive of") && told.contains("holds 4"),
        "{told}"
    );
    s.run("fsync --repo other verify").code(0);
    // The disk with the first is gone.
    s.sh("rm -rf repo && echo spoiled > dst/plain").success();
    s.run("fsync --repo other rv -q -d dst").code(0);
    assert_eq!(s.tree("dst").read("plain"), b"once more");
    assert!(s.path("other").join(format!("{id}.zip")).exists());
}

#[test]
fn everybody_can() {
    for p in Person::everyone() {
        p.build(|s| drop(s.tree("dst").file("a", "1").read("a")));
        p.sh("fsync-snap dst && fsync -q repo copy other && fsync -q --repo other verify")
            .code(0)
            .stderr("");
    }
}

#[test]
fn what_is_something_else_is_refused() {
    let s = Sandbox::new();
    history(&s);
    s.sh("mkdir full empty nested && touch full/theirs && mkdir repo/in && rmdir repo/in")
        .success();
    s.run("fsync --repo foreign snap src").code(0);
    let id = |repo: &str| {
        let log = fs::read_to_string(s.path(repo).join("log.ndjson")).expect("a log");
        let first = log.lines().next().expect("a line");
        let line: serde_json::Value = serde_json::from_str(first).expect("JSON");
        line["id"].as_str().expect("an id").to_string()
    };
    let before = Oracle::of(s.path("foreign"));
    s.run("fsync repo copy foreign").code(4).one_line(
        "fsync",
        &[&id("foreign"), &id("repo"), "another repository"],
    );
    before.assert_is(s.path("foreign"));
    for other in ["full", "repo", "repo/in", "repo/tmp"] {
        s.run(&format!("fsync repo copy {other}"))
            .code(4)
            .one_line("fsync", &[]);
    }
    assert!(!s.path("repo/in").exists());
    assert_eq!(fs::read_dir(s.path("full")).expect("a folder").count(), 1);
    s.run("fsync --repo repo/../nested repo copy other").code(6);
    s.run("fsync repo copy not/there").code(9);
    s.run("fsync repo copy").code(2);
    s.run("fsync repo").code(2);
    s.run("fsync repo copy empty").code(0);
    // It goes its own way.
    s.sh("cp -a dst twin; echo more > twin/more").success();
    s.run("fsync --repo empty snap twin").code(0);
    let before = Oracle::of(s.path("empty"));
    s.run("fsync repo copy empty")
        .code(4)
        .one_line("fsync", &["gone its own way", &id("repo")]);
    before.assert_is(s.path("empty"));
}

#[test]
fn damage_is_named_and_the_rest_copied() {
    let s = Sandbox::new();
    let states = history(&s);
    let broken = s.archive(&states[1].0);
    let whole = fs::read(&broken).expect("an archive");
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    let put = |bytes: &[u8]| {
        fs::remove_file(&broken).expect("gone");
        fs::write(&broken, bytes).expect("an archive");
    };
    put(&bytes);
    let told = s.run("fsync repo copy other").code(8).complaint();
    let named = told.lines().filter(|l| l.contains(&states[1].0));
    assert_eq!(named.count(), 1, "{told}");
    assert!(
        told.contains("SHA-1") && told.contains("2 archives"),
        "{told}"
    );
    assert_eq!(names(&s, "other").len(), 2);
    s.run(&format!(
        "fsync --repo other revert dst {} --to out",
        states[0].0
    ))
    .code(0);
    put(&whole);
    s.run("fsync repo copy other").code(0);
    s.run("fsync --repo other verify --read-data").code(0);
}

#[test]
fn what_was_cut_short_is_finished() {
    let s = Sandbox::new();
    let states = history(&s);
    s.run("fsync -q repo copy other").code(0);
    let first = format!("other/{}.zip", states[0].0);
    for spoil in [
        // Before the log came.
        format!("rm other/log.ndjson other/catalog.db* {first}; echo half > other/tmp/new-x"),
        // A file that was not whole, as after a crash without our order of things.
        format!("chmod u+w {first}; truncate -s 1000 {first}"),
        "head -c 600 repo/log.ndjson > other/log.ndjson; rm -f other/catalog.db*".to_string(),
        "head -n 2 repo/log.ndjson > other/log.ndjson".to_string(),
        format!("rm {first}"),
        "rm -rf other/tmp".to_string(),
        ": > other/log.ndjson".to_string(),
    ] {
        s.sh(&spoil).success();
        s.run("fsync -q repo copy other").code(0).stderr("");
        assert_eq!(names(&s, "other"), names(&s, "repo"), "{spoil}");
        s.sh("cmp repo/log.ndjson other/log.ndjson").code(0);
        s.run("fsync --repo other verify --read-data").code(0);
    }
}

#[test]
fn what_is_gone_here_stays_there() {
    let s = Sandbox::new();
    let states = history(&s);
    s.run("fsync -q repo copy other").code(0);
    fs::remove_file(s.archive(&states[2].0)).expect("gone");
    let told = s.run("fsync repo copy other").code(0).complaint();
    assert!(told.contains("1 of them gone here"), "{told}");
    assert_eq!(names(&s, "other").len(), 3);
    s.run("fsync --repo other verify").code(0);
}

#[test]
fn nobody_else_writes_meanwhile() {
    let s = Sandbox::new();
    history(&s);
    s.run("fsync -q repo copy other").code(0);
    s.sh("flock other sleep 12 & sleep 0.3; fsync repo copy other; code=$?; kill $!; exit $code")
        .code(7);
}
