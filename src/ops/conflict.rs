//! Whether the changes of a plan contradict each other. No comparison of two trees gives such a plan, and none is left of
//! one by thinning it out: it was put together by hand, or by somebody who hopes for what happens then.

use std::collections::HashSet;

use crate::model::{Change, Kind, RelPath, Status};

/// What contradicts what, in words; `None` for a plan in order. `changes` are in path order, each path once.
pub fn find(changes: &[Change]) -> Option<String> {
    below(changes).or_else(|| moved(changes))
}

/// Something is planned below what is no directory then.
fn below(changes: &[Change]) -> Option<String> {
    let mut above: Vec<&Change> = Vec::new();
    for change in changes {
        while above
            .pop_if(|dir| !change.path.is_within(&dir.path))
            .is_some()
        {}
        if let Some(top) = above.last()
            && !may_lie_below(change, top)
        {
            let path = &change.path;
            return Some(format!(
                "{path} lies below {}, which is no directory then",
                top.path
            ));
        }
        above.push(change);
    }
    None
}

/// Where a directory goes, all below it goes too.
fn may_lie_below(change: &Change, top: &Change) -> bool {
    let was_dir = top.old.as_ref().is_some_and(|o| o.kind == Kind::Directory);
    let is_dir = top.new.as_ref().is_some_and(|n| n.kind == Kind::Directory);
    is_dir || was_dir && change.status == Status::Deleted
}

/// Something is renamed twice, or renamed and something else besides.
fn moved(changes: &[Change]) -> Option<String> {
    let mut seen: HashSet<&RelPath> = HashSet::new();
    for change in changes {
        let Some((from, _)) = change.from.as_deref() else {
            continue;
        };
        if !seen.insert(from) {
            return Some(format!("{from} is renamed twice"));
        }
        let at = changes.binary_search_by(|c| c.path.cmp(from)).ok();
        let other = at.map(|at| changes[at].status);
        if other.is_some_and(|s| !matches!(s, Status::Added | Status::Renamed)) {
            return Some(format!("{from} is renamed, and changed in its place"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{State, Time, Why};

    fn state(kind: Kind) -> Option<Box<State>> {
        Some(Box::new(State {
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: Time::new(0, 0),
            rdev: 0,
            target: None,
            inode: None,
        }))
    }

    fn change(status: Status, path: &str, old: Option<Kind>, new: Option<Kind>) -> Change {
        Change {
            path: RelPath::parse(path.as_bytes()).unwrap(),
            status,
            kind: new.or(old).unwrap(),
            source: 0,
            old: old.and_then(state),
            new: new.and_then(state),
            why: Why::NONE,
            from: None,
            link_to: None,
        }
    }

    #[test]
    fn tells_what_cannot_be_from_what_can() {
        use Kind::{Directory, File};
        use Status::{Added, Deleted, TypeChanged};
        let below = |top: Change, status, old, new| find(&[top, change(status, "a/b", old, new)]);
        let gone = || change(Deleted, "a", Some(Directory), None);
        let flat = || change(TypeChanged, "a", Some(Directory), Some(File));
        let deep = || change(TypeChanged, "a", Some(File), Some(Directory));
        for top in [gone(), flat()] {
            assert_eq!(below(top.clone(), Deleted, Some(File), None), None);
            assert!(below(top, Added, None, Some(File)).is_some());
        }
        assert_eq!(below(deep(), Added, None, Some(File)), None);
        let file = change(Added, "a", None, Some(File));
        assert!(below(file.clone(), Deleted, Some(File), None).is_some());
        // A name that only begins alike, and comes between them.
        let beside = change(Added, "a-b", None, Some(File));
        assert_eq!(find(&[file, beside]), None);
    }
}
