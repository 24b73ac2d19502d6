//! Takes archives out of the repository without losing what is needed.
//!
//! Everything that kept snapshots need and that lies nowhere else is copied into one new pack, which also has a line
//! for each snapshot that goes. Once that pack is durable the others are dead; what follows (log, catalog, removing the
//! files) can be cut short anywhere, and the next run goes on.
//!
//! Older packs: one of which a quarter or more is not needed, or that speaks for a snapshot that goes, is replaced by
//! the new pack, and so are small ones where a new pack is written anyway. Others stay as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use crate::model::{ContentId, ErrorKind, Result, SnapshotId, Time};
use crate::repo::archive::{Archive, Purpose};
use crate::repo::carry::{Carry, examine};
use crate::repo::catalog::{NewPlace, Place, snapshot_id};
use crate::repo::chunk;
use crate::repo::enter::{enter, enter_places};
use crate::repo::index::{Index, Pieces, What};
use crate::repo::info::Info;
use crate::repo::log::Line;
use crate::repo::measure;
use crate::repo::older::{self, Older, length, note, placed_in, sorted};
use crate::repo::pack::{Gone, Pack};
use crate::repo::reach::{Part, Reach};
use crate::repo::stat;
use crate::repo::store::Repo;
use crate::repo::tag::tag_line;

/// What goes, and how.
#[derive(Default)]
pub struct Terms {
    /// The snapshots that go.
    pub dropped: Vec<Info>,
    /// The snapshots that stay.
    pub kept: Vec<Info>,
    /// What was made instead of some that go.
    pub instead: HashMap<SnapshotId, SnapshotId>,
    /// Packs must not hold anything that is not needed.
    pub thorough: bool,
}

/// What will be done.
pub struct Retirement {
    /// What the new pack says, and what it is about; `None`: nothing goes.
    pack: Option<(Purpose, Pack)>,
    carried: Vec<Carry>,
    /// Archives that go.
    pub out: Vec<SnapshotId>,
    /// Files that an earlier run should have removed.
    pub leftovers: Vec<SnapshotId>,
    /// The lines of the log.
    lines: Vec<Line>,
    /// Where contents lie that the catalog has in an archive that goes.
    elsewhere: HashMap<SnapshotId, Vec<NewPlace>>,
    reach: Reach,
}

impl Retirement {
    /// Finds out what must be done.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when something that a kept snapshot needs is missing or damaged.
    pub fn plan(repo: &Repo, terms: &Terms) -> Result<Self> {
        let mut reach = Reach::default();
        for info in &terms.kept {
            reach.add(repo, info).map_err(|e| refusal(info.id, e))?;
        }
        let going: HashSet<SnapshotId> = terms.dropped.iter().map(|i| i.id).collect();
        let (archives, packs) = sorted(repo)?;
        let (out, staying): (Vec<SnapshotId>, Vec<SnapshotId>) =
            archives.into_iter().partition(|id| going.contains(id));
        let mut plan = Retirement {
            pack: None,
            carried: Vec::new(),
            out,
            leftovers: leftovers(repo, terms)?,
            lines: tag_lines(repo, &going, &terms.instead)?,
            elsewhere: HashMap::new(),
            reach,
        };
        if !plan.out.is_empty() || !packs.is_empty() {
            plan.fill(repo, terms, &staying, &packs)?;
        }
        Ok(plan)
    }

    /// Finds what must be copied, and from where; `staying` are archives of snapshots.
    fn fill(
        &mut self,
        repo: &Repo,
        terms: &Terms,
        staying: &[SnapshotId],
        packs: &[SnapshotId],
    ) -> Result<()> {
        let unsure = packs.iter().chain(&self.out).copied().collect();
        let at_risk = placed_in(repo, &unsure)?;
        let mut found: HashMap<[u8; 32], Place> = HashMap::new();
        for id in staying {
            note(&mut found, &at_risk, &repo.read_index(*id)?.places);
        }
        let older = older::look(repo, packs, terms, &self.reach, &found)?;
        for pack in older.iter().filter(|p| !p.goes) {
            note(&mut found, &at_risk, &pack.index.places);
        }
        let replaced: Vec<&Older> = older.iter().filter(|p| p.goes).collect();
        self.out.extend(replaced.iter().map(|p| p.index.id));
        self.check(repo, terms, &found)?;
        if !self.out.is_empty() || !terms.dropped.is_empty() {
            self.carried = self.carry(repo, &at_risk, &found)?;
            let purpose = purpose();
            let pack = says(purpose.time, terms, &replaced);
            self.pack = Some((purpose, pack));
        }
        for (id, place) in found {
            let there = self.elsewhere.entry(place.archive).or_default();
            there.push((id, place));
        }
        Ok(())
    }

