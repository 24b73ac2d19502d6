//! A command whose run is recorded, and what must hold wherever it is cut short.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::image::{Image, Kind};
use crate::model::{Body, Effect, Node, World};
use crate::support::{Oracle, Sandbox, Told, long};
use crate::trace::{self, Call};

/// A snapshot, and what it must bring back.
#[derive(Clone)]
pub struct Recorded {
    pub directory: String,
    pub id: String,
    /// It brings back one of these.
    pub states: Vec<Oracle>,
    /// The command removes it.
    pub may_go: bool,
}

impl Recorded {
    /// The present state of a directory is recorded.
    pub fn now(s: &Sandbox, directory: &str) -> Recorded {
        let id = s.snap(directory);
        Recorded {
            directory: directory.into(),
            id,
            states: vec![Oracle::of(s.path(directory))],
            may_go: false,
        }
    }
}

/// A command.
pub struct Case<'a> {
    pub s: &'a Sandbox,
    /// What is typed.
    pub line: &'a str,
    /// What is typed after the crash.
    pub again: &'a str,
    /// The snapshots that are there before.
    pub there: Vec<Recorded>,
    /// Whose state the new snapshots are of, if any are made.
    pub records: Option<(&'a str, Oracle)>,
    /// The trees that are changed.
    pub changes: Vec<&'a str>,
    /// Commands that must say the same in the end.
    pub tells: Vec<&'a str>,
    /// The repository is damaged before.
    pub damaged: bool,
    /// The command leaves the time of a directory's root as it is.
    pub still: bool,
    /// The time of the result is that of the run.
    pub timed: bool,
}

impl<'a> Case<'a> {
    /// A command that is typed again after a crash.
    pub fn new(s: &'a Sandbox, line: &'a str) -> Self {
        Case {
            s,
            line,
            again: line,
            there: Vec::new(),
            records: None,
            changes: Vec::new(),
            tells: Vec::new(),
            damaged: false,
            still: false,
            timed: false,
        }
    }
}

/// A crash.
pub struct Crash {
    /// After which call, counted from 1, and which.
    pub after: usize,
    pub call: String,
    pub kind: Kind,
    pub image: Image,
    /// The snapshots that the command has spoken of, or relied upon.
    pub said: BTreeSet<String>,
    /// Something else than bytes changed around it.
    pub turned: bool,
    /// The command had ended.
    pub ended: bool,
}

/// What a run was.
pub struct Run {
    pub before: Image,
    pub after: Image,
    /// What the changed trees are in the end.
    pub results: Vec<Oracle>,
    pub told: Vec<String>,
    pub crashes: Vec<Crash>,
}

/// Runs the command, and finds every image that a crash on its way could leave.
pub fn record(case: &Case<'_>) -> Run {
    let root = case.s.path(".").canonicalize().expect("the sandbox");
    let mut world = World::read(&root);
    let before = Image::now(&world);
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (out, calls) = trace::record(case.s.plain("sh"), case.line, &scratch.path().join("trace"));
    assert!(out.status.success(), "{}: {out:?}", case.line);
    let after = Image::now(&World::read(&root));
    let results = case.changes.iter().map(|d| Oracle::of(case.s.path(d)));
    let results: Vec<Oracle> = results.collect();
    let told = case.tells.iter().map(|t| case.s.sh(t).code(0).text());
    let told: Vec<String> = told.collect();
    let new = new_ids(case, &before, &after);
    let crashes = crashes(case, &mut world, &calls, &new, &before);
    let replayed = Image::now(&world);
    let wrong = different(&replayed, &after);
    assert!(wrong.is_empty(), "the replay is not what happened: {wrong}");
    Run {
        before,
        after: replayed,
        results,
        told,
        crashes,
    }
}

/// The ids of the snapshots that the run made.
fn new_ids(case: &Case<'_>, before: &Image, after: &Image) -> Vec<String> {
    let Some((directory, state)) = &case.records else {
        return Vec::new();
    };
    let ids = |image: &Image| -> BTreeSet<String> {
        let names = image
            .find("repo")
            .and_then(Node::names)
            .into_iter()
            .flatten();
        let texts = names.map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        texts
            .filter_map(|n| n.strip_suffix(".zip").map(String::from))
            .collect()
    };
    let new: Vec<String> = ids(after).difference(&ids(before)).cloned().collect();
    for id in &new {
        case.s
            .sh(&format!("fsync-revert {directory} {id} --to out"))
            .code(0);
        state.assert_is(case.s.path("out"));
        crate::image::remove(&case.s.path("out"));
    }
    new
}

/// Every image once, in the order of the calls.
fn crashes(
    case: &Case<'_>,
    world: &mut World,
    calls: &[Call],
    new: &[String],
    before: &Image,
) -> Vec<Crash> {
    let mut found: Vec<Crash> = Vec::new();
    let mut seen: HashSet<(u64, BTreeSet<String>, bool)> = HashSet::new();
    let mut said = BTreeSet::new();
    let mut take = |call: &Call| {
        let effect = world.take(call);
        (world.clone(), effect)
    };
    let steps: Vec<(World, Effect)> = calls.iter().map(&mut take).collect();
    for (n, (world, effect)) in steps.iter().enumerate() {
        match effect {
            Effect::Nothing => continue,
            Effect::Said(text) => {
                let text = String::from_utf8_lossy(text);
                let named = new.iter().filter(|id| text.contains(&id[..12]));
                said.extend(named.cloned());
            }
            _ => {}
        }
        let beside = |n: usize| matches!(steps.get(n), Some((_, Effect::Turned | Effect::Said(_))));
        let turned = (n.saturating_sub(1)..=n + 1).any(beside);
        let ended = n + 1 == steps.len();
        for kind in Kind::ALL {
            let image = Image::of(world, kind);
            let mut said = said.clone();
            let relies = case.changes.iter().any(|d| !untouched(before, &image, d));
            if relies {
                said.extend(new.iter().cloned());
            }
            said.extend(
                case.changes
                    .iter()
                    .filter_map(|d| backup(&image, d))
                    .filter(|id| new.contains(id)),
            );
            if seen.insert((image.digest(), said.clone(), ended)) {
                found.push(Crash {
                    after: n + 1,
                    call: calls[n].brief(),
                    kind,
                    image,
                    said,
                    turned,
                    ended,
                });
            }
        }
    }
    found
}

