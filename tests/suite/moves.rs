//! Renames: found where they are certain, made by renaming, and never at the cost of a file.

use crate::support::{FREE, Oracle, Person, T0, Told, Tree, outcomes, quiet, trees};

/// Where the same inodes were and are to be.
type Moves = &'static [(&'static str, &'static str)];

/// Builds both trees, expects the plan's lines, and that what moved kept its inode, by every way and for everybody.
fn moves(lines: &str, moved: Moves, build: impl Fn(&Tree, &Tree) + Sync) {
    for snapshot in [false, true] {
        for p in Person::everyone() {
            eprintln!("snapshot: {snapshot}, root: {}", p.is_root());
            trees(&p, &build);
            let source = match snapshot {
                true => p.sh("fsync-snap src").code(0).text(),
                false => "src".into(),
            };
            p.sh("cp -a dst twin").success();
            records(&p, &source, lines, moved);
            by_lines(&p, &source, moved);
        }
    }
}

fn records(p: &Person, source: &str, lines: &str, moved: Moves) {
    let dst = p.s.tree("dst");
    let before = Oracle::of(dst.root());
    let inodes: Vec<u64> = moved.iter().map(|(from, _)| dst.inode(from)).collect();
    p.sh(&format!("fsync-diff --delete --renames {source} dst"))
        .code(0)
        .stdout(lines.to_string());
    let told = p.sh(&format!(
        "fsync-diff --json --delete --renames {source} dst | fsync-snap --through > plan; \
         fsync-apply --json --require-snapshot {FREE} < plan"
    ));
    let told = told.code(0).stderr("").records();
    assert!(
        outcomes(&told).iter().all(|o| o.ends_with(" done")),
        "{told:#?}"
    );
    p.copied("src").assert_is(dst.root());
    for ((from, to), inode) in moved.iter().zip(&inodes) {
        assert_eq!(dst.inode(to), *inode, "{from} -> {to}");
    }
    quiet(p, source, "dst");
    let told = p
        .sh(&format!("fsync-apply --json {FREE} < plan"))
        .code(0)
        .records();
    assert!(
        outcomes(&told).iter().all(|o| o.ends_with(" already")),
        "{told:#?}"
    );
    p.copied("src").assert_is(dst.root());
    p.sh("fsync-revert dst").code(0);
    before.assert_is(dst.root());
}

/// The line form, twice: what is done already is not undone.
fn by_lines(p: &Person, source: &str, moved: Moves) {
    let twin = p.s.tree("twin");
    let inodes: Vec<u64> = moved.iter().map(|(from, _)| twin.inode(from)).collect();
    p.sh(&format!(
        "fsync-diff --delete --renames {source} twin > lines"
    ))
    .code(0);
    for _ in 0..2 {
        p.sh(&format!("fsync-apply {FREE} {source} twin < lines"))
            .code(0)
            .stderr("");
        for ((from, to), inode) in moved.iter().zip(&inodes) {
            assert_eq!(twin.inode(to), *inode, "{from} -> {to}");
        }
    }
    p.sh(&format!(
        "fsync-diff --json --delete {source} twin | fsync-apply"
    ))
    .code(0);
    p.copied("src").assert_is(twin.root());
}

/// A file whose content and time are told by a letter.
fn put(tree: &Tree, name: &str, what: char) {
    let content = what.to_string().repeat(2000);
    tree.file(name, content).mtime(name, T0.0 + what as i64, 7);
}

/// Files, each with what it holds, in settled trees.
pub fn pairs(
    src: &'static [(&str, char)],
    dst: &'static [(&str, char)],
) -> impl Fn(&Tree, &Tree) + Sync {
    move |a, b| {
        src.iter().for_each(|(name, what)| put(a, name, *what));
        dst.iter().for_each(|(name, what)| put(b, name, *what));
        a.settle();
        b.settle();
    }
}

#[test]
fn conformance_68_a_file() {
    let build = pairs(
        &[("d/new", 'x'), ("d/k", 'k')],
        &[("e/old", 'x'), ("d/k", 'k'), ("e/k", 'l')],
    );
    moves(
        "R\te/old\td/new\nD\te\nD\te/k\n",
        &[("e/old", "d/new"), ("d/k", "d/k")],
        build,
    );
}

#[test]
fn conformance_68_a_whole_directory() {
    moves(
        "A\tto\nR\td\tto/e\n",
        &[("d", "to/e"), ("d/x", "to/e/x"), ("d/sub/y", "to/e/sub/y")],
        |src, dst| {
            for (tree, top) in [(src, "to/e"), (dst, "d")] {
                put(tree, &format!("{top}/x"), 'x');
                put(tree, &format!("{top}/sub/y"), 'y');
                tree.link(format!("{top}/l"), "x")
                    .fifo(format!("{top}/p"))
                    .dir(format!("{top}/hollow"));
                tree.settle()
                    .mode(format!("{top}/sub"), 0o555)
                    .mode(top, 0o500);
            }
        },
    );
}

#[test]
fn conformance_68_two_swapped() {
    let build = pairs(&[("a", 'y'), ("d/b", 'x')], &[("a", 'x'), ("d/b", 'y')]);
    moves(
        "R\td/b\ta\nR\ta\td/b\n",
        &[("a", "d/b"), ("d/b", "a")],
        build,
    );
}

