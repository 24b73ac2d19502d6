//! Cases 13 to 22: what counts as a difference.

use serde_json::json;

use crate::support::{Person, Sandbox, T0, Told, Traces, assert_same, change, trees};
use crate::table::case;
use crate::way::{Way, settled};

/// Two equal trees with `f` and `d/f`, of eight bytes each.
fn pair() -> Sandbox {
    let s = Sandbox::new();
    for side in ["src", "dst"] {
        let tree = s.tree(side);
        tree.file("f", "12345678").file("d/f", "12345678").settle();
    }
    s
}

/// Nothing is planned, and nothing is done.
#[track_caller]
fn nothing(s: &Sandbox, options: &str) {
    let before = Traces::of(s.path("dst"));
    s.run(&format!("fsync-diff {options} --exit-code src dst"))
        .code(0)
        .stdout("");
    for way in Way::ALL {
        s.sh(&way.plain(options)).code(0).nothing();
    }
    before.assert_untouched(s.path("dst"));
    assert!(s.archives().is_empty(), "nothing to do needs no snapshot");
}

#[test]
fn case_13_same_size_and_time() {
    let _case = case(13);
    for way in Way::ALL {
        for option in ["--checksum", "-c"] {
            let s = pair();
            let dst = s.tree("dst");
            dst.file("f", "87654321").file("d/f", "12345670").settle();
            nothing(&s, "");
            s.run(&format!("fsync-diff {option} src dst"))
                .code(0)
                .stdout("M\td/f\nM\tf\n");
            let told = s.run("fsync-diff --json -c src dst").code(0).records();
            assert_eq!(change(&told, "f")["why"], json!(["content"]));
            s.sh(&way.plain(option)).code(0).nothing();
            assert_same(s.path("src"), s.path("dst"));
            s.run("fsync-diff -c src dst").code(0).nothing();
        }
    }
}

#[test]
fn case_14_only_touched() {
    let _case = case(14);
    for way in Way::ALL {
        for (secs, nanos) in [(T0.0 + 60, 0), (T0.0 - 60, T0.1), (-7, 999_999_999)] {
            let s = pair();
            s.tree("src").mtime("f", secs, nanos);
            s.run("fsync-diff src dst").code(0).stdout("t\tf\n");
            let told = s.run("fsync-diff --json src dst").code(0).records();
            assert_eq!(change(&told, "f")["why"], json!(["mtime"]));
            assert_eq!(told.iter().filter(|r| r["type"] == "change").count(), 1);
            let dst = s.tree("dst");
            let inodes = ["f", "d/f"].map(|n| dst.inode(n));
            s.sh(&way.plain("")).code(0).nothing();
            assert_eq!(["f", "d/f"].map(|n| dst.inode(n)), inodes, "{way:?}");
            assert_same(s.path("src"), s.path("dst"));
            s.run("fsync-diff src dst").code(0).nothing();
        }
    }
}

#[test]
fn case_15_size_only() {
    let _case = case(15);
    let s = pair();
    s.tree("src")
        .file("f", "87654321")
        .mtime("f", T0.0 + 60, 0)
        .mtime("d/f", T0.0 - 60, 0);
    let s = {
        s.tree("src").mtime(".", T0.0, T0.1).mtime("d", T0.0, T0.1);
        s
    };
    nothing_but_lines(&s);
    s.tree("src").file("d/f", "longer than it was").settle();
    s.run("fsync-diff --size-only src dst")
        .code(0)
        .stdout("M\td/f\n");
    for way in Way::RECORDED {
        s.sh(&way.plain("--size-only")).code(0).nothing();
        assert_eq!(s.tree("dst").read("d/f"), b"longer than it was");
        assert_eq!(s.tree("dst").read("f"), b"12345678", "not looked at");
        s.run("fsync rv -q -d dst").code(0);
    }
}

