//! A machine's own folder for a shared repository.
//!
//! It is an ordinary repository: `log.ndjson` is this machine's log, `catalog.db` the index of all. Beside these lie
//! `logs/NAME.ID.ndjson`, the logs of others as far as they were read; `ID.zip`, of which only the end is filled, and
//! `ID.tail`, which says where that begins and whose it is; `store.json`, which store this is of; `pushed`, how far the
//! own log is in the store, as others were told, and in how many pieces; `fresh`, which run has read from it last.

use std::fs::DirBuilder;
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use crate::disk::lock::{Lock, PATIENCE, lock};
use crate::model::{Error, ErrorKind, Result, Time};
use crate::repo::folder::fresh_id;
use crate::repo::info::FORMAT;
use crate::repo::leftover;
use crate::repo::log::{Line, Log};
use crate::repo::plain;
use crate::repo::shared::name::{self, REPOSITORY, Word};
use crate::repo::shared::probe::probe;
use crate::repo::shared::roster::{self, Entry, called};
use crate::repo::shared::window::Window;
use crate::repo::shared::{Remote, Store, pull};
use crate::repo::store::{LOG, TEMPORARY};

const CARD: &str = "store.json";
/// The folder for the logs of others.
pub(super) const LOGS: &str = "logs";
const PUSHED: &str = "pushed";
const FRESH: &str = "fresh";

/// What `store.json` says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Card {
    /// Where the store is.
    pub url: String,
    /// Which repository is in it.
    pub repository: String,
    /// Who writes here, as `NAME.ID`; `None` while this machine has only read.
    pub machine: Option<String>,
}

/// What the object `repository` says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Deed {
    id: String,
    format: u32,
}

/// A shared repository as this machine has it.
#[derive(Debug)]
pub struct Shared {
    /// The store.
    pub remote: Remote,
    /// Which repository is in it.
    pub repository: String,
    /// Who writes here, as `NAME.ID`; not set while this machine has only read.
    machine: OnceLock<String>,
    /// What was read of archives.
    pub window: Arc<Window>,
    folder: PathBuf,
    /// The packs that were known when it was opened: what was read of the catalog may rest on what others take away.
    pub(super) packs: Mutex<Option<u64>>,
    /// What the store said of this machine when it was asked last.
    own: Mutex<Entry>,
}

/// How much of the own log is in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pushed {
    /// To which byte.
    pub end: u64,
    /// In how many pieces; too many where that is not known.
    pub pieces: usize,
}

impl Pushed {
    pub(super) fn write(self, folder: &Path) -> Result<()> {
        let text = format!("{} {}\n", self.end, self.pieces);
        write(folder, PUSHED, text.as_bytes())
    }
}

