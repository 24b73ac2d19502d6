//! Directories on another machine that change: the fsync there does it.

use std::fs;

use crate::support::{Told, assert_same};
use crate::world::{calls, furnish, run, world};

#[test]
fn a_copy_is_exact_and_recorded_there() {
    let s = world();
    furnish(&s, "src");
    run(&s, "fsync -q cp -t first src host:dst")
        .code(0)
        .stdout("")
        .stderr("");
    assert_same(s.path("src"), s.path("there/dst"));
    assert_eq!(calls(&s), 1);
    assert!(s.path("there/.repo/log.ndjson").exists());
    assert!(!s.path("repo").exists(), "nothing is recorded here");
    let told = run(&s, "fsync th host:dst").code(0).text();
    assert!(told.contains("\tfirst\t"), "{told}");
    s.sh("echo 2 >>src/a; rm src/empty").code(0);
    run(&s, "fsync cp --delete src host:dst").code(0);
    assert_same(s.path("src"), s.path("there/dst"));
    // One way back for all of it, and one forth.
    run(&s, "fsync -q rv -d host:dst").code(0);
    assert_eq!(fs::read(s.path("there/dst/a")).unwrap(), b"one\n");
    run(&s, "fsync -q rv --dir=host:dst --redo").code(0);
    assert_same(s.path("src"), s.path("there/dst"));
}

#[test]
fn a_dry_run_and_a_difference_are_told_here() {
    let s = world();
    s.tree("src").file("a", "1").file("b", "2").settle();
    run(&s, "fsync -q cp src host:dst; echo 3 >src/a; rm src/b").code(0);
    for command in ["fsync cp -n --delete", "fsync diff --delete"] {
        let told = run(&s, &format!("{command} src host:dst")).code(0).text();
        assert_eq!(told, "t\t.\nM\ta\nD\tb", "{command}");
    }
    assert!(s.path("there/dst/b").exists());
}

#[test]
fn guards_and_failures_have_their_codes() {
    let s = world();
    s.tree("src").settle();
    s.tree("there/dst").file("a", "1").settle();
    let told = run(&s, "fsync cp --delete src host:dst")
        .code(4)
        .complaint();
    assert!(told.contains("--allow-empty-source"), "{told}");
    assert!(s.path("there/dst/a").exists());
    run(&s, "fsync rv -d host:none").code(6);
    let told = run(&s, "fsync cp none host:dst").code(6).complaint();
    assert!(told.contains("\"near://none\""), "{told}");
    run(&s, "fsync cp -i src host:dst").code(2);
    run(&s, "fsync cp other:src host:dst").code(2);
}

#[test]
fn patterns_in_files_are_read_here() {
    let s = world();
    s.tree("src")
        .file("a", "1")
        .file("b.o", "2")
        .file("keep.o", "3")
        .settle();
    s.sh("printf '*.o\\n!keep.o\\n' >rules").code(0);
    run(&s, "fsync -q cp --exclude-from rules src host:dst").code(0);
    let mut names: Vec<_> = fs::read_dir(s.path("there/dst"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    assert_eq!(names, ["a", "keep.o"]);
}

#[test]
fn one_directory_there_becomes_another() {
    let s = world();
    s.tree("there/one").file("a", "1").settle();
    run(&s, "fsync -q cp host:one host:two").code(0);
    assert_eq!(fs::read(s.path("there/two/a")).unwrap(), b"1");
    assert_eq!(calls(&s), 1);
}

#[test]
fn it_is_recorded_and_kept_in_step_there() {
    let s = world();
    s.tree("there/dst").file("a", "1").settle();
    s.tree("there/src").file("b", "2").settle();
    let id = run(&s, "fsync snap -t now host:dst").code(0).text();
    assert_eq!(id.trim_end().len(), 40, "{id}");
    run(
        &s,
        "fsync -q mksync host:dst src && fsync status host:dst && fsync -q sync host:dst",
    )
    .code(0);
    assert!(s.path("there/dst/b").exists());
    let told = run(&s, "fsync log host:dst").code(0).text();
    assert!(told.contains("now"), "{told}");
}

#[test]
fn the_other_side_sees_no_more_than_it_is_given() {
    let s = world();
    s.tree("src").file("a", "1").settle();
    s.tree("other").file("secret", "x").settle();
    // What asks there is not fsync's own command, but somebody who wants more.
    s.tree("there/bin")
        .file("fsync", "#!/bin/sh\n[ \"$1\" = serve ] && exec \"$REAL\" serve\nexec \"$REAL\" diff near://other .\n")
        .mode("fsync", 0o755);
    let script = "export REAL=$(command -v fsync) FSYNC_SERVE=\"$PWD/there/bin/fsync serve\"; \
                  fsync -q cp src host:dst && FSYNC_LINKS= fsync diff near://other src";
    run(&s, script).code(2);
}
