//! `fsync serve --restrict DIR` and `--read-only`, as a line of authorized_keys has them.

use std::fs;

use crate::support::{Sandbox, Told};
use crate::world::world;

/// Runs a script whose other side is restricted.
fn run(s: &Sandbox, how: &str, script: &str) -> assert_cmd::assert::Assert {
    let script = format!("export FSYNC_RSH=\"$PWD/rsh\" FSYNC_SERVE='fsync serve {how}'; {script}");
    s.sh(&script)
}

#[test]
fn nothing_outside_is_read_or_written() {
    let s = world();
    s.tree("there/in/dir").file("a", "1").settle();
    s.tree("there/out").file("secret", "x").settle();
    s.tree("src").file("b", "2").settle();
    s.sh("ln -s ../out there/in/link; ln -s \"$PWD/there/out\" there/in/abs")
        .code(0);
    let restricted = |script: &str| run(&s, "--restrict in", script);
    restricted("fsync -q cp host:dir dst && fsync -q cp src host:new && fsync -q rv -d host:new")
        .code(0);
    assert_eq!(fs::read(s.path("dst/a")).unwrap(), b"1");
    for tree in [
        "../out",
        "link",
        "abs",
        "/etc",
        "dir/../../out",
        "$PWD/there/out",
        "none/../../out",
    ] {
        let told = restricted(&format!("fsync cp \"host:{tree}\" got"))
            .failure()
            .complaint();
        assert!(
            told.contains("lies outside of the directory"),
            "{tree}: {told}"
        );
        let told = restricted(&format!("fsync cp src \"host:{tree}/x\""))
            .code(4)
            .complaint();
        assert!(
            told.contains("lies outside of the directory"),
            "{tree}: {told}"
        );
    }
    assert!(!s.path("got").exists());
    assert_eq!(fs::read_dir(s.path("there/out")).unwrap().count(), 1);
    restricted("fsync rv -d host:../out").code(4);
    restricted("fsync sync host:dir").code(4);
    restricted("fsync prune -d host:dir --keep-last 1").code(4);
}

#[test]
fn links_inside_are_shown_and_not_followed() {
    let s = world();
    s.tree("there/out").file("secret", "x").settle();
    s.tree("there/in/dir").link("way", "../../out").settle();
    run(&s, "--restrict in", "fsync -q cp host:dir dst").code(0);
    let link = s.path("dst/way");
    assert!(link.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn to_be_read_only_is_to_change_nothing() {
    let s = world();
    s.tree("there/dir").file("a", "1").settle();
    s.tree("src").file("b", "2").settle();
    run(&s, "--read-only", "fsync -q cp host:dir dst").code(0);
    for script in [
        "fsync cp src host:dir",
        "fsync rv -d host:dir",
        "fsync snap host:dir",
    ] {
        let told = run(&s, "--read-only --restrict .", script)
            .code(4)
            .complaint();
        assert!(told.contains("--read-only"), "{told}");
    }
    assert!(!s.path("there/dir/b").exists() && !s.path("there/.repo").exists());
}

/// What was looked at before it was opened may have become a link meanwhile: whoever opens it keeps to the directory by itself.
#[test]
fn names_that_become_links_lead_nowhere() {
    let s = world();
    s.tree("there/in/dir").file("a", "1").settle();
    s.tree("there/out").file("secret", "x").settle();
    s.tree("src").file("b", "2").settle();
    s.sh("ln -s ../out there/in/link; cd there/in && fsync-diff --json ../../src dir >../../plan && FSYNC_REPO=$PWD/../../repo fsync-snap dir")
        .code(0);
    let kept = |script: &str| s.sh(&format!("export FSYNC_GROUND=$PWD/there/in; {script}"));
    for program in [
        "fsync-diff there/in/link there/in/dir",
        "fsync-diff there/out there/in/dir",
        "sed 's:/in/dir\":/in/link\":' plan | fsync-apply",
        "sed 's:/in/dir\":/out/new\":' plan | fsync-apply",
        "fsync-snap there/in/link",
        "fsync-revert -q there/in/dir @ --to there/out/new",
        "fsync-revert -q there/in/dir @ --to there/in/link/new",
    ] {
        kept(program).failure();
    }
    assert_eq!(fs::read_dir(s.path("there/out")).unwrap().count(), 1);
    kept("fsync-revert -q there/in/dir @ --to there/in/new").code(0);
    assert!(s.path("there/in/new/a").exists());
    s.sh("FSYNC_GROUND=/no/such fsync-diff src src").code(9);
}

#[test]
fn so_many_commands_are_started_and_no_more() {
    // Nine commands on one connection: what each comes to is a message, and none is lost.
    let s = world();
    s.tree("there/dir").file("a", "1").settle();
    let script = "import subprocess, struct, sys\n\
        def by(b): return bytes([len(b)]) + b\n\
        run = bytes([1, 2]) + by(b'th') + by(b'dir')\n\
        frames = b''.join(struct.pack('<IIB', 2 * n + 1, len(run), 1) + run for n in range(64))\n\
        p = subprocess.Popen(['fsync', 'serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd='there')\n\
        p.stdin.write(b'fsync-link 1 0\\n' + struct.pack('<II', 0, len(frames)) + frames); p.stdin.flush()\n\
        heard = b''\n\
        while heard.count(b'so many commands') + heard.count(b'\\0\\6') + heard.count(b'\\0\\0') < 1: heard += p.stdout.read1(65536)\n\
        while b'so many commands' not in heard: heard += p.stdout.read1(65536)\n\
        p.kill()\n";
    fs::write(s.path("ask.py"), script).unwrap();
    s.sh("timeout 30 python3 ask.py").code(0);
}
