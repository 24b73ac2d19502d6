//! Work that was done although its end could not be written down; logs that are lost; full disks; what is told apart.

use predicates::str::contains;

use crate::ground::{Ground, look, noise};
use crate::support::{
    Oracle, Person, Sandbox, Told, Tree, as_root, outcomes, records, strace, trees,
};

/// The log takes no more after its n-th line.
fn log_full(n: usize) -> String {
    format!(
        "strace -f --seccomp-bpf -o trace -P \"$FSYNC_REPO/log.ndjson\" -e trace=write -e inject=write:error=ENOSPC:when={n}+"
    )
}

#[test]
fn what_apply_did_is_said_though_its_end_cannot_be_written_down() {
    if !strace() {
        return;
    }
    let ground = Ground::new("true");
    let script = format!(
        "fsync-diff --json --delete src dst | fsync-snap --through >plan
         {} fsync-apply --json --max-delete 100% <plan >told",
        log_full(2)
    );
    let ended = ground.run(&script, "");
    assert_eq!(ended.code, 9, "{}", ended.said);
    assert!(
        ended.said.contains("log.ndjson") && ended.said.contains("No space left"),
        "{}",
        ended.said
    );
    assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
    let told = records(&std::fs::read(ground.s.path("told")).expect("results"));
    let words = outcomes(&told);
    assert!(
        words.len() > 5 && words.iter().all(|w| w.ends_with(" done")),
        "{words:?}"
    );
    assert_eq!(told.last().expect("an end")["type"], "end");
    assert_eq!(look(&ground.s.tree("dst")), look(&ground.s.tree("src")));
    let back = ground.s.run("fsync-revert dst").code(0);
    assert!(back.complaint().contains("never finished"), "{back}");
    assert_eq!(
        look(&ground.s.tree("dst")),
        look(&ground.s.tree("kept/dst"))
    );
    ground.s.run("fsync verify").code(0);
}

#[test]
fn the_porcelain_says_it_too() {
    if !strace() {
        return;
    }
    let ground = Ground::new("true");
    let ended = ground.run(&format!("{} fsync cp --delete src dst", log_full(2)), "");
    assert_eq!(ended.code, 9, "{}", ended.said);
    for part in ["log.ndjson", "added", "this takes it back"] {
        assert!(ended.said.contains(part), "{part}: {}", ended.said);
    }
    assert_eq!(look(&ground.s.tree("dst")), look(&ground.s.tree("src")));
}

#[test]
fn what_a_revert_did_is_said_though_its_end_cannot_be_written_down() {
    if !strace() {
        return;
    }
    let ground = Ground::new("true");
    let second = ground.snapshot(1).to_string();
    for n in 1..8 {
        ground.reset();
        let ended = ground.run(
            &format!("{} fsync-revert --json dst >told", log_full(n)),
            "",
        );
        let told = records(&std::fs::read(ground.s.path("told")).expect("results"));
        if ended.code == 0 {
            assert!(n > 3, "the log has that many lines");
            break;
        }
        assert_eq!(ended.code, 9, "{}", ended.said);
        assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
        let changed = look(&ground.s.tree("dst")) != look(&ground.s.tree("kept/dst"));
        assert_eq!(
            changed,
            !outcomes(&told).is_empty(),
            "what was done is said: {}",
            ended.said
        );
        if changed {
            assert!(
                ended.said.contains(&format!(
                    "fsync-revert \"{}\" {second}",
                    ground.s.path("dst").display()
                )),
                "{}",
                ended.said
            );
        }
        // The next step that it names.
        ground
            .s
            .run(&format!("fsync-revert -q dst {second}"))
            .code(0);
        ground.s.run("fsync verify").code(0);
    }
}

