//! `fsync show`: what is known of a snapshot.

use std::ffi::OsString;
use std::io::StdoutLock;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ChildStdout;

use clap::Args;

use crate::model::quote::{quote, quote_if_hidden};
use crate::model::{Change, Result, SnapshotId};
use crate::porcelain::history::{Past, json, words};
use crate::porcelain::named::Named;
use crate::porcelain::pipeline::Output;
use crate::porcelain::session::Session;
use crate::porcelain::summary::{Tally, each_record};
use crate::protocol::record::write_change;
use crate::protocol::report::History;
use crate::protocol::{Record, Writer, line};
use crate::repo::Extent;

/// How many changes are printed unless all are asked for.
const SOME: usize = 20;

/// Arguments of `fsync show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Print JSON; with --changes, a change record for each change too
    #[arg(long)]
    pub json: bool,
    /// Print every change since its parent
    #[arg(long)]
    pub changes: bool,
    /// Only count the changes
    #[arg(long, conflicts_with_all = ["changes", "json"])]
    pub stat: bool,
    /// The snapshot.
    #[command(flatten)]
    pub named: Named,
}

/// What a snapshot changed.
#[derive(Default)]
struct Changes {
    tally: Tally,
    /// In the form that is to be printed.
    printed: Vec<u8>,
    /// How many of them that are.
    count: usize,
}

impl Show {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn run(self, session: &Session) -> Result<u8> {
        let (repo, id) = self.named.open(session)?;
        let mut info = repo.snapshot(id)?;
        info.parent = repo.parent(&info)?;
        let directory = OsString::from_vec(info.directory.0.clone());
        let past = Past::new(&repo, Path::new(&directory), session)?;
        let archive = repo.archive_path(id);
        let history = past.tell(&repo, info);
        // Nothing here waits while the repository is open.
        drop(repo);
        let mut out = Writer::new(std::io::stdout().lock());
        let changes = match history.parent {
            Some(parent) if !self.json || self.changes => self.since(session, id, parent)?,
            _ => None,
        };
        match self.json {
            true => out.raw(&json(&history)?)?,
            false => out.raw(page(&history, &archive, changes.as_ref()).as_bytes())?,
        }
        if let Some(changes) = changes {
            self.list(&changes, &mut out)?;
        }
        out.flush().map(|()| 0)
    }

    /// What differs from its parent; `None` when that cannot be told.
    fn since(
        &self,
        session: &Session,
        id: SnapshotId,
        parent: SnapshotId,
    ) -> Result<Option<Changes>> {
        let mut stage = session.stage("fsync-diff")?;
        let name = |id| OsString::from(format!("snap:{id}"));
        stage.push(
            vec!["--json".into(), "--delete".into()],
            &[name(id), name(parent)],
        );
        let mut changes = Changes::default();
        let mut read = |stdout: ChildStdout| {
            each_record(stdout, "fsync-diff", |record| {
                if let Record::Change(change) = record {
                    self.take(&change, &mut changes);
                }
            })
        };
        let finish = session.run(vec![stage], Output::Read(&mut read))?;
        Ok(finish.culprit().is_none().then_some(changes))
    }

    fn take(&self, change: &Change, changes: &mut Changes) {
        changes.tally.add(change.status);
        if self.stat || !self.changes && changes.count >= SOME {
            return;
        }
        changes.count += 1;
        match self.json {
            // Writing to memory cannot fail.
            true => drop(write_change(change, &mut changes.printed)),
            false => line::write(change, false, &mut changes.printed),
        }
    }

    fn list(&self, changes: &Changes, out: &mut Writer<StdoutLock<'_>>) -> Result<()> {
        if self.json {
            return out.raw(&changes.printed);
        }
        if changes.count > 0 {
            out.raw(b"\n")?;
        }
        out.raw(&changes.printed)?;
        let rest = changes.tally.total() - changes.count as u64;
        match rest > 0 && !self.stat {
            true => out.raw(format!("... and {rest} more; --changes prints all\n").as_bytes()),
            false => Ok(()),
        }
    }
}

/// A line for each thing that is known, its name first.
fn page(history: &History, archive: &Path, changes: Option<&Changes>) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    let head = if history.head { " (head)" } else { "" };
    say("snapshot", &format!("{}{head}", history.id));
    say("directory", &quote(&history.directory.0));
    say("time", &history.time.rfc3339());
    if !history.host.is_empty() {
        say("host", &quote(history.host.as_bytes()));
    }
    let tags = history.tags.iter().map(|tag| quote_if_hidden(tag));
    tags.for_each(|tag| say("tag", &tag));
    if let Some(zip) = &history.imported {
        say("imported", &quote(&zip.0));
    }
    let parent = history.parent.map(|id| id.to_string());
    say("parent", parent.as_deref().unwrap_or("none"));
    if let Some(tally) = changes.map(|changes| changes.tally) {
        let none = tally.total() == 0;
        let tally = if none {
            "none".into()
        } else {
            tally.to_string()
        };
        say("changes", &format!("{tally} since its parent"));
    }
    say("holds", &holds(history));
    if let Some(bytes) = history.archive_bytes {
        say(
            "added",
            &format!("{} to the repository", count(bytes, "byte", "bytes")),
        );
    }
    say("tree", &history.tree.to_string());
    say("archive", &place(history, archive));
    for (name, value) in rest(history) {
        say(name, &value);
    }
    text
}

/// What there may be several of.
fn rest(history: &History) -> Vec<(&'static str, String)> {
    let rules = history.rules.iter();
    let unreadable = history.unreadable.iter();
    let unstable = history.unstable.iter();
    rules
        .map(|rule| ("without", quote(rule.pattern.as_bytes())))
        .chain(unreadable.map(|path| ("unreadable", quote(&path.0))))
        .chain(unstable.map(|path| ("unstable", quote(&path.0))))
        .chain(history.operations.iter().map(|s| ("before", words(s))))
        .collect()
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
    let size = history.archive_bytes.unwrap_or_default();
    let name = quote(archive.as_os_str().as_bytes());
    format!("{name} ({extent}, {})", count(size, "byte", "bytes"))
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
