//! Everything that an entry is comes along: from a directory and from a snapshot, for root and for an ordinary
//! user; a second run finds nothing to do, and a revert takes it back.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use crate::support::{Person, Sandbox, Told, assert_same, faithful, faithfully, quiet, trees};

#[test]
fn modes() {
    faithful(|p| {
        let root = p.is_root();
        trees(p, |src, dst| {
            let files = [0o4755, 0o2755, 0o1644, 0o6711, 0o7777, 0o400, 0o444, 0o664];
            let dirs = [0o1777, 0o2775, 0o4755, 0o7755, 0o555, 0o500, 0o700];
            for (n, mode) in files.into_iter().enumerate() {
                let other = files[(n + 1) % files.len()];
                src.file(format!("new {mode:o}"), "n")
                    .mode(format!("new {mode:o}"), mode);
                for content in ["same", "edited"] {
                    let name = format!("{content} {mode:o}");
                    src.file(&name, content).mode(&name, mode);
                    dst.file(&name, "same").mode(&name, other);
                }
                dst.file(format!("gone {mode:o}"), "g")
                    .mode(format!("gone {mode:o}"), mode);
            }
            for (n, mode) in dirs.into_iter().enumerate() {
                let other = dirs[(n + 1) % dirs.len()];
                let name = format!("dir {mode:o}");
                src.file(format!("{name}/in"), "").mode(&name, mode);
                src.dir(format!("new {name}"))
                    .mode(format!("new {name}"), mode);
                dst.file(format!("{name}/gone"), "").mode(&name, other);
            }
            if root {
                src.file("none", "secret").mode("none", 0);
                src.file("shut/in", "").mode("shut", 0);
                dst.file("gone none", "secret").mode("gone none", 0);
            }
            src.settle();
        });
    });
}

#[test]
fn the_roots_own_mode_and_time() {
    faithful(|p| {
        trees(p, |src, dst| {
            src.file("f", "").mode(".", 0o2750).mtime(".", 77, 7);
            dst.file("g", "").mode(".", 0o555);
        });
    });
}

#[test]
fn times_to_the_nanosecond() {
    faithful(|p| {
        trees(p, |src, dst| {
            let times = [
                (0, 1),
                (-1, 999_999_999),
                (1 << 32, 123_456_789),
                (9, 0),
                (1_600_000_000, 1),
            ];
            for (n, (secs, nanos)) in times.into_iter().enumerate() {
                src.file(format!("f{n}"), "f")
                    .link(format!("l{n}"), "f")
                    .fifo(format!("p{n}"));
                src.file(format!("d{n}/in"), "").dir(format!("e{n}"));
                dst.file(format!("f{n}"), "f").link(format!("l{n}"), "f");
                dst.file(format!("d{n}/out"), "");
                for kind in ["f", "l", "p", "d", "e"] {
                    src.mtime(format!("{kind}{n}"), secs, nanos);
                }
            }
            src.mtime(".", 5, 5);
        });
    });
}

#[test]
fn owners_come_along_where_they_may() {
    faithfully(
        "",
        |p| {
            if !p.is_root() {
                return trees(p, |src, dst| {
                    src.file("f", "").link("l", "f").fifo("p").dir("d");
                    dst.file("g", "");
                });
            }
            let (src, dst) = (p.s.tree("src"), p.s.tree("dst"));
            for (n, tree) in [&src, &dst].into_iter().enumerate() {
                let id = 1000 + n as u32;
                tree.file("f", "f").link("l", "f").fifo("p").dir("d/e");
                tree.file("suid", "s").file("edited", vec![b'e'; n + 1]);
                for name in ["f", "l", "p", "d", "d/e", "suid", "edited"] {
                    tree.owner(name, id, id + 7);
                }
                tree.mode("suid", 0o6755)
                    .mode("edited", 0o4711)
                    .mode("d", 0o3775);
            }
            src.file("new", "n")
                .owner("new", 4_000_000_000, 3_999_999_999)
                .mode("new", 0o6777);
            src.hard("new too", "new").link("to", "f").owner("to", 5, 6);
            src.fifo("fifo").owner("fifo", 7, 8).owner(".", 9, 10);
            src.mtime("new", 1, 1).settle();
        },
        |_| {},
    );
}