#[test]
fn a_log_that_is_lost_is_said_and_tags_come_back_from_the_snapshots_made_with_them() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "one").settle();
    let first = s.run("fsync-snap -t kept dst").code(0).text();
    s.tree("dst").edit("f", "two22");
    s.snap("dst");
    s.run("fsync-tag create lost -d dst").code(0);
    s.sh("rm repo/log.ndjson").code(0);
    let told = s
        .run("fsync-tag dst")
        .code(0)
        .stderr(contains("the log is gone"));
    assert!(
        told.text().contains("\tkept\t") && told.text().ends_with(&first),
        "{told}"
    );
    s.run("fsync th dst").code(0);
    s.tree("dst").edit("f", "three");
    s.run("fsync-snap dst").code(0);
    // With a new log, too, and with a catalog made from nothing but what is there.
    for _ in 0..2 {
        let told = s.run("fsync-tag dst").code(0);
        assert!(told.text().contains("\tkept\t"), "{told}");
        s.run("fsync verify").code(0);
        s.sh("rm repo/catalog.db*").code(0);
    }
    s.run("fsync-revert -q dst kept").code(0);
    assert_eq!(s.tree("dst").read("f"), b"one");
    s.run("fsync-tag delete kept -d dst").code(0);
    s.sh("rm repo/catalog.db*").code(0);
    s.run("fsync-tag dst").code(0).stdout("");
}

#[test]
fn the_tags_of_a_directory_that_nobody_recorded() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "one");
    s.tree("other");
    s.snap("dst");
    for name in ["nowhere", "other"] {
        s.run(&format!("fsync th {name}"))
            .code(6)
            .nothing()
            .one_line("fsync-tag", &[name, "nothing was recorded"]);
    }
    s.run("fsync th dst").code(0).nothing().stderr("");
}

/// Destination and repository on small disks of their own that are filled to the last block.
fn filled(what: &str, script: &str) -> Option<(Person, assert_cmd::assert::Assert)> {
    let p = Person::myself();
    if !as_root() {
        return None;
    }
    trees(&p, |src, dst| {
        for n in 0..6u8 {
            src.file(format!("new{n}"), noise(n.into(), 200_000));
            dst.file(format!("old{n}"), noise(100 + u64::from(n), 60_000));
        }
        src.settle();
        dst.settle();
    });
    p.sh("fsync-snap -q dst && echo more >dst/old0 && mv dst content && mv repo kept && mkdir dst repo").code(0);
    let mount = "mount -t tmpfs -o mode=755,size=3m none dst && cp -a content/. dst
         mount -t tmpfs -o mode=700,size=SIZE none repo && cp -a kept/. repo";
    let mount = mount.replace("SIZE", if what == "repo" { "3m" } else { "20m" });
    let full = format!("{mount}; cat /dev/zero >{what}/filler 2>/dev/null; true");
    let told = p.mounted(&full, &[script])?;
    Some((p, told))
}

#[test]
fn a_full_repository_is_told_in_our_words_and_can_be_pruned() {
    let lines = [
        "fsync-snap --allow-low-space dst",
        "fsync cp --allow-low-space src dst",
        "fsync-revert --allow-low-space dst",
        "fsync import -d e in.zip",
    ];
    let each: String = lines
        .iter()
        .map(|l| format!("{l}; echo code $? >&2\n"))
        .collect();
    let script = format!(
        "fsync-snap --export $(cat dst/.fsync-backup) -o in.zip; exec 2>said\n{each}
         fsync verify; echo code $? >&2; fsync log dst >/dev/null; echo code $? >&2
         rm repo/filler; fsync verify --read-data; echo code $? >&2; fsync cp -q src dst; echo code $? >&2; cp -a dst after; ls repo/tmp"
    );
    let Some((p, told)) = filled("repo", &script) else {
        return;
    };
    let said = std::fs::read_to_string(p.s.path("said")).expect("it");
    let codes: Vec<_> = said.lines().filter(|l| l.starts_with("code ")).collect();
    // Import counts beforehand, and has no option to try nevertheless.
    assert_eq!(
        codes[..4],
        ["code 9", "code 9", "code 9", "code 4"],
        "{said}"
    );
    assert_eq!(codes[codes.len() - 4..], ["code 0"; 4], "{said}");
    for line in said.lines().filter(|l| !l.starts_with("code ")) {
        assert!(
            line.starts_with("fsync") && !line.contains("database") && !line.contains("disk I/O"),
            "{line}"
        );
    }
    assert_eq!(told.text(), "", "no temporary");
    assert_eq!(p.s.tree("after").read("new0"), noise(0, 200_000));
}

