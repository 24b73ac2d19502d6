//! The repository: archives, log and catalog; a snapshot read as a tree (`man/fsync-repository.5`).
//!
//! | module | job |
//! |---|---|
//! | [`store`], [`upkeep`] | the folder: opening it, committing an archive, keeping the catalog up to date |
//! | [`trust`], [`plain`] | whose it may be, and what may lie in it |
//! | [`writer`], [`header`], [`reader`], [`index`] | zip files |
//! | [`archive`], [`large`], [`deflate`], [`place`], [`pack`] | contents into an archive, and out of it |
//! | [`shared`], [`volume`] | one in a store, that many machines share; an archive's bytes, wherever they are |
//! | [`manifest`], [`node`], [`link`], [`chunk`], [`info`] | what a snapshot says |
//! | [`log`], [`replay`], [`catalog`], [`enter`], [`sum`], [`lost`], [`still`], [`stat`] | what happened, and the index of it all |
//! | [`snapshot`], [`history`], [`tag`], [`resolve`], [`peek`], [`fault`] | what others ask for |
//! | [`export`], [`tarball`], [`tar`], [`copy`] | whole zips and tar streams, and a second of all of it |
//! | [`bundle`] | a plan with the contents that it needs, in a zip of its own |
//! | [`cost`], [`graph`] | what is held, and what each snapshot alone costs |
//! | [`verify`], [`finding`] | whether all is well |
//! | [`holdings`], [`needs`], [`salvage`], [`mend`] | what is left after damage, and saving it |
//! | [`policy`], [`order`], [`reach`], [`prune`] | which snapshots go, and what the others need |
//! | [`carry`], [`measure`], [`older`], [`retire`], [`gone`] | taking archives away without losing what is needed |
//! | [`forget`], [`reissue`] | taking a content out of all that is kept |

mod ahead;
pub mod archive;
mod audit;
pub mod bundle;
pub mod carry;
pub mod catalog;
mod chain;
mod check;
pub mod chunk;
pub mod copy;
pub mod cost;
pub mod deflate;
pub mod enter;
pub mod export;
pub mod fault;
mod fetch;
pub mod finding;
mod folder;
pub mod forget;
pub mod gone;
pub mod graph;
pub mod header;
pub mod history;
pub mod holdings;
mod home;
pub mod index;
pub mod info;
pub mod large;
mod late;
pub mod leftover;
pub mod link;
mod local;
pub mod log;
pub mod lost;
pub mod manifest;
pub mod measure;
pub mod mend;
pub mod needs;
mod news;
pub mod node;
pub mod older;
pub mod order;
pub mod pack;
pub mod peek;
pub mod place;
pub mod plain;
pub mod policy;
pub mod prune;
pub mod reach;
pub mod reader;
pub mod reissue;
mod relog;
pub mod replay;
pub mod resolve;
pub mod retire;
pub mod salvage;
mod sample;
mod schema;
pub mod shared;
pub mod snapshot;
pub mod stat;
pub mod still;
pub mod store;
pub mod sum;
pub mod tag;
pub mod tar;
pub mod tarball;
pub mod text;
mod torn;
pub mod trust;
pub mod upkeep;
pub mod verify;
pub mod volume;
pub mod writer;

pub use history::{Head, Operation, directory_at, directory_of};
pub use info::{Extent, Info};
pub use log::{Begin, Finish, Source, Work};
pub use snapshot::SnapshotTree;
pub use store::Repo;
pub use tag::Tag;
pub use text::PathText;
pub use trust::Location;
