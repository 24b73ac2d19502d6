//! Sources on another machine.

use std::fs;

use crate::support::{Told, assert_same};
use crate::world::{calls, furnish, noise, run, world};

#[test]
fn a_copy_is_exact_and_takes_one_connection() {
    let s = world();
    furnish(&s, "there/src");
    run(&s, "fsync -q cp host:src dst")
        .code(0)
        .stdout("")
        .stderr("");
    assert_same(s.path("there/src"), s.path("dst"));
    assert_eq!(calls(&s), 1);
    let again = run(&s, "fsync cp host:src dst").code(0).complaint();
    assert_eq!(again.trim_end(), "fsync: nothing to do");
    // And back again: the state before was recorded here.
    run(&s, "fsync -q rv -d dst").code(0);
    assert!(!s.path("dst/a").exists());
}

#[test]
fn changes_deletions_and_times_come_over() {
    let s = world();
    furnish(&s, "there/src");
    run(&s, "fsync -q cp host:src dst").code(0);
    s.sh("cd there/src && echo more >>sub/deep/b && rm a && chmod 600 sub/script && touch -d 2001-01-01 large && ln -sfn x link")
        .code(0);
    run(&s, "fsync -q cp --delete ssh://host/~/src dst")
        .code(0)
        .stderr("");
    assert_same(s.path("there/src"), s.path("dst"));
    assert!(!s.path("dst/a").exists());
}

#[test]
fn equal_contents_are_told_without_being_sent() {
    let s = world();
    furnish(&s, "there/src");
    run(
        &s,
        "fsync -q cp host:src dst; touch -d 2002-02-02 there/src/large",
    )
    .code(0);
    let told = run(&s, "fsync diff host:src dst").code(0).text();
    assert_eq!(told, "t\tlarge");
    fs::write(s.path("there/src/large"), vec![7; 3_000_000]).unwrap();
    let told = run(&s, "fsync diff --checksum host:src dst").code(0).text();
    assert_eq!(told, "M\tlarge");
}

#[test]
fn several_sources_lie_over_each_other() {
    let s = world();
    s.tree("there/low")
        .file("both", "low")
        .file("only", "low")
        .settle();
    s.tree("high").file("both", "high").settle();
    run(&s, "fsync -q cp host:low high dst").code(0);
    assert_eq!(fs::read(s.path("dst/both")).unwrap(), b"high");
    assert_eq!(fs::read(s.path("dst/only")).unwrap(), b"low");
    run(&s, "fsync -q cp high host:low dst").code(0);
    assert_eq!(fs::read(s.path("dst/both")).unwrap(), b"low");
    assert_eq!(calls(&s), 2, "one connection for each run");
}

#[test]
fn a_sync_file_names_them() {
    let s = world();
    s.tree("there/src").file("a", "1").file("x.o", "2").settle();
    run(
        &s,
        "mkdir dst; fsync -q mksync --source-exclude '1:*.o' dst host:src && cat dst/.fsync-sync",
    )
    .code(0)
    .stdout("ssh://host/~/src\n--exclude=*.o\n");
    run(&s, "fsync status dst").code(0).stdout("t\t.\nA\ta\n");
    run(&s, "fsync -q sync dst").code(0);
    assert!(s.path("dst/a").exists() && !s.path("dst/x.o").exists());
    fs::write(s.path("dst/.fsync-sync"), "-oProxyCommand=touch:x\n").unwrap();
    run(&s, "fsync sync dst").code(2);
}

#[test]
fn programs_joined_by_hand_reach_it_too() {
    let s = world();
    furnish(&s, "there/src");
    run(&s, "fsync-diff --json host:src dst | fsync-apply").code(0);
    assert_same(s.path("there/src"), s.path("dst"));
    // The line form looks each path up again.
    s.sh("echo new >there/src/new; echo changed >there/src/a")
        .code(0);
    run(
        &s,
        "fsync-diff host:src dst | grep new | fsync-apply host:src dst",
    )
    .code(0);
    assert!(s.path("dst/new").exists());
    assert_eq!(fs::read(s.path("dst/a")).unwrap(), b"one\n");
}

#[test]
fn what_changes_after_the_plan_is_stale() {
    let s = world();
    furnish(&s, "there/src");
    run(
        &s,
        "fsync-diff --json host:src dst >plan; echo other >there/src/sub/deep/b",
    )
    .code(0);
    let told = run(&s, "fsync-apply <plan").code(3).complaint();
    assert!(
        told.contains("\"sub/deep/b\": stale: the source changed"),
        "{told}"
    );
    assert!(s.path("dst/a").exists() && !s.path("dst/sub/deep/b").exists());
}

#[test]
fn what_is_excluded_is_not_even_listed() {
    let s = world();
    furnish(&s, "there/src");
    fs::create_dir(s.path("there/src/secret")).unwrap();
    s.tree("there/src").mode("secret", 0o000);
    run(
        &s,
        "fsync -q cp --exclude /secret/ --exclude '*.o' host:src dst",
    )
    .code(0)
    .stderr("");
    assert!(s.path("dst/a").exists() && !s.path("dst/secret").exists());
    s.tree("there/src").mode("secret", 0o755);
}

