//! Renames by every way: what moved keeps its inode, and everything can be taken back and run again.

use super::oracle::Oracle;
use super::person::Person;
use super::told::{Told, outcomes};
use super::tree::{T0, Tree};
use super::way::{FREE, quiet, trees};

/// Where the same inodes were and are to be.
pub type Moves = &'static [(&'static str, &'static str)];

/// Builds both trees, expects the plan's lines, and that what moved kept its inode, by every way and for everybody.
pub fn moves(lines: &str, moved: Moves, build: impl Fn(&Tree, &Tree) + Sync) {
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
pub fn put(tree: &Tree, name: &str, what: char) {
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
