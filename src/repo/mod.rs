//! The repository: archives, log and catalog; a snapshot read as a tree (`man/fsync-repository.5`).
//!
//! | module | job |
//! |---|---|
//! | [`store`], [`refresh`] | the folder: opening it, committing an archive, keeping the catalog up to date |
//! | [`writer`], [`header`], [`reader`], [`index`] | zip files |
//! | [`archive`], [`large`], [`deflate`], [`place`], [`pack`] | contents into an archive, and out of it |
//! | [`manifest`], [`node`], [`link`], [`chunk`], [`info`] | what a snapshot says |
//! | [`log`], [`replay`], [`catalog`], [`still`], [`stat`] | what happened, and the index of it all |
//! | [`snapshot`], [`history`], [`tag`], [`resolve`], [`fault`] | what others ask for |
//! | [`export`], [`tarball`], [`tar`] | whole zips and tar streams |
//! | [`cost`], [`graph`] | what is held, and what each snapshot alone costs |
//! | [`verify`], [`copy`] | whether all is well, and a second of all of it |
//! | [`policy`], [`order`], [`reach`], [`prune`] | which snapshots go, and what the others need |
//! | [`carry`], [`measure`], [`older`], [`retire`], [`gone`] | taking archives away without losing what is needed |
//! | [`forget`], [`reissue`] | taking a content out of all that is kept |

pub mod archive;
pub mod carry;
pub mod catalog;
pub mod chunk;
pub mod copy;
pub mod cost;
pub mod deflate;
pub mod export;
pub mod fault;
pub mod forget;
pub mod gone;
pub mod graph;
pub mod header;
pub mod history;
pub mod index;
pub mod info;
pub mod large;
pub mod link;
pub mod log;
pub mod manifest;
pub mod measure;
pub mod node;
pub mod older;
pub mod order;
pub mod pack;
pub mod place;
pub mod policy;
pub mod prune;
pub mod reach;
pub mod reader;
pub mod refresh;
pub mod reissue;
pub mod replay;
pub mod resolve;
pub mod retire;
pub mod snapshot;
pub mod stat;
pub mod still;
pub mod store;
pub mod tag;
pub mod tar;
pub mod tarball;
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
