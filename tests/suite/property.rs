//! Properties of random pairs of trees.

use proptest::prelude::*;

use crate::support::{Oracle, Sandbox, Told, Tree, assert_same};

/// What stands at a path.
#[derive(Clone, Debug)]
enum Thing {
    File {
        content: u8,
        size: u16,
        mode: u32,
    },
    Directory {
        mode: u32,
    },
    Link {
        target: u8,
    },
    Fifo,
    /// Another name for one of the files before.
    Hard {
        which: u8,
    },
}

/// A path, what stands there, when, and an attribute.
type Row = (Vec<u8>, Thing, u8, Option<u8>);

fn thing() -> impl Strategy<Value = Thing> {
    let mode = || prop::sample::select(vec![0o644, 0o600, 0o755, 0o4755, 0o000]);
    prop_oneof![
        4 => (0..3u8, prop::sample::select(vec![0u16, 1, 5, 4096, 9000]), mode())
            .prop_map(|(content, size, mode)| Thing::File { content, size, mode }),
        3 => prop::sample::select(vec![0o755, 0o700, 0o2775, 0o555]).prop_map(|mode| Thing::Directory { mode }),
        2 => (0..4u8).prop_map(|target| Thing::Link { target }),
        1 => Just(Thing::Fifo),
        2 => any::<u8>().prop_map(|which| Thing::Hard { which }),
    ]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let path = prop::collection::vec(0..4u8, 1..4);
    prop::collection::vec((path, thing(), 0..3u8, prop::option::of(0..3u8)), 0..25)
}

/// Builds what fits: a row whose place is taken, or lies below something else than a directory, is left out.
fn build(tree: &Tree, rows: &[Row]) {
    let mut files: Vec<String> = Vec::new();
    let mut times = Vec::new();
    for (path, thing, time, note) in rows {
        let names: Vec<_> = path
            .iter()
            .map(|n| ["a", "b b", "c\n", "a-"][usize::from(*n)])
            .collect();
        let name = names.join("/");
        let blocked = (1..names.len()).any(|depth| {
            let above = tree.at(names[..depth].join("/"));
            above.symlink_metadata().is_ok_and(|m| !m.is_dir())
        });
        if blocked || tree.has(&name) {
            continue;
        }
        match thing {
            Thing::File {
                content,
                size,
                mode,
            } => {
                let bytes = vec![b'0' + content; usize::from(*size)];
                tree.file(&name, bytes).mode(&name, *mode);
                files.push(name.clone());
            }
            Thing::Directory { mode } => {
                tree.dir(&name).mode(&name, *mode);
            }
            Thing::Link { target } => {
                tree.link(&name, ["a", "../x", "/", "\u{e9}"][usize::from(*target)]);
            }
            Thing::Fifo => {
                tree.fifo(&name);
            }
            Thing::Hard { which } => match files.get(usize::from(*which) % files.len().max(1)) {
                Some(first) => {
                    tree.hard(&name, first);
                }
                None => continue,
            },
        }
        if let (Some(value), Thing::File { .. } | Thing::Directory { .. }) = (note, thing) {
            tree.xattr(&name, "user.note", &[*value]);
        }
        times.push((name, *time));
    }
    tree.settle();
    for (name, time) in times.iter().rev() {
        tree.mtime(name, 1_000_000 + i64::from(*time), i64::from(*time));
    }
}

const FREE: &str = "--max-delete 100% --allow-empty-source";

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Applying the difference makes the destination the source; reverting makes it what it was.
    #[test]
    fn apply_makes_it_equal_and_revert_takes_it_back(a in rows(), b in rows()) {
        let s = Sandbox::new();
        build(&s.tree("src"), &a);
        build(&s.tree("dst"), &b);
        let before = Oracle::of(s.path("dst"));
        let plan = s.run("fsync-diff --json --delete --xattrs --checksum src dst").code(0).bytes();
        let through = s.feed("fsync-snap --through", plan).code(0).bytes();
        let changes = through.windows(15).any(|w| w == b"\"type\":\"change\"");
        s.feed(&format!("fsync-apply {FREE}"), &through).code(0).nothing();
        assert_same(s.path("src"), s.path("dst"));
        s.run("fsync-diff --delete --xattrs --checksum src dst").code(0).nothing();
        s.feed(&format!("fsync-apply {FREE}"), &through).code(0).nothing();
        assert_same(s.path("src"), s.path("dst"));
        if changes {
            s.run("fsync-revert dst").code(0);
            before.assert_is(s.path("dst"));
            s.run("fsync-revert --redo dst").code(0);
            assert_same(s.path("src"), s.path("dst"));
        }
    }

    /// Lines do what records do, with renames found or not.
    #[test]
    fn lines_and_renames_end_in_the_same_tree(a in rows(), b in rows(), renames in any::<bool>()) {
        let s = Sandbox::new();
        build(&s.tree("src"), &a);
        build(&s.tree("dst"), &b);
        let renames = if renames { "--renames" } else { "" };
        s.sh(&format!("fsync-diff -z --delete --checksum {renames} src dst | fsync-apply {FREE} src dst"))
            .code(0)
            .nothing();
        s.run("fsync-diff --delete --checksum src dst").code(0).nothing();
    }

    /// A snapshot is its directory.
    #[test]
    fn a_snapshot_is_its_directory(a in rows(), b in rows()) {
        let s = Sandbox::new();
        build(&s.tree("dst"), &a);
        let first = s.snap("dst");
        let one = Oracle::of(s.path("dst"));
        s.sh("chmod -R u+rwx dst; find dst -mindepth 1 -delete").success();
        build(&s.tree("dst"), &b);
        let two = Oracle::of(s.path("dst"));
        let second = s.snap("dst");
        s.run(&format!("fsync-revert dst {first} --to one")).code(0);
        s.run(&format!("fsync-revert dst {second} --to two")).code(0);
        one.assert_is(s.path("one"));
        two.assert_is(s.path("two"));
        s.run(&format!("fsync-diff --exit-code --delete --xattrs {second} dst")).code(0).nothing();
    }
}
