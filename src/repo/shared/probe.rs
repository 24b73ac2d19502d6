//! Whether a store keeps its word: what was put must stay when somebody puts it again, and of many who come at once one
//! must win. Garage 2.5, for one, takes no notice of "if absent" and says nothing.

use std::io::Cursor;

use crate::model::Result;
use crate::repo::folder::fresh_id;
use crate::repo::shared::name::PROBES;
use crate::repo::shared::{Put, Store};

/// How many come at once.
const MANY: usize = 8;

/// What a store does when a name is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The first stays.
    Kept,
    /// The last stays, and nobody is told.
    Ignored,
    /// Some who came at once were all told that they were first.
    NotAtomic,
}

impl Found {
    /// What that means for whoever uses it, in words; nothing where all is well.
    pub fn words(self) -> Option<&'static str> {
        let harm = match self {
            Found::Kept => return None,
            Found::Ignored => {
                "the store replaces objects that were to be put only if absent; names are unique without \
                 that, but let one machine alone make a repository in it"
            }
            Found::NotAtomic => {
                "of several who put the same object at once the store tells more than one that it was first; names \
                 are unique without that, but let one machine alone make a repository in it"
            }
        };
        Some(harm)
    }
}

fn put(store: &dyn Store, key: &str, text: &str) -> Result<Put> {
    store.put(key, &mut Cursor::new(text), text.len() as u64)
}

/// Tries it, and cleans up.
///
/// # Errors
/// The store's.
pub fn probe(store: &dyn Store) -> Result<Found> {
    let cannot = |e| crate::model::Error::io("cannot make a name", "/dev/urandom", e);
    let (first, second) = (fresh_id().map_err(cannot)?, fresh_id().map_err(cannot)?);
    let keys = [format!("{PROBES}{first}"), format!("{PROBES}{second}")];
    let found = try_it(store, &keys);
    for key in &keys {
        store.delete(key)?;
    }
    found
}

fn try_it(store: &dyn Store, [one, many]: &[String; 2]) -> Result<Found> {
    put(store, one, "first")?;
    let again = put(store, one, "again")?;
    let stayed = store.get(one, 0, 16)?.is_some_and(|text| text == b"first");
    if again != Put::Exists || !stayed {
        return Ok(Found::Ignored);
    }
    let answers: Vec<Result<Put>> = std::thread::scope(|scope| {
        let ask = |n: usize| scope.spawn(move || put(store, many, &n.to_string()));
        let running: Vec<_> = (0..MANY).map(ask).collect();
        let joined = running.into_iter().map(|r| r.join());
        joined.map(|r| r.unwrap_or(Ok(Put::Exists))).collect()
    });
    let mut made = 0;
    for answer in answers {
        made += usize::from(answer? == Put::Made);
    }
    Ok(if made == 1 {
        Found::Kept
    } else {
        Found::NotAtomic
    })
}
