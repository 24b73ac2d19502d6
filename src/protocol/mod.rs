//! The public contract between programs: NDJSON records and the line form (`man/fsync-records.5`).

pub mod gather;
pub mod line;
pub mod listing;
pub mod progress;
pub mod prune;
pub mod record;
pub mod report;
pub mod stream;
pub mod verdict;

pub use crate::model::Outcome;
pub use record::{End, Header, Options, Record, ResultRecord, Root, SnapshotRecord};
pub use stream::{Input, Writer};
