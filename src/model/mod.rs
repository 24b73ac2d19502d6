//! Pure words: values without input, output or environment. Every other floor speaks in them.

pub mod change;
pub mod digest;
pub mod entry;
pub mod error;
pub mod exit;
pub mod filter;
pub mod name;
pub mod path;
pub mod quote;
pub mod time;

pub use change::{Change, Counts, Outcome, Problem, Skip, Status, Why};
pub use digest::{ContentId, NodeId, SnapshotId};
pub use entry::{Entry, Inode, Kind, LinkKey, State, Xattrs};
pub use error::{Error, ErrorKind, Result};
pub use exit::Exit;
pub use filter::{Filter, Rule};
pub use path::RelPath;
pub use time::Time;