fn raw(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

impl Shared {
    /// What is in `folder` of the store `remote`, which [`ready`] has made ready.
    ///
    /// # Errors
    /// When it is of another store.
    pub fn open(folder: &Path, remote: &Remote) -> Result<Shared> {
        let card = read_card(folder)?.ok_or_else(|| missing(&remote.url))?;
        if card.url != remote.url {
            let message = format!("is of the store {}; remove it, it is a cache", card.url);
            return Err(Error::at(ErrorKind::Refused, raw(folder), message));
        }
        Ok(Shared {
            remote: remote.clone(),
            window: Arc::new(Window::new(remote.clone(), folder.to_path_buf())),
            repository: card.repository,
            machine: card.machine.map_or_else(OnceLock::new, OnceLock::from),
            folder: folder.to_path_buf(),
            packs: Mutex::default(),
            own: Mutex::default(),
        })
    }

    /// The whole name of this machine; `None` while it only reads.
    pub fn machine(&self) -> Option<&str> {
        self.machine.get().map(String::as_str)
    }

    /// What this machine is called; nothing while it only reads.
    pub fn reader(&self) -> &str {
        self.machine().map_or("", name::short)
    }

    /// Makes this machine one that writes; whether it was none. To be called before it appends to its log.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn enroll(&self) -> Result<bool> {
        if self.machine.get().is_some() {
            return Ok(false);
        }
        ready(&self.folder, &self.remote, true)?;
        let card = read_card(&self.folder)?;
        if let Some(machine) = card.and_then(|card| card.machine) {
            self.machine.get_or_init(|| machine);
        }
        Ok(true)
    }

    /// The logs of other machines, with their whole names, in the order of these.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn logs(&self) -> Result<Vec<(String, Log)>> {
        let path = self.folder.join(LOGS);
        let cannot = |e| Error::io("cannot read", raw(&path), e);
        let mut found = Vec::new();
        for entry in path.read_dir().map_err(cannot)? {
            let file = entry.map_err(cannot)?.file_name();
            let Some(machine) = file.to_str().and_then(|f| f.strip_suffix(".ndjson")) else {
                continue;
            };
            if name::is_whole(machine) {
                found.push((machine.to_string(), self.log_of(machine)));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    pub(super) fn log_path(&self, machine: &str) -> PathBuf {
        self.folder.join(LOGS).join(format!("{machine}.ndjson"))
    }

    pub(super) fn log_of(&self, machine: &str) -> Log {
        Log::new(&self.log_path(machine))
    }

    /// Lets no other process of this machine read from the store into the folder, or write to it.
    pub(super) fn lock(&self) -> Result<Lock> {
        alone(&self.folder)
    }

    /// How much of the own log is in the store; `None` where that is not known.
    pub(super) fn pushed(&self) -> Option<Pushed> {
        let text = plain::read(&self.folder.join(PUSHED)).ok()?;
        let (end, pieces) = std::str::from_utf8(&text).ok()?.trim().split_once(' ')?;
        Some(Pushed {
            end: end.parse().ok()?,
            pieces: pieces.parse().ok()?,
        })
    }

    pub(super) fn set_pushed(&self, pushed: Pushed) -> Result<()> {
        pushed.write(&self.folder)
    }

    /// What the store said of this machine when it was asked last.
    pub(super) fn own(&self) -> Entry {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.clone()
    }

    pub(super) fn told_of_own(&self, entry: Entry) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = entry;
    }

    /// Whether a program of this run has read from the store already.
    pub(super) fn is_fresh(&self) -> bool {
        let run = self.remote.run.as_deref();
        let said = || plain::read(&self.folder.join(FRESH)).ok();
        run.is_some_and(|run| said().is_some_and(|said| said == run.as_bytes()))
    }

    pub(super) fn say_fresh(&self) -> Result<()> {
        match &self.remote.run {
            Some(run) => write(&self.folder, FRESH, run.as_bytes()),
            None => Ok(()),
        }
    }

    /// How many packs there are now; the first time it is asked, it is remembered.
    pub(super) fn packs_before(&self, now: u64) -> u64 {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        *packs.get_or_insert(now)
    }
}

/// Lets no other process of this machine in until what is returned is dropped.
fn alone(folder: &Path) -> Result<Lock> {
    let path = folder.join(LOGS);
    let cannot = |e| Error::io("cannot open", raw(&path), e);
    lock(
        &plain::folder(&path).map_err(cannot)?,
        true,
        &path,
        PATIENCE,
    )
}

fn missing(url: &str) -> Error {
    let message = "is not a repository yet; the first snapshot makes it one";
    Error::at(ErrorKind::NotFound, url, message)
}

fn read_card(folder: &Path) -> Result<Option<Card>> {
    let path = folder.join(CARD);
    let odd = |e| Error::io("cannot read", raw(&path), e);
    match plain::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| {
            let message =
                format!("is not what was written there ({e}); remove its folder, which is a cache");
            Error::at(ErrorKind::Damaged, raw(&path), message)
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(odd(e)),
    }
}

/// Writes a file whole.
pub(super) fn write(folder: &Path, name: &str, text: &[u8]) -> Result<()> {
    let path = folder.join(name);
    let cannot = |e| Error::io("cannot write", raw(&path), e);
    // Others of this process sweep there at any moment.
    let mut file = leftover::temporary(&folder.join(TEMPORARY)).map_err(cannot)?;
    file.write_all(text).map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(&path).map_err(|e| cannot(e.error))?;
    Ok(())
}

/// Makes the folder of this machine ready for a store; with `writes`, the store for this machine. What a person might want
/// to know of the store.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no repository and none is to be made; the store's.
pub fn ready(folder: &Path, remote: &Remote, writes: bool) -> Result<Option<&'static str>> {
    let enough = |card: &Card| !writes || card.machine.is_some();
    if read_card(folder)?.as_ref().is_some_and(enough) {
        return Ok(None);
    }
    let store = remote.store()?;
    let (deed, words) = deed(&*store, remote, writes)?;
    let cannot = |e| Error::io("cannot make the folder", raw(folder), e);
    for part in [TEMPORARY, LOGS] {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(folder.join(part)).map_err(cannot)?;
    }
    let _alone = alone(folder)?;
    let known = read_card(folder)?;
    if known.as_ref().is_some_and(enough) {
        return Ok(words);
    }
    let machine = match taken_over(&*store, remote, folder)? {
        Some(own) => Some(own),
        None if writes => {
            let own = register(&*store, remote)?;
            Pushed { end: 0, pieces: 0 }.write(folder)?;
            Some(own)
        }
        None => None,
    };
    let first = Line::Repository {
        id: deed.id.clone(),
        format: FORMAT,
        time: Time::now(),
    };
    Log::new(&folder.join(LOG)).begin(first)?;
    let card = Card {
        url: remote.url.clone(),
        repository: deed.id,
        machine,
    };
    let text = serde_json::to_vec(&card).unwrap_or_default();
    write(folder, CARD, &text)?;
    Ok(words)
}

