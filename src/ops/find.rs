//! In which snapshots a path exists, and when it changed.
//!
//! The snapshots of a directory are gone through from the oldest on; of each and the one before it only
//! what differs is looked at: a directory whose node is the same in both is not read. A plain
//! path is looked up name by name; only a pattern is held against every path.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::model::{Entry, Filter, Kind, NodeId, RelPath, Result, Rule, SnapshotId, State, Time};
use crate::repo::manifest::Child;
use crate::repo::snapshot::Allowance;
use crate::repo::{Info, PathText, Repo};

/// What is looked for.
pub struct Pattern {
    filter: Filter,
    /// The components, where the pattern is one path and nothing else can match.
    plain: Option<Vec<Vec<u8>>>,
}

/// What became of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It was not there before.
    Appeared,
    /// Other contents, another kind or another target.
    Changed,
    /// Only its metadata differ.
    Touched,
    /// It is not there any more.
    Gone,
}

impl Event {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Event::Appeared => "appeared",
            Event::Changed => "changed",
            Event::Touched => "touched",
            Event::Gone => "gone",
        }
    }
}

/// One version of a path: from this snapshot of its directory on, up to the next version.
#[derive(Clone, Debug)]
pub struct Version {
    /// The directory.
    pub directory: PathText,
    /// The path in it.
    pub path: RelPath,
    /// What became of it.
    pub event: Event,
    /// The first snapshot that has it so.
    pub snapshot: SnapshotId,
    /// When that was recorded.
    pub time: Time,
    /// How it is there; `None` when it is gone.
    pub state: Option<State>,
    /// The content, of a file.
    pub content: Option<crate::model::ContentId>,
}

impl Pattern {
    /// Compiles a pattern with gitignore's semantics: one without a slash (but for one at its end) matches a
    /// name at any depth, others match whole paths; a slash at the end matches directories only.
    ///
    /// # Errors
    /// [`crate::model::ErrorKind::Usage`] when it is not one.
    pub fn new(pattern: &str) -> Result<Self> {
        // A gitignore line that begins so would mean something else than the path that a person typed.
        let tidy = pattern.strip_prefix("./").map(|rest| format!("/{rest}"));
        let tidy = tidy.unwrap_or_else(|| match pattern.starts_with(['!', '#']) {
            true => format!("\\{pattern}"),
            false => pattern.to_string(),
        });
        let rule = Rule {
            pattern: tidy.clone(),
            origin: "PATTERN".into(),
            line: 0,
        };
        let body = tidy.trim_start_matches('/');
        let anchored = tidy.trim_end_matches('/').contains('/');
        let special = body.contains(['*', '?', '[', '\\']) || tidy.ends_with(['/', ' ']);
        let names = body.split('/').map(|name| name.as_bytes().to_vec());
        Ok(Pattern {
            filter: Filter::new(vec![rule])?,
            plain: (anchored && !special).then(|| names.collect()),
        })
    }

    fn matches(&self, path: &RelPath, is_dir: bool) -> bool {
        match &self.plain {
            Some(names) => path.components().eq(names.iter().map(Vec::as_slice)),
            None => self.filter.excludes(path, is_dir).is_some(),
        }
    }

    /// Whether the entry with that name, in a directory at `depth`, can match or lead to what does.
    fn leads(&self, depth: usize, name: &[u8]) -> bool {
        match &self.plain {
            Some(names) => names.get(depth).is_some_and(|wanted| *wanted == name),
            None => true,
        }
    }
}

/// A directory's entries before and after, to be compared.
struct Pair {
    path: RelPath,
    depth: usize,
    old: Option<NodeId>,
    new: Option<NodeId>,
}

/// All versions of what matches, in the snapshots of one directory (oldest first), by path and then time.
///
/// # Errors
/// [`crate::model::ErrorKind::Damaged`] when part of a manifest that must be read is missing or not what was stored.
pub fn find(repo: &Repo, snapshots: &[Info], pattern: &Pattern) -> Result<Vec<Version>> {
    let mut found: BTreeMap<RelPath, Vec<Version>> = BTreeMap::new();
    let (mut before, mut tree) = (None, None);
    for info in snapshots {
        if tree.replace(info.tree) == Some(info.tree) {
            continue;
        }
        let (root, _) = repo.tree_record(info.tree)?;
        let after = root.entry.node;
        for version in step(repo, info, (before, after), pattern)? {
            found.entry(version.path.clone()).or_default().push(version);
        }
        before = after;
    }
    Ok(found.into_values().flatten().collect())
}

/// What became of the paths that match between one snapshot and the next.
fn step(
    repo: &Repo,
    info: &Info,
    (old, new): (Option<NodeId>, Option<NodeId>),
    pattern: &Pattern,
) -> Result<Vec<Version>> {
    let mut found = Vec::new();
    let mut level = vec![Pair {
        path: RelPath::root(),
        depth: 0,
        old,
        new,
    }];
    level.retain(|pair| pair.old != pair.new);
    let allowance = Allowance::of(&info.counts);
    while !level.is_empty() {
        let read: Result<Vec<_>> = level
            .par_iter()
            .map(|pair| compare(repo, info, pair, (pattern, &allowance)))
            .collect();
        let mut next = Vec::new();
        for (versions, below) in read? {
            found.extend(versions);
            next.extend(below);
        }
        level = next;
    }
    Ok(found)
}

