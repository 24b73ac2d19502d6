//! What goes on is exactly what was chosen, and can be performed: of random trees, with random choices.

use fsync::model::RelPath;
use fsync_review::choice::Choice;
use fsync_review::plan::Plan;
use proptest::prelude::*;

use crate::support::{Sandbox, Told, outcomes, quick_or_long, records};

/// A path below few names, what is there, and what is in it.
type Thing = (usize, usize, usize, u8, u8);

const NAMES: [&str; 4] = ["a", "b", "c.d", "e-f"];

fn thing() -> impl Strategy<Value = Thing> {
    (0..4_usize, 0..5_usize, 0..5_usize, 0..8_u8, 0..4_u8)
}

/// Builds what fits.
fn build(s: &Sandbox, root: &str, things: &[Thing]) {
    let tree = s.tree(root);
    let mut files: Vec<String> = Vec::new();
    for &(first, second, third, kind, content) in things {
        let mut path = NAMES[first].to_string();
        for part in [second, third] {
            if let Some(name) = NAMES.get(part) {
                path += &format!("/{name}");
            }
        }
        let at = tree.at(&path);
        let free = at.symlink_metadata().is_err();
        let above = at
            .ancestors()
            .skip(1)
            .take_while(|a| a.starts_with(tree.root()));
        let room = above
            .into_iter()
            .all(|a| a.symlink_metadata().map_or(true, |m| m.is_dir()));
        if !free || !room {
            continue;
        }
        match kind {
            0 => {
                tree.dir(&path);
                tree.mode(&path, [0o755, 0o700, 0o755, 0o750][usize::from(content)]);
            }
            1 => {
                tree.link(&path, format!("to{content}"));
            }
            2 if !files.is_empty() => {
                tree.hard(&path, &files[usize::from(content) % files.len()]);
            }
            _ => {
                // Some contents are found once, so that renames are.
                let text = match kind {
                    3..=6 => format!("moved {kind} {content}"),
                    _ => format!("{content}"),
                };
                tree.file(&path, text);
                if content == 3 {
                    tree.mode(&path, 0o600);
                }
                files.push(path);
            }
        }
    }
    tree.settle();
}

fn text(path: &RelPath) -> String {
    String::from_utf8(path.as_bytes().to_vec()).unwrap()
}

fn is_there(s: &Sandbox, path: &str) -> bool {
    s.path("dst").join(path).symlink_metadata().is_ok()
}

/// The plan between `src` and `dst`.
fn plan(s: &Sandbox) -> Vec<u8> {
    s.run("fsync-diff --json --delete --renames src dst")
        .code(0)
        .bytes()
}

fn changes(plan: &str) -> Vec<&str> {
    let change = |line: &&str| line.contains("\"type\":\"change\"");
    plan.lines().filter(change).collect()
}

/// Passes what `choose` chooses on, and performs it.
#[track_caller]
fn is_performed(s: &Sandbox, input: &[u8], choose: impl FnOnce(&mut Choice)) {
    let mut plan = Plan::read(input).unwrap();
    let mut choice = Choice::new(&plan.changes);
    choose(&mut choice);
    let all = 0..plan.changes.len();
    let chosen: Vec<usize> = all.clone().filter(|at| choice.has(*at)).collect();
    let there = |at: usize| is_there(s, &text(&plan.changes[at].path));
    let before: Vec<bool> = all.clone().map(there).collect();
    let mut out = Vec::new();
    plan.pass(&choice, &mut out).unwrap();
    goes_on(input, &out, &chosen);
    // It is a plan, and its end counts what is in it.
    let read = Plan::read(&out[..]).unwrap();
    assert_eq!(Choice::new(&read.changes).counts(), choice.counts());
    let end = records(&out).pop().unwrap();
    assert_eq!(end["content_bytes"], choice.counts().bytes);
    // All of it can be performed, and nothing else is.
    let ran = s.feed(
        "fsync-apply --json --max-delete 100% --allow-empty-source",
        &out,
    );
    let went = String::from_utf8_lossy(&out);
    assert_eq!(
        ran.get_output().status.code(),
        Some(0),
        "{}\n{went}",
        ran.complaint()
    );
    let done = outcomes(&ran.records());
    assert_eq!(done.len(), chosen.len());
    assert!(done.iter().all(|o| o.ends_with(" done")), "{done:?}");
    for at in all.filter(|at| !choice.has(*at)) {
        // What is not chosen is as it was; but what a rename was to take away has gone.
        let path = &plan.changes[at].path;
        let gone = chosen.iter().any(|at| {
            let from = plan.changes[*at].from.as_deref();
            from.is_some_and(|(from, _)| path == from || path.is_within(from))
        });
        assert_eq!(is_there(s, &text(path)), before[at] && !gone, "{path}");
    }
}

