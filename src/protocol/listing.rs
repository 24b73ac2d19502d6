//! What `fsync ls`, `find` and `du` print with `--json`, one object a line. It is only ever written; no
//! program acts on it.

use serde::Serialize;

use crate::model::{ContentId, Entry, RelPath, SnapshotId, State, Time};
use crate::protocol::record::WireState;
use crate::repo::cost::{Cost, Share, Sum};
use crate::repo::{Info, PathText};

/// A path in a tree, as `path` or `path_hex`.
fn path(path: &RelPath) -> PathText {
    PathText(path.as_bytes().to_vec())
}

/// The record `entry`: one entry of a snapshot.
#[derive(Serialize)]
#[serde(tag = "type", rename = "entry")]
pub struct EntryRecord<'a> {
    #[serde(flatten)]
    path: PathText,
    #[serde(flatten)]
    state: WireState<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sparse: bool,
}

impl<'a> EntryRecord<'a> {
    /// The entry at a path.
    pub fn new(at: &RelPath, entry: &'a Entry) -> Self {
        EntryRecord {
            path: path(at),
            state: (&entry.state).into(),
            content: entry.content,
            sparse: entry.sparse,
        }
    }
}

/// The record `version`: what became of a path between a snapshot and the one before it.
#[derive(Serialize)]
#[serde(tag = "type", rename = "version")]
pub struct VersionRecord<'a> {
    /// The directory.
    pub directory: &'a PathText,
    #[serde(flatten)]
    path: PathText,
    /// `appeared`, `changed`, `touched` or `gone`.
    pub event: &'a str,
    /// The first snapshot that has it so.
    pub snapshot: SnapshotId,
    /// When that was recorded.
    pub time: Time,
    state: Option<WireState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentId>,
}

impl<'a> VersionRecord<'a> {
    /// A version of a path; `state` is `None` where it is gone.
    pub fn new(
        (directory, at): (&'a PathText, &RelPath),
        event: &'a str,
        (snapshot, time): (SnapshotId, Time),
        state: Option<&'a State>,
        content: Option<ContentId>,
    ) -> Self {
        VersionRecord {
            directory,
            path: path(at),
            event,
            snapshot,
            time,
            state: state.map(Into::into),
            content,
        }
    }
}

/// The record `cost`: what a repository holds, or what one of its directories or snapshots costs.
#[derive(Serialize)]
#[serde(tag = "type", rename = "cost")]
pub struct CostRecord<'a> {
    /// `repository`, `directory` or `snapshot`.
    pub of: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<SnapshotId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'a PathText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Time>,
    archives: u64,
    archive_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    alone_bytes: Option<u64>,
    #[serde(flatten)]
    whole: Option<Whole>,
}

/// What is said of the repository alone.
#[derive(Serialize)]
struct Whole {
    contents: u64,
    content_bytes: u64,
    packed_content_bytes: u64,
    nodes: u64,
    packed_node_bytes: u64,
    log_bytes: u64,
    catalog_bytes: u64,
    tree_bytes: u64,
}

impl<'a> CostRecord<'a> {
    fn new(of: &'a str, archives: Sum) -> Self {
        CostRecord {
            of,
            id: None,
            directory: None,
            time: None,
            archives: archives.count,
            archive_bytes: archives.bytes,
            alone_bytes: None,
            whole: None,
        }
    }

    /// What a repository holds.
    pub fn of_repository(cost: &Cost) -> Self {
        CostRecord {
            whole: Some(Whole {
                contents: cost.contents.count,
                content_bytes: cost.content_bytes,
                packed_content_bytes: cost.contents.bytes,
                nodes: cost.nodes.count,
                packed_node_bytes: cost.nodes.bytes,
                log_bytes: cost.log_bytes,
                catalog_bytes: cost.catalog_bytes,
                tree_bytes: cost.tree_bytes,
            }),
            ..CostRecord::new("repository", cost.archives)
        }
    }

    /// What all snapshots of a directory cost.
    pub fn of_directory(directory: &'a PathText, share: &Share) -> Self {
        CostRecord {
            directory: Some(directory),
            alone_bytes: Some(share.alone_bytes),
            ..CostRecord::new("directory", share.archives)
        }
    }

    /// What a snapshot costs.
    pub fn of_snapshot(info: &'a Info, share: &Share) -> Self {
        CostRecord {
            id: Some(info.id),
            directory: Some(&info.directory),
            time: Some(info.time),
            alone_bytes: Some(share.alone_bytes),
            ..CostRecord::new("snapshot", share.archives)
        }
    }
}
