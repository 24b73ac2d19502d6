//! Repairs a repository: what damaged archives still hold whole, what other archives hold and what is still in
//! the recorded directories heals the damage. It goes into a pack, which speaks for the snapshots whose own archives
//! are damaged, so that they keep their ids.
//!
//! The pack is durable before a damaged archive is moved aside, and the catalog follows from both: a run that is cut short
//! loses nothing, and the next one goes on.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::disk::backup;
use crate::model::{
    ContentId, Error, ErrorKind, Kind, RelPath, Result, Rule, SnapshotId, State, Time,
};
use crate::ops::read::cut;
use crate::ops::snap::{SnapOptions, walk};
use crate::repo::archive::Archive;
use crate::repo::holdings::Holdings;
use crate::repo::index::What;
use crate::repo::mend::{Damage, save, take_apart, unpack};
use crate::repo::needs::{Need, Needs};
use crate::repo::pack::Pack;
use crate::repo::{Info, PathText, Repo};
use crate::tree::local::Local;

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Repaired {
    /// Archives that were moved aside.
    pub set_aside: Vec<SnapshotId>,
    /// The pack that holds what was saved.
    pub pack: Option<SnapshotId>,
    /// Snapshots that it speaks for.
    pub kept: Vec<SnapshotId>,
    /// How many contents and nodes it holds.
    pub saved: u64,
    /// How many of them are from live directories.
    pub found_alive: u64,
    /// Where in the log lines were damaged, in bytes.
    pub log_lines: Vec<u64>,
}

/// Repairs a repository that nobody else uses.
///
/// # Errors
/// When it cannot be written; [`ErrorKind::Refused`] when a later program wrote some of it.
pub fn repair(repo: &Repo) -> Result<Repaired> {
    repo.not_shared("repaired")?;
    let log_lines = repo.mend_lines()?;
    let Damage {
        archives,
        salvaged,
        lost,
        gone,
        replaced,
    } = repo.survey()?;
    let mut holdings = Holdings::new(repo, HashSet::new(), HashSet::new());
    salvaged.into_iter().for_each(|s| holdings.add(s));
    let mut all = repo.snapshots(None)?;
    all.extend(lost.iter().cloned());
    let dead = saved(&holdings, &all);
    look_alive(repo, &mut holdings, &all)?;
    let needs = saved(&holdings, &all);
    let kept: Vec<Info> = lost
        .into_iter()
        .filter(|info| holdings.size(&info.tree.0).is_some())
        .collect();
    let mut done = Repaired {
        kept: kept.iter().map(|info| info.id).collect(),
        saved: needs.len() as u64,
        found_alive: (needs.len() - dead.len().min(needs.len())) as u64,
        log_lines,
        ..Repaired::default()
    };
    let time = Time::now();
    done.pack = write(
        repo,
        &holdings,
        &needs,
        Pack {
            time,
            kept,
            gone,
            replaced,
        },
    )?;
    repo.set_aside(&archives)?;
    done.set_aside = archives;
    repo.refresh_catalog()?;
    // What was said of damaged archives and of the catalog meanwhile is what was repaired.
    drop(repo.notices());
    Ok(done)
}

/// Writes what was saved; the pack's id, if there is anything to write.
fn write(
    repo: &Repo,
    holdings: &Holdings<'_>,
    needs: &[Need],
    what: Pack,
) -> Result<Option<SnapshotId>> {
    let pack = repo.new_pack();
    for need in needs {
        if let Some(id) = save(&pack, holdings, need)? {
            large(repo, &pack, holdings, id)?;
        }
    }
    let says_nothing = what.kept.is_empty() && what.gone.is_empty() && what.replaced.is_empty();
    if pack.is_empty() && says_nothing {
        return Ok(None);
    }
    Ok(Some(pack.commit(&What::Pack(what))?.id))
}

/// What snapshots need that is in no whole archive, and could be saved.
fn saved(holdings: &Holdings<'_>, all: &[Info]) -> Vec<Need> {
    let mut needs = Needs::new(holdings);
    let mut found = Vec::new();
    for info in all {
        needs.of(info, &mut |need| {
            let safe = match &need {
                Need::Node(id) => holdings.is_safe(&id.0),
                Need::Content(id) => holdings.is_safe(&id.0),
                Need::Chunks { list, chunks, .. } => {
                    holdings.is_safe(&list.0) && chunks.iter().all(|c| holdings.is_safe(&c.id.0))
                }
            };
            if !safe {
                found.push(need);
            }
        });
    }
    found
}

/// Looks for what snapshots lack in the directories that they recorded, as long as these are there.
fn look_alive<'r>(repo: &'r Repo, holdings: &mut Holdings<'r>, all: &[Info]) -> Result<()> {
    let mut looked: HashSet<(PathText, Vec<Rule>)> = HashSet::new();
    loop {
        let next = {
            let mut needs = Needs::new(holdings);
            let lacks = |info: &&Info| !needs.of(info, &mut |_| {}).is_none();
            let lacking: Vec<&Info> = all.iter().filter(lacks).collect();
            // Their own directories first, then those of others.
            let others = all.iter().filter(|_| !lacking.is_empty());
            let mut rest = lacking.iter().copied().chain(others);
            rest.find(|info| !looked.contains(&(info.directory.clone(), info.rules.clone())))
                .cloned()
        };
        let Some(info) = next else {
            return Ok(());
        };
        looked.insert((info.directory.clone(), info.rules.clone()));
        if !is_recorded(repo, &info.directory)? {
            continue;
        }
        let scratch = repo.new_pack();
        if record(repo, &info, &scratch).is_ok()
            && let Some(found) = take_apart(&scratch)?
        {
            holdings.add(found);
        }
    }
}

/// Whether a directory was recorded here: the log says so, or its BACKUP file. An archive that somebody put there may
/// name any, the root of all among them.
fn is_recorded(repo: &Repo, directory: &PathText) -> Result<bool> {
    let path = Path::new(OsStr::from_bytes(&directory.0));
    if !path.is_absolute() || path == Path::new("/") {
        return Ok(false);
    }
    if repo.logged_head(directory)?.is_some() {
        return Ok(true);
    }
    let marked = Local::open(path).and_then(|dir| backup::read(dir.handle()));
    Ok(matches!(marked, Ok(Some(_))))
}

/// Records a directory as it is now, into an archive that is only taken apart.
fn record(repo: &Repo, info: &Info, scratch: &Archive) -> Result<()> {
    let path = Path::new(OsStr::from_bytes(&info.directory.0));
    let dir = Local::open(path)?.hide(repo.identity());
    let options = SnapOptions {
        filter: info.filter()?,
        ..SnapOptions::default()
    };
    // Nothing is remembered, so that every file is read.
    walk(repo, &dir, scratch, &options, None, false, Time::now()).map(|_| ())
}

/// Saves a large content: as the chunks that a recording would cut.
fn large(repo: &Repo, pack: &Archive, holdings: &Holdings<'_>, id: ContentId) -> Result<()> {
    let file = unpack(repo, holdings, id)?;
    let cut = cut(&file).map_err(|e| Error::io("cannot read", "a temporary file", e))?;
    let state = State {
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: cut.size,
        mtime: Time::now(),
        rdev: 0,
        target: None,
        inode: None,
    };
    // No name that zip can hold: so it is named after its id.
    let nameless = RelPath::root().join(b"\\");
    match pack.large(&nameless, &state, &file, &cut)? {
        Some(_) => Ok(()),
        None => Err(Error::new(
            ErrorKind::Failed,
            format!("{id} changed while it was saved"),
        )),
    }
}
