//! `fsync show`: what is known of a snapshot.

use std::ffi::OsString;

use clap::Args;

use crate::model::quote::quote;
use crate::model::Result;
use crate::porcelain::history::{Past, open, words};
use crate::porcelain::log::json;
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::protocol::report::History;
