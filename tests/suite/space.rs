//! A repository without room: told before anything is recorded, with the figures; and runs without a snapshot.

use crate::support::{Oracle, Person, Sandbox, Told};

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut x = 7u64;
    let mut roll = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (x >> 40) as u8
    };
    (0..length).map(|_| roll()).collect()
}

/// Runs a script as `person` with a repository of so many bytes.
fn small(person: &Person, size: &str, script: &str) -> Option<String> {
    let user = if person.is_root() { 0 } else { 65_534 };
    let mount =
        format!("mkdir -p repo && mount -t tmpfs -o mode=700,uid={user},size={size} none repo");
    let told = person.mounted(&mount, &[script])?;
    Some(format!("{}\n{}", told.text(), told.complaint()))
}

#[test]
fn what_does_not_fit_is_refused_with_the_figures() {
    for p in Person::everyone() {
        p.build(|s| drop(s.tree("dst").file("noise", noise(3_000_000)).read("noise")));
        let script = "fsync-snap dst; echo code $?; ls repo; ls -A dst
            fsync-snap --allow-low-space dst; echo code $?; ls repo/tmp";
        let Some(told) = small(&p, "1m", script) else {
            return;
        };
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines[0], "code 4", "{told}");
        assert!(!told.contains(".zip"), "{told}");
        assert!(!told.contains(".fsync-backup"), "{told}");
        assert!(lines.contains(&"code 9"), "it was tried: {told}");
        let refusal = told
            .lines()
            .find(|l| l.contains("bytes free"))
            .expect("a refusal");
        let repo = p.s.path("repo").display().to_string();
        for part in [
            &repo,
            "3000000 bytes",
            "prune",
            "--repo",
            "--allow-low-space",
        ] {
            assert!(refusal.contains(part), "{part} in {refusal}");
        }
    }
}

#[test]
fn only_what_is_new_and_no_hole_counts() {
    for p in Person::everyone() {
        p.build(|s| {
            s.tree("dst")
                .file("noise", noise(2_400_000))
                .sparse("holes", 64 << 20, 1 << 20, b"data")
                .file("left out/noise", noise(6_000_000));
            s.tree("more").file("noise 2", noise(800_000));
        });
        let script = "sleep 0.1; rules='--exclude=/left?out'
            fsync-snap -q $rules dst > /dev/null; echo first $?
            cp more/* dst; fsync-snap -q $rules dst > /dev/null; echo second $?
            fsync-snap -q $rules --full dst; echo full $?
            fsync-snap -q dst; echo whole $?";
        let Some(told) = small(&p, "5m", script) else {
            return;
        };
        let words: Vec<_> = told.lines().take(4).collect();
        assert_eq!(
            words,
            ["first 0", "second 0", "full 4", "whole 4"],
            "{told}"
        );
    }
}

#[test]
fn cp_and_rv_are_refused_before_anything_changes() {
    for p in Person::everyone() {
        p.build(|s| {
            s.tree("src").file("new", "new").settle();
            s.tree("dst").file("zeros", vec![0; 3_000_000]).settle();
        });
        let before = Oracle::of(p.s.path("dst"));
        let script = "fsync cp -q src dst; echo cp $?; cp -a dst after
            fsync cp -q --allow-low-space src dst; echo cp $?
            head -c 4000000 /dev/zero > dst/more; cp -a dst kept
            fsync rv -q -d dst; echo rv $?; cmp dst/more kept/more; echo same $?
            fsync rv -q --allow-low-space -d dst; echo rv $?";
        let Some(told) = small(&p, "1m", script) else {
            return;
        };
        let words: Vec<_> = told.lines().take(5).collect();
        assert_eq!(words, ["cp 4", "cp 0", "rv 4", "same 0", "rv 0"], "{told}");
        before.assert_is(p.s.path("after"));
        before.assert_is(p.s.path("dst"));
    }
}

#[test]
fn without_a_snapshot_it_is_said_aloud() {
    let s = Sandbox::new();
    s.tree("src").file("a", "new").settle();
    s.tree("dst").file("a", "old one").file("gone", "g");
    for quiet in ["", "-q "] {
        let told = s
            .run(&format!("fsync cp {quiet}--no-snapshot src dst"))
            .code(0)
            .nothing()
            .complaint();
        let warned = told.lines().filter(|l| l.contains("cannot be taken back"));
        assert_eq!(warned.count(), 1, "{told}");
        assert!(!told.contains("takes it back"), "{told}");
    }
    assert_eq!(s.tree("dst").read("a"), b"new");
    assert!(s.archives().is_empty() && s.head("dst").is_none());
    let traced = s
        .run("fsync --trace cp --no-snapshot --delete src dst")
        .code(0)
        .complaint();
    assert!(traced.contains("| fsync-apply --json\n"), "{traced}");
    assert!(!traced.contains("fsync-snap"), "{traced}");
    s.run("fsync cp --no-snapshot -t x src dst").code(2);
    s.run("fsync cp --no-snapshot --allow-low-space src dst")
        .code(2);
    s.run("fsync mksync dst src").code(0);
    s.tree("src").file("b", "more");
    let told = s.run("fsync sync -q --no-snapshot dst").code(0).complaint();
    assert!(told.contains("cannot be taken back"), "{told}");
    assert_eq!(s.tree("dst").read("b"), b"more");
}

#[test]
fn without_a_snapshot_the_guards_still_stand() {
    let s = Sandbox::new();
    s.tree("empty").settle();
    let dst = s.tree("dst");
    for n in 0..30 {
        dst.file(format!("f{n}"), "x");
    }
    s.tree("one").file("f1", "x").settle();
    let before = Oracle::of(s.path("dst"));
    for (arguments, word) in [
        ("--delete empty dst", "--allow-empty-source"),
        ("--delete one dst", "--max-delete"),
        ("one missing/dst", "--parents"),
        ("dst dst", "source"),
    ] {
        let told = s
            .run(&format!("fsync cp --no-snapshot {arguments}"))
            .code(4);
        assert!(told.complaint().contains(word), "{arguments}: {told}");
        before.assert_is(s.path("dst"));
    }
    assert!(!s.path("missing").exists());
}
