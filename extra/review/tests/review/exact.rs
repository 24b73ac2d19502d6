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
                    3 | 4 => format!("moved {content}"),
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
        let input = s.run("fsync-diff --json --delete --renames src dst").code(0).bytes();
        let mut plan = Plan::read(&input[..]).unwrap();
        let mut choice = Choice::new(&plan.changes);
        let count = plan.changes.len();
        choice.set(0..count, begin);
        for (which, chosen) in keys.iter().filter(|_| count > 0) {
            let at = which.index(count);
            choice.set([at], *chosen);
            prop_assert_eq!(choice.has(at), *chosen);
        }
        let before: Vec<bool> = plan.changes.iter().map(|c| is_there(&s, &text(&c.path))).collect();
        let mut out = Vec::new();
        plan.pass(&choice, &mut out).unwrap();

        // Every line that goes on is one that came, in its order; but for names whose inode's first name stays.
        let linked = |line: &&str| line.contains("\"link_to");
        let chosen: Vec<usize> = (0..count).filter(|at| choice.has(*at)).collect();
        let (came, went) = (String::from_utf8(input).unwrap(), String::from_utf8(out.clone()).unwrap());
        let lines: Vec<&str> = came.lines().filter(|l| l.contains("\"type\":\"change\"")).collect();
        let passed: Vec<&str> = went.lines().filter(|l| l.contains("\"type\":\"change\"")).collect();
        prop_assert_eq!(passed.len(), chosen.len());
        for (at, line) in chosen.iter().zip(&passed) {
            prop_assert!(*line == lines[*at] || linked(&lines[*at]), "{} became {}", lines[*at], line);
        }

        // It is a plan, and its end counts what is in it.
        let read = Plan::read(&out[..]).unwrap();
        let again = Choice::new(&read.changes);
        prop_assert_eq!(again.counts(), choice.counts());
        let told = records(&out);
        let end = told.last().unwrap();
        prop_assert_eq!(end["content_bytes"].as_u64(), Some(choice.counts().bytes));

        // All of it can be performed, and nothing else is.
        let ran = s.feed("fsync-apply --json --max-delete 100% --allow-empty-source", &out);
        let said = ran.complaint();
        prop_assert_eq!(ran.get_output().status.code(), Some(0), "{}\n{}", said, went);
        let done = outcomes(&ran.records());
        prop_assert_eq!(done.len(), chosen.len());
        prop_assert!(done.iter().all(|o| o.ends_with(" done")), "{:?}", done);
        for at in (0..count).filter(|at| !choice.has(*at)) {
            // What is not chosen is as it was; but what a rename was to take away may have gone.
            let path = &plan.changes[at].path;
            let gone = chosen.iter().any(|at| {
                let from = plan.changes[*at].from.as_deref();
                from.is_some_and(|(from, _)| path == from || path.is_within(from))
            });
            prop_assert_eq!(is_there(&s, &text(path)), before[at] && !gone, "{}", path);
        }
    }
}
