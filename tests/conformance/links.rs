//! Cases 38 to 51: links of both sorts, holes, devices, other people's files, mounts.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::support::{Oracle, Person, Sandbox, T0, Told, Traces, assert_same, change, judge};
use crate::table::case;
use crate::way::{Way, settled};

#[test]
fn case_38_links_are_copied_as_links() {
    let _case = case(38);
    for way in Way::ALL {
        for p in Person::everyone() {
            p.build(|s| {
                s.tree("outside").file("f", "precious");
                s.tree("src")
                    .file("d/f", "f")
                    .link("to dir", "d")
                    .link("to file", "d/f")
                    .link("to nothing", "none")
                    .link("to itself", "to itself")
                    .link("absolute", "/etc")
                    .link("up", "../../..")
                    .link("outside", "../outside")
                    .link("d/long", "x/".repeat(2000))
                    .link("odd", b"\xff\n\t")
                    .settle();
                s.tree("dst")
                    .link("to dir", "elsewhere")
                    .file("to nothing", "in the way")
                    .link("d", "../outside")
                    .settle();
            });
            let outside = Traces::of(p.s.path("outside"));
            p.sh(&way.plain("")).code(0).stdout("").stderr("");
            p.copied("src").assert_is(p.s.path("dst"));
            outside.assert_untouched(p.s.path("outside"));
            judge(&p);
            settled(&p, "src", "dst");
        }
    }
}

#[test]
fn case_42_a_target_that_becomes_something_else() {
    let _case = case(42);
    let targets = ["file", "dir", "nothing"];
    for way in Way::ALL {
        for from in targets {
            for to in targets.iter().filter(|to| **to != from) {
                let s = Sandbox::new();
                for (side, target) in [("src", *to), ("dst", from)] {
                    s.tree(side)
                        .file("file", "")
                        .dir("dir")
                        .link("l", target)
                        .settle();
                }
                s.run("fsync-diff src dst").code(0).stdout("M\tl\n");
                let told = s.run("fsync-diff --json src dst").code(0).records();
                assert_eq!(change(&told, "l")["why"], json!(["target"]));
                s.sh(&way.plain("")).code(0).nothing();
                assert_same(s.path("src"), s.path("dst"));
            }
        }
        // What the target is makes no difference: the link says the same.
        let s = Sandbox::new();
        s.tree("src").file("t", "").link("l", "t").settle();
        s.tree("dst").dir("t").link("l", "t").settle();
        s.run("fsync-diff src dst").code(0).stdout("T\tt\n");
        s.tree("src").remove("t").settle();
        s.run("fsync-diff --delete src dst")
            .code(0)
            .stdout("D\tt\n");
    }
}

#[test]
fn case_42_a_link_becomes_another_kind_and_back() {
    let _case = case(42);
    for way in Way::ALL {
        for kind in ["file", "directory"] {
            for back in [false, true] {
                let s = Sandbox::new();
                s.tree("outside").file("f", "precious");
                let (link, other) = if back { ("dst", "src") } else { ("src", "dst") };
                s.tree(link).link("e", "../outside").settle();
                let other = s.tree(other);
                match kind {
                    "file" => other.file("e", "x"),
                    _ => other.dir("e"),
                };
                other.settle();
                s.run("fsync-diff src dst").code(0).stdout("T\te\n");
                let outside = Traces::of(s.path("outside"));
                s.sh(&way.plain("")).code(0).nothing();
                assert_same(s.path("src"), s.path("dst"));
                outside.assert_untouched(s.path("outside"));
            }
        }
    }
}

#[test]
fn case_43_names_linked_across_directories() {
    let _case = case(43);
    for way in Way::ALL {
        for p in Person::everyone() {
            p.build(|s| {
                let src = s.tree("src");
                src.file("a/one", "shared")
                    .hard("b/two", "a/one")
                    .hard("c/three", "a/one")
                    .link("l", "x")
                    .hard("b/l", "l")
                    .file("alone", "a");
                s.tree("outside").hard("alone", "../src/alone");
                src.settle();
            });
            p.sh(&way.plain("")).code(0).stdout("").stderr("");
            p.copied("src").assert_is(p.s.path("dst"));
            let dst = p.s.tree("dst");
            let inode = dst.inode("a/one");
            assert_eq!((dst.inode("b/two"), dst.inode("c/three")), (inode, inode));
            let links = std::fs::symlink_metadata(dst.at("alone"))
                .expect("it")
                .nlink();
            assert_eq!(links, 1, "a name outside of the set is ignored");
            // A name that comes later, before the others and behind them.
            for later in ["0/first", "z/last"] {
                p.build(|s| {
                    s.tree("src").hard(later, "a/one").settle();
                });
                p.sh(&way.plain("")).code(0).stdout("").stderr("");
                assert_eq!(dst.inode(later), inode, "linked, not copied");
                p.sh("fsync-diff --json src dst | fsync-apply").code(0);
                p.copied("src").assert_is(dst.root());
            }
            judge(&p);
            settled(&p, "src", "dst");
        }
    }
}

