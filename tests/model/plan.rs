//! What makes one tree like another, and what becomes of it: DESIGN sections 5 and 6, one name after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::state::{Name, Node, ROOT, SYNC, State, order, parent, within};

/// How trees are compared.
#[derive(Clone, Default, Debug)]
pub struct How {
    pub delete: bool,
    pub checksum: bool,
    pub xattrs: bool,
    pub owner: bool,
    /// The SYNC file is one of the tree.
    pub sync_file: bool,
    pub exclude: Vec<String>,
    /// What is excluded is not even seen: the trees are snapshots.
    pub blind: bool,
}

/// A change, and of a name that shall be linked the first name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub status: char,
    pub path: Name,
    pub link_to: Option<Name>,
}

/// A plan.
#[derive(Clone, Default, Debug)]
pub struct Plan {
    pub changes: Vec<Change>,
    /// What is passed over although it differs.
    pub skips: usize,
}

/// Whether rules leave a path out: patterns are `*.o` and plain names.
pub fn excluded(name: &[u8], rules: &[String]) -> bool {
    let hit = |part: &[u8]| {
        rules.iter().any(|rule| match rule.strip_prefix('*') {
            Some(end) => part.ends_with(end.as_bytes()),
            None => part == rule.as_bytes(),
        })
    };
    order(name).into_iter().any(hit)
}

/// Several trees laid over each other, the last one on top.
pub fn overlay(layers: &[&State]) -> State {
    let mut all = State::default();
    for (at, layer) in layers.iter().enumerate() {
        let mut numbers = HashMap::new();
        let mut names: Vec<&Name> = layer.names.keys().collect();
        names.sort_by_key(|n| order(n));
        for name in names {
            let node = layer.get(name).expect("a node");
            // A directory is merged with a directory; anything else hides all that was there.
            if !(node.kind == "directory" && all.is_dir(name)) {
                all.remove_at(name);
            }
            let key = (at, layer.names[name]);
            let number = match numbers.get(&key) {
                Some(number) => *number,
                None => all.add(node.clone()),
            };
            numbers.insert(key, number);
            all.names.insert(name.clone(), number);
        }
    }
    all
}

impl State {
    fn remove_at(&mut self, name: &[u8]) {
        if name != ROOT {
            self.remove(name);
        }
    }

    /// The names in a directory, in order.
    fn children(&self, dir: &[u8]) -> Vec<&Name> {
        let inside = |n: &&Name| parent(n) == Some(dir);
        self.names.keys().filter(inside).collect()
    }
}

/// The plan that makes `dst` like `src`.
pub fn plan(src: &State, dst: &State, how: &How) -> Plan {
    let kept;
    let dst = match how.blind {
        true => {
            kept = dst.without(|n| excluded(n, &how.exclude));
            &kept
        }
        false => dst,
    };
    let mut maker = Maker {
        src,
        dst,
        how,
        changes: BTreeMap::new(),
        skips: 0,
        compared: BTreeSet::new(),
    };
    if metadata_differs(
        &src.nodes[&src.names[ROOT]],
        &dst.nodes[&dst.names[ROOT]],
        how,
    ) {
        maker.say('t', ROOT);
    }
    maker.directory(ROOT);
    maker.link();
    let mut changes: Vec<Change> = maker.changes.into_values().collect();
    changes.sort_by(|a, b| order(&a.path).cmp(&order(&b.path)));
    Plan {
        changes,
        skips: maker.skips,
    }
}

struct Maker<'a> {
    src: &'a State,
    dst: &'a State,
    how: &'a How,
    changes: BTreeMap<Name, Change>,
    skips: usize,
    /// What the source has and is not passed over.
    compared: BTreeSet<Name>,
}

fn metadata_differs(new: &Node, old: &Node, how: &How) -> bool {
    new.mtime != old.mtime
        || new.kind != "symlink" && new.mode != old.mode
        || how.owner && new.owner != old.owner
        || how.xattrs && new.xattrs != old.xattrs
}

