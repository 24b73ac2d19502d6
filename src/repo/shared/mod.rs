//! A repository that many machines share, in a store: a place of named, immutable objects (`man/fsync-store.7`).
//!
//! Nothing in it is ever written twice, so there are no locks and no clocks:
//!
//! - `repository`: which one it is, put by whoever comes first;
//! - `machine/NAME.ID/0000000000000000`: who writes; the number makes every name below unique;
//! - `machine/NAME.ID/END`: how much of its log there is ([`roster`]);
//! - `machine/NAME.ID/retired`: nobody waits for it any more;
//! - `archive/ID.zip`: archives, named after their bytes;
//! - `log/NAME.ID/OFFSET`: each machine's own log, in pieces that follow each other ([`piece`]);
//! - `log/NAME.ID/OFFSET-END`: many of these, joined ([`join`]).
//!
//! A directory's history is what the log of its own machine says, so that logs need no common order; the directories of
//! others are called `//NAME/path`. Each machine has a folder of its own, which is an ordinary repository but
//! for the archives: of these it holds the ends alone, where everything is that lists and browses ([`mirror`]). What
//! is missing is read by ranges ([`window`]). The folder is a cache: a lost one is made again.

pub mod client;
pub mod join;
pub mod mirror;
pub mod name;
pub mod orphan;
pub mod piece;
pub mod pool;
pub mod probe;
pub mod pull;
pub mod push;
pub mod roster;
pub mod sweep;
pub mod tail;
pub mod tell;
pub mod window;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Result;

/// The most that is asked for at once, in bytes.
pub const MOST: u64 = 8 << 20;

/// How many names a list has, unless there are no more.
pub const PAGE: usize = 1000;

/// Whether something was put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It was.
    Made,
    /// Something of that name was there already, and stays.
    Exists,
}

/// A store of named objects. All of it may be asked by many threads at once.
pub trait Store: Send + Sync {
    /// Stores `length` bytes under `key`, whole or not at all, unless that name is taken.
    ///
    /// # Errors
    /// When the store refuses or cannot be reached; then it is unknown whether it was done.
    fn put(&self, key: &str, bytes: &mut dyn Read, length: u64) -> Result<Put>;

    /// At most [`MOST`] bytes from byte `from` on; fewer where the object ends; `None` when there is none.
    ///
    /// # Errors
    /// As [`Self::put`].
    fn get(&self, key: &str, from: u64, length: u64) -> Result<Option<Vec<u8>>>;

    /// The names that begin with `prefix` and come after `after`, in order, with lengths; fewer than
    /// [`PAGE`] only when there are no more.
    ///
    /// # Errors
    /// As [`Self::put`].
    fn list(&self, prefix: &str, after: &str) -> Result<Vec<(String, u64)>>;

    /// Removes an object, if it is there.
    ///
    /// # Errors
    /// As [`Self::put`].
    fn delete(&self, key: &str) -> Result<()>;
}

/// All names that begin with `prefix` and come after `after`.
///
/// # Errors
/// The store's.
pub fn list_all(store: &dyn Store, prefix: &str, after: &str) -> Result<Vec<(String, u64)>> {
    let mut all: Vec<(String, u64)> = Vec::new();
    loop {
        let after = all.last().map_or(after, |(key, _)| key);
        let page = store.list(prefix, after)?;
        // One that goes round in circles must not be followed for ever.
        let grows = page.first().is_some_and(|(key, _)| key.as_str() > after);
        let full = page.len() >= PAGE;
        if grows {
            all.extend(page);
        }
        if !grows || !full {
            return Ok(all);
        }
    }
}

/// Makes the connection.
pub type Connect = dyn Fn() -> Result<Arc<dyn Store>> + Send + Sync;

/// A store that is connected to when it is first needed.
#[derive(Clone)]
pub struct Remote {
    /// `SCHEME://…`.
    pub url: String,
    /// What this machine is to be called; `None`: as the system says.
    pub machine: Option<String>,
    /// Which run of fsync this program is part of: of all programs of one the first reads from the store.
    pub run: Option<String>,
    connect: Arc<Connect>,
    store: Arc<Mutex<Option<Arc<dyn Store>>>>,
}

impl Remote {
    /// The store at `url`, which `connect` reaches.
    pub fn new(url: &str, machine: Option<String>, connect: Arc<Connect>) -> Self {
        Remote {
            url: url.into(),
            machine,
            run: None,
            connect,
            store: Arc::default(),
        }
    }

    /// The store, connected.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn store(&self) -> Result<Arc<dyn Store>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        match &*store {
            Some(store) => Ok(store.clone()),
            None => Ok(store.insert((self.connect)()?).clone()),
        }
    }
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Remote {}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.url)
    }
}
