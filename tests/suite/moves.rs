//! Renames: found where they are certain, made by renaming, and never at the cost of a file.

use crate::support::{Oracle, Person, Tree, moves, pairs, put, quiet, trees};

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