impl Maker<'_> {
    fn say(&mut self, status: char, path: &[u8]) {
        let change = Change {
            status,
            path: path.to_vec(),
            link_to: None,
        };
        self.changes.insert(path.to_vec(), change);
    }

    fn is_out(&self, name: &[u8]) -> bool {
        name == SYNC && !self.how.sync_file || excluded(name, &self.how.exclude)
    }

    fn directory(&mut self, dir: &[u8]) {
        let (src, dst) = (self.src, self.dst);
        let there = |tree: &State| {
            tree.is_dir(dir)
                .then(|| tree.children(dir).into_iter().cloned().collect())
        };
        let mut names: BTreeSet<Name> = there(src).unwrap_or_default();
        names.extend(there(dst).unwrap_or_default());
        names.retain(|n| !self.is_out(n));
        for name in &names {
            match (src.get(name), dst.get(name)) {
                (Some(_), None) => self.add(name),
                (None, Some(_)) if self.how.delete => drop(self.delete(name)),
                (Some(new), Some(old)) => self.both(name, new, old),
                _ => {}
            }
        }
    }

    fn add(&mut self, name: &[u8]) {
        let src = self.src;
        for path in std::iter::once(name).chain(src.below(name).map(Vec::as_slice)) {
            if !self.is_out(path) && !order_prefix_out(path, name, |p| self.is_out(p)) {
                self.say('A', path);
                self.compared.insert(path.to_vec());
            }
        }
    }

    /// Whether all of it goes.
    fn delete(&mut self, name: &[u8]) -> bool {
        let dst = self.dst;
        let mut goes = true;
        for child in dst.children(name) {
            goes &= !self.is_out(child) && self.delete(child);
        }
        if goes {
            self.say('D', name);
        }
        goes
    }

    fn both(&mut self, name: &[u8], new: &Node, old: &Node) {
        if new.kind != old.kind {
            return self.replace(name, old);
        }
        self.compared.insert(name.to_vec());
        let sure = new.mtime == old.mtime && !self.how.checksum;
        let inside =
            new.size != old.size || !(sure && new.kind == "file") && new.inside != old.inside;
        if inside {
            self.say('M', name);
        } else if metadata_differs(new, old, self.how) {
            self.say('t', name);
        }
        if new.kind == "directory" {
            self.directory(name);
        }
    }

    fn replace(&mut self, name: &[u8], old: &Node) {
        if old.kind == "directory" {
            let empty = self.dst.children(name).is_empty();
            let before = self.changes.clone();
            if !(empty || self.how.delete && self.delete(name)) {
                self.changes = before;
                self.skips += 1;
                return;
            }
        }
        self.compared.insert(name.to_vec());
        self.say('T', name);
        let src = self.src;
        for child in src.children(name) {
            if !self.is_out(child) {
                self.add(child);
            }
        }
    }

    /// Which names must share an inode, and which must no longer: the first name of each group that keeps its file, or else
    /// the first of all, which is made; the others are linked to it.
    fn link(&mut self) {
        let mut names: Vec<Name> = self.compared.iter().cloned().collect();
        let keeps = |name: &Name| match self.changes.get(name) {
            Some(change) => change.status == 't',
            None => self.dst.names.contains_key(name),
        };
        names.sort_by(|a, b| (!keeps(a), order(a)).cmp(&(!keeps(b), order(b))));
        let mut firsts: HashMap<u64, (Name, Option<u64>)> = HashMap::new();
        let mut kept: HashMap<u64, Name> = HashMap::new();
        for name in names {
            if self.src.is_dir(&name) {
                continue;
            }
            let group = self.src.names[&name];
            let status = self.changes.get(&name).map(|c| c.status);
            let stays = matches!(status, None | Some('t'));
            let inode = self.dst.names.get(&name).copied().filter(|_| stays);
            let first = firsts.get(&group).cloned();
            let owner = first.as_ref().map_or(&name, |(path, _)| path).clone();
            let free = inode.is_none_or(|i| kept.get(&i).is_none_or(|o| *o == owner));
            let joined = first
                .as_ref()
                .is_none_or(|(_, i)| i.is_some() && *i == inode);
            if stays && free && joined {
                if let Some(inode) = inode {
                    kept.insert(inode, owner);
                }
                firsts.entry(group).or_insert((name, inode));
                continue;
            }
            if stays {
                self.say('M', &name);
            }
            let link_to = first.map(|(path, _)| path);
            if let Some(change) = self.changes.get_mut(&name) {
                change.link_to = link_to;
            }
            firsts.entry(group).or_insert((name, None));
        }
    }
}

