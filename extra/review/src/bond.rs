//! Which change cannot be made without which other, so that whatever is chosen can be performed.
//!
//! | a change | needs |
//! |---|---|
//! | below a directory that the plan makes, or renames to there | that |
//! | that takes a directory away, or puts something else in its place | all deletions in it, and all renames out of it |
//! | of a name that a rename makes free, or below it | that rename |
//!
//! Further names of an inode need nothing: where the first is not chosen, the first that is gets the contents.

use std::collections::HashMap;

use fsync::model::{Change, Kind, State, Status};

/// Who, and whom it needs: places in the plan.
pub type Bond = (u32, u32);

fn is_dir(state: Option<&State>) -> bool {
    state.is_some_and(|s| s.kind == Kind::Directory)
}

/// There is no directory before, and one after.
fn makes(change: &Change) -> bool {
    let status = matches!(
        change.status,
        Status::Added | Status::TypeChanged | Status::Renamed
    );
    status && is_dir(change.new.as_deref())
}

/// There is a directory before, and none after.
fn removes(change: &Change) -> bool {
    let status = matches!(change.status, Status::Deleted | Status::TypeChanged);
    status && is_dir(change.old.as_deref())
}

/// All bonds of a plan, which is in path order.
pub fn bonds(changes: &[Change]) -> Vec<Bond> {
    let mut bonds = Vec::new();
    let (mut made, mut removed): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (at, change) in changes.iter().enumerate() {
        for stack in [&mut made, &mut removed] {
            while stack
                .pop_if(|above| !change.path.is_within(&changes[*above].path))
                .is_some()
            {}
        }
        bonds.extend(made.last().map(|above| pair(at, *above)));
        if change.status == Status::Deleted {
            bonds.extend(removed.last().map(|above| pair(*above, at)));
        }
        if makes(change) {
            made.push(at);
        }
        if removes(change) {
            removed.push(at);
        }
    }
    renames(changes, &mut bonds);
    bonds
}

fn pair(who: usize, whom: usize) -> Bond {
    // A plan of 2^32 changes fits in no memory.
    (who as u32, whom as u32)
}

/// What renames ask for.
fn renames(changes: &[Change], bonds: &mut Vec<Bond>) {
    let all = changes.iter().enumerate();
    let freed: HashMap<&[u8], usize> = all
        .filter_map(|(at, c)| Some((c.from.as_deref()?.0.as_bytes(), at)))
        .collect();
    if freed.is_empty() {
        return;
    }
    let removed = changes.iter().enumerate().filter(|(_, c)| removes(c));
    let removed: HashMap<&[u8], usize> = removed.map(|(at, c)| (c.path.as_bytes(), at)).collect();
    for (name, rename) in &freed {
        let above = upwards(name).skip(1).find_map(|name| removed.get(name));
        bonds.extend(above.map(|above| pair(*above, *rename)));
    }
    for (at, change) in changes.iter().enumerate() {
        if change.status != Status::Deleted {
            let needed = upwards(change.path.as_bytes()).find_map(|name| freed.get(name));
            bonds.extend(needed.map(|rename| pair(at, *rename)));
        }
    }
}

/// A path, and the directories above it.
fn upwards(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |path| {
        let slash = path.iter().rposition(|b| *b == b'/')?;
        Some(&path[..slash])
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use fsync::model::Kind::{Directory, File};
    use fsync::model::Status::{Added, Deleted, Modified, Renamed, Touched, TypeChanged};
    use fsync::model::{RelPath, Time, Why};

    /// A change of that status between these kinds.
    pub(crate) fn change(
        status: Status,
        path: &str,
        old: Option<Kind>,
        new: Option<Kind>,
    ) -> Change {
        let state = |kind| {
            Box::new(State {
                kind,
                mode: 0o644,
                uid: 0,
                gid: 0,
                size: 1,
                mtime: Time::now(),
                rdev: 0,
                target: None,
                inode: None,
            })
        };
        Change {
            path: RelPath::parse(path.as_bytes()).unwrap(),
            status,
            kind: new.or(old).unwrap(),
            source: 0,
            old: old.map(state),
            new: new.map(state),
            why: Why::NONE,
            from: None,
            link_to: None,
        }
    }

    fn renamed(from: &str, to: &str, kind: Kind) -> Change {
        let mut change = change(Renamed, to, None, Some(kind));
        let state = *change.new.clone().unwrap();
        change.from = Some(Box::new((RelPath::parse(from.as_bytes()).unwrap(), state)));
        change
    }

    /// `who>whom`, sorted.
    fn told(changes: &[Change]) -> Vec<String> {
        assert!(changes.is_sorted_by(|a, b| a.path < b.path));
        let name = |at: u32| String::from_utf8_lossy(changes[at as usize].path.as_bytes());
        let bonds = bonds(changes).into_iter();
        let mut told: Vec<String> = bonds
            .map(|(a, b)| format!("{}>{}", name(a), name(b)))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn what_is_in_a_new_directory_needs_it() {
        let changes = [
            change(Touched, "d", Some(Directory), Some(Directory)),
            change(Added, "d/e", None, Some(Directory)),
            change(Added, "d/e/f", None, Some(Directory)),
            change(Added, "d/e/f/g", None, Some(File)),
            change(Modified, "d/h", Some(File), Some(File)),
            change(TypeChanged, "t", Some(File), Some(Directory)),
            change(Added, "t/u", None, Some(File)),
        ];
        assert_eq!(told(&changes), ["d/e/f/g>d/e/f", "d/e/f>d/e", "t/u>t"]);
    }

    #[test]
    fn a_directory_goes_only_with_all_that_is_in_it() {
        let changes = [
            change(Deleted, "d", Some(Directory), None),
            change(Deleted, "d/e", Some(Directory), None),
            change(Deleted, "d/e/f", Some(File), None),
            renamed("d/g", "h", File),
            change(TypeChanged, "t", Some(Directory), Some(File)),
            change(Deleted, "t/u", Some(File), None),
        ];
        assert_eq!(told(&changes), ["d/e>d/e/f", "d>d/e", "d>h", "t>t/u"]);
    }

    #[test]
    fn names_that_are_freed_wait_for_that() {
        let mut first = renamed("b", "a", File);
        first.old = None;
        let changes = [first, renamed("a", "b", File), renamed("d", "c", Directory)];
        assert_eq!(told(&changes), ["a>b", "b>a"]);
        let changes = [
            renamed("d", "c", Directory),
            change(Added, "d", None, Some(Directory)),
            change(Added, "d/e", None, Some(File)),
        ];
        assert_eq!(told(&changes), ["d/e>c", "d/e>d", "d>c"]);
    }
}
