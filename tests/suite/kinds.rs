//! Kinds that take each other's place, and links where directories were.

use std::os::unix::net::UnixListener;

use crate::support::{Oracle, Person, Told, Traces, Tree, assert_same, faithful, quiet, trees};

/// Makes one kind of entry.
fn make(tree: &Tree, kind: &str, name: &str, side: &str) {
    match kind {
        "file" => drop(
            tree.file(name, format!("file of {side}"))
                .mtime(name, if side == "src" { 8 } else { 9 }, 1)
                .at(name),
        ),
        "empty" => drop(tree.dir(name).at(name)),
        "full" => drop(
            tree.file(format!("{name}/{side}/deep"), side)
                .link(format!("{name}/l"), side)
                .at(name),
        ),
        "link" => drop(tree.link(name, "empty-full").at(name)),
        "broken" => drop(tree.link(name, "nowhere").at(name)),
        "linked" => drop(
            tree.file(name, "linked")
                .hard(format!("{name} twin"), name)
                .at(name),
        ),
        "fifo" => drop(tree.fifo(name).at(name)),
        _ => {
            drop(UnixListener::bind(tree.at(name)).expect("a socket"));
            tree.mtime(name, 3, 3);
        }
    }
}

const KINDS: [&str; 8] = [
    "file", "empty", "full", "link", "broken", "linked", "fifo", "socket",
];

fn pairs() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    KINDS
        .into_iter()
        .flat_map(|from| KINDS.map(|to| (from, to, format!("{from}-{to}"))))
}

#[test]
fn every_kind_takes_the_place_of_every_other() {
    faithful(|p| {
        trees(p, |src, dst| {
            for (from, to, name) in pairs() {
                make(dst, from, &name, "dst");
                make(src, to, &name, "src");
            }
            src.settle();
        });
    });
}

#[test]
fn a_directory_that_is_not_empty_needs_delete() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            for kind in ["file", "link", "fifo", "linked"] {
                make(src, kind, kind, "src");
                make(dst, "full", kind, "dst");
            }
            make(src, "file", "an empty one", "src");
            make(dst, "empty", "an empty one", "dst");
        });
        for source in ["src", "$(fsync-snap src)"] {
            let script = format!(
                "source={source}; fsync-diff --json $source dst > plan; fsync-apply --json < plan"
            );
            let told = p.sh(&script).code(3).records();
            let done: Vec<_> = told
                .iter()
                .filter(|r| r["type"] == "result" && r["status"] == "T")
                .collect();
            assert!(done.len() <= 1, "{done:#?}");
            let plan = p.sh("cat plan").code(0).records();
            for kind in ["file", "link", "fifo", "linked"] {
                let skip = plan
                    .iter()
                    .find(|r| r["type"] == "skip" && r["path"] == kind);
                let reason = skip.and_then(|r| r["reason"].as_str()).unwrap_or_default();
                assert!(reason.contains("--delete"), "{kind}: {plan:#?}");
                assert_eq!(p.s.tree("dst").read(format!("{kind}/dst/deep")), b"dst");
            }
            assert_eq!(p.s.tree("dst").read("an empty one"), b"file of src");
        }
    }
}

#[test]
fn a_link_below_the_root_is_replaced_and_never_written_through() {
    for source in ["src", "$(fsync-snap src)"] {
        for p in Person::everyone() {
            p.build(|s| {
                s.tree("outside")
                    .file("keep", "precious")
                    .file("f", "precious");
                s.tree("src")
                    .file("d/f", "new")
                    .file("d/e/g", "new")
                    .settle();
                s.tree("dst").link("d", "../outside").settle();
            });
            let (outside, before) = (Traces::of(p.s.path("outside")), Oracle::of(p.s.path("dst")));
            p.sh(&format!(
                "source={source}; fsync-diff --json --delete $source dst | fsync-snap --through | fsync-apply --require-snapshot"
            ))
            .code(0)
            .stderr("");
            outside.assert_untouched(p.s.path("outside"));
            assert_same(p.s.path("src"), p.s.path("dst"));
            quiet(&p, source, "dst");
            p.sh("fsync-revert dst").code(0);
            before.assert_is(p.s.path("dst"));
            outside.assert_untouched(p.s.path("outside"));
        }
    }
}

#[test]
fn roots_may_be_links() {
    for source in ["source link", "snapshot"] {
        for p in Person::everyone() {
            p.build(|s| {
                s.tree("real src").file("d/f", "new").settle();
                s.tree("real dst").file("g", "old").settle();
                s.tree(".")
                    .link("source link", "real src")
                    .link("dst link", "real dst");
            });
            let before = Oracle::of(p.s.path("real dst"));
            p.sh(&format!(
                "case '{source}' in snapshot) source=$(fsync-snap 'source link');; *) source='{source}';; esac
                 fsync-diff --json --delete \"$source\" 'dst link' | fsync-snap --through | fsync-apply --require-snapshot"
            ))
            .code(0)
            .stderr("");
            assert_same(p.s.path("real src"), p.s.path("real dst"));
            assert!(p.s.path("dst link").is_symlink());
            p.sh("fsync-diff --json --delete 'source link' 'dst link' | grep -c '\"change\"'")
                .stdout("0\n");
            p.sh("fsync-revert 'dst link'").code(0);
            before.assert_is(p.s.path("real dst"));
        }
    }
}
