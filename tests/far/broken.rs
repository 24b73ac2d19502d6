//! The other side is not there, is no fsync, is another one, or goes away in the middle.

use std::fs;

use crate::support::{Told, assert_same};
use crate::world::{furnish, noise, run, world};

#[test]
fn who_cannot_be_reached_is_told_in_a_line() {
    let s = world();
    s.tree("there/src").file("a", "1").settle();
    for (serve, wanted) in [
        ("no-such-fsync serve", "there is no fsync on its PATH"),
        ("false", "ended with 1"),
        (
            "echo Welcome",
            "the other side is no fsync: it says \"Welcome serve\"",
        ),
        (
            "echo fsync-link 9 9.9",
            "speaks link protocol 9, this one 1",
        ),
    ] {
        let script = format!("export FSYNC_SERVE='{serve}'; fsync cp host:src dst");
        let told = run(&s, &script).code(9).complaint();
        let ours: Vec<_> = told
            .lines()
            .filter(|line| line.starts_with("fsync: "))
            .collect();
        let wanted = wanted.replace("Welcome serve", "Welcome");
        assert!(
            ours.len() == 1 && ours[0].contains(&wanted),
            "{serve}: {told}"
        );
        assert!(!s.path("dst").exists());
    }
    run(&s, "FSYNC_RSH=/no/such/ssh fsync cp host:src dst").code(9);
    run(&s, "fsync cp ' :x' dst").code(2);
    let told = run(&s, "fsync cp host:none dst").code(6).complaint();
    assert!(told.contains("\"ssh://host/~/none\": is neither"), "{told}");
}

#[test]
fn nobody_serves_a_terminal() {
    let s = world();
    let told = run(&s, "fsync serve </dev/null").code(2).complaint();
    assert!(told.contains("nobody speaks on standard input"), "{told}");
    run(&s, "echo hello | fsync serve").code(9);
    // What is no frame behind a right greeting ends it.
    run(
        &s,
        "printf 'fsync-link 1 0\\nrubbish, and more of it' | timeout 20 fsync serve",
    )
    .code(0);
}

#[test]
fn a_connection_that_breaks_leaves_whole_files_and_the_next_run_goes_on() {
    let s = world();
    furnish(&s, "there/src");
    for n in 0..40 {
        let file = s.path(&format!("there/src/file{n}"));
        fs::write(file, noise(n + 1, 300_000)).unwrap();
    }
    // So much comes over, and then the line is cut.
    let cut = "#!/bin/sh\ntop=${0%/*}\nshift\ncd $top/there\nunset FSYNC_LINKS\n\
               HOME=$PWD \"$@\" | { stdbuf -o0 head -c 6000000; kill $$; }\n";
    s.tree(".").file("cut", cut).mode("cut", 0o755);
    let told = run(&s, "FSYNC_RSH=$PWD/cut timeout 60 fsync cp host:src dst")
        .failure()
        .complaint();
    assert!(told.contains("the connection broke"), "{told}");
    let mut whole = 0;
    for entry in fs::read_dir(s.path("dst")).unwrap() {
        let name = entry.unwrap().file_name();
        let there = s.path("there/src").join(&name);
        if there.is_file() {
            assert!(
                fs::read(s.path("dst").join(&name)).unwrap() == fs::read(there).unwrap(),
                "{name:?}"
            );
            whole += 1;
        }
    }
    assert!(whole < 40, "it was cut");
    run(&s, "fsync -q cp host:src dst").code(0);
    assert_same(s.path("there/src"), s.path("dst"));
}
