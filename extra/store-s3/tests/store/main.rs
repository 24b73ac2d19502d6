//! Stores: what any of them must do (fsync-store(7)), and what the one for object storage does besides.

mod azure;
mod ceph;
mod conformance;
mod dialogue;
mod directory;
mod emulator;
mod hosts;
mod program;
mod proxy;
mod secret;
mod server;
#[path = "../../../../tests/suite/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;
mod upload;
mod whole;
mod writers;
