//! Destinations that keep less of a time than they are given: the second run still finds nothing to do.
//!
//! The file systems are made in files and mounted in a namespace of their own; where that is not possible the
//! tests say so and pass.

use assert_cmd::assert::Assert;

use crate::support::{Sandbox, T0, as_root};

/// Makes `disk` with `make`, mounts it on `dst` with `mount`, and runs a script; `None` where that cannot be done.
fn on(s: &Sandbox, make: &str, mount: &str, script: &str) -> Option<Assert> {
    if !as_root() {
        return None;
    }
    let whole = format!(
        "truncate -s 16M disk && {make} disk >made 2>&1 && mkdir -p dst && {mount} >mounted 2>&1 || exit 99\n\
         trap 'code=$?; umount dst; test ! -d below || umount -l below; exit $code' EXIT\n{script}"
    );
    let told = s.cmd("unshare").args(["-m", "sh", "-c", &whole]).assert();
    if told.get_output().status.code() == Some(99) {
        eprintln!("skipped: {make} or {mount} does not work here");
        return None;
    }
    Some(told)
}

/// ext4 with small inodes: whole seconds, from 1901 to 2038.
const SMALL: &str = "mkfs.ext4 -q -O ^has_journal -I 128";
const EXT3: &str = "mkfs.ext3 -q -I 128";
const EXT2: &str = "mkfs.ext2 -q -I 128";
const LARGE: &str = "mkfs.ext4 -q -I 256";
const LOOP: &str = "mount -o loop disk dst && rmdir dst/lost+found";

/// Times with nanoseconds, on a file, a directory, a link, an empty file and a fifo.
fn fine(s: &Sandbox) {
    s.tree("src")
        .file("d/f", "bytes")
        .file("even", "bytes")
        .mtime("even", T0.0 + 1, 999_999_999)
        .file("empty", "")
        .link("l", "d/f")
        .fifo("p")
        .file("twin", "t")
        .hard("twin two", "twin")
        .settle();
}

#[test]
fn whole_seconds() {
    for make in [SMALL, EXT3, EXT2] {
        let s = Sandbox::new();
        fine(&s);
        let script = "fsync-diff --json src dst >plan && fsync-apply <plan; echo code $?
            fsync-diff src dst; fsync-apply --json <plan | jq -r 'select(.type == \"result\").outcome' | sort | uniq -c
            touch -d '@1600000000.9' src/d/f; fsync-diff src dst
            printf 'BYTES' >src/d/f; touch -d '@1600000001' src/d/f; fsync-diff src dst
            echo fresh >src/fresh; fsync cp -q src dst; fsync-diff src dst; echo end";
        let Some(told) = on(&s, make, LOOP, script) else {
            return;
        };
        told.code(0)
            .stdout("code 0\n      9 already\nM\td/f\nend\n")
            .stderr("");
    }
}

#[test]
fn a_revert_there_ends_with_nothing_to_do() {
    let s = Sandbox::new();
    fine(&s);
    let script =
        "fsync cp -q src dst && fsync-snap dst >before && touch src/d/new && echo more >>src/d/f
        fsync cp -q --delete src dst; fsync rv -q -d dst; echo code $?
        fsync-diff --delete $(cat before) dst; fsync-diff --delete --exclude d/new src dst
        id=$(fsync-snap src); fsync-revert -q dst $id; echo code $?; fsync-diff --delete $id dst
        fsync-revert dst $id 2>said; sed 's/ as .*//; s/.*: //' said; fsync-revert -n dst $id";
    let Some(told) = on(&s, SMALL, LOOP, script) else {
        return;
    };
    told.code(0)
        .stdout("code 0\nt\td\nM\td/f\ncode 0\nnothing had to change to be\n");
}

#[test]
fn a_fine_clock_tells_whole_seconds_that_were_set_by_hand() {
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "bytes")
        .mtime("f", T0.0, 300_000_000)
        .settle();
    s.tree("dst")
        .file("f", "other")
        .mtime("f", T0.0, 0)
        .settle();
    s.run("fsync-diff src dst").code(0).stdout("M\tf\n");
    s.tree("dst").file("f", "bytes").mtime("f", T0.0, 0);
    s.run("fsync-diff src dst").code(0).stdout("t\tf\n");
}

