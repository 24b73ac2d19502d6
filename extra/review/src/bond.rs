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
