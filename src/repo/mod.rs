//! The repository: archives, log and catalog; a snapshot read as a tree (`man/fsync-repository.5`).
//!
//! | module | job |
//! |---|---|
//! | [`store`] | the folder: opening it, committing an archive, keeping the catalog up to date |
//! | [`writer`], [`header`], [`reader`], [`index`] | zip files |
//! | [`archive`], [`large`], [`deflate`], [`place`], [`pack`] | contents into an archive, and out of it |
//! | [`manifest`], [`link`], [`chunk`], [`info`] | what a snapshot says |
//! | [`log`], [`replay`], [`catalog`], [`sum`], [`upkeep`], [`lost`], [`stat`] | what happened, and the index of it all |
//! | [`snapshot`], [`history`], [`tag`], [`resolve`] | what others ask for |
//! | [`export`], [`verify`] | whole zips, and whether all is well |

pub mod archive;
pub mod catalog;
pub mod chunk;
pub mod deflate;
pub mod export;
pub mod header;
pub mod history;
pub mod index;
pub mod info;
pub mod large;
pub mod link;
pub mod log;
pub mod lost;
pub mod manifest;
pub mod pack;
pub mod place;
pub mod reader;
pub mod replay;
pub mod resolve;
pub mod snapshot;
pub mod stat;
pub mod store;
pub mod sum;
pub mod tag;
pub mod text;
pub mod upkeep;
pub mod verify;
pub mod writer;

pub use history::{Head, Operation, directory_at, directory_of};
pub use info::{Extent, Info};
pub use log::{Begin, Finish, Source, Work};
pub use snapshot::SnapshotTree;
pub use store::Repo;
pub use tag::Tag;
pub use text::PathText;
