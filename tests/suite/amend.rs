//! `fsync-snap --stdin`: only what was listed is looked at, and the snapshot is what an ordinary one would be.

use std::fs;

use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Oracle, Sandbox, Told, Traces, Tree};

/// What happens to a tree, by numbers of [`NAMES`].
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, u8),
    Chmod(usize, u32),
    Remove(usize),
    Directory(usize),
    Link(usize),
    Hard(usize, usize),
    Rename(usize, usize),
    Note(usize, u8),
}

const NAMES: [&[u8]; 11] = [
    b"a",
    b"b b",
    b"c\n",
    b"d",
    b"d/x",
    b"d/y",
    b"d/e",
    b"d/e/z",
    b"f/g/h/i",
    b"f/g",
    b"\xff\xe9",
];

fn edit() -> impl Strategy<Value = Edit> {
    let name = || 0..NAMES.len();
    prop_oneof![
        4 => (name(), any::<u8>()).prop_map(|(n, c)| Edit::Write(n, c)),
        2 => (name(), prop::sample::select(vec![0o700, 0o740, 0o755])).prop_map(|(n, m)| Edit::Chmod(n, m)),
        2 => name().prop_map(Edit::Remove),
        2 => name().prop_map(Edit::Directory),
        1 => name().prop_map(Edit::Link),
        3 => (name(), name()).prop_map(|(a, b)| Edit::Hard(a, b)),
        2 => (name(), name()).prop_map(|(a, b)| Edit::Rename(a, b)),
        1 => (name(), any::<u8>()).prop_map(|(n, c)| Edit::Note(n, c)),
    ]
}

/// Does what can be done; which paths that touched, or parents of theirs.
fn perform(tree: &Tree, edit: &Edit) -> Vec<&'static [u8]> {
    let at = |n: &usize| tree.at(NAMES[*n]);
    // What cannot be made (a file is in the way, say) stays undone.
    let ready = |n: &usize| drop(fs::create_dir_all(at(n).parent().expect("a parent")));
    let real = |n: &usize| at(n).symlink_metadata().is_ok_and(|m| !m.is_symlink());
    let touched: &[&usize] = match edit {
        Edit::Write(n, c) => {
            ready(n);
            let _ = fs::write(at(n), vec![*c; 40]);
            &[n]
        }
        Edit::Chmod(n, mode) => {
            if real(n) {
                tree.mode(NAMES[*n], *mode);
            }
            &[n]
        }
        Edit::Note(n, c) => {
            if real(n) {
                tree.xattr(NAMES[*n], "user.note", &[*c]);
            }
            &[n]
        }
        Edit::Remove(n) => {
            if tree.has(NAMES[*n]) {
                tree.remove(NAMES[*n]);
            }
            &[n]
        }
        Edit::Directory(n) => {
            let _ = fs::create_dir_all(at(n));
            &[n]
        }
        Edit::Link(n) => {
            ready(n);
            let _ = std::os::unix::fs::symlink("/dev/null/nothing", at(n));
            &[n]
        }
        Edit::Hard(a, b) => {
            ready(b);
            let _ = fs::hard_link(at(a), at(b));
            &[a, b]
        }
        Edit::Rename(a, b) => {
            ready(b);
            let _ = fs::rename(at(a), at(b));
            &[a, b]
        }
    };
    touched.iter().map(|n| NAMES[**n]).collect()
}

fn show(s: &Sandbox, repo: &str, id: &str) -> Value {
    let told = s
        .run(&format!("fsync --repo {repo} show --json {id}"))
        .code(0);
    serde_json::from_slice(&told.bytes()).expect("JSON")
}

