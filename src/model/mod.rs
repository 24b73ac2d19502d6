//! Pure words: values without input, output or environment. Every other floor speaks in them.

pub mod address;
pub mod change;
pub mod clock;
pub mod digest;
pub mod entry;
pub mod error;
pub mod exit;
pub mod filter;
pub mod listed;
pub mod medium;
pub mod meter;
pub mod name;
pub mod near;
pub mod path;
pub mod quote;
pub mod time;

pub use address::Address;
pub use change::{Change, Counts, Outcome, Problem, Skip, Status, Why};
pub use clock::{Clock, Times};
pub use digest::{ContentId, NodeId, SnapshotId};
pub use entry::{Entry, Inode, Kind, LinkKey, State, Xattrs, is_access};
pub use error::{Error, ErrorKind, Result};
pub use exit::Exit;
pub use filter::{Filter, Rule, SourceRule};
pub use listed::{Listed, Scope};
pub use medium::Medium;
pub use path::RelPath;
pub use time::Time;
