//! `fsync show`: what is known of a snapshot.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;

use clap::Args;

use crate::model::quote::quote;
use crate::model::{Result, SnapshotId};
use crate::porcelain::history::{Past, open, words};
use crate::porcelain::log::json;
use crate::porcelain::pipeline::Output;
use crate::porcelain::session::Session;
use crate::porcelain::summary::Tally;
use crate::protocol::Writer;
use crate::protocol::report::History;
use crate::repo::Extent;

/// Arguments of `fsync show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The directory that @, @{N} and tags belong to
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The snapshot: an id or its beginning, a tag, DIR@{N}, DIR@{TIME}, any of them with ~N
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: OsString,
}

impl Show {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn run(self, session: &Session) -> Result<u8> {
        let repo = open(session)?;
        let id = repo.resolve(self.snapshot.as_bytes(), self.dir.as_deref())?;
        let mut info = repo.snapshot(id)?;
        info.parent = repo.parent(&info)?;
        let directory = OsString::from_vec(info.directory.0.clone());
        let past = Past::new(&repo, Path::new(&directory), session)?;
        let archive = repo.archive_path(id);
        // Nothing here waits while the repository is open.
        drop(repo);
        let history = past.tell(info);
        let mut out = Writer::new(std::io::stdout().lock());
        match self.json {
            true => out.raw(&json(&history)?)?,
            false => {
                let changes = match history.parent {
                    Some(parent) => changes(session, id, parent)?,
                    None => None,
                };
                out.raw(page(&history, &archive, changes).as_bytes())?;
            }
        }
        out.flush().map(|()| 0)
    }
}

/// What differs from its parent; `None` when that cannot be told.
fn changes(session: &Session, id: SnapshotId, parent: SnapshotId) -> Result<Option<Tally>> {
    let mut stage = session.stage("fsync-diff")?;
    let name = |id| OsString::from(format!("snap:{id}"));
    stage.push(
        vec!["--json".into(), "--delete".into()],
        &[name(id), name(parent)],
    );
    let mut tally = Tally::default();
    let mut read = |stdout: ChildStdout| tally.read(stdout);
    let finish = session.run(vec![stage], Output::Read(&mut read))?;
    Ok(finish.culprit().is_none().then_some(tally))
}

/// A line for each thing that is known, its name first.
fn page(history: &History, archive: &Path, changes: Option<Tally>) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    let head = if history.head { " (head)" } else { "" };
    say("snapshot", &format!("{}{head}", history.id));
    say("directory", &quote(&history.directory.0));
    say("time", &history.time.rfc3339());
    if !history.host.is_empty() {
        say("host", &quote(history.host.as_bytes()));
    }
    history.tags.iter().for_each(|tag| say("tag", tag));
    let parent = history.parent.map(|id| id.to_string());
    say("parent", parent.as_deref().unwrap_or("none"));
    match changes {
        Some(tally) if tally.total() == 0 => say("changes", "none since its parent"),
        Some(tally) => say("changes", &format!("{tally} since its parent")),
        None => {}
    }
    say("holds", &holds(history));
    say("tree", &history.tree.to_string());
    say("archive", &place(history, archive));
    for rule in &history.rules {
        say("without", &quote(rule.pattern.as_bytes()));
    }
    for path in &history.unreadable {
        say("unreadable", &quote(&path.0));
    }
    for path in &history.unstable {
        say("unstable", &quote(&path.0));
    }
    for step in &history.operations {
        say("before", &words(step));
    }
    text
}

fn holds(history: &History) -> String {
    let counts = &history.counts;
    let holds = [
        count(counts.files, "file", "files"),
        count(counts.directories, "directory", "directories"),
        count(counts.others, "other", "others"),
        count(counts.content_bytes, "byte", "bytes"),
    ];
    holds.join(", ")
}

fn place(history: &History, archive: &Path) -> String {
    let extent = match history.extent {
        Extent::Full => "full",
        Extent::Thin => "thin",
        Extent::Pack => "pack",
    };
    let size = archive.metadata().map(|m| m.len()).unwrap_or_default();
    let name = quote(archive.as_os_str().as_bytes());
    format!("{name} ({extent}, {})", count(size, "byte", "bytes"))
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
