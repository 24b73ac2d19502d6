//! Properties of random pairs of trees.

use proptest::prelude::*;

use crate::support::{FREE, Oracle, Person, Sandbox, Told, Tree, quick_or_long};

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
    Socket,
    /// Root's alone.
    Device {
        minor: u32,
    },
    Sparse {
        size: u32,
        at: u32,
    },
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
        1 => Just(Thing::Socket),
        1 => (3..6u32).prop_map(|minor| Thing::Device { minor }),
        1 => (0..3u32, 0..3u32).prop_map(|(size, at)| Thing::Sparse { size: size * 50_000, at: at * 40_001 }),
        2 => any::<u8>().prop_map(|which| Thing::Hard { which }),
    ]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let path = prop::collection::vec(0..5u8, 1..4);
    prop::collection::vec((path, thing(), 0..3u8, prop::option::of(0..3u8)), 0..25)
}

/// Builds what fits: a row whose place is taken, or lies below something else than a directory, is left out.
fn build(tree: &Tree, rows: &[Row]) {
    // What its owner may not read is nothing that an ordinary user could copy.
    let root = rustix::process::geteuid().is_root();
    let least = if root { 0 } else { 0o500 };
    let mut files: Vec<Vec<u8>> = Vec::new();
    let (mut times, mut modes) = (Vec::new(), Vec::new());
    for (path, thing, time, note) in rows {
        let names: Vec<&[u8]> = path
            .iter()
            .map(|n| [&b"a"[..], b"b b", b"c\n", b"a-", b"\xff\xe9"][usize::from(*n)])
            .collect();
        let name = names.join(&b'/');
        let blocked = (1..names.len()).any(|depth| {
            let above = tree.at(names[..depth].join(&b'/'));
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
                tree.file(&name, bytes);
                modes.push((name.clone(), *mode | least));
                files.push(name.clone());
            }
            Thing::Directory { mode } => {
                tree.dir(&name);
                modes.push((name.clone(), *mode));
            }
            Thing::Link { target } => {
                tree.link(&name, ["a", "../x", "/", "\u{e9}"][usize::from(*target)]);
            }
            Thing::Fifo => {
                tree.fifo(&name);
            }
            Thing::Socket => {
                tree.socket(&name);
            }
            Thing::Device { minor } if root => {
                tree.device(&name, *minor);
            }
            Thing::Device { .. } => continue,
            Thing::Sparse { size, at } => {
                tree.sparse(&name, u64::from(*size), u64::from(*at), b"data");
                files.push(name.clone());
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
    for (name, mode) in modes.iter().rev() {
        tree.mode(name, *mode);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: quick_or_long(30, 1_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Applying the difference makes the destination the source; reverting makes it what it was.
    #[test]
    fn apply_makes_it_equal_and_revert_takes_it_back(a in rows(), b in rows(), renames in any::<bool>()) {
        let renames = if renames { "--renames" } else { "" };
        for p in Person::everyone() {
            p.build(|s| {
                build(&s.tree("src"), &a);
                build(&s.tree("dst"), &b);
            });
            let before = Oracle::of(p.s.path("dst"));
            p.sh(&format!("fsync-diff --json --delete --xattrs --checksum {renames} src dst | fsync-snap --through > plan"))
                .code(0);
            let plan = std::fs::read(p.s.path("plan")).expect("a plan");
            let changes = plan.windows(15).any(|w| w == b"\"type\":\"change\"");
            for _ in 0..2 {
                p.sh(&format!("fsync-apply {FREE} < plan")).code(0).nothing();
                p.copied("src").assert_is(p.s.path("dst"));
            }
            p.sh("fsync-diff --delete --xattrs --checksum src dst").code(0).nothing();
            if changes {
                p.sh("fsync-revert dst").code(0);
                before.assert_is(p.s.path("dst"));
                p.sh("fsync-revert --redo dst").code(0);
                p.copied("src").assert_is(p.s.path("dst"));
            }
        }
    }

    /// A snapshot as source does what its directory does.
    #[test]
    fn a_snapshot_is_as_good_a_source(a in rows(), b in rows()) {
        for p in Person::everyone() {
            p.build(|s| {
                build(&s.tree("src"), &a);
                build(&s.tree("dst"), &b);
            });
            let id = p.sh("fsync-snap src").code(0).text();
            p.sh(&format!("fsync-diff --json --delete --xattrs --checksum {id} dst | fsync-apply {FREE}"))
                .code(0)
                .nothing();
            p.copied("src").assert_is(p.s.path("dst"));
            p.sh(&format!("fsync-diff --delete --xattrs --checksum {id} dst")).code(0).nothing();
        }
    }

    /// What is the same has no difference, and a plan is the same whatever the number of threads.
    #[test]
    fn plans_are_certain(a in rows(), b in rows()) {
        let s = Sandbox::new();
        build(&s.tree("src"), &a);
        build(&s.tree("dst"), &b);
        s.twin("dst", "twin");
        s.run("fsync-diff --delete --xattrs --checksum dst twin").code(0).nothing();
        s.run("fsync-diff --delete --xattrs --checksum --renames dst/. dst").code(0).nothing();
        let id = s.snap("src");
        for source in ["src", id.as_str()] {
            let plan = |threads: usize| {
                s.sh(&format!(
                    "RAYON_NUM_THREADS={threads} fsync-diff --json --delete --xattrs --checksum --renames {source} dst"
                ))
                .code(0)
                .bytes()
            };
            let one = plan(1);
            for threads in 2..5 {
                prop_assert!(plan(threads) == one, "{threads} threads");
            }
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