/// Compares the entries of a pair of directories: what became of them, and the directories below that differ.
fn compare(
    repo: &Repo,
    info: &Info,
    pair: &Pair,
    (pattern, allowance): (&Pattern, &Allowance),
) -> Result<(Vec<Version>, Vec<Pair>)> {
    let read = |node: Option<NodeId>| node.map_or_else(|| Ok(Vec::new()), |n| repo.entries(n));
    let (mut versions, mut below) = (Vec::new(), Vec::new());
    let now = read(pair.new)?;
    allowance.take(now.len(), &pair.path)?;
    for (old, new) in merge(read(pair.old)?, now) {
        let Some(entry) = new.as_ref().or(old.as_ref()).map(|c| &c.entry) else {
            continue;
        };
        if !pattern.leads(pair.depth, &entry.name) {
            continue;
        }
        let path = pair.path.join(&entry.name);
        let node = |child: &Option<Child>| child.as_ref().and_then(|c| c.entry.node);
        if node(&old) != node(&new) {
            below.push(Pair {
                path: path.clone(),
                depth: pair.depth + 1,
                old: node(&old),
                new: node(&new),
            });
        }
        if let Some(event) = event(&path, old.as_ref(), new.as_ref(), pattern) {
            versions.push(Version {
                directory: info.directory.clone(),
                path,
                event,
                snapshot: info.id,
                time: info.time,
                state: new.as_ref().map(|c| c.entry.state.clone()),
                content: new.as_ref().and_then(|c| c.entry.content),
            });
        }
    }
    Ok((versions, below))
}

/// One name before and after.
type Both = (Option<Child>, Option<Child>);

/// Pairs the entries of two nodes by name.
fn merge(old: Vec<Child>, new: Vec<Child>) -> impl Iterator<Item = Both> {
    let mut names: BTreeMap<Box<[u8]>, Both> = BTreeMap::new();
    for child in old {
        let name = child.entry.name.clone();
        names.entry(name).or_default().0 = Some(child);
    }
    for child in new {
        let name = child.entry.name.clone();
        names.entry(name).or_default().1 = Some(child);
    }
    names.into_values()
}

/// What became of one name; a kind that does not match is as good as nothing.
fn event(
    path: &RelPath,
    old: Option<&Child>,
    new: Option<&Child>,
    pattern: &Pattern,
) -> Option<Event> {
    let fits = |child: &&Child| pattern.matches(path, child.entry.is_dir());
    match (old.filter(fits), new.filter(fits)) {
        (None, None) => None,
        (None, Some(_)) => Some(Event::Appeared),
        (Some(_), None) => Some(Event::Gone),
        (Some(old), Some(new)) if other(&old.entry, &new.entry) => Some(Event::Changed),
        (Some(old), Some(new)) => touched(old, new).then_some(Event::Touched),
    }
}

fn other(old: &Entry, new: &Entry) -> bool {
    let inside = |entry: &Entry| (entry.state.kind, entry.state.size, entry.state.rdev);
    inside(old) != inside(new) || old.content != new.content || old.state.target != new.state.target
}

/// Metadata; of a directory not its time, which changes with every name in it.
fn touched(old: &Child, new: &Child) -> bool {
    let (a, b) = (&old.entry.state, &new.entry.state);
    (a.mode, a.uid, a.gid) != (b.mode, b.uid, b.gid)
        || old.xattrs != new.xattrs
        || a.kind != Kind::Directory && a.mtime != b.mtime
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str, is_dir: bool) -> bool {
        let path = RelPath::parse(path.as_bytes()).unwrap();
        Pattern::new(pattern).unwrap().matches(&path, is_dir)
    }

    #[test]
    fn patterns_are_gitignore_s() {
        assert!(matches("main.css", "css/main.css", false));
        assert!(matches("/css/main.css", "css/main.css", false));
        assert!(matches("css/main.css", "css/main.css", false));
        assert!(!matches("css/main.css", "old/css/main.css", false));
        assert!(!matches("/main.css", "css/main.css", false));
        assert!(matches("./main.css", "main.css", false));
        assert!(matches("*.css", "a/b.css", false));
        assert!(matches("a/**/z", "a/b/c/z", false));
        assert!(matches("css/", "x/css", true) && !matches("css/", "x/css", false));
        assert!(matches("!x", "!x", false) && matches("#x", "a/#x", false));
    }

    #[test]
    fn a_plain_path_leads_only_to_itself() {
        let pattern = Pattern::new("a/b").unwrap();
        assert!(pattern.leads(0, b"a") && pattern.leads(1, b"b"));
        assert!(!pattern.leads(0, b"b") && !pattern.leads(2, b"b"));
        let pattern = Pattern::new("a/b*").unwrap();
        assert!(pattern.leads(0, b"x"));
    }
}
