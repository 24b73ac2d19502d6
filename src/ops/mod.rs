//! x
pub mod record;
pub mod snap;