#[test]
fn a_full_disk_can_be_reverted() {
    // Not one block and not one inode is left for a new BACKUP; what was added is what fills it.
    let script = "rm dst/filler; fsync cp -q src dst 2>/dev/null; cat /dev/zero >dst/filler 2>/dev/null
        fsync rv -d dst; echo code $?; ls -A dst | grep -c tmp; cat dst/.fsync-backup | wc -c; fsync verify; echo code $?; cp -a dst back";
    let Some((p, told)) = filled("dst", script) else {
        return;
    };
    assert_eq!(told.text(), "code 0\n0\n41\ncode 0", "{told}");
    // The filler of the set-up has moved the time of the directory itself.
    let (content, back) = (
        Oracle::of(p.s.path("content")).rough(),
        Oracle::of(p.s.path("back")).rough(),
    );
    let found = content.differences(&back);
    assert_eq!(found, "");
}

#[test]
fn a_disk_over_its_quota_that_never_writes_in_place_can_be_reverted() {
    if !as_root() {
        return;
    }
    let p = Person::myself();
    trees(&p, |src, dst| {
        for n in 0..8u8 {
            src.file(format!("new{n}"), noise(n.into(), 400_000));
        }
        dst.file("old", "o");
        src.settle();
        dst.settle();
    });
    p.s.sh("mv dst content && mkdir dst").code(0);
    let mount = "truncate -s 160M image && mkfs.btrfs -q image && mount -o loop image dst \
        && btrfs quota enable dst && cp -a content/. dst && sync -f dst && btrfs qgroup limit 2M 0/5 dst";
    let script = "fsync cp -q src dst 2>/dev/null; echo code $?; cat /dev/zero >dst/new0 2>/dev/null; sync -f dst
        fsync rv -d dst; echo code $?; fsync verify; echo code $?; cp -a dst back; cat dst/.fsync-backup | wc -c";
    let Some(told) = p.mounted(mount, &[script]) else {
        return;
    };
    assert!(
        told.text().starts_with("code 3\ncode 0\ncode 0\n"),
        "{told}"
    );
    let found = Oracle::of(p.s.path("content")).differences(&Oracle::of(p.s.path("back")));
    assert_eq!(found, "");
}

#[test]
fn an_error_of_the_kernels_copying_is_the_sources_where_the_source_cannot_be_read() {
    if !strace() || !as_root() {
        return;
    }
    let p = Person::myself();
    trees(&p, |src, dst| {
        for n in 0..6u8 {
            src.file(format!("f{n}"), noise(n.into(), 300_000));
        }
        src.settle();
        dst.settle();
    });
    // In a file system of user space the kernel copies.
    let mount = "mkdir far && mv src far/src && mv dst far/dst && mkdir near && bindfs far near";
    let cut = "strace -f --seccomp-bpf -o trace -e trace=copy_file_range,pread64,ioctl -e inject=copy_file_range:error=EIO:when=1";
    for (more, held) in [("", true), (" -e inject=pread64:error=EIO:when=1", false)] {
        p.s.sh("rm -rf near; test ! -d far || { mv far/src src; mv far/dst dst; rm -rf far; rm -rf dst; mkdir dst; }").code(0);
        let script = format!(
            "fsync-diff --json near/src near/dst >plan; RAYON_NUM_THREADS=1 {cut}{more} fsync-apply --json <plan >told; echo code $?
             grep -c 'copy_file_range.*INJECTED' trace; umount -l near"
        );
        let Some(told) = p.mounted(mount, &[&script]) else {
            return;
        };
        if told.text().ends_with("\n0") {
            eprintln!("skipped: the kernel does not copy here");
            return;
        }
        assert!(told.text().starts_with("code 3\n"), "{told}");
        let words = outcomes(&records(&std::fs::read(p.s.path("told")).expect("results")));
        assert_eq!(
            words.iter().any(|w| w.ends_with(" held")),
            held,
            "{words:?} {told}"
        );
    }
}

