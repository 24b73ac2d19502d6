//! Rehearses a restore: a snapshot is written into scratch space as a revert would write it, read again and compared with
//! what was recorded, and removed.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::disk::Root;
use crate::model::meter::{self, Phase};
use crate::model::{Change, Error, ErrorKind, Outcome, RelPath, Result, SnapshotId};
use crate::ops::aim::{only, whole};
use crate::ops::apply::{Job, apply, total};
use crate::ops::diff::{Item, Plan, diff};
use crate::ops::outcome::Report;
use crate::ops::revert::options;
use crate::ops::space::check_capacity;
use crate::repo::finding::{Finding, Subject};
use crate::repo::{Info, PathText, Repo};
use crate::tree::local::Local;

/// A restore that gave what was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rehearsed {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The directory that it records.
    pub directory: PathText,
    /// How many entries were made.
    pub entries: u64,
    /// How many bytes its files have.
    pub content_bytes: u64,
}

/// The newest snapshot of each directory; or, when `count` is not nought, so many of all by chance.
///
/// # Errors
/// When the catalog cannot be read.
pub fn choose(repo: &Repo, count: usize) -> Result<Vec<Info>> {
    let mut all = repo.snapshots(None)?;
    if count == 0 {
        let mut newest: HashMap<PathText, Info> = HashMap::new();
        for info in all {
            newest.insert(info.directory.clone(), info);
        }
        let mut newest: Vec<Info> = newest.into_values().collect();
        newest.sort_by(|a, b| a.directory.0.cmp(&b.directory.0));
        return Ok(newest);
    }
    let mut random =
        File::open("/dev/urandom").map_err(|e| Error::io("cannot read", "/dev/urandom", e))?;
    for at in 0..count.min(all.len()) {
        let mut bytes = [0; 8];
        random
            .read_exact(&mut bytes)
            .map_err(|e| Error::io("cannot read", "/dev/urandom", e))?;
        let other = u64::from_le_bytes(bytes) % (all.len() - at) as u64;
        all.swap(at, at + other as usize);
    }
    all.truncate(count);
    Ok(all)
}

/// Restores a snapshot below `scratch` and compares; what differs is a finding.
///
/// # Errors
/// When there is no scratch space, or too little of it.
pub fn rehearse(repo: &Repo, info: &Info, scratch: &Path) -> Result<Result<Rehearsed, Finding>> {
    let cannot = |e| Error::io("cannot restore into", scratch.as_os_str().as_bytes(), e);
    if let Err(e) = check_capacity(scratch, &info.counts) {
        return Ok(Err(differs(info, e.to_string())));
    }
    let space = tempfile::Builder::new()
        .prefix("fsync-restore-")
        .tempdir_in(scratch)
        .map_err(cannot)?;
    let path = space.path().canonicalize().map_err(cannot)?;
    let done = restore(repo, info, &path);
    let closed = open_up(&path).and_then(|()| space.close());
    let entries = match done {
        Ok(entries) => entries,
        // What the repository cannot give is a finding; that there is no room is none.
        Err(e) if e.kind() == ErrorKind::Damaged => return Ok(Err(differs(info, e.to_string()))),
        Err(e) => return Err(e),
    };
    closed.map_err(cannot)?;
    Ok(Ok(Rehearsed {
        snapshot: info.id,
        directory: info.directory.clone(),
        entries,
        content_bytes: info.counts.content_bytes,
    }))
}

fn differs(info: &Info, why: String) -> Finding {
    let message = format!("restoring it did not give what was recorded: {why}");
    Finding::new(Subject::Restore, message).of(info.id, &info.directory)
}

/// Writes the snapshot to an empty directory and compares them; how many entries were made.
fn restore(repo: &Repo, info: &Info, path: &Path) -> Result<u64> {
    let root = Root::open(path)?;
    let tree = repo.tree(info.id)?;
    let options = options(info, root.is_privileged())?.on(root.medium());
    let empty = Local::open(path)?;
    let mut plan = diff(&tree, Some(&empty), &options)?;
    whole(&plan, info.id)?;
    let missing = info.unrecorded();
    let changes: Vec<_> = plan
        .changes()
        .filter(|c| is_recorded(&c.path, &missing))
        .cloned()
        .collect();
    meter::begin(Phase::Restoring, Some(total(&changes)));
    let job = Job {
        sources: &[&tree],
        root: &root,
        policy: root.able(),
        terms: options.terms(),
        unrecorded: &[],
        dry_run: false,
        durable: false,
        stop: &AtomicBool::new(false),
    };
    let reports = apply(&job, &changes);
    made(path, &changes, &reports)?;
    // Both are read: the snapshot from its archives, the directory from where it was written.
    let restored = Local::open(path)?;
    plan = diff(&tree, Some(&restored), &options)?;
    only(&mut plan, &[]);
    plan.items.retain(|i| is_recorded(i.path(), &missing));
    match trouble(&plan) {
        Some(why) => Err(Error::new(ErrorKind::Damaged, why)),
        None => Ok(changes.len() as u64),
    }
}

/// Whether a snapshot knows more of a path than that it was there: what could not be read, or was forgotten, is no damage.
fn is_recorded(path: &RelPath, missing: &[RelPath]) -> bool {
    !missing.iter().any(|m| path.is_within(m))
}

/// Whether all was made; where not, whether it is for lack of room.
fn made(path: &Path, changes: &[Change], reports: &[Report]) -> Result<()> {
    if reports.iter().any(|r| r.outcome == Outcome::Held) {
        let message = "takes no more data; name another place with --scratch";
        return Err(Error::at(
            ErrorKind::Failed,
            path.as_os_str().as_bytes(),
            message,
        ));
    }
    let failed = changes
        .iter()
        .zip(reports)
        .find(|(_, r)| !r.outcome.is_success());
    if let Some((change, report)) = failed {
        let why = report.reason().unwrap_or_default();
        return Err(Error::at(ErrorKind::Damaged, change.path.as_bytes(), why));
    }
    Ok(())
}

/// The first thing in which the two differ. Skips are what nobody but root could have made.
fn trouble(plan: &Plan) -> Option<String> {
    plan.items.iter().find_map(|item| match item {
        Item::Change(change) => Some(format!("{} differs", change.path)),
        Item::Problem(problem) => Some(format!("{}: {}", problem.path, problem.message)),
        Item::Skip(_) => None,
    })
}

/// Lets directories be emptied that were restored without the right to.
fn open_up(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