/// Every line that goes on is one that came, in its order; but for names whose inode's first name stays.
#[track_caller]
fn goes_on(came: &[u8], went: &[u8], chosen: &[usize]) {
    let (came, went) = (
        std::str::from_utf8(came).unwrap(),
        std::str::from_utf8(went).unwrap(),
    );
    let (lines, passed) = (changes(came), changes(went));
    assert_eq!(passed.len(), chosen.len());
    for (at, line) in chosen.iter().zip(&passed) {
        let linked = lines[*at].contains("\"link_to");
        assert!(
            *line == lines[*at] || linked,
            "{} became {line}",
            lines[*at]
        );
    }
}

/// Trees between which names are exchanged and freed, directories move, and first names of inodes come and go.
fn tangled() -> Sandbox {
    let s = Sandbox::new();
    s.tree("src")
        .file("swapped/a", "one")
        .file("swapped/b", "another")
        .file("round/1", "third")
        .file("round/2", "first one")
        .file("round/3", "the second")
        .file("moved/to", "out of a directory that goes")
        .file("freed", "new under an old name")
        .file("kept as", "freed")
        .file("turned/d/in", "a directory where a file was")
        .file("now", "a file where a directory was")
        .file("links/first", "linked")
        .hard("links/second", "links/first")
        .hard("links/third", "links/first")
        .file("far/below/new", "new")
        .file("there/x", "of a directory that moves, which is long")
        .file("here/y", "in its old place")
        .file("edited", "after")
        .settle();
    s.tree("dst")
        .file("swapped/a", "another")
        .file("swapped/b", "one")
        .file("round/1", "first one")
        .file("round/2", "the second")
        .file("round/3", "third")
        .file("goes/deep/from", "out of a directory that goes")
        .file("goes/deep/other", "gone with it")
        .file("freed", "freed")
        .file("turned", "file")
        .file("now/was", "directory")
        .file("here/x", "of a directory that moves, which is long")
        .file("edited", "before")
        .settle();
    s
}

#[test]
fn each_change_alone_and_all_but_each() {
    let count = changes(std::str::from_utf8(&plan(&tangled())).unwrap()).len();
    let mut statuses = String::new();
    for (at, chosen) in (0..count).flat_map(|at| [(at, true), (at, false)]) {
        let s = tangled();
        let input = plan(&s);
        statuses.push(Plan::read(&input[..]).unwrap().changes[at].status.letter());
        is_performed(&s, &input, |choice| {
            choice.set(0..count, !chosen);
            choice.set([at], chosen);
            assert_eq!(choice.has(at), chosen);
        });
    }
    for letter in "AMDRT".chars() {
        assert!(statuses.contains(letter), "no {letter} in {statuses}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: quick_or_long(96, 3_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_plan_is_the_choice(
        src in prop::collection::vec(thing(), 0..16),
        dst in prop::collection::vec(thing(), 0..16),
        begin in any::<bool>(),
        keys in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..8),
    ) {
        let s = Sandbox::new();
        build(&s, "src", &src);
        build(&s, "dst", &dst);
        let input = plan(&s);
        let count = changes(std::str::from_utf8(&input).unwrap()).len();
        is_performed(&s, &input, |choice| {
            choice.set(0..count, begin);
            for (which, chosen) in keys.iter().filter(|_| count > 0) {
                let at = which.index(count);
                choice.set([at], *chosen);
                assert_eq!(choice.has(at), *chosen);
            }
        });
    }
}