/// Which repository is in a store; it is made if need be.
fn deed(store: &dyn Store, remote: &Remote, make: bool) -> Result<(Deed, Option<&'static str>)> {
    let url = remote.url.as_bytes();
    let read = || -> Result<Option<Deed>> {
        let Some(text) = store.get(REPOSITORY, 0, 4096)? else {
            return Ok(None);
        };
        let deed: Deed = serde_json::from_slice(&text).map_err(|e| {
            let message = format!("its object \"{REPOSITORY}\" is not fsync's: {e}");
            Error::at(ErrorKind::Refused, url, message)
        })?;
        if deed.format > FORMAT {
            let message = format!(
                "format {} is newer than this program's {FORMAT}; update fsync",
                deed.format
            );
            return Err(Error::at(ErrorKind::Refused, url, message));
        }
        Ok(Some(deed))
    };
    if let Some(deed) = read()? {
        return Ok((deed, None));
    }
    if !make {
        return Err(missing(&remote.url));
    }
    // Others may try it out just now, or have made the repository meanwhile.
    let there = store.list("", "")?;
    if let Some((key, _)) = there.iter().find(|(key, _)| !name::is_probe(key)) {
        if let Some(deed) = read()? {
            return Ok((deed, None));
        }
        let message = format!(
            "holds something else already ({}); give the repository a prefix of its own",
            crate::model::quote::quote(key.as_bytes())
        );
        return Err(Error::at(ErrorKind::Refused, url, message));
    }
    let words = probe(store)?.words();
    let cannot = |e| Error::io("cannot make a name", "/dev/urandom", e);
    let deed = Deed {
        id: fresh_id().map_err(cannot)?,
        format: FORMAT,
    };
    let text = serde_json::to_vec(&deed).unwrap_or_default();
    store.put(REPOSITORY, &mut Cursor::new(&text), text.len() as u64)?;
    // Somebody else may have been first.
    Ok((read()?.ok_or_else(|| missing(&remote.url))?, words))
}

/// The machine that this one shall be, if it is there and was not retired: then its log is taken over too.
fn taken_over(store: &dyn Store, remote: &Remote, folder: &Path) -> Result<Option<String>> {
    let Some(wanted) = &remote.machine else {
        return Ok(None);
    };
    let called = called(store, &name::tame(wanted))?;
    let Some((own, entry)) = called.into_iter().find(|(_, entry)| !entry.retired) else {
        return Ok(None);
    };
    pull::adopt(store, &own, entry.end(), folder)?;
    Ok(Some(own))
}

/// A name for this machine that nobody else has.
fn register(store: &dyn Store, remote: &Remote) -> Result<String> {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let base = name::tame(remote.machine.as_deref().unwrap_or(&host));
    for n in 1.. {
        let name = if n == 1 {
            base.clone()
        } else {
            format!("{base}-{n}")
        };
        if !called(store, &name)?.is_empty() {
            continue;
        }
        let cannot = |e| Error::io("cannot make a name", "/dev/urandom", e);
        let own = format!("{name}.{}", &fresh_id().map_err(cannot)?[..16]);
        roster::say(store, &own, Word::End(0))?;
        // Of those who came at once the first by name stays.
        if called(store, &name)?.keys().next() == Some(&own) {
            return Ok(own);
        }
        store.delete(&name::word(&own, Word::End(0)))?;
    }
    unreachable!("there is always another number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sweeps_what_is_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join(TEMPORARY);
        std::fs::create_dir(&temporary).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    plain::sweep(&temporary);
                }
            });
            let written = (0..2000).try_for_each(|n| write(folder.path(), &format!("f{n}"), b"x"));
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            written.unwrap();
        });
    }
}
