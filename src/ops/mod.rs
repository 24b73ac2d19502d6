//! The operations: plain values and trees in, plain values out. No JSON, no printing, no environment.

pub mod record;
pub mod snap;
pub mod sync;
