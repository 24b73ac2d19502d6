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
//! | [`export`], [`verify`], [`finding`] | whole zips, and whether all is well |
//! | [`holdings`], [`needs`], [`salvage`], [`mend`] | what is left after damage, and saving it |

pub mod archive;
mod audit;
pub mod catalog;
mod chain;
mod check;
pub mod chunk;
pub mod deflate;
pub mod export;
pub mod finding;
pub mod header;
pub mod history;
pub mod holdings;
pub mod index;
pub mod info;
pub mod large;
pub mod link;
mod local;
pub mod log;
pub mod lost;
pub mod manifest;
pub mod mend;
pub mod needs;
mod news;
pub mod pack;
pub mod place;
pub mod reader;
mod relog;
pub mod replay;
pub mod resolve;
pub mod salvage;
mod sample;
mod schema;
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
