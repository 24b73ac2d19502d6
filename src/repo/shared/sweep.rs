//! Removing archives from the store, in two phases.
//!
//! A pack is the mark: what it says is gone counts no more for whoever has read of it. But another machine may just be
//! recording something that relies on it. So each machine says in its log when it has read of a pack ([`Line::Seen`]),
//! after making sure that all which it recorded is whole without what is gone; and what it
//! records from then on cannot need it ([`Repo::confirm`]). An archive is removed when every machine that writes has
//! said so, or is retired.
//!
//! That rests on the order of four steps. Who records: it is entered as a machine that writes, and then reads the list of
//! machines, and what that says is new, before its line is published. Who removes: the pack's line is published, the
//! new end of its log with it, and then the list of machines is read. Whichever comes second sees the other: either who
//! records reads of the pack and finds out what it misses, or who removes finds a machine that has not said that it knows,
//! and waits. For that
//!
//! - the object that enters a machine is never replaced and never deleted, so that no list is without it, however a
//!   store makes its lists while other ends come and go;
//! - an end is put behind its pieces, and the one before is deleted behind that: who sees the end can read all up to it,
//!   and who sees none of the two reads its list while the new one is put, which is before whoever put it goes on;
//! - whatever a run that was cut short has left unsaid is published before anything is removed ([`Repo::sweep_store`]).

use std::collections::{HashMap, HashSet};

use rusqlite::{Transaction, params};

use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::catalog::snapshot_id;
use crate::repo::gone;
use crate::repo::log::Line;
use crate::repo::reach::Reach;
use crate::repo::shared::list_all;
use crate::repo::shared::mirror::Shared;
use crate::repo::shared::name::{self, Word};
use crate::repo::shared::roster::{self, Entry};
use crate::repo::store::Repo;

/// What became of archives that are gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// How many were removed from the store.
    pub removed: u64,
    /// How many bytes these had.
    pub bytes: u64,
    /// How many stay until others have read of it.
    pub waiting: u64,
    /// Which machines these are.
    pub machines: Vec<String>,
}

/// A machine that writes, or wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Its name as others see it.
    pub name: String,
    /// Its whole name.
    pub whole: String,
    /// Whether it is this one.
    pub own: bool,
    /// Whether nobody waits for it any more.
    pub retired: bool,
}

/// Enters that a machine knows of a pack: the one that made it, and those that say so.
///
/// # Errors
/// SQLite's.
pub fn enter(tx: &Transaction<'_>, machine: &str, line: &Line) -> rusqlite::Result<()> {
    if let Line::Seen { pack: id } | Line::Pack { id, .. } = line {
        tx.prepare_cached("INSERT OR IGNORE INTO seen (pack, machine) VALUES (?1, ?2)")?
            .execute(params![id.as_bytes(), machine])?;
    }
    Ok(())
}

impl Repo {
    /// Says that this machine has read of the packs of others, if all that it recorded is whole without what these say is
    /// gone.
    ///
    /// # Errors
    /// When the catalog cannot be read; [`ErrorKind::Refused`] when this machine is retired.
    pub(crate) fn acknowledge(&self) -> Result<()> {
        let own = self.shared().and_then(Shared::machine);
        let Some(own) = own else {
            return Ok(());
        };
        let unseen: Vec<SnapshotId> = self.ask(|c| {
            let sql =
                "SELECT id FROM packs WHERE id NOT IN (SELECT pack FROM seen WHERE machine = ?1)";
            c.db.prepare_cached(sql)?
                .query_map([own], |row| row.get(0).map(snapshot_id))?
                .collect()
        })?;
        if unseen.is_empty() {
            return Ok(());
        }
        let mut reach = Reach::default();
        for info in self.snapshots(None)? {
            let theirs = info.directory.0.starts_with(b"//");
            if !theirs && let Err(e) = reach.add(self, &info) {
                let message = format!(
                    "snapshot {} needs what another machine has pruned ({e}); it stays in the store until \
                     this snapshot is forgotten",
                    info.id
                );
                self.notice(message);
                return Ok(());
            }
        }
        let lines: Vec<Line> = unseen.into_iter().map(|pack| Line::Seen { pack }).collect();
        self.append(&lines).map(|_| ())
    }

    /// Refuses when nobody waits for this machine any more, as the store said when it was asked last.
    pub(super) fn not_retired(&self) -> Result<()> {
        let Some(shared) = self.shared().filter(|shared| shared.own().retired) else {
            return Ok(());
        };
        let message = format!(
            "this machine ({}) is retired there, so that what it needs may be gone; \
             remove {}, and it gets another name",
            shared.reader(),
            crate::model::quote::quote(self.path().as_os_str().as_encoded_bytes())
        );
        Err(Error::at(
            ErrorKind::Refused,
            shared.remote.url.as_bytes(),
            message,
        ))
    }

