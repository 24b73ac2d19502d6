//! The entries of two directories, paired by name.

use crate::model::{Entry, Kind};

/// One name on both sides, source and destination; at least one of them is there.
pub type Pair = (Option<Entry>, Option<Entry>);

/// Whether comparing it may read files or directories, so that a thread of its own is worth it.
pub fn is_heavy(pair: &Pair) -> bool {
    let entry = pair.0.as_ref().or(pair.1.as_ref());
    match pair {
        (Some(a), Some(b)) if a.state.kind == Kind::File && b.state.kind == Kind::File => {
            a.state.mtime != b.state.mtime && a.state.size == b.state.size
        }
        _ => entry.is_some_and(Entry::is_dir),
    }
}

/// Its name.
pub fn pair_name(pair: &Pair) -> &[u8] {
    match pair {
        (Some(entry), _) | (None, Some(entry)) => &entry.name,
        (None, None) => b"",
    }
}

/// Merges two listings that are sorted by name.
pub fn merge(source: Vec<Entry>, destination: Vec<Entry>) -> impl Iterator<Item = Pair> {
    let mut left = source.into_iter().peekable();
    let mut right = destination.into_iter().peekable();
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => a.name.cmp(&b.name),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return None,
        };
        Some(match order {
            std::cmp::Ordering::Less => (left.next(), None),
            std::cmp::Ordering::Greater => (None, right.next()),
            std::cmp::Ordering::Equal => (left.next(), right.next()),
        })
    })
}
