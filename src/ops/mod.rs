//! ops

pub mod sync;
