//! repo
pub mod archive;
pub mod catalog;
pub mod deflate;
pub mod export;
pub mod history;
pub mod index;
pub mod info;
pub mod log;
pub mod manifest;
pub mod place;
pub mod reader;
pub mod resolve;
pub mod snapshot;
pub mod stat;
pub mod store;
pub mod tag;
pub mod text;
pub mod verify;
pub mod writer;

pub use history::{Head, Operation, directory_at, directory_of};
pub use info::{Extent, Info};
pub use log::{Begin, Finish, Source, Work};
pub use snapshot::SnapshotTree;
pub use store::Repo;
pub use tag::Tag;
pub use text::PathText;
