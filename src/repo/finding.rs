//! What verify finds.

use crate::model::{RelPath, SnapshotId};
use crate::repo::text::PathText;

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// An archive is not what it was, or gone.
    Archive,
    /// The catalog was not what archives and log say.
    Catalog,
    /// The log is damaged.
    Log,
    /// A snapshot's parent is not there.
    Chain,
    /// A directory's BACKUP, or its head in the log, points nowhere.
    Head,
    /// A tag points nowhere.
    Tag,
    /// Something of a snapshot cannot be restored.
    Snapshot,
    /// A rehearsed restore did not give what was recorded.
    Restore,
}

impl Subject {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Subject::Archive => "archive",
            Subject::Catalog => "catalog",
            Subject::Log => "log",
            Subject::Chain => "chain",
            Subject::Head => "head",
            Subject::Tag => "tag",
            Subject::Snapshot => "snapshot",
            Subject::Restore => "restore",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What is wrong.
    pub subject: Subject,
    /// Which archive.
    pub archive: Option<SnapshotId>,
    /// Which snapshot.
    pub snapshot: Option<SnapshotId>,
    /// Which directory's history.
    pub directory: Option<PathText>,
    /// In which way.
    pub message: String,
    /// Paths that cannot be restored.
    pub lost: Vec<RelPath>,
}

impl Finding {
    /// About nothing in particular.
    pub fn new(subject: Subject, message: impl Into<String>) -> Self {
        Finding {
            subject,
            archive: None,
            snapshot: None,
            directory: None,
            message: message.into(),
            lost: Vec::new(),
        }
    }

    /// About an archive.
    pub fn archive(id: SnapshotId, message: impl Into<String>) -> Self {
        Finding {
            archive: Some(id),
            ..Finding::new(Subject::Archive, message)
        }
    }

    /// The same, about a snapshot.
    #[must_use]
    pub fn of(self, snapshot: SnapshotId, directory: &PathText) -> Self {
        Finding {
            snapshot: Some(snapshot),
            ..self.in_directory(directory)
        }
    }

    /// The same, about a directory.
    #[must_use]
    pub fn in_directory(self, directory: &PathText) -> Self {
        Finding {
            directory: Some(directory.clone()),
            ..self
        }
    }
}