    /// Reads what shall be relied upon from now on, since its other copy goes; what was just copied was read then.
    fn check(&self, repo: &Repo, terms: &Terms, found: &HashMap<[u8; 32], Place>) -> Result<()> {
        let out: HashSet<&SnapshotId> = self.out.iter().collect();
        let copied: HashSet<&SnapshotId> = terms.instead.values().collect();
        let mut relied = Vec::new();
        for (id, place) in found.iter().filter(|(id, _)| self.reach.needs(id)) {
            if !copied.contains(&place.archive) && out.contains(&repo.place(id)?.archive) {
                relied.push((*place, ContentId(*id)));
            }
        }
        relied.sort_by_key(|(place, _)| (place.archive, place.offset));
        for (place, id) in relied {
            let path = repo.archive_path(place.archive);
            let file = repo.archive(place.archive)?;
            examine(&file, path.as_os_str().as_bytes(), &place, &id)
                .map_err(|e| refusal(place.archive, e))?;
        }
        Ok(())
    }

    /// What must be copied: needed, and nowhere else.
    fn carry(
        &self,
        repo: &Repo,
        at_risk: &HashSet<[u8; 32]>,
        found: &HashMap<[u8; 32], Place>,
    ) -> Result<Vec<Carry>> {
        let lost = |id: &[u8; 32]| at_risk.contains(id) && !found.contains_key(id);
        let mut made: HashMap<SnapshotId, Vec<Pieces>> = HashMap::new();
        let mut carried: HashMap<[u8; 32], Carry> = HashMap::new();
        let mut along: HashSet<[u8; 32]> = HashSet::new();
        for (id, part) in self.reach.parts().filter(|(id, _)| lost(id)) {
            let mut item = carry(repo, *id, part)?;
            if let Part::Content(Some(list)) = part {
                let archive = item.place.archive;
                if let std::collections::hash_map::Entry::Vacant(new) = made.entry(archive) {
                    new.insert(repo.read_index(archive)?.pieces);
                }
                let pieces = made.get(&archive).and_then(|all| {
                    let is_it = |p: &&Pieces| p.content == item.id && p.chunks == list;
                    all.iter().find(is_it)
                });
                if let Some(pieces) = pieces {
                    let text = repo.bytes(list)?;
                    let chunks = chunk::parse(&text).unwrap_or_default();
                    along.extend(chunks.iter().map(|c| c.id.0));
                    // Who reads the pieces needs the list beside them.
                    carried.insert(list.0, carry(repo, list.0, Part::List)?);
                    item.pieces = Some(pieces.clone());
                }
            }
            carried.insert(*id, item);
        }
        let mut carried: Vec<Carry> = carried
            .into_values()
            .filter(|c| c.part != Part::Chunk || !along.contains(&c.id.0))
            .collect();
        carried.sort_by_key(|c| (c.place.archive, c.place.offset, c.id));
        Ok(carried)
    }

    /// Adds lines to what is written into the log.
    pub fn log(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.pack.is_none() && self.leftovers.is_empty() && self.lines.is_empty()
    }

    /// By how many bytes the archives will be shorter in all; negative where they will be longer.
    pub fn freed(&self, repo: &Repo) -> i64 {
        let files = self.out.iter().chain(&self.leftovers);
        let all: u64 = files.map(|id| length(repo, *id)).sum();
        let pack = self.pack.as_ref();
        let added = pack.map_or(0, |(purpose, pack)| {
            measure::pack(purpose, &self.carried, pack)
        });
        all as i64 - added as i64
    }

    /// Does it; by how many bytes the archives are shorter.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when what must be copied is not what was stored: then nothing is lost. When the
    /// repository cannot be written: what is missing is done by the next run.
    pub fn run(self, repo: &Repo) -> Result<i64> {
        repo.sweep();
        repo.enroll()?;
        let mut freed = self.remove(repo, &self.leftovers)?;
        let index = match &self.pack {
            Some((purpose, pack)) => Some(self.commit(repo, purpose, pack)?),
            None => None,
        };
        if !self.lines.is_empty() {
            repo.log().append(&self.lines)?;
        }
        repo.publish()?;
        self.enter(repo, index.as_ref())?;
        freed += self.remove(repo, &self.out)?;
        let added = index.map_or(0, |index| length(repo, index.id));
        Ok(freed - added as i64)
    }

    fn commit(&self, repo: &Repo, purpose: &Purpose, pack: &Pack) -> Result<Index> {
        let archive = Archive::new(repo, purpose.clone());
        for item in &self.carried {
            archive.carry(repo, item)?;
        }
        archive.commit(&What::Pack(pack.clone()))
    }

    /// The catalog: what went goes, what it held lies elsewhere.
    fn enter(&self, repo: &Repo, index: Option<&Index>) -> Result<()> {
        repo.change_catalog(|tx| {
            let numbers = numbers(tx)?;
            withdraw(tx, self.out.iter().filter_map(|id| numbers.get(id)))?;
            if let Some(index) = index {
                enter(tx, index)?;
            }
            for (archive, places) in &self.elsewhere {
                if let Some(n) = numbers.get(archive) {
                    enter_places(tx, *n, places)?;
                }
            }
            stat::retain(tx, |content| self.reach.has_content(content))
        })?;
        repo.catch_up()
    }

