//! What an archive says of itself: `snapshot.json`, and the same in short as the zip comment.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::model::{
    Error, ErrorKind, Filter, Kind, NodeId, RelPath, Result, Rule, SnapshotId, Time,
};
use crate::repo::text::PathText;

/// The format's number. What it means is written down in fsync-repository(5), and pinned by `tests/sample`.
pub const FORMAT: u32 = 1;

/// Whether an archive holds its whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All contents and nodes.
    Full,
    /// Those that the repository did not have yet.
    Thin,
    /// What other archives held that are gone ([`crate::repo::pack`]).
    Pack,
}

/// How many entries a tree has, and how many bytes its files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Regular files, each name counted.
    pub files: u64,
    /// Directories, without the root.
    pub directories: u64,
    /// Symbolic links and special files.
    pub others: u64,
    /// Bytes of all files.
    pub content_bytes: u64,
}

impl Counts {
    /// Counts an entry; its size is 0 unless it is a file.
    pub fn enter(&mut self, kind: Kind, size: u64) {
        let count = match kind {
            Kind::File => &mut self.files,
            Kind::Directory => &mut self.directories,
            _ => &mut self.others,
        };
        *count = count.saturating_add(1);
        self.content_bytes = self.content_bytes.saturating_add(size);
    }

    /// All of them.
    pub fn entries(&self) -> u64 {
        let named = self.files.saturating_add(self.directories);
        named.saturating_add(self.others)
    }

    /// Both together; `None` when no number is so large.
    pub fn plus(self, other: Counts) -> Option<Counts> {
        Some(Counts {
            files: self.files.checked_add(other.files)?,
            directories: self.directories.checked_add(other.directories)?,
            others: self.others.checked_add(other.others)?,
            content_bytes: self.content_bytes.checked_add(other.content_bytes)?,
        })
    }
}

/// What is known of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Info {
    /// The format's number.
    pub format: u32,
    /// The SHA-1 of the archive, so not in it.
    #[serde(skip, default = "nobody")]
    pub id: SnapshotId,
    /// The tree that it records.
    pub tree: NodeId,
    /// The head of its directory when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SnapshotId>,
    /// What BACKUP named, when that is not in this repository: a new chain begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_parent: Option<SnapshotId>,
    /// The directory, absolute.
    pub directory: PathText,
    /// The host's name.
    #[serde(default)]
    pub host: String,
    /// When the recording began.
    pub time: Time,
    /// Whether the archive holds the whole tree.
    pub extent: Extent,
    /// The tag that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The rules that it was made with: what they exclude is not covered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What the tree holds.
    pub counts: Counts,
    /// Files that changed while they were read, again and again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unstable: Vec<PathText>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<PathText>,
    /// The name of the zip file that it was imported from; then it is nothing that the directory ever held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<PathText>,
    /// Of those, what was made unreadable later, since its content was to be forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<PathText>,
}

fn paths(texts: &[PathText]) -> Vec<RelPath> {
    let parsed = texts.iter().map(|path| RelPath::parse(&path.0));
    parsed.filter_map(Result::ok).collect()
}

fn nobody() -> SnapshotId {
    SnapshotId([0; 20])
}

/// The zip comment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Comment {
    /// The format's number.
    pub fsync: u32,
    /// The folder in the archive that holds what is not contents.
    pub folder: String,
    /// As in [`Info`]; a pack has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<NodeId>,
    /// As in [`Info`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SnapshotId>,
    /// As in [`Info`].
    pub time: Time,
    /// As in [`Info`].
    pub extent: Extent,
    /// In a store: the whole name of the machine that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

impl Info {
    /// What it leaves out.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when its rules are none: whoever wrote it may have made them up.
    pub fn filter(&self) -> Result<Filter> {
        Filter::new(self.rules.clone()).map_err(|e| {
            let message = format!("it was recorded under rules that are none: {e}");
            Error::at(ErrorKind::Damaged, self.id.to_string(), message)
        })
    }

    /// The paths of which the snapshot knows no more than that they were there.
    pub fn unrecorded(&self) -> Vec<RelPath> {
        paths(&self.unreadable)
    }

    /// Those of them whose contents were forgotten.
    pub fn forgotten(&self) -> Vec<RelPath> {
        paths(&self.forgotten)
    }

    /// Of some paths, those that were to be forgotten.
    pub fn forgotten_among(&self, paths: &[RelPath]) -> Vec<RelPath> {
        let paths: HashSet<&RelPath> = paths.iter().collect();
        let mut forgotten = self.forgotten();
        forgotten.retain(|path| paths.contains(path));
        forgotten
    }

    /// The comment of its archive.
    pub fn comment(&self, folder: &str) -> Comment {
        Comment {
            fsync: self.format,
            folder: folder.into(),
            tree: Some(self.tree),
            parent: self.parent,
            time: self.time,
            extent: self.extent,
            machine: None,
        }
    }
}
