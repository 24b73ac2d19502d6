//! File systems that take several spellings for one name (in upper and lower case, say): a name of the source that
//! leads to a differently spelt one at the destination is the same entry, to be compared and perhaps renamed. Taken for
//! two it would be added, which is done already, and deleted, which is its end.

use std::collections::HashMap;

use crate::model::{Change, Entry, RelPath, State, Status, Why};
use crate::ops::pair::{Pair, pair_name};
use crate::ops::step::{added, changed};
use crate::tree::Dir;

/// Pairs names that only the source has with those that only the destination has, where the one leads to the other.
/// Only where a directory has both is anything looked up.
pub fn pair_up(mut pairs: Vec<Pair>, destination: Option<&dyn Dir>) -> Vec<Pair> {
    let Some(destination) = destination.filter(|dir| dir.is_local()) else {
        return pairs;
    };
    let mut spare: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut inodes: HashMap<(u64, u64), usize> = HashMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        if let (None, Some(old)) = pair {
            spare.insert(plain(&old.name), at);
            inodes.extend(id(&old.state).map(|id| (id, at)));
        }
    }
    if spare.is_empty() {
        return pairs;
    }
    let mut taken = Vec::new();
    for at in 0..pairs.len() {
        let (Some(new), None) = &pairs[at] else {
            continue;
        };
        // That it is found though it was not listed tells that it is spelt otherwise there.
        let Ok(Some(there)) = destination.entry(&new.name) else {
            continue;
        };
        let by_inode = id(&there.state).and_then(|id| inodes.get(&id));
        let other = by_inode.or_else(|| spare.get(&plain(&new.name))).copied();
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
    debug_assert!(pairs.is_sorted_by(|a, b| pair_name(a) < pair_name(b)));
    pairs
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
