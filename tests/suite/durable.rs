//! Contents are on the disk before their names are; a run that is asked to stop ends in good order.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use crate::support::{Oracle, Person, Sandbox, Told, as_root, assert_same, strace};

/// Runs `fsync-apply` on the plan `src` to `dst`, watched or hindered by strace(1).
fn traced(s: &Sandbox, options: &[&str]) -> Output {
    s.sh("fsync-diff --json --delete src dst | fsync-snap --through > plan")
        .code(0);
    let plan = std::fs::File::open(s.path("plan")).expect("the plan");
    s.plain("strace")
        .env("RAYON_NUM_THREADS", "1")
        // No --seccomp-bpf: with it strace 6.1 injects errors, but no signals.
        .args(["-f", "-qq", "-y", "-o", "calls"])
        .args(options)
        .arg(Sandbox::programs().join("fsync-apply"))
        .args(["--require-snapshot", "--max-delete", "100%"])
        .stdin(plan)
        .output()
        .expect("it runs")
}

/// New files, in old and new directories, and old ones with new contents, one of them instead of a directory.
fn build(s: &Sandbox) {
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    for n in 0..20 {
        src.file(format!("old/{n}"), format!("new contents of {n}"));
        src.file(format!("fresh/{n}"), format!("file {n}"));
        dst.file(format!("old/{n}"), "old");
    }
    src.sparse("holes", 1 << 20, 4096, b"data")
        .file("swap", "now a file");
    dst.file("swap/inside", "was a directory");
}

#[test]
fn contents_are_on_the_disk_before_they_get_their_names() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    build(&s);
    let calls = "trace=openat,write,pwrite64,ftruncate,rename,renameat,renameat2,fsync,syncfs";
    let told = traced(&s, &["-e", calls]);
    assert!(told.status.success(), "{told:?}");
    let log = std::fs::read_to_string(s.path("calls")).expect("the calls");
    let dst = format!("{}", s.path("dst").display());
    // Temporaries by name, each with whether it is on the disk; of a directory that is filled, all that is in it.
    let mut wet: Vec<String> = Vec::new();
    let (mut named, mut last) = (0, "");
    for call in log.lines().filter(|call| call.contains(&dst)) {
        let word = call
            .split_once(' ')
            .map_or("", |(_, rest)| rest.trim_start());
        let path = |at: usize| {
            call.split(['<', '>'])
                .nth(at)
                .unwrap_or_default()
                .to_string()
        };
        last = word.split('(').next().unwrap_or_default();
        match last {
            "pwrite64" | "write" | "ftruncate" => wet.push(path(1)),
            "fsync" => wet.retain(|name| *name != path(1)),
            "syncfs" => wet.clear(),
            "rename" | "renameat" | "renameat2" => {
                let name = call.split('"').nth(1).unwrap_or_default();
                if name.starts_with(".fsync-tmp-") {
                    named += 1;
                    let dry = wet.iter().all(|path| !path.contains(name));
                    assert!(dry, "{name} was not on the disk: {call}");
                }
            }
            _ => {}
        }
    }
    assert!(named >= 23, "{named}\n{log}");
    assert_eq!(last, "syncfs", "in the end all of it is on the disk");
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_disk_that_refuses_to_keep_contents_leaves_the_old_ones() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    build(&s);
    let before = Oracle::of(s.path("dst"));
    let told = traced(
        &s,
        &["-e", "trace=syncfs,fsync", "-e", "inject=syncfs:error=EIO"],
    );
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(3), "{said}");
    assert!(
        said.contains("cannot bring it to the disk: Input/output error"),
        "{said}"
    );
    let now = Oracle::of(s.path("dst")).without(".fsync-backup");
    // What needed no contents was done before.
    for n in 0..20 {
        let name = format!("dst/old/{n}");
        assert_eq!(std::fs::read(s.path(&name)).expect("a file"), b"old");
    }
    assert_eq!(s.sh("find dst -name '.fsync-tmp-*'").code(0).text(), "");
    assert!(
        now.len() >= before.len(),
        "nothing is deleted by a disk that fails"
    );
    s.mirror("src", "dst").code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_signal_ends_it_in_good_order() {
    if !strace() {
        return;
    }
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let s = Sandbox::new();
        build(&s);
        let before = Oracle::of(s.path("dst"));
        let inject = format!("inject=syncfs:signal={signal}:when=1");
        let told = traced(&s, &["-e", "trace=syncfs", "-e", &inject]);
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.signal(), Some(number), "{said}");
        assert!(
            said.contains("interrupted: ")
                && said.contains(" changes were made; run it again to go on"),
            "{said}"
        );
        assert!(!said.contains("not tried"), "counted, not listed: {said}");
        assert_eq!(s.sh("find dst -name '.fsync-tmp-*'").code(0).text(), "");
        for n in 0..20 {
            let is = std::fs::read_to_string(s.path(&format!("dst/old/{n}"))).expect("a file");
            assert!(is == "old" || is == format!("new contents of {n}"), "{is}");
        }
        s.run("fsync-revert -q dst").code(0);
        before.assert_is(s.path("dst"));
        s.mirror("src", "dst").code(0);
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    build(&s);
    s.sh("fsync-diff --json --delete src dst | fsync-snap --through > plan")
        .code(0);
    s.sh("trap '' HUP; strace -f -q -o calls -e trace=syncfs \
          -e inject=syncfs:signal=HUP:when=1 fsync-apply --require-snapshot --max-delete 100% < plan")
        .code(0)
        .stderr("");
    let calls = std::fs::read_to_string(s.path("calls")).expect("the calls");
    assert!(calls.contains("--- SIGHUP"), "{calls}");
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_signal_stops_a_large_file() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("large", vec![7; 8 << 20]);
    s.tree("dst").file("large", "old");
    let told = traced(
        &s,
        &[
            "-e",
            "trace=pwrite64",
            "-e",
            "inject=pwrite64:signal=TERM:when=20",
        ],
    );
    assert_eq!(told.status.signal(), Some(15), "{told:?}");
    assert_eq!(std::fs::read(s.path("dst/large")).expect("a file"), b"old");
    assert_eq!(s.sh("ls -A dst").code(0).text(), ".fsync-backup\nlarge");
}

#[test]
fn replacing_needs_room_for_one_file_at_a_time() {
    if !as_root() {
        return;
    }
    // 24 files of 1 MiB in 32 MiB: not all the new ones have room beside the old ones.
    let p = Person::myself();
    p.build(|s| {
        for n in 0..24u8 {
            s.tree("src").file(format!("{n}"), vec![n; 1 << 20]);
            s.tree("content")
                .file(format!("{n}"), vec![n + 100; (1 << 20) - 1]);
        }
    });
    let mount = "mkdir dst && mount -t tmpfs -o size=32m none dst && cp -a content/. dst";
    let run = "fsync-diff --json src dst | fsync-snap --through | fsync-apply --require-snapshot; echo code $?
               cp -a dst end";
    let Some(told) = p.mounted(mount, &[run]) else {
        return;
    };
    assert_eq!(told.text(), "code 0", "{told}");
    assert_same(p.s.path("src"), p.s.path("end"));
}