/// `--size-only` plans nothing, so no way has anything to do.
#[track_caller]
fn nothing_but_lines(s: &Sandbox) {
    nothing(s, "--size-only");
}

#[test]
fn case_16_times_a_second_apart() {
    let _case = case(16);
    for way in Way::ALL {
        let s = pair();
        s.tree("src")
            .mtime("f", T0.0 + 1, T0.1)
            .mtime("d/f", T0.0 - 1, T0.1);
        s.run("fsync-diff src dst").code(0).stdout("t\td/f\nt\tf\n");
        for window in ["2s", "2", "1s", "2000ms", "1000000us"] {
            nothing(&s, &format!("--modify-window {window}"));
        }
        s.run("fsync-diff --modify-window 999ms src dst")
            .code(0)
            .stdout("t\td/f\nt\tf\n");
        s.run("fsync-diff --modify-window 5fortnights src dst")
            .code(2)
            .nothing();
        // What differs in its bytes, inside the window, is not looked at; with another size it is.
        s.tree("src").file("f", "87654321").mtime("f", T0.0 + 1, 0);
        s.tree("src").mtime(".", T0.0, T0.1);
        nothing(&s, "--modify-window 2s");
        s.run("fsync-diff --modify-window 2s -c src dst")
            .code(0)
            .stdout("M\tf\n");
        s.sh(&way.plain("")).code(0).nothing();
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn case_16_a_window_holds_for_the_line_form_too() {
    let _case = case(16);
    let s = pair();
    s.tree("src").mtime("f", T0.0 + 1, T0.1).edit("d/f", "new");
    s.tree("src")
        .mtime("d/f", T0.0 + 50, 0)
        .mtime("d", T0.0, T0.1);
    let before = s.tree("dst").inode("f");
    s.sh("fsync-diff --modify-window 2s src dst | fsync-apply --modify-window 2s src dst")
        .code(0)
        .nothing();
    let dst = s.tree("dst");
    assert_eq!((dst.read("d/f"), dst.inode("f")), (b"new".to_vec(), before));
    // A line for what the window takes for equal is done already.
    let untouched = Traces::of(s.path("dst/f"));
    s.feed("fsync-apply --modify-window 2s src dst", "t\tf\n")
        .code(0);
    untouched.assert_untouched(s.path("dst/f"));
    s.feed("fsync-apply src dst", "t\tf\n").code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn case_17_times_a_part_of_a_second_apart() {
    let _case = case(17);
    for way in Way::ALL {
        for nanos in [T0.1 + 100_000_000, T0.1 + 1, 0, 999_999_999] {
            let s = pair();
            s.tree("src")
                .mtime("f", T0.0, nanos)
                .mtime("d", T0.0, nanos);
            s.tree("src").link("l", "f").mtime("l", T0.0, nanos);
            s.tree("dst").link("l", "f");
            for side in ["src", "dst"] {
                s.tree(side).mtime(".", T0.0, T0.1);
            }
            s.run("fsync-diff src dst")
                .code(0)
                .stdout("t\td\nt\tf\nt\tl\n");
            s.sh(&way.plain("")).code(0).nothing();
            assert_same(s.path("src"), s.path("dst"));
            s.run("fsync-diff src dst").code(0).nothing();
        }
    }
}

#[test]
fn case_19_newer_only() {
    let _case = case(19);
    for way in Way::RECORDED {
        let s = Sandbox::new();
        let (src, dst) = (s.tree("src"), s.tree("dst"));
        for name in ["newer", "d/newer", "older", "same"] {
            src.file(name, "source");
            dst.file(name, "dst");
        }
        src.dir("kind").file("kind/in", "");
        dst.link("kind", "x");
        src.file("dir", "a file").settle();
        dst.mtime("newer", T0.0, T0.1 + 1)
            .mtime("d/newer", T0.0 + 99, 0)
            .mtime("older", T0.0, T0.1 - 1)
            .mtime("kind", T0.0 + 99, 0)
            .dir("dir")
            .settle();
        dst.mtime("dir", T0.0 + 99, 0);
        s.run("fsync-diff --newer-only src dst")
            .code(0)
            .stdout("T\tdir\nT\tkind\nA\tkind/in\nM\tolder\nM\tsame\n");
        let told = s
            .run("fsync-diff --newer-only --json src dst")
            .code(0)
            .records();
        let kept: Vec<_> = told.iter().filter(|r| r["type"] == "skip").collect();
        assert_eq!(kept.len(), 2);
        for (skip, path) in kept.iter().zip(["d/newer", "newer"]) {
            assert_eq!(
                (&skip["path"], &skip["reason"]),
                (&json!(path), &json!("the destination's is newer"))
            );
        }
        s.sh(&way.plain("--newer-only")).code(0).nothing();
        for (name, bytes) in [
            ("newer", "dst"),
            ("d/newer", "dst"),
            ("older", "source"),
            ("same", "source"),
            ("dir", "a file"),
            ("kind/in", ""),
        ] {
            assert_eq!(dst.read(name), bytes.as_bytes(), "{name}");
        }
    }
}

#[test]
fn case_20_only_modes_differ() {
    let _case = case(20);
    for way in Way::ALL {
        for p in Person::everyone() {
            let names = ["f", "g", "d", "d/f"];
            trees(&p, |src, dst| {
                for tree in [src, dst] {
                    tree.file("f", "x").file("g", "x").file("d/f", "x");
                    tree.settle();
                }
                src.mode("f", 0o755)
                    .mode("g", 0o400)
                    .mode("d", 0o2711)
                    .mode("d/f", 0o4711);
            });
            let dst = p.s.tree("dst");
            let inodes = names.map(|n| dst.inode(n));
            // Who may not read a file cannot compare it; the mode alone says enough.
            let told = p.sh("fsync-diff --json src dst").code(0).records();
            for name in names {
                let change = change(&told, name);
                assert_eq!(
                    (&change["status"], &change["why"]),
                    (&json!("t"), &json!(["mode"]))
                );
            }
            assert_eq!(change(&told, "d/f")["new"]["mode"], "4711");
            p.sh(&way.plain("")).code(0).stdout("").stderr("");
            assert_eq!(names.map(|n| dst.inode(n)), inodes);
            p.copied("src").assert_is(dst.root());
            settled(&p, "src", "dst");
        }
    }
}

#[test]
fn case_20_setuid_after_a_chown() {
    let case = case(20);
    if !case.as_root() {
        return;
    }
    for way in Way::ALL {
        let s = pair();
        s.tree("src")
            .owner("f", 77, 78)
            .mode("f", 0o6755)
            .file("new", "n")
            .owner("new", 5, 6)
            .mode("new", 0o4711)
            .owner("d/f", 9, 9)
            .settle();
        s.tree("dst").mode("d/f", 0o644).settle();
        let inode = s.tree("dst").inode("f");
        let told = s.run("fsync-diff --json src dst").code(0).records();
        assert_eq!(change(&told, "f")["why"], json!(["mode", "owner"]));
        assert_eq!(change(&told, "d/f")["why"], json!(["owner"]));
        s.sh(&way.plain("")).code(0).nothing();
        assert_eq!(s.tree("dst").inode("f"), inode);
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn case_21_sizes_at_every_depth() {
    let _case = case(21);
    for way in Way::RECORDED {
        let s = Sandbox::new();
        let (src, dst) = (s.tree("src"), s.tree("dst"));
        for dir in ["", "d/", "d/e/f/"] {
            for (name, size) in [
                ("a0", 0),
                ("a9", 9),
                ("b10", 10),
                ("b2k", 2048),
                ("c", 2049),
            ] {
                src.file(format!("{dir}{name}"), vec![b'x'; size]);
            }
            src.link(format!("{dir}link"), "a0");
            dst.file(format!("{dir}a9"), "kept as it is");
            dst.file(format!("{dir}extra"), "e");
        }
        src.settle();
        dst.settle();
        s.run("fsync-diff --min-size 10 --max-size 2K src dst")
            .code(0)
            .stdout(
                "A\tb10\nA\tb2k\nA\td/b10\nA\td/b2k\nA\td/e/f/b10\nA\td/e/f/b2k\nA\td/e/f/link\nA\td/link\nA\tlink\n",
            );
        let told = s
            .run("fsync-diff --json --min-size 10 --max-size 2K src dst")
            .code(0)
            .records();
        assert_eq!(
            told.iter().filter(|r| r["type"] == "skip").count(),
            9,
            "each is told"
        );
        s.sh(&way.plain("--delete --min-size 10 --max-size 2K"))
            .code(0)
            .nothing();
        for dir in ["", "d/", "d/e/f/"] {
            let at = |name: &str| format!("{dir}{name}");
            assert!(dst.has(at("b10")) && dst.has(at("b2k")) && dst.has(at("link")));
            assert!(!dst.has(at("a0")) && !dst.has(at("c")) && !dst.has(at("extra")));
            assert_eq!(dst.read(at("a9")), b"kept as it is");
        }
    }
}

/// What is done on a destination with two-second stamps.
const COARSE: &str = "
    fsync cp -q src m/dst; echo code $?
    fsync-diff --delete src m/dst; fsync cp src m/dst
    fsync-diff src m/dst | fsync-apply src m/dst; echo code $?
    touch -d @1600000009.7 src/d/f; printf BYTES >src/g; touch -d @1600000011 src/g; rm src/old
    fsync-diff --delete src m/dst
    fsync cp -q --delete src m/dst; echo code $?; cat m/dst/g; echo; fsync-diff --delete src m/dst; fsync-diff -c src m/dst
    fsync rv -q -d m/dst; echo code $?; cat m/dst/g; echo; cat m/dst/old; echo
    fsync rv -q -d m/dst --redo; echo code $?; cat m/dst/g; echo; fsync-diff --delete src m/dst";

#[test]
fn case_22_a_clock_of_two_seconds() {
    let case = case(22);
    if !case.as_root() {
        return;
    }
    let fats = [
        "mkfs.vfat disk && mount -t vfat -o loop disk m && mkdir m/dst",
        "mkdir below && /usr/bin/python3 coarse.py tick below m && mkdir m/dst",
    ];
    let mut reasons = String::new();
    for fat in fats {
        let s = Sandbox::new();
        s.tree("src")
            .file("d/f", "bytes")
            .file("g", "bytes")
            .file("even", "e")
            .mtime("even", T0.0 + 2, 0)
            .file("odd", "o")
            .mtime("odd", T0.0 + 1, 999_999_999)
            .file("old", "old")
            .settle();
        s.tree("m");
        s.tree(".").file("coarse.py", include_str!("coarse.py"));
        let script = format!(
            "truncate -s 8M disk && {{ {fat}; }} >mount.log 2>&1 || exit 99
             trap 'code=$?; umount m; exit $code' EXIT
             touch m/probe; touch -d @1600000001.5 m/probe; stat -c 'clock %.9Y' m/probe; rm m/probe{COARSE}"
        );
        let told = s.cmd("unshare").args(["-m", "sh", "-c", &script]).assert();
        if told.get_output().status.code() == Some(99) {
            reasons += fat;
            reasons += "; ";
            continue;
        }
        assert_eq!(
            told.text(),
            "clock 1600000000.000000000\ncode 0\ncode 0\nt\t.\nt\td/f\nM\tg\nD\told\ncode 0\nBYTES\ncode 0\nbytes\nold\n\
             code 0\nBYTES",
            "{fat}: {}",
            told.complaint()
        );
        told.code(0).stderr("fsync: nothing to do\n");
        return;
    }
    case.cannot(&format!("no FAT can be mounted here: {reasons}"));
}
