//! A part of a plan: what comparing some entries comes to.

use crate::model::{Entry, Error, ErrorKind, Problem, RelPath, Rule, Skip};
use crate::ops::diff::Item;
use crate::ops::doubt::Doubt;
use crate::ops::link::Linked;
use crate::tree::{Dir, Listing};

/// What comparing a pair of entries, and all below them, comes to.
#[derive(Default)]
pub struct Part {
    /// The plan's lines.
    pub items: Vec<Item>,
    /// Names of inodes with several links, for the comparison of link structure.
    pub links: Vec<Linked>,
    /// Files of which only the contents can tell.
    pub doubts: Vec<Doubt>,
    /// Something below the destination stays, so its directory cannot go.
    pub stays: bool,
}

impl Part {
    pub(super) fn of(item: Item) -> Self {
        Part {
            items: vec![item],
            ..Part::default()
        }
    }

    pub(super) fn append(&mut self, mut other: Part) {
        self.items.append(&mut other.items);
        self.links.append(&mut other.links);
        self.doubts.append(&mut other.doubts);
        self.stays |= other.stays;
    }
}

/// Lists a directory; `None`, and a problem noted, when it cannot be.
pub(super) fn list(
    path: &RelPath,
    dir: &dyn Dir,
    names: Option<&[&[u8]]>,
    part: &mut Part,
) -> Option<Listing> {
    let listing = match names {
        Some(names) => dir.find(names),
        None => dir.list(),
    };
    match listing {
        Ok(listing) => Some(listing),
        Err(error) => {
            part.items.push(problem(path, "list", &error));
            None
        }
    }
}

/// What went wrong with one entry.
pub(super) fn problem(path: &RelPath, operation: &str, error: &Error) -> Item {
    Item::Problem(Problem {
        path: path.clone(),
        operation: operation.into(),
        message: error.cause(),
        damaged: error.kind() == ErrorKind::Damaged,
    })
}

/// What a rule leaves out.
pub(super) fn excluded(path: &RelPath, source: Option<&Entry>, rule: &Rule) -> Skip {
    Skip {
        path: path.clone(),
        source: source.map(|e| e.source),
        reason: "excluded".into(),
        rule: Some(rule.clone()),
        cause: false,
        asked: true,
    }
}
