//! The steps of a plan, made of the entries that they are about.

use crate::model::{Change, Entry, RelPath, Status, Why};

/// The change that makes `new` where there is nothing.
pub fn added(path: &RelPath, new: &Entry) -> Change {
    Change {
        path: path.clone(),
        status: Status::Added,
        kind: new.state.kind,
        source: new.source,
        old: None,
        new: Some(Box::new(new.state.clone())),
        why: Why::NONE,
        from: None,
        link_to: None,
    }
}

/// The change that makes `old` like `new`.
pub fn changed(path: &RelPath, status: Status, new: &Entry, old: &Entry, why: Why) -> Change {
    Change {
        old: Some(Box::new(old.state.clone())),
        status,
        why,
        ..added(path, new)
    }
}

/// The change that takes `old` away.
pub fn deleted(path: &RelPath, old: &Entry) -> Change {
    Change {
        path: path.clone(),
        status: Status::Deleted,
        kind: old.state.kind,
        source: 0,
        old: Some(Box::new(old.state.clone())),
        new: None,
        why: Why::NONE,
        from: None,
        link_to: None,
    }
}