#[test]
fn case_43_a_name_outside_of_the_destination_is_not_written_through() {
    let _case = case(43);
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src").file("f", "new").mode("f", 0o600);
        s.tree("src")
            .mtime("f", T0.0 + 5, 0)
            .file("g", "g")
            .mode("g", 0o640);
        let dst = s.tree("dst");
        dst.file("f", "old").file("g", "g");
        s.tree("outside").hard("f", "../dst/f");
        s.sh(&way.plain("")).code(0).nothing();
        assert_eq!(s.tree("outside").read("f"), b"old");
        assert_eq!(
            (dst.read("f"), dst.read("g")),
            (b"new".to_vec(), b"g".to_vec())
        );
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn case_43_links_made_broken_and_moved() {
    let _case = case(43);
    for way in Way::RECORDED {
        let s = Sandbox::new();
        let (src, dst) = (s.tree("src"), s.tree("dst"));
        src.file("a", "x")
            .hard("b", "a")
            .file("c", "x")
            .file("d", "x")
            .settle();
        dst.file("a", "x")
            .file("b", "x")
            .hard("c", "b")
            .hard("d", "a")
            .settle();
        s.twin("dst", "before");
        let told = s.run("fsync-diff --json src dst").code(0).records();
        assert_eq!(change(&told, "b")["why"], json!(["links"]));
        assert_eq!(change(&told, "b")["link_to"], "a");
        s.sh(&way.plain("")).code(0).nothing();
        assert_same(s.path("src"), s.path("dst"));
        s.run("fsync rv -q -d dst").code(0);
        assert_same(s.path("before"), s.path("dst"));
    }
}

#[test]
fn case_45_holes_stay_holes() {
    let _case = case(45);
    let size = 8 << 20;
    let names = ["leading", "middle", "trailing", "all", "two", "dense"];
    for (source, way) in Way::ALL
        .map(|way| ("src", way))
        .into_iter()
        .chain([("$(fsync-snap src)", Way::Records)])
    {
        let s = Sandbox::new();
        let src = s.tree("src");
        src.sparse("leading", size, size - 4, b"data")
            .sparse("middle", size, 4 << 20, b"data")
            .sparse("trailing", size, 0, b"data")
            .sparse("all", size, 0, b"")
            .sparse("two", size, 1 << 20, &[7; 5000])
            .file("dense", vec![0; 300_000])
            .settle();
        for (edit, what) in [(false, "new"), (true, "again, over old contents")] {
            if edit {
                for name in names {
                    s.tree("dst").file(name, vec![9; 400_000]);
                }
            }
            s.sh(&way.script("", "", source, "dst")).code(0).nothing();
            s.sh("fsync-diff --json src dst | fsync-apply").code(0);
            assert_same(s.path("src"), s.path("dst"));
            for name in names {
                let meta = |side: &str| std::fs::metadata(s.path(side).join(name)).expect("it");
                assert_eq!(meta("dst").len(), meta("src").len());
                let (from, to) = (meta("src").blocks(), meta("dst").blocks());
                assert!(
                    to <= from + 64,
                    "{way:?}, {what}: {name}: {to} blocks, not {from}"
                );
            }
        }
        // And back again.
        s.snap("dst");
        s.sh("rm dst/*").success();
        s.run("fsync-revert -q dst").code(0);
        assert_same(s.path("src"), s.path("dst"));
        let blocks = std::fs::metadata(s.path("dst/all")).expect("it").blocks();
        assert!(blocks <= 64, "reverted: {blocks} blocks");
    }
}

#[test]
fn case_46_what_an_ordinary_user_cannot_make() {
    let case = case(46);
    if !case.as_root() {
        return;
    }
    for way in Way::ALL {
        let n = Person::nobody();
        n.s.tree("src")
            .fifo("d/pipe")
            .file("d/z", "z")
            .device("d/null", 3)
            .file("a", "a");
        n.s.sh("mknod src/block b 7 250").success();
        let _socket = UnixListener::bind(n.s.path("src/socket")).expect("a socket");
        n.own();
        let told = n.sh("fsync-diff --json src dst").code(0).records();
        for (path, word) in [("block", "block device"), ("d/null", "device")] {
            let skip = told
                .iter()
                .find(|r| r["type"] == "skip" && r["path"] == path);
            let reason = skip.and_then(|r| r["reason"].as_str());
            assert!(
                reason.is_some_and(|r| r.contains(word)),
                "{path}: {told:#?}"
            );
        }
        n.sh(&way.plain("")).code(0).stdout("");
        let dst = n.s.tree("dst");
        assert!(!dst.has("block") && !dst.has("d/null"));
        let kinds = "cd dst && stat -c '%F %n' a d/z d/pipe socket";
        n.sh(kinds)
            .code(0)
            .stdout("regular file a\nregular file d/z\nfifo d/pipe\nsocket socket\n");
        n.sh("fsync-diff src dst").code(0).stdout("");
    }
    // Root makes all of them.
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src")
            .device("null", 3)
            .fifo("p")
            .socket("s")
            .settle();
        s.sh(&way.plain("")).code(0).nothing();
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn case_49_foreign_owners_become_own() {
    let case = case(49);
    if !case.as_root() {
        return;
    }
    for way in Way::ALL {
        let n = Person::nobody();
        n.s.tree("src")
            .file("f", "root's")
            .file("d/g", "g")
            .link("l", "f");
        n.own();
        n.s.tree("src")
            .owner("f", 0, 0)
            .owner("d", 12, 34)
            .owner("l", 7, 7);
        n.sh(&way.plain("")).code(0).stdout("").stderr("");
        n.copied("src").assert_is(n.s.path("dst"));
        n.sh("fsync-diff src dst").code(0).stdout("").stderr("");
        n.sh(&way.plain("")).code(0).stdout("").stderr("");
    }
}

#[test]
fn case_49_an_allowed_group_is_kept() {
    let case = case(49);
    if !case.as_root() {
        return;
    }
    for way in Way::ALL {
        let p = Person::nobody();
        p.s.tree("src")
            .file("one/his", "x")
            .file("one/other", "y")
            .file("touched", "z")
            .link("l", "one");
        p.s.tree("dst").file("touched", "z").mode("touched", 0o600);
        p.own();
        p.s.sh("chgrp -h 77 src/one src/one/his src/touched src/l && chgrp 78 src/one/other")
            .success();
        let run = |script: &str| {
            let programs = p.programs_path();
            std::fs::write(p.s.path("script"), script).expect("a script");
            p.s.sh(&format!(
                "PATH={programs}:$PATH setpriv --reuid 65534 --regid 65534 --groups 77 --no-new-privs sh script"
            ))
        };
        run(&way.plain("")).code(0).nothing().stderr("");
        run("fsync-diff src dst | grep -v '^t.\\.$'")
            .stdout("")
            .stderr("");
        let groups = "cd dst && stat -c '%n %u %g' one one/his one/other touched l";
        assert_eq!(
            p.s.sh(groups).text(),
            "one 65534 77\none/his 65534 77\none/other 65534 65534\ntouched 65534 77\nl 65534 77"
        );
        // Unless nothing of it is to be set.
        p.s.tree("dst").remove("one").remove("l");
        run(&way.plain("--no-owner")).nothing();
        if way != Way::Lines {
            assert_eq!(p.s.sh("stat -c %g dst/one/his").text(), "65534");
        }
    }
}

#[test]
fn case_51_a_mount_in_the_source() {
    let case = case(51);
    if !case.as_root() {
        return;
    }
    for way in Way::RECORDED {
        let s = Sandbox::new();
        s.tree("src")
            .dir("m")
            .file("d/own", "own")
            .dir("d/bound")
            .file("z", "z")
            .settle();
        s.tree("dst")
            .file("m/stays", "below what is not entered")
            .settle();
        s.tree("else").file("b", "");
        let script = format!(
            "mount -t tmpfs none src/m && touch src/m/no && mount --bind else src/d/bound || exit 99
             fsync-diff --one-file-system --delete src dst | grep -v '^t'; echo code $?
             {}; echo code $?
             find dst -mindepth 1 ! -name .fsync-backup | LC_ALL=C sort
             fsync cp -n --delete --one-file-system src dst
             {}; echo code $?; ls dst/m dst/d/bound",
            way.plain("--one-file-system --delete"),
            way.plain(""),
        );
        let told = s.cmd("unshare").args(["-m", "sh", "-c", &script]).assert();
        if told.get_output().status.code() == Some(99) {
            return case.cannot("nothing can be mounted here");
        }
        let text = told.code(0).text();
        let same_device = text.contains("d/bound/b\ncode 0\ncode 0");
        assert!(!same_device, "a bind mount is a mount: {text}");
        assert_eq!(
            text,
            "A\td\nA\td/bound\nA\td/own\nA\tz\ncode 0\ncode 0\ndst/d\ndst/d/bound\ndst/d/own\ndst/m\ndst/m/stays\ndst/z\n\
             code 0\ndst/d/bound:\nb\n\ndst/m:\nno\nstays",
            "{way:?}"
        );
    }
    // That it was not entered is told.
    let s = Sandbox::new();
    s.tree("src").dir("m").settle();
    let script =
        "mount -t tmpfs none src/m || exit 99; fsync-diff --json --one-file-system src dst";
    let told = s.cmd("unshare").args(["-m", "sh", "-c", script]).assert();
    let told = told.code(0).records();
    let skip = told
        .iter()
        .find(|r| r["type"] == "skip" && r["path"] == "m");
    assert!(skip.is_some_and(|r| r["reason"].is_string()), "{told:#?}");
    assert_eq!(Oracle::of(s.path("src")).len(), 1);
}
