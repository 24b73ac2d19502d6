//! File systems that take several spellings for one name (in upper and lower case, say): a name of the source that
//! leads to a differently spelt one at the destination is the same entry, to be compared and perhaps renamed. Taken for
//! two it would be added, which is done already, and deleted, which is its end.

use std::collections::HashMap;

use crate::model::{Change, Entry, RelPath, State, Status, Why};
use crate::ops::pair::{Pair, pair_name};
use crate::ops::step::{added, changed};
use crate::tree::cursor::Cursor;
use crate::tree::{Dir, Tree};

/// Pairs names that only the source has with those that only the destination has, in the directory `path`, where the one
/// leads to the other on `ground`. Only where a directory has both is anything looked up.
pub fn pair_up(
    path: &RelPath,
    mut pairs: Vec<Pair>,
    destination: Option<&dyn Dir>,
    ground: Option<&dyn Tree>,
) -> Vec<Pair> {
    let Some(spare) = Spare::of(&pairs) else {
        return pairs;
    };
    let new = |pair: &Pair| pair.1.is_none() && pair.0.is_some();
    let mut cursor = ground.map(Cursor::new);
    let disk = match destination.filter(|dir| dir.is_local()) {
        Some(dir) => Some(dir),
        // A record says nothing of spellings; where it may matter, the disk is asked.
        None if !pairs
            .iter()
            .any(|p| new(p) && spare.alike(pair_name(p)).is_some()) =>
        {
            None
        }
        None => cursor
            .as_mut()
            .and_then(|cursor| cursor.dir(path).ok().flatten())
            .filter(|dir| dir.is_local()),
    };
    let Some(disk) = disk else { return pairs };
    let mut taken = Vec::new();
    for at in (0..pairs.len())
        .filter(|at| new(&pairs[*at]))
        .collect::<Vec<_>>()
    {
        // That it is found though it was not listed tells that it is spelt otherwise there.
        let Ok(Some(there)) = disk.entry(pair_name(&pairs[at])) else {
            continue;
        };
        let other = spare.find(pair_name(&pairs[at]), &there.state);
        if let Some(other) = other.filter(|other| !taken.contains(other)) {
            pairs[at].1 = pairs[other].1.clone();
            taken.push(other);
        }
    }
    let mut at = 0;
    pairs.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
    pairs
}

/// Names that only the destination has, by what they may be known by.
struct Spare {
    names: HashMap<Vec<u8>, usize>,
    inodes: HashMap<(u64, u64), usize>,
}

impl Spare {
    /// `None` unless there are some, and some that only the source has.
    fn of(pairs: &[Pair]) -> Option<Self> {
        let (mut names, mut inodes) = (HashMap::new(), HashMap::new());
        for (at, pair) in pairs.iter().enumerate() {
            if let (None, Some(old)) = pair {
                names.insert(plain(&old.name), at);
                inodes.extend(id(&old.state).map(|id| (id, at)));
            }
        }
        let come = pairs.iter().any(|pair| pair.1.is_none());
        (come && !names.is_empty()).then_some(Spare { names, inodes })
    }

    fn alike(&self, name: &[u8]) -> Option<usize> {
        self.names.get(&plain(name)).copied()
    }

    fn find(&self, name: &[u8], there: &State) -> Option<usize> {
        let by_inode = id(there).and_then(|id| self.inodes.get(&id).copied());
        by_inode.or_else(|| self.alike(name))
    }
}

/// The step that makes `old` like `new`, spelling included; contents go first, for which the name is good enough.
pub fn step(path: &RelPath, new: &Entry, old: &Entry, why: Why) -> Option<Change> {
    let contents = why.meets(Why::SIZE.with(Why::CONTENT).with(Why::TARGET));
    match (contents, new.name == old.name) {
        (true, _) => Some(changed(path, Status::Modified, new, old, why)),
        (false, true) if why.is_empty() => None,
        (false, true) => Some(changed(path, Status::Touched, new, old, why)),
        (false, false) => {
            let from = path.parent().unwrap_or_else(RelPath::root).join(&old.name);
            Some(Change {
                status: Status::Renamed,
                why,
                from: Some(Box::new((from, old.state.clone()))),
                ..added(path, new)
            })
        }
    }
}

/// Whether two names may be spellings of one.
pub fn alike(a: &[u8], b: &[u8]) -> bool {
    a != b && plain(a) == plain(b)
}

fn plain(name: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(name).to_lowercase().into_bytes()
}

fn id(state: &State) -> Option<(u64, u64)> {
    state.inode.map(|inode| (inode.dev, inode.ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_alike() {
        assert!(alike(b"readme", b"ReadMe") && alike("É".as_bytes(), "é".as_bytes()));
        assert!(!alike(b"a", b"a") && !alike(b"a", b"b"));
    }
}
