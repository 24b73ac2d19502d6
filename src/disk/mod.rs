//! disk
pub mod backup;
pub mod lock;
pub mod root;
