//! repo
pub mod deflate;
pub mod info;
pub mod log;
pub mod manifest;
pub mod reader;
pub mod text;
pub mod writer;