#[test]
fn a_fifo_that_takes_a_files_place_holds_nobody() {
    for line in [
        "fsync-apply <plan",
        "fsync-snap --through <plan2",
        "fsync-apply --json <lines src dst",
    ] {
        let s = Sandbox::new();
        s.tree("src")
            .file("f", "new")
            .file("large", noise(1, 300_000))
            .file("g", "g")
            .settle();
        s.tree("dst").file("f", "old one").settle();
        s.sh("fsync-diff --json src dst >plan; fsync-diff src dst >lines; fsync-diff --json dst src >plan2").code(0);
        s.tree("src")
            .remove("f")
            .remove("large")
            .fifo("f")
            .fifo("large")
            .settle();
        let told = s.sh(&format!("timeout 20 {line}"));
        assert!(
            matches!(told.get_output().status.code(), Some(0 | 3)),
            "{line}: {told}"
        );
        assert_eq!(s.tree("dst").read("f"), b"old one");
        // A listed A is looked up again, and is a fifo now.
        assert!(!s.path("dst/large").is_file(), "{line}: {told}");
    }
}

/// Stops a run just after it has looked at a file, and puts a fifo in its place before it opens that.
#[test]
fn a_fifo_that_comes_between_look_and_opening_holds_nobody() {
    if !strace() {
        return;
    }
    for line in [
        "fsync-snap src",
        "fsync-diff --checksum src dst",
        "fsync cp src dst",
        "fsync-apply <plan",
    ] {
        let s = Sandbox::new();
        s.tree("src")
            .file("victim", noise(3, 200_000))
            .file("g", "g")
            .settle();
        s.tree("dst").file("victim", noise(4, 200_000)).settle();
        s.tree("dst").mtime("victim", 5, 5);
        s.sh("fsync-diff --json src dst >plan").code(0);
        let script = format!(
            "timeout 40 strace -f -o trace -P victim -e trace=openat -e inject=openat:delay_enter=1500000 {line} >told 2>said & job=$!
             while ! grep -qs victim trace; do kill -0 $job 2>/dev/null || break; done
             rm src/victim; mkfifo src/victim; wait $job; echo $?"
        );
        let told = s.sh(&script).code(0);
        assert!(
            ["0", "3"].contains(&&told.text()[..]),
            "{line}: {told} {:?}",
            std::fs::read_to_string(s.path("said"))
        );
        assert_eq!(
            Tree::new(s.path("dst")).read("victim"),
            noise(4, 200_000),
            "{line}"
        );
        if s.path("repo").exists() {
            s.run("fsync verify --read-data").code(0);
        }
    }
}

