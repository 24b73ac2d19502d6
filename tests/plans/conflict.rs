//! Plans whose changes contradict each other: refused as a whole, before the first write.

use serde_json::{Value, json};

use crate::forged::{at, every, refused};
use crate::support::{Sandbox, Told, outcomes, plan_line};

/// A plan of the given changes of `dst`, and a canary that is everywhere within reach.
fn given(changes: Vec<Value>, plan: &[Value]) -> Vec<u8> {
    let all = [
        vec![plan[0].clone()],
        changes,
        vec![plan[plan.len() - 1].clone()],
    ]
    .concat();
    plan_line(&all)
}

fn like(change: &Value, path: &str) -> Value {
    let mut change = change.clone();
    change["path"] = path.into();
    change
}

#[test]
fn one_path_twice_and_what_lies_below() {
    let (s, canary, plan) = every();
    let of = |path: &str| plan[at(&plan, path)].clone();
    let (add, edit, gone, kind) = (of("add"), of("edit"), of("gone"), of("kind"));
    let (moved, twin) = (of("new name"), of("twin/b"));
    let directory = of("twin");
    let mut rmdir = gone.clone();
    rmdir["path"] = "twin".into();
    rmdir["kind"] = "directory".into();
    rmdir["old"] = directory["new"].clone();
    let mut again = moved.clone();
    again["path"] = "other name".into();
    let table = [
        ("two changes of one path", vec![add.clone(), add.clone()]),
        ("added and deleted", vec![like(&gone, "add"), add.clone()]),
        (
            "a file and a file below it",
            vec![add.clone(), like(&add, "add/below")],
        ),
        ("far below it", vec![add.clone(), like(&add, "add/b/c/d")]),
        (
            "with others between",
            vec![add.clone(), like(&add, "add/b"), like(&add, "add/b/c")],
        ),
        (
            "below what is modified",
            vec![edit.clone(), like(&add, "edit/below")],
        ),
        (
            "below a symbolic link",
            vec![kind.clone(), like(&add, "kind/below")],
        ),
        (
            "deleted below a file",
            vec![add.clone(), like(&gone, "add/below")],
        ),
        (
            "below what is deleted",
            vec![gone.clone(), like(&add, "gone/below")],
        ),
        (
            "deleted below a file that is deleted",
            vec![gone.clone(), like(&gone, "gone/below")],
        ),
        (
            "added below a directory that is deleted",
            vec![rmdir.clone(), like(&add, "twin/new")],
        ),
        (
            "modified there",
            vec![rmdir.clone(), like(&edit, "twin/new")],
        ),
        ("another name there", vec![rmdir.clone(), twin.clone()]),
        (
            "renamed to there",
            vec![rmdir.clone(), like(&moved, "twin/x")],
        ),
        (
            "below what is renamed to",
            vec![moved.clone(), like(&add, "new name/below")],
        ),
        ("renamed twice", vec![moved.clone(), again]),
        (
            "renamed and deleted",
            vec![moved.clone(), like(&gone, "old name")],
        ),
        (
            "renamed and modified",
            vec![moved.clone(), like(&edit, "old name")],
        ),
    ];
    for (what, changes) in table {
        let mut backwards = changes.clone();
        backwards.reverse();
        refused(&s, &given(changes, &plan), 5, what);
        refused(&s, &given(backwards, &plan), 5, what);
    }
    canary.assert_sings();
}