/// What BACKUP says in an image.
fn backup(image: &Image, directory: &str) -> Option<String> {
    let data = image
        .find(&format!("{directory}/.fsync-backup"))?
        .data()?
        .clone();
    String::from_utf8(data.to_vec())
        .ok()
        .map(|t| t.trim_end().to_string())
}

/// Whether a tree is as it was, but for what is fsync's own and the times of directories.
fn untouched(before: &Image, image: &Image, directory: &str) -> bool {
    let both = [before, image].map(|i| entries(i, directory));
    let [old, new] = both;
    old.len() == new.len()
        && old.iter().all(|(path, a)| {
            let b = new.get(path);
            b.is_some_and(|b| alike(a, b))
        })
}

/// The entries of a tree, but for what is fsync's own.
pub fn entries<'i>(image: &'i Image, directory: &str) -> BTreeMap<Vec<u8>, &'i Node> {
    let own = |path: &[u8]| {
        let mut names = path.split(|b| *b == b'/');
        path == b".fsync-backup" || names.any(|n| n.starts_with(b".fsync-tmp-"))
    };
    let prefix = format!("{directory}/").into_bytes();
    let paths = image.paths().into_iter().filter_map(|(path, inode)| {
        let inside = match path == directory.as_bytes() {
            true => Vec::new(),
            false => path.strip_prefix(&prefix[..])?.to_vec(),
        };
        Some((inside, &*image.nodes[inode]))
    });
    paths.filter(|(path, _)| !own(path)).collect()
}

/// Whether two entries are the same; the times of directories are left to the end, and so are closed ones.
pub fn alike(a: &Node, b: &Node) -> bool {
    match (&a.body, &b.body) {
        (Body::Directory(_), Body::Directory(_)) => true,
        _ => a == b,
    }
}

/// What differs between a replay and what really happened; times that the system gave are not known exactly.
fn different(replayed: &Image, real: &Image) -> String {
    let (a, b) = (replayed.paths(), real.paths());
    let mut out = String::new();
    for path in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        let shown = path.escape_ascii();
        let (Some(x), Some(y)) = (a.get(path), b.get(path)) else {
            out += &format!(
                "\n{shown}: replayed {:?}, real {:?}",
                a.get(path),
                b.get(path)
            );
            continue;
        };
        let (x, y) = (&*replayed.nodes[*x], &*real.nodes[*y]);
        let same = match (&x.body, &y.body) {
            (Body::Directory(_), Body::Directory(_)) => true,
            _ => x.body == y.body || path.ends_with(b"-shm"),
        };
        let near = (x.mtime.0 - y.mtime.0).abs() <= 2;
        let dress = |n: &Node| (n.mode, n.owner, n.xattrs.clone());
        if !same || !near || dress(x) != dress(y) {
            let brief = |n: &Node| {
                format!(
                    "{:o} {:?} {:?} {:?}",
                    n.mode,
                    n.owner,
                    n.mtime,
                    n.data().map(|d| d.len())
                )
            };
            out += &format!("\n{shown}: replayed {}, real {}", brief(x), brief(y));
        }
    }
    out
}

/// The crashes that are tried: all of them in the long form, else some: most beside calls that are no writes.
pub fn chosen(crashes: &[Crash], count: usize) -> Vec<&Crash> {
    if let Some(only) = std::env::var_os("FSYNC_CRASH_AT") {
        let only = only.to_string_lossy().into_owned();
        let is_it = |c: &&Crash| format!("{}{:?}", c.after, c.kind) == only;
        return crashes.iter().filter(is_it).collect();
    }
    if long() {
        return crashes.iter().collect();
    }
    // Another seed tries others.
    let seed = std::env::var("FSYNC_SEED")
        .ok()
        .and_then(|s| s.parse::<f64>().ok());
    let shift = (0.5 + seed.unwrap_or(0.0) * 0.618_034).fract();
    let evenly = |of: Vec<usize>, count: usize| -> Vec<usize> {
        let step = (of.len() as f64 / count.max(1) as f64).max(1.0);
        let places = (0..count).map(|n| ((n as f64 + shift) * step) as usize);
        places.filter_map(|at| of.get(at).copied()).collect()
    };
    let part = |turned: bool| -> Vec<usize> {
        let all = crashes.iter().enumerate();
        all.filter(|(_, c)| c.turned == turned)
            .map(|(n, _)| n)
            .collect()
    };
    let mut picked: BTreeSet<usize> = evenly(part(true), count * 4 / 5).into_iter().collect();
    picked.extend(evenly(part(false), count / 5));
    picked.extend(
        crashes
            .iter()
            .enumerate()
            .filter(|(_, c)| c.ended && c.kind == Kind::Synced)
            .map(|(n, _)| n),
    );
    picked.into_iter().map(|n| &crashes[n]).collect()
}
