//! Who writes to a store, and how much: one list says it.
//!
//! A machine puts `machine/NAME.ID/0000000000000000` before all else, and that stays, so that no list is without it,
//! whatever comes and goes meanwhile. When it has put a piece of its log, it puts `machine/NAME.ID/END`, and then
//! deletes the ends that it has put before; of several the largest holds. So the ends are no more than what the
//! pieces say, and never ahead of these: a machine that stopped between the two has not told anybody yet, and tells
//! when it puts the piece again.

use std::collections::BTreeMap;
use std::io::Cursor;

use crate::model::Result;
use crate::repo::shared::name::{self, MACHINES, Word};
use crate::repo::shared::{Store, list_all};

/// What is known of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// Where its log ends, and where it ended before and others may still be told so.
    pub ends: Vec<u64>,
    /// Whether nobody waits for it any more.
    pub retired: bool,
}

impl Entry {
    /// Where its log ends in the store.
    pub fn end(&self) -> u64 {
        self.ends.iter().copied().max().unwrap_or(0)
    }
}

/// What is known of all machines whose whole names begin with `prefix`, by these names.
///
/// # Errors
/// The store's.
pub fn read(store: &dyn Store, prefix: &str) -> Result<BTreeMap<String, Entry>> {
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    for (key, _) in list_all(store, &format!("{MACHINES}{prefix}"), "")? {
        let Some((machine, word)) = name::said(&key) else {
            continue;
        };
        let entry = found.entry(machine.to_string()).or_default();
        match word {
            Word::End(end) => entry.ends.push(end),
            Word::Retired => entry.retired = true,
        }
    }
    Ok(found)
}

/// Those machines that are called `name`.
///
/// # Errors
/// The store's.
pub fn called(store: &dyn Store, name: &str) -> Result<BTreeMap<String, Entry>> {
    let mut found = read(store, &format!("{name}."))?;
    found.retain(|machine, _| name::short(machine) == name);
    Ok(found)
}

/// Says something of a machine.
///
/// # Errors
/// The store's.
pub fn say(store: &dyn Store, machine: &str, word: Word) -> Result<()> {
    let key = name::word(machine, word);
    store.put(&key, &mut Cursor::new(b"\n"), 1).map(|_| ())
}
