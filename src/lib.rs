//! fsync: compare two directory trees, apply the difference, and take back whatever was done.
//!
//! The library is built in floors, and imports only go down:
//!
//! | floor | job |
//! |---|---|
//! | [`model`] | pure words: path, digest, time, entry, change, filter, exit code, error |
//! | [`tree`] | anything that lists a directory and opens a file: a local directory, an overlay of several |
//! | [`disk`] | the only code that writes into a user's tree: fd-relative, atomic |
//! | [`repo`] | archives, manifests, log and catalog; a snapshot read as a tree |
//! | [`ops`] | diff, apply, snap, revert, tag: plain values in, plain values out |
//! | [`protocol`] | the public contract: records, line form, stream reader and writer |
//! | [`cli`] | one file per plumbing program: its arguments and its run |
//! | [`porcelain`] | dispatch, pipelines and the commands that people type |

pub mod cli;
pub mod disk;
pub mod model;
pub mod ops;
pub mod porcelain;
pub mod protocol;
pub mod repo;
pub mod tree;