#[test]
fn conformance_68_three_in_a_circle() {
    let build = pairs(
        &[("a", 'z'), ("b", 'x'), ("c/c", 'y')],
        &[("a", 'x'), ("b", 'y'), ("c/c", 'z')],
    );
    moves(
        "R\tc/c\ta\nR\ta\tb\nR\tb\tc/c\n",
        &[("a", "b"), ("b", "c/c"), ("c/c", "a")],
        build,
    );
}

#[test]
fn conformance_68_a_chain() {
    let build = pairs(&[("b", 'x'), ("c", 'y')], &[("a", 'x'), ("b", 'y')]);
    moves("R\ta\tb\nR\tb\tc\n", &[("a", "b"), ("b", "c")], build);
}

#[test]
fn rotated_logs() {
    let build = pairs(
        &[("log", 'n'), ("log.1", 'x'), ("log.2", 'y')],
        &[("log", 'x'), ("log.1", 'y'), ("log.2", 'z')],
    );
    moves(
        "A\tlog\nR\tlog\tlog.1\nR\tlog.1\tlog.2\n",
        &[("log", "log.1"), ("log.1", "log.2")],
        build,
    );
}

#[test]
fn conformance_68_onto_an_existing_name() {
    let build = pairs(
        &[("b", 'x'), ("k", 'k')],
        &[("a", 'x'), ("b", 'y'), ("k", 'k')],
    );
    moves("R\ta\tb\n", &[("a", "b")], build);
}

#[test]
fn directories_swapped_file_by_file() {
    let build = pairs(
        &[
            ("one/f", 'y'),
            ("one/g", 'q'),
            ("two/f", 'x'),
            ("two/g", 'p'),
        ],
        &[
            ("one/f", 'x'),
            ("one/g", 'p'),
            ("two/f", 'y'),
            ("two/g", 'q'),
        ],
    );
    moves(
        "R\ttwo/f\tone/f\nR\ttwo/g\tone/g\nR\tone/f\ttwo/f\nR\tone/g\ttwo/g\n",
        &[("one/f", "two/f"), ("two/g", "one/g")],
        build,
    );
}

#[test]
fn a_directory_renamed_and_a_name_inside_deleted() {
    let build = pairs(
        &[("new/a", 'a'), ("new/b", 'b')],
        &[("old/a", 'a'), ("old/b", 'b'), ("old/c", 'c')],
    );
    moves(
        "A\tnew\nR\told/a\tnew/a\nR\told/b\tnew/b\nD\told\nD\told/c\n",
        &[("old/a", "new/a"), ("old/b", "new/b")],
        build,
    );
}

#[test]
fn what_is_not_certain_is_no_rename() {
    moves(
        "A\tnew\nD\told\n",
        &[],
        pairs(&[("new", 'x')], &[("old", 'y')]),
    );
    moves(
        "D\ta\nD\tb\nA\tc\n",
        &[],
        pairs(&[("c", 'x')], &[("a", 'x'), ("b", 'x')]),
    );
    moves(
        "M\ta\nM\tb\nA\tc\n",
        &[],
        pairs(
            &[("a", 'y'), ("b", 'z'), ("c", 'x')],
            &[("a", 'x'), ("b", 'x')],
        ),
    );
}

#[test]
fn a_file_with_several_names() {
    moves("D\ta\nA\tc\n", &[("a", "c"), ("b", "b")], |src, dst| {
        put(src, "b", 'x');
        put(dst, "a", 'x');
        src.hard("c", "b").settle();
        dst.hard("b", "a").settle();
    });
}

#[test]
fn onto_one_of_several_names() {
    moves("R\ta\tb\nD\tc\n", &[("a", "b"), ("d", "d")], |src, dst| {
        put(src, "b", 'x');
        put(src, "d", 'y');
        put(dst, "a", 'x');
        put(dst, "b", 'y');
        dst.hard("c", "b").hard("d", "b").settle();
        src.settle();
    });
}

#[test]
fn files_with_names_outside_of_the_tree() {
    let build = |src: &Tree, dst: &Tree| {
        for (tree, files) in [
            (src, [("b", 'x'), ("c", 'y'), ("k", 'k')]),
            (dst, [("a", 'x'), ("b", 'y'), ("k", 'k')]),
        ] {
            for (name, what) in files {
                put(tree, name, what);
                tree.hard(
                    format!(
                        "../{what} of {}",
                        tree.root().display().to_string().replace('/', "-")
                    ),
                    name,
                );
            }
            tree.settle();
        }
    };
    moves("R\ta\tb\nR\tb\tc\n", &[("a", "b"), ("b", "c")], build);
}

#[test]
fn metadata_change_with_the_name() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            put(src, "new", 'x');
            put(dst, "old", 'x');
            put(src, "dir2/f", 'y');
            put(dst, "dir1/f", 'y');
            src.mode("new", 0o640)
                .mtime("new", 5, 5)
                .xattr("new", "user.k", b"new");
            src.settle()
                .mtime("dir2", 6, 6)
                .xattr("dir2/f", "user.k", b"in");
            dst.xattr("old", "user.k", b"old").settle();
        });
        if p.is_root() {
            p.s.tree("src").owner("new", 5, 6).owner("dir2/f", 7, 8);
        }
        let before = Oracle::of(p.s.path("dst"));
        p.sh("fsync-diff --json --delete --renames --xattrs src dst | fsync-snap --through | fsync-apply")
            .code(0)
            .stderr("");
        p.copied("src").assert_is(p.s.path("dst"));
        quiet(&p, "src", "dst");
        p.sh("fsync-revert dst").code(0);
        before.assert_is(p.s.path("dst"));
    }
}