#[test]
fn what_only_looks_odd_is_made() {
    let s = Sandbox::new();
    s.tree("src")
        .file("becomes/dir/f", "x")
        .file("flat", "now a file")
        .file("b", "was a, and long")
        .file("a", "new")
        .settle();
    s.tree("dst")
        .file("becomes", "a file")
        .file("flat/in/side", "x")
        .file("a", "was a, and long")
        .settle();
    let mut plan = s
        .run("fsync-diff --json --delete --renames src dst")
        .code(0)
        .records();
    let header = plan.remove(0);
    plan.reverse();
    let end = plan.remove(0);
    let shuffled = [vec![header], plan, vec![end]].concat();
    s.feed("fsync-apply --max-delete 100%", plan_line(&shuffled))
        .code(0)
        .nothing();
    s.run("fsync-diff --json --delete --checksum src dst");
    crate::support::assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn other_names_of_whatever_lead_nowhere() {
    let (s, canary, plan) = every();
    s.tree("dst")
        .dir("dir")
        .link("out", "../outside/f")
        .link("dirout", "../outside");
    let twin = plan[at(&plan, "twin/b")].clone();
    let add = plan[at(&plan, "add")].clone();
    let named = |path: &str, to: &str| {
        let mut change = like(&twin, path);
        change["link_to"] = to.into();
        change
    };
    for (what, changes) in [
        ("a directory", vec![named("x", "dir")]),
        ("nothing", vec![named("x", "nothing")]),
        ("a symbolic link", vec![named("x", "out")]),
        ("through a symbolic link", vec![named("x", "dirout/f")]),
        ("a later entry", vec![named("x", "z"), like(&add, "z")]),
        ("each other", vec![named("x", "y"), named("y", "x")]),
        (
            "a circle",
            vec![named("x", "y"), named("y", "z"), named("z", "x")],
        ),
        ("a name of another", vec![named("x", "w"), named("w", "v")]),
    ] {
        let told = s.feed("fsync-apply --json", given(changes, &plan)).code(3);
        let bad = outcomes(&told.records())
            .into_iter()
            .filter(|o| !o.ends_with(" done"));
        assert!(bad.count() > 0, "{what}");
        assert!(!s.tree("dst").has("x"), "{what}");
        s.sh("rm -rf dst/z dst/w dst/y").success();
    }
    canary.assert_sings();
}

#[test]
fn links_in_the_way_are_not_followed() {
    let (s, canary, plan) = every();
    let dst = s.tree("dst");
    dst.link("way", "../outside").link("deep", "../outside/e");
    let of = |path: &str| plan[at(&plan, path)].clone();
    let (add, edit, gone, moved) = (of("add"), of("edit"), of("gone"), of("new name"));
    let mut touch = edit.clone();
    touch["status"] = "t".into();
    let mut there = moved.clone();
    there["from"] = "way/f".into();
    let mut rmdir = gone.clone();
    rmdir["kind"] = "directory".into();
    rmdir["old"] = of("twin")["new"].clone();
    for (what, change) in [
        ("A", like(&add, "way/new")),
        ("A in a new directory", like(&add, "way/new/er")),
        ("M", like(&edit, "way/f")),
        ("t", like(&touch, "way/f")),
        ("D", like(&gone, "way/f")),
        ("D of a directory", like(&rmdir, "deep/deep")),
        ("R from", there),
        ("R to", like(&moved, "way/new")),
        ("another name", like(&of("twin/b"), "way/new")),
    ] {
        let told = s.feed("fsync-apply --json", given(vec![change], &plan));
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(3 | 0)), "{what}: {told}");
        canary.assert_sings();
    }
    // Neither does the source's side.
    s.tree("src").link("way", "../outside");
    let told = s.feed("fsync-apply", given(vec![like(&add, "way/f")], &plan));
    told.code(3);
    canary.assert_not_in(s.path("dst"));
}

#[test]
fn devices_are_made_by_the_privileged_alone_and_opened_by_nobody() {
    let (s, _canary, plan) = every();
    let mut change = plan[at(&plan, "add")].clone();
    for (kind, rdev) in [
        ("char_device", "1"),
        ("block_device", "2049"),
        ("socket", "0"),
        ("fifo", "0"),
    ] {
        change["kind"] = kind.into();
        change["new"]["kind"] = kind.into();
        change["new"]["rdev"] = json!(rdev);
        // The source has a file there, so whatever the plan says is not so.
        s.feed("fsync-apply", given(vec![change.clone()], &plan))
            .code(3);
        assert!(!s.tree("dst").has("add"));
    }
}