/// Whether a directory between `top` and `path` is left out.
fn order_prefix_out(path: &[u8], top: &[u8], is_out: impl Fn(&[u8]) -> bool) -> bool {
    let mut at = path;
    while let Some(up) = parent(at) {
        if up.len() < top.len() || up == ROOT {
            return false;
        }
        if is_out(up) {
            return true;
        }
        at = up;
    }
    false
}

/// Performs changes; whether each of them could be made.
pub fn perform(src: &State, dst: &State, changes: &[Change], how: &How) -> (State, bool) {
    let mut now = dst.clone();
    let mut whole = true;
    let mut made: HashMap<Name, u64> = HashMap::new();
    let deleted: BTreeSet<&Name> = changes
        .iter()
        .filter(|c| c.status == 'D')
        .map(|c| &c.path)
        .collect();
    for change in changes.iter().filter(|c| c.status != 'D') {
        let path = &change.path;
        let new = src.get(path).expect("what is planned").clone();
        if !make_parents(src, &mut now, path) {
            whole = false;
            continue;
        }
        if change.status == 'T' && now.below(path).any(|n| !deleted.contains(n)) {
            whole = false;
            continue;
        }
        match change.status {
            't' => touch(&mut now, path, &new, dst.get(path).expect("it"), how),
            _ => {
                if change.status == 'T' {
                    now.remove(path);
                }
                // What was to be linked to a name that is not as planned is a file of its own.
                let fails = |first: &Name| {
                    !made.contains_key(first)
                        && changes.iter().any(|c| c.path == *first && c.status != 't')
                };
                let first = change.link_to.as_ref().filter(|first| !fails(first));
                let linked = first.and_then(|first| now.names.get(first).copied());
                let number = linked.unwrap_or_else(|| now.add(new));
                now.names.insert(path.clone(), number);
                made.insert(path.clone(), number);
            }
        }
    }
    let mut going: Vec<&Name> = deleted.into_iter().collect();
    going.sort_by_key(|n| std::cmp::Reverse(order(n)));
    for path in going {
        let replaced = parent(path).is_some_and(|up| !now.is_dir(up)) || made.contains_key(path);
        if replaced {
            continue;
        }
        if now.below(path).next().is_some() {
            whole = false;
            continue;
        }
        now.names.remove(path);
    }
    (now, whole)
}

fn touch(now: &mut State, path: &[u8], new: &Node, old: &Node, how: &How) {
    let Some(node) = now.get_mut(path) else {
        return;
    };
    node.mtime = new.mtime;
    if new.kind != "symlink" {
        node.mode = new.mode;
    }
    if how.owner {
        node.owner = new.owner;
    }
    if how.xattrs && new.xattrs != old.xattrs {
        node.xattrs = new.xattrs.clone();
    }
}

/// Makes the directories that lead to a path as the source has them; whether that is possible.
fn make_parents(src: &State, now: &mut State, path: &[u8]) -> bool {
    let mut missing = Vec::new();
    let mut at = path;
    while let Some(up) = parent(at) {
        match now.get(up) {
            Some(node) if node.kind == "directory" => break,
            Some(_) => return false,
            None => missing.push(up.to_vec()),
        }
        at = up;
    }
    for up in missing.iter().rev() {
        let node = src.get(up).expect("a source's directory").clone();
        now.put(up, node);
    }
    true
}

/// Leaves of a plan what is at or below some paths, and the directories made on the way there. Of names of one inode,
/// those that are left are linked to each other.
pub fn only(changes: &[Change], paths: &[Name]) -> Vec<Change> {
    let leads =
        |c: &Change| matches!(c.status, 'A' | 'T') && paths.iter().any(|p| within(p, &c.path));
    let wanted = |c: &&Change| paths.iter().any(|p| within(&c.path, p)) || leads(c);
    let mut left: Vec<Change> = changes.iter().filter(wanted).cloned().collect();
    let mut firsts: HashMap<Name, Name> = HashMap::new();
    for change in &mut left {
        let Some(first) = change.link_to.clone() else {
            continue;
        };
        let dropped = changes.iter().any(|c| c.path == first && !wanted(&c));
        if dropped {
            change.link_to = firsts.get(&first).cloned();
            firsts.entry(first).or_insert_with(|| change.path.clone());
        }
    }
    left
}
