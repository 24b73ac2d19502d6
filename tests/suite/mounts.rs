//! Other file systems as destination: whatever they do differently, trees come out the same.

use crate::support::{FREE, Oracle, Person, Sandbox, Told, outcomes, records, trees};

const KINDS: [(&str, &str); 3] = [
    (
        "ext4",
        "truncate -s 64M image && mkfs.ext4 -q image && mount -o loop image dst && rmdir dst/lost+found",
    ),
    (
        "btrfs",
        "truncate -s 160M image && mkfs.btrfs -q image && mount -o loop image dst",
    ),
    (
        "xfs",
        "truncate -s 400M image && mkfs.xfs -q image && mount -o loop image dst",
    ),
];

/// A tree of everything; root's things only for root.
fn everything(p: &Person) {
    trees(p, |src, dst| {
        src.file("plain", "plain")
            .file("large", vec![3; 900_000])
            .file("d/e/f", "deep");
        src.mode("plain", 0o4755)
            .mtime("plain", 1_600_000_000, 999_999_999);
        src.link("l", "plain")
            .mtime("l", 7, 77)
            .fifo("p")
            .socket("s")
            .dir("hollow");
        src.hard("d/plain too", "plain")
            .hard("l too", "l")
            .hard("p too", "p");
        src.sparse("sparse", 4 << 20, 1 << 20, b"data")
            .sparse("hole", 1 << 20, 0, b"");
        src.xattr("large", "user.k", b"v")
            .xattr("d", "user.k", b"w")
            .mode("d/e", 0o555);
        src.file("x".repeat(255), "long")
            .file(b"\xff\xfe", "odd")
            .mode("hollow", 0o2770);
        dst.file("gone/x", "g")
            .file("large", "old one")
            .link("d", "gone");
    });
    p.sh("cd src && setfacl -m u:1:rwx large && setfacl -d -m u:3:rwx hollow")
        .success();
    if p.is_root() {
        let src = p.s.tree("src");
        src.owner("d/e/f", 12, 34)
            .owner("l", 5, 6)
            .device("null", 3)
            .xattr("plain", "trusted.t", b"t");
        p.sh("setcap cap_net_raw+ep src/d/e/f").success();
    }
    p.build(|s| s.tree("src").settle().mtime("d", 4, 4).at("."));
}

#[test]
fn everything_comes_along_to_other_file_systems() {
    for (kind, mount) in KINDS {
        for p in Person::everyone() {
            everything(&p);
            p.sh("mv dst content && mkdir dst").success();
            let mount = format!("{mount} && chown --reference=content dst && cp -a content/. dst");
            let script = format!(
                "fsync-diff --json --delete --xattrs src dst | fsync-snap --through | fsync-apply --require-snapshot {FREE}
                 echo code $?; cp -a dst after; fsync-diff --delete --xattrs --checksum src dst
                 fsync-diff --delete --xattrs --checksum $(fsync-snap src) dst; stat -c %b dst/sparse dst/hole
                 fsync-revert -q dst; echo code $?; cp -a dst back; fsync-revert --redo -q dst; echo code $?; cp -a dst again"
            );
            let Some(told) = p.mounted(&mount, &[&script]) else {
                continue;
            };
            let text = told.text();
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(
                (lines[0], &lines[3..]),
                ("code 0", &["code 0", "code 0"][..]),
                "{kind}: {told}"
            );
            let blocks: u64 =
                lines[1].parse::<u64>().expect("blocks") + lines[2].parse::<u64>().expect("blocks");
            assert!(blocks < 1000, "{kind}: holes stay holes: {blocks} blocks");
            let wanted = p.copied("src");
            for (name, expected) in [
                ("after", &wanted),
                ("back", &Oracle::of(p.s.path("content"))),
                ("again", &wanted),
            ] {
                assert_eq!(
                    expected.differences(&Oracle::of(p.s.path(name))),
                    "",
                    "{kind}: {name}"
                );
            }
        }
    }
}

#[test]
fn an_attribute_that_the_file_system_has_no_room_for_is_one_entrys_trouble() {
    for p in Person::everyone() {
        trees(&p, |src, _| {
            src.file("a", "a").xattr("a", "user.large", &[1; 20_000]);
            for n in 0..20 {
                src.file(format!("f{n:02}"), "f");
            }
            src.settle();
        });
        let mount = format!("mkdir dst && {} && chown --reference=src dst", KINDS[0].1);
        let script = "fsync-diff --json src dst | fsync-apply --json > told; echo code $?; ls -A dst | wc -l";
        let Some(told) = p.mounted(&mount, &[script]) else {
            return;
        };
        assert_eq!(told.text(), "code 3\n20", "{told}");
        let words = outcomes(&records(&std::fs::read(p.s.path("told")).expect("results")));
        let failed: Vec<_> = words.iter().filter(|w| !w.ends_with(" done")).collect();
        assert_eq!(failed, ["a failed"]);
        assert!(told.complaint().contains("user.large"), "{told}");
    }
}

#[test]
fn nothing_is_renamed_from_one_file_system_to_another() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("m/new/a", "what moves")
                .file("m/k", "k")
                .file("b", "what moves too")
                .settle();
            dst.file("a", "what moves").file("m/k", "k").settle();
        });
        let mount = "mount -t tmpfs -o mode=755 none dst/m && cp -a src/m/k dst/m && echo -n 'what moves too' > dst/m/b \
                     && chown -R --reference=src dst/m";
        let script = "fsync-diff --delete --renames src dst
            fsync-diff --json --delete --renames src dst | fsync-apply; echo code $?; cp -a dst after";
        let Some(told) = p.mounted(mount, &[script]) else {
            return;
        };
        assert_eq!(
            told.text(),
            "D\ta\nA\tb\nt\tm\nD\tm/b\nA\tm/new\nA\tm/new/a\ncode 0",
            "{told}"
        );
        assert_eq!(
            p.copied("src").differences(&Oracle::of(p.s.path("after"))),
            ""
        );
    }
}

#[test]
fn what_is_mounted_below_the_destination_is_not_recorded() {
    let s = Sandbox::new();
    if !crate::choose::can_mount(&s) {
        return;
    }
    s.tree("src").file("f", "new").file("a/g", "new").settle();
    s.tree("dst").file("f", "old one").dir("a/*[x").settle();
    let script = "mount -t tmpfs none 'dst/a/*[x' && echo secret >'dst/a/*[x/private' || exit 99
        fsync cp -q --one-file-system src dst; echo code $?
        fsync-snap --export \"$(cat dst/.fsync-backup)\" | grep -c private
        echo more >'dst/a/*[x/private'; touch 'dst/a/*[x/other'
        fsync-revert -q dst; echo code $?; cat dst/f 'dst/a/*[x/private'; ls -A dst/a dst/a/*
        fsync-snap --one-file-system dst >id; fsync-snap --export \"$(cat id)\" | grep -c private
        fsync-snap dst >id; fsync-snap --export \"$(cat id)\" | grep -c private";
    let told = s
        .cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .code(0);
    assert_eq!(
        told.text(),
        "code 0\n0\ncode 0\nold onemore\ndst/a:\n*[x\n\ndst/a/*[x:\nother\nprivate\n0\n2",
        "{}",
        told.complaint()
    );
}