    /// The machines that write to the store, sorted; none when the repository is in a folder.
    ///
    /// # Errors
    /// The store's.
    pub fn machines(&self) -> Result<Vec<Machine>> {
        let Some(shared) = self.shared() else {
            return Ok(Vec::new());
        };
        let own = shared.machine();
        let machine = |(whole, entry): (String, Entry)| Machine {
            name: name::short(&whole).into(),
            own: Some(&*whole) == own,
            retired: entry.retired,
            whole,
        };
        let roster = roster::read(&*shared.remote.store()?, "")?;
        let mut machines: Vec<Machine> = roster.into_iter().map(machine).collect();
        machines.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(machines)
    }

    /// From now on nobody waits for the machine called `name`. What it recorded stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, [`ErrorKind::Refused`] for this one.
    pub fn retire_machine(&self, wanted: &str) -> Result<()> {
        let machines = self.machines()?;
        let found = machines
            .iter()
            .find(|m| m.name == wanted || m.whole == wanted);
        let Some(machine) = found else {
            let message =
                "no machine of that name writes to this repository; fsync repo machines lists them";
            return Err(Error::at(ErrorKind::NotFound, wanted, message));
        };
        if machine.own {
            let message = "is this machine; retire it from another one";
            return Err(Error::at(ErrorKind::Refused, wanted, message));
        }
        if let Some(shared) = self.shared() {
            roster::say(&*shared.remote.store()?, &machine.whole, Word::Retired)?;
        }
        Ok(())
    }

    /// Removes from the store what is gone and nobody can need any more.
    ///
    /// # Errors
    /// The store's.
    pub fn sweep_store(&self) -> Result<Swept> {
        let mut swept = Swept::default();
        let Some(shared) = self.shared() else {
            return Ok(swept);
        };
        // A run that was cut short may have said of a pack here, and nowhere else.
        self.publish()?;
        let store = shared.remote.store()?;
        let waits = self.waits()?;
        let dead = self.ask(|c| gone::dead(&c.db))?;
        let mut machines: HashSet<&str> = HashSet::new();
        let archives = list_all(&*store, name::ARCHIVES, "")?;
        let left = self.sweep_unnamed(shared, &*store, &archives)?;
        (swept.removed, swept.bytes) = left;
        for (key, length) in archives {
            let Some(id) = name::archive_id(&key).filter(|id| dead.contains(id)) else {
                continue;
            };
            match waits.get(&id) {
                Some(who) if !who.is_empty() => {
                    swept.waiting += 1;
                    machines.extend(who.iter().map(|m| name::short(m)));
                }
                _ => {
                    store.delete(&key)?;
                    self.unlink(id)?;
                    swept.removed += 1;
                    swept.bytes += length;
                }
            }
        }
        swept.machines = machines.into_iter().map(str::to_string).collect();
        swept.machines.sort();
        Ok(swept)
    }

    /// For each archive that is gone, the machines that have not said that they know.
    fn waits(&self) -> Result<HashMap<SnapshotId, HashSet<String>>> {
        let machines = self.machines()?;
        let writing: Vec<&str> = machines
            .iter()
            .filter(|m| !m.retired)
            .map(|m| &*m.whole)
            .collect();
        let pairs = |sql: &str| -> Result<Vec<(SnapshotId, SnapshotId)>> {
            self.ask(|c| {
                c.db.prepare(sql)?
                    .query_map([], |row| {
                        Ok((snapshot_id(row.get(0)?), snapshot_id(row.get(1)?)))
                    })?
                    .collect()
            })
        };
        let seen: HashSet<(SnapshotId, String)> = self.ask(|c| {
            c.db.prepare("SELECT pack, machine FROM seen")?
                .query_map([], |row| Ok((snapshot_id(row.get(0)?), row.get(1)?)))?
                .collect()
        })?;
        let mut waits: HashMap<SnapshotId, HashSet<String>> = HashMap::new();
        for table in ["gone", "replaced"] {
            let sql =
                format!("SELECT x.id, a.id FROM {table} x JOIN archives a ON a.n = x.archive");
            for (id, pack) in pairs(&sql)? {
                let waiting = waits.entry(id).or_default();
                let missing = |m: &&&str| !seen.contains(&(pack, m.to_string()));
                waiting.extend(writing.iter().filter(missing).map(|m| m.to_string()));
            }
        }
        Ok(waits)
    }
}
