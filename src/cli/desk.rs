//! Answers what the other side of a connection asks of trees that are here.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::option::Common;
use crate::cli::place::Places;
use crate::model::{Error, ErrorKind, Result};
use crate::ops::guard::absolute;
use crate::ops::serve::answer;
use crate::tree::Tree;
use crate::tree::far::ask::Request;
use crate::tree::far::link::Channel;
use crate::tree::ground;

/// A tree, or why there is none.
type Opened = Arc<Result<Box<dyn Tree>>>;

/// So many trees are kept open at once.
const OPEN: usize = 64;

/// Which trees the other side may see.
pub enum May {
    /// Whatever this user may.
    All,
    /// Those of these names, as somebody gave them here.
    Only(Vec<Vec<u8>>),
    /// Directories in this one, an absolute path without links.
    Inside(PathBuf),
}

/// Trees that were asked for, and which may be.
pub struct Desk {
    common: Common,
    may: May,
    open: Mutex<HashMap<Box<[u8]>, Opened>>,
}

impl Desk {
    /// Answers about trees that the other side may see.
    pub fn new(common: Common, may: May) -> Self {
        Desk {
            common,
            may,
            open: Mutex::default(),
        }
    }

    /// Answers a question.
    pub fn answer(&self, channel: Channel, request: Request) {
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
            if open.len() >= OPEN {
                open.clear();
            }
            open.insert(Box::from(name), tree.clone());
        }
        tree
    }

    fn find(&self, name: &[u8]) -> Result<Box<dyn Tree>> {
        let places = Places::new(&self.common)?;
        match &self.may {
            May::Only(names) if !names.iter().any(|one| one == name) => {
                let message = "the other side asks for a directory that it was not given";
                return Err(Error::at(ErrorKind::Refused, name, message));
            }
            May::Inside(top) => return Ok(Box::new(places.local(&inside(top, name)?)?)),
            May::All | May::Only(_) => {}
        }
        let place = places.find(OsStr::from_bytes(name), false)?;
        places.open(&place)
    }
}

/// The directory of that name, seen from `top`, if it lies in there.
///
/// # Errors
/// [`ErrorKind::Refused`] when it does not.
pub fn inside(top: &Path, name: &[u8]) -> Result<PathBuf> {
    let path = absolute(&top.join(OsStr::from_bytes(name)))?;
    // A name that goes up behind what is not there yet was not resolved.
    let up = path.components().any(|part| part == Component::ParentDir);
    match path.starts_with(top) && !up {
        true => Ok(path),
        false => Err(Error::at(ErrorKind::Refused, name, ground::OUTSIDE)),
    }
}
