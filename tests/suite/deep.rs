//! What is hard to reach: read-only, long, deep.

use crate::support::{FREE, Person, faithful, quiet, trees};

#[test]
fn read_only_files_and_directories_are_filled_changed_and_emptied() {
    faithful(|p| {
        let root = p.is_root();
        trees(p, |src, dst| {
            for tree in [src, dst] {
                tree.file("kept/same", "s").file("kept/deeper/same", "s");
                tree.mode("kept/same", 0o400);
            }
            src.file("kept/changed", "new")
                .mode("kept/changed", 0o400)
                .file("kept/new", "n")
                .mode("kept/new", 0o444)
                .file("kept/deeper/new/er", "n");
            dst.file("kept/changed", "old one")
                .mode("kept/changed", 0o400)
                .file("kept/gone", "g")
                .mode("kept/gone", 0o400)
                .file("kept/deeper/gone/er", "g")
                .link("kept/link", "x");
            src.link("kept/link", "y");
            for dir in ["kept/deeper/new", "kept/deeper", "kept"] {
                src.mode(dir, 0o555);
            }
            for dir in ["kept/deeper/gone", "kept/deeper", "kept"] {
                dst.mode(dir, 0o555);
            }
            dst.file("all gone/a/b", "x")
                .mode("all gone/a", 0o500)
                .mode("all gone", 0o500);
            dst.file("becomes a file/a/b", "x");
            dst.mode("becomes a file/a", 0o555)
                .mode("becomes a file", 0o555);
            src.file("becomes a file", "f")
                .mode("becomes a file", 0o400);
            src.file("becomes a dir/a", "f")
                .mode("becomes a dir", 0o555);
            dst.file("becomes a dir", "f").mode("becomes a dir", 0o400);
            if root {
                src.file("none", "n").mode("none", 0);
                dst.file("none", "old").mode("none", 0);
            }
            src.mode(".", 0o555);
            dst.mode(".", 0o500);
        });
    });
}

#[test]
fn a_plan_of_read_only_directories_may_be_run_again() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("was file/in", "n").mode("was file", 0o555);
            src.file("new/in", "n").mode("new", 0o500);
            src.file("both/in", "n").mode("both", 0o555);
            dst.file("was file", "f").file("both/gone", "g");
        });
        p.sh("fsync-diff --json --delete src dst > plan").code(0);
        for _ in 0..3 {
            p.sh(&format!("fsync-apply {FREE} < plan"))
                .code(0)
                .stderr("");
            p.copied("src").assert_is(p.s.path("dst"));
        }
    }
}

#[test]
fn names_of_255_bytes_of_every_kind() {
    faithful(|p| {
        trees(p, |src, dst| {
            let long = |c: char| c.to_string().repeat(255);
            src.file(long('f'), "new content")
                .dir(long('d'))
                .link(long('l'), long('f'))
                .fifo(long('p'));
            src.hard(long('h'), long('f'))
                .file(format!("{}/{}", long('d'), long('d')), "in");
            src.sparse(long('s'), 300_000, 200_000, b"x")
                .file(long('t'), "file")
                .dir(long('u'));
            dst.file(long('f'), "old")
                .link(long('l'), "old")
                .file(format!("{}/{}", long('t'), long('x')), "g");
            dst.file(long('u'), "becomes a directory")
                .file(long('g'), "gone");
            src.settle();
        });
    });
}

#[test]
fn seventy_levels() {
    faithful(|p| {
        trees(p, |src, dst| {
            let chain = |name: &str| vec![name; 70].join("/");
            src.file(chain("d"), "chain")
                .file(vec!["e".repeat(50); 70].join("/"), "a path of 3,500 bytes");
            src.link(format!("{}/l", chain("x")), "y");
            dst.file(chain("g"), "gone")
                .file(format!("{}/old", chain("x")), "o");
            dst.file("e".repeat(50), "in the way");
            src.settle();
        });
    });
}

/// What find(1), which needs no long paths, says of a tree.
const LIST: &str =
    r"find . -mindepth 1 ! -name .fsync-backup -printf '%d %f %y %m %n %T@ %s %l\n' | sort";

#[test]
fn deeper_than_path_max_there_and_back() {
    let build = r"
import os
def chain(root, top, leaf):
    at = os.open(root, os.O_RDONLY)
    for name in [top] + ['%0100d' % i for i in range(60)]:
        os.mkdir(name, dir_fd=at)
        down = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = down
    with open(os.open(leaf, os.O_CREAT | os.O_WRONLY, dir_fd=at), 'w') as f: f.write(leaf)
    os.symlink('a target', 'link', dir_fd=at)
    os.mkdir('empty', dir_fd=at)
    os.link(leaf, 'twin', src_dir_fd=at, dst_dir_fd=at)
    os.close(at)
for root in ['src', 'dst']: os.mkdir(root)
chain('src', 'new', 'f'); chain('src', 'both', 'changed'); chain('dst', 'both', 'unchanged'); chain('dst', 'gone', 'f')
";
    for way in ["src", "$(fsync-snap src)"] {
        for p in Person::everyone() {
            std::fs::write(p.s.path("build.py"), build).expect("a script");
            p.sh("python3 build.py").success();
            let list = |side: &str| {
                p.sh(&format!("cd {side} && {LIST}"))
                    .code(0)
                    .get_output()
                    .stdout
                    .clone()
            };
            let (wanted, before) = (list("src"), list("dst"));
            p.sh(&format!(
                "set -e; source={way}; fsync-diff --json --delete $source dst | fsync-snap --through > plan; \
                 fsync-apply --require-snapshot {FREE} < plan"
            ))
            .code(0)
            .stderr("");
            assert!(list("dst") == wanted, "as the source");
            quiet(&p, way, "dst");
            p.sh("fsync-revert dst").code(0);
            assert!(list("dst") == before, "as before");
            // The sandbox's own removal cannot reach it.
            p.sh("rm -rf src dst").success();
        }
    }
}