#[test]
fn a_catalog_that_another_program_holds_is_waited_for_and_then_named() {
    let ground = Ground::new("true");
    let hold = "import sqlite3, sys, time
d = sqlite3.connect('repo/catalog.db', isolation_level=None); d.execute('PRAGMA locking_mode=EXCLUSIVE')
d.execute('BEGIN EXCLUSIVE'); d.execute('UPDATE meta SET value = value'); open('held', 'w').close(); time.sleep(600)";
    std::fs::write(ground.s.path("hold.py"), hold).expect("a script");
    let lines = [
        "fsync-snap dst",
        "fsync cp src dst",
        "fsync-revert dst",
        "fsync-tag create t -d dst",
        "fsync-tag dst",
        "fsync verify",
        "fsync prune -d dst --keep-last 1",
        "fsync log dst",
        "fsync export first -d dst -o out.zip",
    ];
    let each: String = lines
        .iter()
        .enumerate()
        .map(|(n, l)| {
            format!("{{ {l} >/dev/null 2>said{n}; echo $? >code{n}; }} & all=\"$all $!\"\n")
        })
        .collect();
    let script = format!(
        "python3 hold.py & holder=$!; while [ ! -e held ]; do kill -0 $holder || exit 98; done\nall=\n{each}wait $all; kill $holder"
    );
    let ended = ground.run(&script, "");
    assert_ne!(ended.code, 98, "{}", ended.said);
    let mut named = 0;
    for (n, line) in lines.iter().enumerate() {
        let read =
            |name: &str| std::fs::read_to_string(ground.s.path(&format!("{name}{n}"))).expect("it");
        let (code, said) = (read("code"), read("said"));
        assert_eq!(code, "7\n", "{line}: {said}");
        assert!(
            // Who must have it alone waits for the others, or they for it, whoever comes first.
            said.lines().count() == 1
                && (said.contains("catalog.db") || said.contains("is locked by another run"))
                && said.contains("try again"),
            "{line}: {said}"
        );
        named += usize::from(said.contains("catalog.db"));
    }
    assert!(named > 0, "nobody names the catalog");
    assert_eq!(
        look(&ground.s.tree("dst")),
        look(&ground.s.tree("kept/dst"))
    );
    ground.s.run("fsync verify").code(0);
    ground.s.run("fsync cp -q src dst").code(0);
}

#[test]
fn a_clock_that_was_set_back() {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    let future = 4_000_000_000;
    src.file("f", "new from the future")
        .mtime("f", future, 5)
        .file("d/g", "g")
        .mtime("d", future, 1)
        .settle();
    dst.file("f", "old")
        .mtime("f", future - 1, 7)
        .file("h", "h")
        .settle();
    src.mtime(".", future, 9);
    dst.mtime(".", future, 10);
    let wanted = Oracle::of(src.root());
    s.run("fsync cp -q --delete src dst").code(0);
    wanted.assert_is(dst.root());
    s.run("fsync cp src dst")
        .code(0)
        .stderr(contains("nothing to do"));
    // The same length and time, other bytes: a file from the future is read again, never believed.
    let id = s.snap("dst");
    dst.edit("f", "xyz from the future").mtime("f", future, 5);
    let other = s.snap("dst");
    assert_ne!(id, other);
    // A log whose lines are of tomorrow.
    s.run("fsync-tag create tomorrow -d dst").code(0);
    let python = "import json, re, zlib
out = []
for line in open('repo/log.ndjson'):
    body = re.sub(r'\"secs\":\\d+', '\"secs\":4000000000', line[18:-1])
    out.append('{\"crc\":\"%08x\",%s\\n' % (zlib.crc32(body.encode()), body))
open('repo/log.ndjson', 'w').writelines(out)";
    std::fs::write(s.path("forge.py"), python).expect("a script");
    s.sh("python3 forge.py && rm repo/catalog.db*").code(0);
    s.run("fsync verify").code(0);
    s.run("fsync-revert -q dst").code(0);
    dst.edit("h2", "today");
    let today = s.snap("dst");
    s.run("fsync-tag move tomorrow -d dst").code(0);
    assert!(s.run("fsync-tag dst").code(0).text().ends_with(&today));
    s.sh("rm repo/catalog.db*").code(0);
    assert!(
        s.run("fsync-tag dst").code(0).text().ends_with(&today),
        "the later line counts, whatever its time"
    );
    assert_eq!(s.head("dst"), Some(today));
    s.run("fsync log dst").code(0);
    s.run("fsync prune -q -d dst --keep-last 100").code(0);
    let first = s.run("fsync log --json dst").code(0).records();
    assert!(first.len() > 2);
    s.run("fsync-revert dst @{1} --to x")
        .code(predicates::prelude::predicate::in_iter([0, 2, 6]));
}