#[test]
fn foreign_owners_make_no_second_run() {
    for p in Person::everyone().iter().filter(|p| !p.is_root()) {
        trees(p, |src, _| {
            src.file("f", "f")
                .file("d/g", "g")
                .link("l", "f")
                .fifo("p")
                .file("suid", "s");
        });
        let src = p.s.tree("src");
        if rustix::process::geteuid().is_root() {
            for name in ["f", "d", "l", "p"] {
                src.owner(name, 12, 34);
            }
        }
        for source in [
            "src".to_string(),
            p.sh("fsync-snap src 2>/dev/null").code(0).text(),
        ] {
            let dst = if source == "src" { "one" } else { "two" };
            p.sh(&format!(
                "fsync-diff --json {source} {dst} | fsync-apply --json | grep -v done"
            ))
            .stderr("");
            quiet(p, &source, dst);
            p.copied("src").assert_is(p.s.path(dst));
        }
    }
}

#[test]
fn attributes_and_lists_of_access() {
    let build = |p: &Person| {
        let root = p.is_root();
        trees(p, |src, dst| {
            src.file("f", "f")
                .xattr("f", "user.a", b"\0\xff")
                .xattr("f", "user.empty", b"");
            src.file("d/in", "in")
                .dir("d/sub")
                .xattr("d", "user.on-dir", &[7; 3000]);
            src.file("changed", "c").xattr("changed", "user.k", b"new");
            src.file("edited", "e2").xattr("edited", "user.k", b"v");
            dst.file("changed", "c")
                .xattr("changed", "user.k", b"old")
                .xattr("changed", "user.gone", b"");
            dst.file("edited", "e").xattr("edited", "user.gone", b"g");
            dst.file("bare", "b").xattr("bare", "user.gone", b"g");
            src.file("bare", "b");
            src.file("read only", "r")
                .xattr("read only", "user.k", b"v")
                .mode("read only", 0o400);
            src.dir("closed")
                .xattr("closed", "user.k", b"v")
                .mode("closed", 0o500);
            dst.file("read only", "r").mode("read only", 0o400);
            dst.dir("closed").mode("closed", 0o500);
            src.file("new closed", "n")
                .xattr("new closed", "user.k", b"v")
                .mode("new closed", 0o400);
            src.file("acl", "a")
                .dir("defaults")
                .file("defaults/none", "");
            dst.dir("defaults");
            if root {
                src.xattr("f", "trusted.t", b"t")
                    .xattr("d", "trusted.dir", b"d");
                src.link("l", "f").xattr("l", "trusted.on-link", b"l");
                src.fifo("p").xattr("p", "trusted.on-fifo", b"p");
            }
        });
        p.sh(
            "setfacl -m u:1:rwx,g:2:r acl && setfacl -d -m u:3:rwx defaults && setfacl -m u:4:x d",
        )
        .failure();
        p.sh(
            "cd src && setfacl -m u:1:rwx,g:2:r acl && setfacl -d -m u:3:rwx defaults && setfacl -m u:4:x d
              setfacl -d -m g:5:rwx d && setfacl -d -m u:9:rwx ../dst/defaults && setfacl -d -m u:8:rwx ../dst",
        )
        .success();
        if root {
            p.sh("setcap cap_net_raw+ep src/f && setcap cap_chown+ep dst/edited")
                .success();
        }
        p.build(|s| s.tree("src").settle().mode("acl", 0o4754).read("acl"));
    };
    faithfully("--xattrs", build, |s| {
        assert!(xattr::get(s.path("dst/f"), "user.empty").is_ok_and(|v| v.is_some()));
    });
}

#[test]
fn hard_links() {
    let build = |p: &Person| {
        let root = p.is_root();
        trees(p, |src, dst| {
            src.file("a/one", "shared")
                .hard("b/two", "a/one")
                .hard("c", "a/one");
            src.link("sym", "a/one").hard("a/sym too", "sym");
            src.fifo("pipe").hard("b/pipe too", "pipe");
            src.file("alone", "x").file("also alone", "x");
            dst.file("alone", "x")
                .hard("also alone", "alone")
                .file("a/one", "shared");
            dst.link("old", "o").hard("old too", "old");
            if root {
                src.owner("sym", 3, 4).owner("c", 5, 6).mode("c", 0o4755);
            }
            src.settle();
        });
    };
    faithfully("", build, |s| {
        let dst = s.tree("dst");
        for (one, other) in [("a/one", "c"), ("sym", "a/sym too"), ("pipe", "b/pipe too")] {
            assert_eq!(dst.inode(one), dst.inode(other), "{one}");
        }
    });
}

