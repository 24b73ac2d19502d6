//! Pictures of a directory's history: snapshots one way, reverts the other.
//!
//! | module | job |
//! |---|---|
//! | [`arguments`] | the arguments, whose doc comments are the help, and the run |
//! | [`story`] | the snapshots of a directory, where each comes from, and what was taken back |
//! | [`layout`] | lanes for branches, tracks for reverts |
//! | [`changes`] | what a snapshot changed, no more of it than fits |
//! | [`dot`] | the language of Graphviz |
//! | [`data`], [`page`] | the page for browsers: what it is given, and how it is put together |
//! | [`text`] | names as they may be shown |

pub mod arguments;
pub mod changes;
pub mod data;
pub mod dot;
pub mod layout;
pub mod page;
pub mod story;
pub mod text;

pub use arguments::Args;