/// The tree and the counts of `dst` as an ordinary snapshot of a copy has them.
fn expected(s: &Sandbox, round: usize) -> (Value, Value) {
    let (twin, repo) = (format!("twin{round}"), format!("other{round}"));
    s.sh(&format!(
        "cp -a dst {twin} && rm -f {twin}/.fsync-backup && touch -r dst {twin}"
    ))
    .success();
    let id = s
        .run(&format!("fsync-snap --repo {repo} {twin}"))
        .code(0)
        .text();
    let shown = show(s, &repo, &id);
    (shown["tree"].clone(), shown["counts"].clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, failure_persistence: None, ..ProptestConfig::default() })]

    /// Listing exactly what was edited gives what looking at everything gives; and nothing wrong is remembered.
    #[test]
    fn what_was_listed_is_what_a_whole_look_finds(
        first in prop::collection::vec(edit(), 0..20),
        rounds in prop::collection::vec(prop::collection::vec(edit(), 1..6), 1..4),
    ) {
        let s = Sandbox::new();
        let dst = s.tree("dst");
        dst.file("a", "1").file("d/x", "2").file("still/here", "3").hard("still/too", "d/x");
        first.iter().for_each(|e| drop(perform(&dst, e)));
        s.snap("dst");
        for (round, edits) in rounds.iter().enumerate() {
            let mut list = Vec::new();
            for name in edits.iter().flat_map(|e| perform(&dst, e)) {
                list.extend([name, &b"\0"[..]].concat());
            }
            let id = s.feed("fsync-snap --stdin --from0 dst", &list).code(0).text();
            let shown = show(&s, "repo", &id);
            let (tree, counts) = expected(&s, round);
            prop_assert_eq!(&shown["counts"], &counts, "{}", list.escape_ascii());
            prop_assert_eq!(&shown["tree"], &tree, "{}", list.escape_ascii());
            if round % 2 == 1 {
                prop_assert_eq!(s.snap("dst"), id);
            }
        }
        let id = s.snap("dst");
        prop_assert_eq!(Some(id.clone()), s.head("dst"));
        let now = Oracle::of(s.path("dst"));
        s.run(&format!("fsync-revert dst {id} --to out")).code(0);
        now.assert_is(s.path("out"));
        s.run("fsync verify").code(0);
    }
}

#[test]
fn nothing_else_is_looked_at() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("d/a", "1")
        .file("d/b", "2")
        .file("e/c", "3")
        .settle();
    let first = s.snap("dst");
    assert_eq!(s.feed("fsync-snap --stdin dst", "").code(0).text(), first);
    assert_eq!(
        s.feed("fsync-snap --stdin dst", "d/a\nnot/there\n")
            .code(0)
            .text(),
        first
    );
    dst.edit("d/a", "changed").edit("e/c", "not listed");
    let told = s
        .feed("fsync-snap --stdin --json -t t dst", "./d//a\n")
        .code(0);
    let id = told.records()[0]["id"].as_str().expect("an id").to_string();
    assert_eq!(told.records()[0]["new"], true);
    assert_eq!(s.head("dst"), Some(id.clone()));
    s.run(&format!("fsync-revert dst {id} --to out")).code(0);
    assert_eq!(s.tree("out").read("d/a"), b"changed");
    assert_eq!(s.tree("out").read("e/c"), b"3");
    assert_eq!(show(&s, "repo", &id)["parent"], first);
    s.run("fsync th dst")
        .code(0)
        .stdout(predicates::str::contains(&id));
    // What was not listed is found by the next whole look.
    let third = s.snap("dst");
    s.run(&format!("fsync-revert dst {third} --to all")).code(0);
    assert_eq!(s.tree("all").read("e/c"), b"not listed");
}

#[test]
fn other_names_of_a_listed_file_say_the_same() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "1").hard("b", "a").hard("d/c", "a").settle();
    s.snap("dst");
    dst.edit("d/c", "through one of its names");
    s.feed("fsync-snap --stdin dst", "d/c\n").code(0);
    let now = Oracle::of(s.path("dst"));
    s.run("fsync-revert dst @ --to out").code(0);
    now.assert_is(s.path("out"));
}