#[test]
fn another_name_later_is_linked() {
    for (name, first) in [("file", "f"), ("symlink", "l"), ("fifo", "p")] {
        faithfully(
            "",
            |p| {
                trees(p, |src, dst| {
                    for tree in [src, dst] {
                        tree.file("f", "f").link("l", "f").fifo("p").settle();
                    }
                    src.hard("z/new", first).hard("A new", first).settle();
                });
            },
            |s| {
                let dst = s.tree("dst");
                assert_eq!(dst.inode(first), dst.inode("z/new"), "{name}");
                assert_eq!(dst.inode(first), dst.inode("A new"), "{name}");
            },
        );
    }
}

#[test]
fn holes() {
    let size = 4u64 << 20;
    let build = |p: &Person| {
        trees(p, |src, dst| {
            src.sparse("leading", size, size - 4, b"data")
                .sparse("middle", size, 2 << 20, b"data");
            src.sparse("trailing", size, 0, b"data")
                .sparse("all", size, 0, b"");
            src.sparse("tiny", 20_000, 10_000, b"x")
                .sparse("odd", size + 5, size, b"12345");
            src.sparse("huge", 3 << 30, (2 << 30) + 17, b"far");
            dst.file("middle", vec![1; 100_000])
                .sparse("all", size, 5, b"x");
            src.settle();
            dst.remove("all");
        });
    };
    let small = |s: &Sandbox| {
        for name in ["leading", "middle", "trailing", "all", "tiny", "odd"] {
            let blocks = |side: &str| s.path(side).join(name).metadata().expect("it").blocks();
            assert!(blocks("dst") <= blocks("src") + 16, "{name}");
        }
    };
    faithfully(
        "",
        |p| {
            build(p);
            p.build(|s| s.tree("src").remove("huge").settle().at("."));
        },
        small,
    );
}

#[test]
fn special_files_and_empty_directories() {
    faithful(|p| {
        trees(p, |src, dst| {
            src.fifo("pipe")
                .mode("pipe", 0o4640)
                .dir("empty/er")
                .mode("empty/er", 0o511);
            drop(UnixListener::bind(src.at("socket")).expect("a socket"));
            src.mtime("socket", 4, 4)
                .mode("socket", 0o600)
                .fifo("was file")
                .file("was fifo", "f");
            dst.file("was file", "f")
                .fifo("was fifo")
                .fifo("gone")
                .dir("gone too/empty");
        });
        if p.is_root() {
            p.sh("mknod -m 640 src/null c 1 3; mknod -m 604 src/loop b 7 0; mknod dst/null c 1 5; mknod dst/gone2 c 1 5")
                .success();
            p.s.tree("src").owner("null", 1, 2);
        }
        p.build(|s| s.tree("src").settle().at("."));
    });
}

#[test]
fn another_owner_takes_no_capability_away() {
    let build = |p: &Person| {
        trees(p, |src, dst| {
            for tree in [src, dst] {
                tree.file("f", "f").settle();
            }
            src.file("g", "g").settle();
        });
        if p.is_root() {
            p.s.tree("src").owner("f", 5, 6);
            p.sh("setcap cap_net_raw+ep src/f; setcap cap_net_raw+ep dst/f")
                .success();
        }
    };
    faithful(build);
}

#[test]
fn a_name_that_keeps_its_file_leads_its_links_in_the_line_form_too() {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    src.file("kept", "1")
        .hard("before", "kept")
        .hard("later", "kept")
        .mode("kept", 0o644)
        .settle();
    dst.file("kept", "1").mode("kept", 0o600).settle();
    let kept = dst.inode("kept");
    s.sh("fsync-diff src dst | fsync-apply src dst")
        .code(0)
        .nothing();
    assert_same(s.path("src"), s.path("dst"));
    assert_eq!(dst.inode("before"), kept);
    assert_eq!(dst.inode("later"), kept);
    s.run("fsync-diff src dst").code(0).nothing();
}
