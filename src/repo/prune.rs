//! Removes the snapshots that a policy does not keep.
//!
//! Besides what the rules keep, two kinds of snapshots always stay: the heads of directories (what BACKUP and
//! what the log says), and, unless told otherwise, those with a tag. A policy whose own rules keep none of a
//! directory's snapshots is refused.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::disk::backup;
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::catalog::failed;
use crate::repo::info::Info;
use crate::repo::policy::{Candidate, Policy, Reasons};
use crate::repo::retire::{Retirement, Terms};
use crate::repo::store::Repo;
use crate::repo::text::PathText;
use crate::tree::local::Local;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What to keep.
    pub policy: Policy,
    /// Only of this directory.
    pub directory: Option<PathText>,
    /// Tags do not keep snapshots by themselves.
    pub tagged: bool,
}

/// A snapshot, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The snapshot.
    pub info: Info,
    /// The tags that name it.
    pub tags: Vec<String>,
    /// Why it stays; nothing: it goes.
    pub keep: Reasons,
}

/// What a prune will do.
pub struct Prune {
    /// The snapshots that the policy is about: by directory, the newest first.
    pub verdicts: Vec<Verdict>,
    /// By how many bytes the archives get shorter.
    pub freed: i64,
    retirement: Retirement,
}

impl Repo {
    /// Finds out what a prune will do.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the directory has no snapshot, [`ErrorKind::Refused`] when the policy keeps
    /// nothing of one, [`ErrorKind::Damaged`] when a snapshot that stays misses something.
    pub fn plan_prune(&self, wish: &Wish) -> Result<Prune> {
        let verdicts = self.judge(wish)?;
        let dropped: Vec<Info> = verdicts
            .iter()
            .filter(|v| v.keep.is_empty())
            .map(|v| v.info.clone())
            .collect();
        let going: HashSet<SnapshotId> = dropped.iter().map(|i| i.id).collect();
        let mut kept = self.snapshots(None)?;
        kept.retain(|info| !going.contains(&info.id));
        let terms = Terms {
            dropped,
            kept,
            ..Terms::default()
        };
        let retirement = Retirement::plan(self, &terms)?;
        Ok(Prune {
            verdicts,
            freed: retirement.freed(self),
            retirement,
        })
    }

    /// What becomes of each snapshot.
    fn judge(&self, wish: &Wish) -> Result<Vec<Verdict>> {
        let mut tags: HashMap<SnapshotId, Vec<String>> = HashMap::new();
        for tag in self.tags(None)? {
            if let Some(id) = tag.id {
                tags.entry(self.issued(id)?).or_default().push(tag.name);
            }
        }
        let heads = self.heads()?;
        let mut verdicts = Vec::new();
        for (directory, snapshots) in self.by_directory(wish.directory.as_ref())? {
            let candidate = |info: &Info| Candidate {
                time: info.time,
                tags: tags.get(&info.id).cloned().unwrap_or_default(),
            };
            let candidates: Vec<Candidate> = snapshots.iter().map(candidate).collect();
            let reasons = wish.policy.apply(&candidates);
            if reasons.iter().all(Reasons::is_empty) {
                let message = "the policy keeps none of its snapshots; nothing was removed. \
                               Choose other directories with -d, or add a rule";
                return Err(Error::at(ErrorKind::Refused, &directory.0, message));
            }
            let all = snapshots.into_iter().zip(candidates).zip(reasons);
            verdicts.extend(all.rev().map(|((info, candidate), mut keep)| {
                if heads.contains(&info.id) {
                    keep.insert("head");
                }
                if !wish.tagged && !candidate.tags.is_empty() {
                    keep.insert("tag");
                }
                Verdict {
                    info,
                    tags: candidate.tags,
                    keep,
                }
            }));
        }
        Ok(verdicts)
    }

    /// Each directory's snapshots in their order, directories sorted.
    fn by_directory(&self, only: Option<&PathText>) -> Result<Vec<(PathText, Vec<Info>)>> {
        let mut found: Vec<(PathText, Vec<Info>)> = Vec::new();
        let mut all = self.in_order(self.snapshots(None)?)?;
        all.sort_by(|a, b| a.directory.0.cmp(&b.directory.0));
        for info in all {
            if only.is_some_and(|only| *only != info.directory) {
                continue;
            }
            match found.last_mut().filter(|(d, _)| *d == info.directory) {
                Some((_, snapshots)) => snapshots.push(info),
                None => found.push((info.directory.clone(), vec![info])),
            }
        }
        match only.filter(|_| found.is_empty()) {
            Some(only) => {
                let message = "there is no snapshot of this directory in the repository";
                Err(Error::at(ErrorKind::NotFound, &only.0, message))
            }
            None => Ok(found),
        }
    }

    /// The heads of all directories: what the log says, and what the BACKUP files that can be read say.
    fn heads(&self) -> Result<HashSet<SnapshotId>> {
        let rows: rusqlite::Result<Vec<Vec<u8>>> = self
            .catalog()
            .db
            .prepare("SELECT directory FROM heads UNION SELECT directory FROM snapshots")
            .and_then(|mut q| q.query_map([], |row| row.get(0))?.collect());
        let mut heads = HashSet::new();
        for directory in rows.map_err(failed)? {
            heads.extend(self.logged_head(&PathText(directory.clone()))?);
            let named = Local::open(Path::new(OsStr::from_bytes(&directory)))
                .and_then(|local| backup::read(local.handle()));
            if let Ok(Some(named)) = named {
                heads.extend(self.living(named)?);
            }
        }
        Ok(heads)
    }
}

impl Prune {
    /// Files of archives that an earlier run removed and could not take away: they go too.
    pub fn leftovers(&self) -> &[SnapshotId] {
        &self.retirement.leftovers
    }

    /// Does it; by how many bytes the archives are shorter. The repository must be open alone.
    ///
    /// # Errors
    /// As [`Retirement::run`].
    pub fn run(self, repo: &Repo) -> Result<i64> {
        match self.retirement.is_empty() {
            true => Ok(0),
            false => self.retirement.run(repo),
        }
    }
}
