//! What `log` and `show` say about snapshots.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::trust::location;
use crate::model::quote::{escape_json, quote, quote_if_hidden};
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::porcelain::session::{Session, absolute};
use crate::porcelain::summary::short;
use crate::protocol::report::{History, Step};
use crate::repo::{Info, Repo, directory_at};
use crate::tree::local::Local;

/// Opens the repository, and says what there is to say about that.
///
/// # Errors
/// When there is none.
pub fn open(session: &Session) -> Result<Repo> {
    let repo = Repo::open(location(&session.repository()?))?;
    for notice in repo.notices() {
        session.talk.note(&notice);
    }
    Ok(repo)
}

/// A record as a line.
///
/// # Errors
/// When it cannot be encoded.
pub fn json(record: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record).map_err(|e| {
        let message = format!("a record cannot be written: {e}");
        Error::new(ErrorKind::Failed, message)
    })?;
    escape_json(&mut line, 0);
    line.push(b'\n');
    Ok(line)
}

/// The history of one directory, there or gone.
pub struct Past {
    /// Where it is, absolute.
    pub path: PathBuf,
    head: Option<SnapshotId>,
    tags: HashMap<SnapshotId, Vec<String>>,
    steps: HashMap<SnapshotId, Vec<Step>>,
}

impl Past {
    /// Of the directory that a user names.
    ///
    /// # Errors
    /// When it is no directory, or its BACKUP is malformed, or the catalog cannot be read.
    pub fn new(repo: &Repo, dir: &Path, session: &Session) -> Result<Self> {
        let (path, head) = match Local::open(dir) {
            Ok(local) => {
                let head = repo.head(&local)?;
                head.notice.iter().for_each(|n| session.talk.note(n));
                (local.path().to_path_buf(), head.id)
            }
            // It is gone, or a zip file that was imported.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Usage) => {
                let path = absolute(dir.to_path_buf())?;
                let head = repo.logged_head(&directory_at(&path))?;
                (path, head)
            }
            Err(e) => return Err(e),
        };
        let mut tags: HashMap<SnapshotId, Vec<String>> = HashMap::new();
        for tag in repo.tags(Some(&directory_at(&path)))? {
            if let Some(id) = tag.id {
                tags.entry(repo.issued(id)?).or_default().push(tag.name);
            }
        }
        let mut steps: HashMap<SnapshotId, Vec<Step>> = HashMap::new();
        for (at, operation) in repo.operations(&path)?.iter().enumerate() {
            if let Some(id) = operation.begun.before {
                steps
                    .entry(repo.issued(id)?)
                    .or_default()
                    .push(Step::new(at + 1, operation));
            }
        }
        Ok(Past {
            path,
            head,
            tags,
            steps,
        })
    }

    /// One of its snapshots with all that is known around it.
    pub fn tell(&self, repo: &Repo, info: Info) -> History {
        let id = info.id;
        let archive = repo.archive_path(id);
        History {
            archive_bytes: archive.metadata().ok().map(|m| m.len()),
            head: self.head == Some(id),
            tags: self.tags.get(&id).cloned().unwrap_or_default(),
            operations: self.steps.get(&id).cloned().unwrap_or_default(),
            ..History::new(info)
        }
    }
}

/// An operation in a few words: `@{1} apply from "/src"`.
pub fn words(step: &Step) -> String {
    let mut text = format!("@{{{}}} {}", step.n, step.work.word());
    let sources: Vec<_> = step.sources.iter().map(|s| quote(&s.0)).collect();
    if !sources.is_empty() {
        text.push_str(&format!(" from {}", sources.join(", ")));
    }
    if let Some(target) = &step.target {
        text.push_str(&format!(" to {}", short(target)));
    }
    match step.outcome.as_deref() {
        Some("done") => {}
        Some(outcome) => text.push_str(&format!(" ({})", quote_if_hidden(outcome))),
        None => text.push_str(" (not finished)"),
    }
    text
}
