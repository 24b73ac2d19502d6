//! What `fsync verify --json` prints: a record for each finding, and one at the end. They are only ever written; no
//! program acts on them.

use serde::Serialize;

use crate::model::SnapshotId;
use crate::repo::PathText;
use crate::repo::finding::Finding;

/// The record `finding`: something that is wrong.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "finding")]
pub struct FindingRecord {
    /// What is wrong: `archive`, `catalog`, `log`, `chain`, `head`, `tag`, `snapshot` or `restore`.
    pub subject: &'static str,
    /// Which archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<SnapshotId>,
    /// Which snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotId>,
    /// Which directory's history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathText>,
    /// In which way.
    pub message: String,
    /// Paths that cannot be restored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<PathText>,
}

impl From<&Finding> for FindingRecord {
    fn from(finding: &Finding) -> Self {
        let text = |path: &crate::model::RelPath| PathText(path.as_bytes().to_vec());
        FindingRecord {
            subject: finding.subject.word(),
            archive: finding.archive,
            snapshot: finding.snapshot,
            directory: finding.directory.clone(),
            message: finding.message.clone(),
            lost: finding.lost.iter().map(text).collect(),
        }
    }
}

/// The record `repaired`: what `--repair` did.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "repaired")]
pub struct RepairedRecord {
    /// Archives that were moved to `damaged/`.
    pub set_aside: Vec<SnapshotId>,
    /// The pack that holds what was saved of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<SnapshotId>,
    /// Snapshots that are read from it from now on.
    pub kept: Vec<SnapshotId>,
    /// How many contents and nodes were put into it.
    pub saved: u64,
    /// How many of these were found in live directories.
    pub found_alive: u64,
    /// Where in the log lines were damaged, in bytes.
    pub log_lines: Vec<u64>,
}

/// The record `rehearsed`: a snapshot that was restored into scratch space and compared.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "rehearsed")]
pub struct RehearsedRecord {
    /// Which.
    pub snapshot: SnapshotId,
    /// The directory that it records.
    pub directory: PathText,
    /// How many entries were made.
    pub entries: u64,
    /// How many bytes its files have.
    pub content_bytes: u64,
}

/// The record `verified`: the last one.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "verified")]
pub struct VerifiedRecord {
    /// How many archives there are.
    pub archives: usize,
    /// How many snapshots.
    pub snapshots: usize,
    /// How many findings.
    pub findings: usize,
    /// How many bytes of contents and nodes were read, packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RelPath;

    #[test]
    fn says_its_type_first() {
        let finding = Finding {
            lost: vec![RelPath::root().join(b"a\xff")],
            ..Finding::archive(SnapshotId([1; 20]), "x")
        };
        let text = serde_json::to_string(&FindingRecord::from(&finding)).unwrap();
        let start = r#"{"type":"finding","subject":"archive","archive":"0101"#;
        assert!(text.starts_with(start), "{text}");
        assert!(
            text.ends_with(r#""message":"x","lost":[{"path_hex":"61ff"}]}"#),
            "{text}"
        );
    }
}
