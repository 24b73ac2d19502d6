//! disk
pub mod backup;
pub mod lock;
