//! Repositories that several machines share, in a store.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod broken;
mod forged;
mod news;
mod record;
mod restore;
mod retire;
mod world;
