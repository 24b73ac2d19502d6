//! Answers what the other side of a connection asks of trees that are here.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::option::Common;
use crate::cli::place::Places;
use crate::model::{Error, ErrorKind, Result};
use crate::ops::serve::answer;
use crate::tree::Tree;
use crate::tree::far::ask::Request;
use crate::tree::far::link::Channel;

/// A tree, or why there is none.
type Opened = Arc<Result<Box<dyn Tree>>>;

/// Trees that were asked for, and which may be.
pub struct Desk {
    common: Common,
    /// Only these; any without it.
    only: Option<Vec<Vec<u8>>>,
    open: Mutex<HashMap<Box<[u8]>, Opened>>,
}

impl Desk {
    /// Answers about these trees, by the names that somebody gave them here; about any tree, without such a list.
    pub fn new(common: Common, only: Option<Vec<Vec<u8>>>) -> Self {
        Desk {
            common,
            only,
            open: Mutex::default(),
        }
    }

    /// Answers a question.
    pub fn answer(&self, channel: &Channel, request: Request) {
        let tree = self.tree(&request.tree);
        // Nobody is left to be told that nobody hears it.
        let _ = answer(&tree, request.ask, channel);
    }

    fn tree(&self, name: &[u8]) -> Opened {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = open.get(name) {
            return tree.clone();
        }
        let tree = Arc::new(self.find(name));
        // What could not be opened may be there later.
        if tree.is_ok() {
            open.insert(Box::from(name), tree.clone());
        }
        tree
    }

    fn find(&self, name: &[u8]) -> Result<Box<dyn Tree>> {
        let listed = |only: &Vec<Vec<u8>>| only.iter().any(|one| one == name);
        if !self.only.as_ref().is_none_or(listed) {
            let message = "the other side asks for a directory that it was not given";
            return Err(Error::at(ErrorKind::Refused, name, message));
        }
        let places = Places::new(&self.common)?;
        let place = places.find(OsStr::from_bytes(name), false)?;
        places.open(&place)
    }
}