#[test]
fn snapshots_over_there_are_trees_too() {
    let s = world();
    s.tree("there/src").file("a", "1").settle();
    s.sh("cd there && FSYNC_REPO=$PWD/.repo HOME=$PWD fsync-snap -t one src && echo 2 >src/a")
        .code(0);
    run(&s, "fsync -q cp host:src@ dst").code(0);
    assert_eq!(fs::read(s.path("dst/a")).unwrap(), b"1");
}

#[test]
fn a_directory_here_wins_over_an_address() {
    let s = world();
    s.tree("host:src").file("a", "here").settle();
    s.tree("there/src").file("a", "there").settle();
    run(&s, "fsync -q cp host:src dst").code(0);
    assert_eq!(fs::read(s.path("dst/a")).unwrap(), b"here");
    assert_eq!(calls(&s), 0);
    run(&s, "fsync -q cp ssh://host/~/src dst").code(0);
    assert_eq!(fs::read(s.path("dst/a")).unwrap(), b"there");
}

#[test]
fn of_a_large_file_only_what_differs_comes_over() {
    let s = world();
    let mut large = noise(1, 8 << 20);
    s.tree("there/src").file("large", &large).settle();
    let counted = "#!/bin/sh\ntop=${0%/*}\nshift\nunset FSYNC_LINKS\ncd $top/there\nHOME=$PWD \"$@\" | tee $top/came\n";
    s.tree(".").file("counted", counted).mode("counted", 0o755);
    let pull = "FSYNC_RSH=$PWD/counted fsync -q cp host:src dst";
    run(&s, pull).code(0);
    assert!(fs::metadata(s.path("came")).unwrap().len() > 8 << 20);
    // Something in front, something in the middle, and less at the end.
    large.splice(0..0, *b"in front");
    large[4_000_000] ^= 1;
    large.truncate(8_000_000);
    fs::write(s.path("there/src/large"), &large).unwrap();
    run(&s, pull).code(0).stderr("");
    assert!(fs::read(s.path("dst/large")).unwrap() == large);
    let came = fs::metadata(s.path("came")).unwrap().len();
    assert!(came < 400_000, "{came} bytes came");
}

#[test]
fn many_that_may_differ_are_told_apart_by_few_questions() {
    let s = world();
    for n in 0..300 {
        fs::create_dir_all(s.path(&format!("there/src/d{n}"))).unwrap();
        fs::write(s.path(&format!("there/src/d{n}/f")), noise(n + 1, 100)).unwrap();
    }
    run(&s, "fsync -q cp host:src dst").code(0);
    s.sh("find there/src -type f | xargs touch -d 2001-01-01; for n in 7 77 277; do printf x | dd of=there/src/d$n/f conv=notrunc status=none; done; chmod 0 dst/d9/f")
        .code(0);
    for (there, plan) in [
        ("host:src dst", "fsync diff"),
        ("dst host:src", "fsync diff"),
    ] {
        let told = run(&s, &format!("{plan} {there}")).text();
        let changed: Vec<_> = told.lines().filter(|line| line.starts_with('M')).collect();
        assert_eq!(changed, ["M\td277/f", "M\td7/f", "M\td77/f"], "{there}");
        let touched = told.lines().filter(|line| line.starts_with("t\td")).count();
        assert!((296..=300).contains(&touched), "{touched}");
        assert!(told.lines().map(|line| &line[2..]).is_sorted(), "{told}");
    }
    let told = run(&s, "fsync diff --checksum host:src dst").text();
    assert_eq!(told.lines().filter(|line| line.starts_with('M')).count(), 3);
}

#[test]
fn nobody_waits_for_changes_over_there() {
    let s = world();
    s.tree("there/src").file("a", "1").settle();
    run(&s, "mkdir dst; fsync -q mksync dst host:src").code(0);
    for script in [
        "fsync watch --once dst",
        "fsync sync --watch dst",
        "fsync watch --snap --once host:src",
    ] {
        let told = run(&s, &format!("timeout 60 {script}")).code(2).complaint();
        assert!(told.contains("is on another machine"), "{script}: {told}");
    }
    assert!(!s.path("dst/a").exists());
}

/// Deletions are asked about where somebody is: that a source is far away changes nothing.
#[test]
fn deletions_are_asked_about_here() {
    let s = world();
    for n in 0..30 {
        fs::create_dir_all(s.path("there/src")).unwrap();
        fs::write(s.path(&format!("there/src/{n}")), "x").unwrap();
    }
    let ask = "script -qec 'fsync cp --delete --max-delete 100% host:src dst' /dev/null";
    run(&s, "fsync -q cp host:src dst; rm there/src/[12]*").code(0);
    run(&s, &format!("echo n | {ask}")).code(4);
    assert!(s.path("dst/10").exists());
    run(&s, &format!("echo y | {ask}")).code(0);
    assert!(!s.path("dst/10").exists());
}
