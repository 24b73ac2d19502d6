//! The only code that writes into a user's tree: relative to open directory handles, atomic.

pub mod backup;
pub mod lock;
pub mod mark;
pub mod root;