#[test]
fn times_beyond_the_last() {
    for (make, late, early) in [
        (SMALL, 2_524_608_000, -3_786_912_000),
        (LARGE, 16_725_225_600, -3_786_912_000),
    ] {
        let s = Sandbox::new();
        let src = s.tree("src");
        src.file("late", "bytes")
            .mtime("late", late, 5)
            .file("early", "bytes")
            .mtime("early", early, 5);
        src.file("now", "bytes")
            .dir("d")
            .settle()
            .mtime("d", late, 0);
        let script = "fsync cp -q src dst; echo code $?; fsync-diff src dst; stat -c %Y dst/late dst/early
            fsync cp src dst; touch -d @-9999999999 src/early; fsync-diff src dst
            touch -d @1600000000 src/late; printf 'BYTES' >src/early; touch -d @-9999999998 src/early; fsync-diff src dst";
        let Some(told) = on(&s, make, LOOP, script) else {
            return;
        };
        let last = if make == SMALL {
            0x7fff_ffffi64
        } else {
            0x3_7fff_ffff
        };
        told.code(0)
            .stdout(format!("code 0\n{last}\n-2147483648\nM\tearly\nt\tlate\n"))
            .stderr("fsync: nothing to do\n");
    }
}

/// A directory that is like FAT as far as may be had without its driver: a pass-through file system in user space
/// that calls itself vfat, makes modes and owners up, refuses to change them, and copies change times from
/// modification times; below it whole seconds.
const FAT: &str = "mkdir below && mount -o loop disk below && rmdir below/lost+found && bindfs -o subtype=vfat \
    --chmod-deny --chown-deny --ctime-from-mtime --force-user=0 --force-group=0 -p 0777 below dst";

#[test]
fn fat_keeps_neither_modes_nor_owners() {
    let s = Sandbox::new();
    s.tree("src")
        .file("d/f", "bytes")
        .mode("d/f", 0o640)
        .owner("d/f", 1234, 4321)
        .file("odd", "odd")
        .mtime("odd", T0.0 + 1, 999_999_999)
        .file("old", "old")
        .mode("d", 0o750)
        .settle();
    let count = "jq -r 'select(.type == \"result\").outcome' | sort | uniq -c";
    let script = format!(
        "fsync-diff --json src dst >plan && fsync-apply <plan; echo code $?; fsync-diff src dst
        fsync-apply --json <plan | {count}; fsync cp src dst; echo code $?
        chmod 777 src/odd; printf ODD >src/odd; touch -d @1600000008 src/odd; chown 99 src/odd src/d; rm src/old
        fsync-diff --delete src dst; fsync cp -q --delete src dst; echo code $?; cat dst/odd; fsync-diff src dst
        fsync rv -q -d dst; echo code $?; cat dst/odd; echo; fsync rv -q -d dst --redo; echo code $?; cat dst/odd
        fsync-diff src dst; fsync-diff src dst | fsync-apply src dst; echo code $?
        fsync-revert dst $(fsync-snap dst) 2>said; sed 's/ as .*//; s/.*: //' said"
    );
    let Some(told) = on(&s, SMALL, FAT, &script) else {
        return;
    };
    told.code(0)
        .stdout(
            "code 0\n      5 already\ncode 0\nt\t.\nM\todd\nD\told\ncode 0\nODDcode 0\nodd\ncode 0\nODDcode 0\n\
             nothing had to change to be\n",
        )
        .stderr("fsync: nothing to do\n");
}

#[test]
fn a_copied_stamp_does_not_hide_other_contents() {
    let s = Sandbox::new();
    s.tree("src").file("f", "bytes").file("g", "bytes").settle();
    let mount = FAT.replace("vfat", "other");
    let script = "cp -r src/. dst; printf BYTES >dst/g; touch -d @1600000000 dst/f dst/g
        fsync-diff --no-perms src dst; fsync-diff --json --no-perms src dst | fsync-apply; fsync-diff --no-perms src dst";
    let Some(told) = on(&s, SMALL, &mount, script) else {
        return;
    };
    told.code(0).stdout("t\t.\nM\tg\n").stderr("");
}

#[test]
fn a_real_exfat_by_way_of_user_space() {
    let s = Sandbox::new();
    s.tree("src")
        .file("d/f", "bytes")
        .file("g", "bytes")
        .settle();
    let script = "none='--no-perms --no-owner'; fsync cp -q $none src dst; echo code $?
        fsync cp $none src dst; stat -c '%n %Y' dst/d/f dst/d
        printf BYTES >src/g; touch -d @1600000000.7 src/g; fsync-diff $none src dst
        fsync cp -q $none src dst; echo code $?; cat dst/g; fsync rv -q -d dst; echo; cat dst/g";
    let mount = "mount -t exfat-fuse -o loop disk dst";
    let Some(told) = on(&s, "mkfs.exfat", mount, script) else {
        return;
    };
    told.code(0)
        .stdout("code 0\ndst/d/f 1600000000\ndst/d 1600000000\nM\tg\ncode 0\nBYTES\nbytes")
        .stderr("fsync: nothing to do\n");
}
