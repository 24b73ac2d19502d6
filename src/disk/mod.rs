//! The only code that writes into a user's tree. Everything is relative to an open directory
//! handle, follows no symbolic link below the root, and appears whole or not at all.

pub mod anchor;
pub mod backup;
pub mod copy;
pub mod folder;
pub mod held;
pub mod keep;
pub mod lock;
pub mod mark;
pub mod meta;
pub mod mount;
pub mod put;
pub mod root;
pub mod temporary;

pub use folder::Folder;
pub use root::Root;