    fn remove(&self, repo: &Repo, ids: &[SnapshotId]) -> Result<i64> {
        let mut freed = 0;
        for id in ids {
            freed += length(repo, *id) as i64;
            repo.unlink(*id)?;
        }
        if !ids.is_empty() {
            repo.settle()?;
        }
        Ok(freed)
    }
}

/// Files of dead archives. One that was just made again, though it once went, is none of them.
fn leftovers(repo: &Repo, terms: &Terms) -> Result<Vec<SnapshotId>> {
    let mut left = repo.leftovers()?;
    left.retain(|id| !terms.instead.values().any(|new| new == id));
    Ok(left)
}

fn refusal(id: SnapshotId, e: crate::model::Error) -> crate::model::Error {
    match e.kind() {
        ErrorKind::Damaged => crate::model::Error::new(
            ErrorKind::Damaged,
            format!(
                "snapshot {id}: {e}; nothing was removed, and fsync verify says what is damaged"
            ),
        ),
        _ => e,
    }
}

fn carry(repo: &Repo, id: [u8; 32], part: Part) -> Result<Carry> {
    Ok(Carry {
        id: ContentId(id),
        part,
        place: repo.place(&id)?,
        pieces: None,
    })
}

fn purpose() -> Purpose {
    // Whole seconds, so that a rehearsal finds the same length.
    let time = Time::new(Time::now().secs, 0);
    Purpose {
        full: false,
        backup: None,
        folder: ".fsync".into(),
        time,
        about: format!(
            "What snapshots still need of archives that were removed at {}, kept by fsync {}.",
            time.rfc3339(),
            env!("CARGO_PKG_VERSION")
        ),
    }
}

/// What the new pack says.
fn says(time: Time, terms: &Terms, replaced: &[&Older]) -> Pack {
    let going: HashSet<SnapshotId> = terms.dropped.iter().map(|i| i.id).collect();
    let again: HashSet<&SnapshotId> = terms.instead.values().collect();
    let mut gone: BTreeMap<SnapshotId, Gone> = BTreeMap::new();
    let mut kept = Vec::new();
    for pack in replaced {
        let lines = pack.gone.iter();
        gone.extend(
            lines
                .filter(|g| !again.contains(&g.gone))
                .map(|g| (g.gone, g.clone())),
        );
        let infos = pack.index.what.snapshots().iter();
        kept.extend(infos.filter(|i| !going.contains(&i.id)).cloned());
    }
    for info in &terms.dropped {
        let line = Gone {
            gone: info.id,
            parent: info.parent,
            instead: terms.instead.get(&info.id).copied(),
            directory: info.directory.clone(),
            time: info.time,
        };
        gone.insert(info.id, line);
    }
    Pack {
        time,
        kept,
        gone: gone.into_values().collect(),
        replaced: replaced.iter().map(|p| p.index.id).collect(),
    }
}

/// Tags follow what was made instead; those of what goes are deleted, as are those that an earlier run left.
fn tag_lines(
    repo: &Repo,
    going: &HashSet<SnapshotId>,
    instead: &HashMap<SnapshotId, SnapshotId>,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for tag in repo.tags(None)? {
        let Some(id) = tag.id else { continue };
        // Of another machine's directory: that one does it.
        if tag.directory.0.starts_with(b"//") {
            continue;
        }
        let issued = repo.issued(id)?;
        let now = instead.get(&issued).copied().unwrap_or(issued);
        let gone = going.contains(&now) || (repo.gone(now)?.is_some() && repo.find(now)?.is_none());
        match gone {
            true => lines.push(tag_line(&tag.directory, &tag.name, None)),
            false if now != id => lines.push(tag_line(&tag.directory, &tag.name, Some(now))),
            false => {}
        }
    }
    Ok(lines)
}

/// Takes archives out of the catalog, by their numbers.
fn withdraw<'a>(
    tx: &rusqlite::Transaction<'_>,
    numbers: impl Iterator<Item = &'a i64>,
) -> rusqlite::Result<()> {
    // All at once: places have no index by archive.
    tx.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS going (n INTEGER PRIMARY KEY); DELETE FROM temp.going;",
    )?;
    for n in numbers {
        tx.execute("INSERT INTO temp.going (n) VALUES (?1)", [n])?;
    }
    for table in ["places", "snapshots", "gone", "replaced"] {
        let what = "archive IN (SELECT n FROM temp.going)";
        tx.execute(&format!("DELETE FROM {table} WHERE {what}"), [])?;
    }
    tx.execute(
        "DELETE FROM archives WHERE n IN (SELECT n FROM temp.going)",
        [],
    )?;
    Ok(())
}

/// The catalog's numbers of archives.
fn numbers(tx: &rusqlite::Transaction<'_>) -> rusqlite::Result<HashMap<SnapshotId, i64>> {
    let mut query = tx.prepare("SELECT id, n FROM archives")?;
    query
        .query_map([], |row| Ok((snapshot_id(row.get(0)?), row.get(1)?)))?
        .collect()
}