#[test]
fn a_list_that_leads_elsewhere_is_refused() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "1");
    s.snap("dst");
    dst.edit("a", "22");
    let before = Traces::of(s.path("dst"));
    for list in [
        "a\n/etc/passwd\n",
        "../a\n",
        "a\n\nb\n",
        "a\0b\n",
        "d/../../a",
    ] {
        s.feed("fsync-snap --stdin dst", list)
            .code(5)
            .nothing()
            .one_line("fsync-snap", &["standard input", "line"]);
    }
    s.sh("echo a | fsync-snap --stdin --exclude-from=- dst")
        .code(2);
    s.run("fsync-snap --stdin").code(2);
    s.run("fsync-snap --from0 dst").code(2);
    s.run("fsync-snap --stdin --full dst").code(2);
    before.assert_untouched(s.path("dst"));
    assert_eq!(s.archives().len(), 1);
}

#[test]
fn it_needs_a_head_and_its_rules() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "1").file("x.o", "object");
    s.feed("fsync-snap --stdin dst", "a\n")
        .code(6)
        .one_line("fsync-snap", &["without --stdin"]);
    let rule = "--exclude=*.o";
    s.run(&format!("fsync-snap {rule} dst")).code(0);
    s.feed("fsync-snap --stdin dst", "a\n")
        .code(4)
        .one_line("fsync-snap", &["rules"]);
    dst.edit("x.o", "other").edit("a", "other");
    let id = s
        .feed(&format!("fsync-snap --stdin {rule} dst"), "a\nx.o\n")
        .code(0)
        .text();
    s.run(&format!("fsync-revert dst {id} --to out")).code(0);
    assert!(!s.tree("out").has("x.o"));
    assert_eq!(s.tree("out").read("a"), b"other");
    s.sh("cp -a dst moved").success();
    s.feed(&format!("fsync-snap --stdin {rule} moved"), "a\n")
        .code(6);
}

#[test]
fn what_fsync_itself_changed_need_not_be_listed() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "1").settle();
    s.tree("src").file("a", "22").file("b", "333").settle();
    s.snap("dst");
    let same = |id: &str, out: &str| {
        s.run(&format!("fsync-revert dst {id} --to {out}")).code(0);
        Oracle::of(s.path("dst")).assert_is(s.path(out));
    };
    s.run("fsync cp -q src dst").code(0);
    let copied = s.feed("fsync-snap --stdin dst", "").code(0).text();
    same(&copied, "one");
    dst.edit("a", "4444");
    s.feed("fsync-snap --stdin dst", "a").code(0);
    s.run(&format!("fsync-revert dst {copied}")).code(0);
    // The head is older than what the directory holds now.
    dst.file("c", "c");
    let id = s.feed("fsync-snap --stdin dst", "c\n").code(0).text();
    same(&id, "two");
    fs::remove_file(dst.at(".fsync-backup")).expect("gone");
    dst.edit("a", "not listed");
    let id = s.feed("fsync-snap --stdin dst", "").code(0).text();
    same(&id, "three");
}

#[test]
fn a_link_on_the_way_is_not_followed() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("d/a", "inside");
    s.tree("outside").file("a", "outside");
    s.snap("dst");
    dst.remove("d").link("d", "../outside");
    let id = s.feed("fsync-snap --stdin dst", "d/a\n").code(0).text();
    let shown = show(&s, "repo", &id);
    assert_eq!(shown["counts"]["files"], 0);
    assert_eq!(shown["counts"]["others"], 1);
    assert_eq!(s.snap("dst"), id);
}

#[test]
fn the_cost_is_that_of_the_way() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    for n in 0..300 {
        dst.file(format!("d{n}/f"), "x");
    }
    dst.settle();
    s.snap("dst");
    dst.edit("d7/f", "changed");
    s.sh("echo d7/f | strace -f -qq -e trace=getdents64 -o calls fsync-snap --stdin dst")
        .code(0);
    let listed = |calls: &str| {
        let text = fs::read_to_string(s.path(calls)).expect("calls");
        text.lines().count()
    };
    s.sh("strace -f -qq -e trace=getdents64 -o all fsync-snap dst")
        .code(0);
    assert!(listed("all") >= 600, "{}", listed("all"));
    assert!(listed("calls") < 100, "{}", listed("calls"));
}
