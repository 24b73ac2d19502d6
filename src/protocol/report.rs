//! What `fsync log --json` and `fsync show --json` print: a snapshot and what is known around it, one JSON
//! object a line. It is only ever written; no program acts on it.

use serde::Serialize;

use crate::model::{NodeId, Rule, SnapshotId, Time};
use crate::repo::info::Counts;
use crate::repo::log::Work;
use crate::repo::{Extent, Info, Operation, PathText};

/// The record `history`: a snapshot in its directory's history.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "history")]
pub struct History {
    /// The snapshot.
    pub id: SnapshotId,
    /// The directory that it records.
    pub directory: PathText,
    /// When the recording began.
    pub time: Time,
    /// The head of the directory when it was made.
    pub parent: Option<SnapshotId>,
    /// The tree that it records.
    pub tree: NodeId,
    /// The host that it was made on.
    pub host: String,
    /// Whether its archive holds the whole tree.
    pub extent: Extent,
    /// How many bytes its archive takes; `None` when it has none of its own.
    pub archive_bytes: Option<u64>,
    /// What the tree holds.
    pub counts: Counts,
    /// Rules that it was made with.
    pub rules: Vec<Rule>,
    /// Files that changed while they were read, again and again.
    pub unstable: Vec<PathText>,
    /// What could not be read.
    pub unreadable: Vec<PathText>,
    /// The zip file that it was imported from.
    pub imported: Option<PathText>,
    /// Whether its directory's BACKUP names it.
    pub head: bool,
    /// Tags that name it, oldest first.
    pub tags: Vec<String>,
    /// The operations that it is the state before, newest first.
    pub operations: Vec<Step>,
}

/// An operation in a history.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    /// `DIR@{n}` is the state before it.
    pub n: usize,
    /// What was done.
    pub work: Work,
    /// When it began.
    pub time: Time,
    /// `done`, or what it was; `None` when it was cut short, or still runs.
    pub outcome: Option<String>,
    /// Where the new state came from.
    pub sources: Vec<PathText>,
    /// The snapshot that the directory was made to be.
    pub target: Option<SnapshotId>,
}

impl History {
    /// A snapshot, alone.
    pub fn new(info: Info) -> Self {
        History {
            id: info.id,
            directory: info.directory,
            time: info.time,
            parent: info.parent,
            tree: info.tree,
            host: info.host,
            extent: info.extent,
            archive_bytes: None,
            counts: info.counts,
            rules: info.rules,
            unstable: info.unstable,
            unreadable: info.unreadable,
            imported: info.imported,
            head: false,
            tags: Vec::new(),
            operations: Vec::new(),
        }
    }
}

impl Step {
    /// The `n`-th last operation of its directory, from 1.
    pub fn new(n: usize, operation: &Operation) -> Self {
        let begun = &operation.begun;
        Step {
            n,
            work: begun.work,
            time: begun.time,
            outcome: operation.finished.as_ref().map(|f| f.outcome.clone()),
            sources: begun.sources.iter().map(|s| s.path.clone()).collect(),
            target: begun.target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_its_type_first() {
        let history = History {
            id: SnapshotId([1; 20]),
            directory: PathText(b"/\xff".to_vec()),
            time: Time::new(1, 2),
            parent: None,
            tree: NodeId([2; 32]),
            host: "h".into(),
            extent: Extent::Full,
            archive_bytes: None,
            counts: Counts::default(),
            rules: Vec::new(),
            unstable: Vec::new(),
            unreadable: Vec::new(),
            imported: None,
            head: true,
            tags: vec!["a".into()],
            operations: Vec::new(),
        };
        let text = serde_json::to_string(&history).unwrap();
        assert!(
            text.starts_with(r#"{"type":"history","id":"0101"#),
            "{text}"
        );
        assert!(
            text.contains(r#""directory":{"path_hex":"2fff"}"#),
            "{text}"
        );
    }
}
