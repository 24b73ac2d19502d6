//! What `fsync prune --json` prints, one JSON object a line. It is only ever written; no program acts on it.

use serde::Serialize;

use crate::model::{SnapshotId, Time};
use crate::repo::PathText;

/// The record `verdict`: a snapshot, and what becomes of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "verdict")]
pub struct Judged {
    /// The snapshot.
    pub id: SnapshotId,
    /// The directory that it records.
    pub directory: PathText,
    /// When the recording began.
    pub time: Time,
    /// Tags that name it.
    pub tags: Vec<String>,
    /// Why it stays: `last`, `hourly`, `daily`, `weekly`, `monthly`, `yearly`, `within`, `tag`, `head`. Empty when it goes.
    pub keep: Vec<&'static str>,
}

/// The record `pruned`: what it comes to. The last one.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename = "pruned")]
pub struct Pruned {
    /// Nothing was done.
    pub dry_run: bool,
    /// How many snapshots stay, of those that the policy is about.
    pub kept: usize,
    /// How many go.
    pub dropped: usize,
    /// By how many bytes the archives are shorter; negative where they are longer.
    pub freed_bytes: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_its_type_first() {
        let pruned = Pruned {
            dry_run: true,
            kept: 1,
            dropped: 2,
            freed_bytes: -3,
        };
        assert_eq!(
            serde_json::to_string(&pruned).unwrap(),
            r#"{"type":"pruned","dry_run":true,"kept":1,"dropped":2,"freed_bytes":-3}"#
        );
    }
}
