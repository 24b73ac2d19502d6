//! The ways from one state to another, each for everybody and each held against the oracle.

use super::oracle::Oracle;
use super::person::Person;
use super::sandbox::Sandbox;
use super::told::Told;
use super::tree::Tree;

/// What lifts the guards that tests of small trees run into.
pub const FREE: &str = "--max-delete 100% --allow-empty-source";

/// Where the wanted state comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Directory,
    Snapshot,
}

/// Builds `src` and `dst`, makes `dst` like `src` by every way and for everybody, and holds each step against the oracle.
pub fn faithful(build: impl Fn(&Person) + Sync) {
    faithfully("", build, |_| {});
}

/// The same with options of `fsync-diff`, and something else to see while `dst` is like `src`.
pub fn faithfully(options: &str, build: impl Fn(&Person) + Sync, look: impl Fn(&Sandbox)) {
    for way in [Way::Directory, Way::Snapshot] {
        for person in Person::everyone() {
            eprintln!("{way:?}, root: {}", person.is_root());
            build(&person);
            through(&person, way, options, &look);
        }
    }
}

/// One way there and back.
fn through(p: &Person, way: Way, options: &str, look: &impl Fn(&Sandbox)) {
    let (wanted, before) = (p.copied("src"), Oracle::of(p.s.path("dst")));
    let source = match way {
        Way::Directory => "src".to_string(),
        Way::Snapshot => p.sh("fsync-snap src").code(0).stderr("").text(),
    };
    p.sh(&format!(
        "fsync-diff --json --delete {options} {source} dst | fsync-snap --through \
         | fsync-apply --require-snapshot {FREE}"
    ))
    .code(0)
    .stdout("")
    .stderr("");
    wanted.assert_is(p.s.path("dst"));
    quiet(p, &source, "dst");
    look(&p.s);
    if way == Way::Snapshot {
        p.sh(&format!("fsync-revert src {source} --to out")).code(0);
        wanted.assert_is(p.s.path("out"));
        quiet(p, &source, "out");
    }
    p.sh("fsync-revert dst").code(0);
    before.assert_is(p.s.path("dst"));
    p.sh("fsync-revert --redo dst").code(0);
    wanted.assert_is(p.s.path("dst"));
    look(&p.s);
    judge(p);
}

/// A second run finds nothing to do.
#[track_caller]
pub fn quiet(p: &Person, source: &str, destination: &str) {
    let told = p
        .sh(&format!(
            "fsync-diff --json --delete --xattrs --checksum {source} {destination}"
        ))
        .code(0)
        .records();
    let changes: Vec<_> = told.iter().filter(|r| r["type"] == "change").collect();
    assert!(changes.is_empty(), "a second run: {changes:#?}");
}

/// rsync sees no difference either; an ordinary user's owners are another matter.
#[track_caller]
pub fn judge(p: &Person) {
    if p.is_root() {
        p.sh("rsync -aHAXnic --delete --exclude=/.fsync-backup src/ dst/")
            .code(0)
            .stdout("");
    }
}

/// Both trees, made with the person's rights.
pub fn trees(p: &Person, build: impl FnOnce(&Tree, &Tree) + Send) {
    p.build(|s| build(&s.tree("src"), &s.tree("dst")));
}
