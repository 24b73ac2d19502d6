//! `fsync log`: the snapshots of a directory.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::table::{Column, Table};
use crate::model::quote::quote_if_hidden;
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::porcelain::dispatch::become_stage;
use crate::porcelain::graph::draw;
use crate::porcelain::history::{Past, json, open, words};
use crate::porcelain::session::Session;
use crate::porcelain::summary::short;
use crate::protocol::Writer;
use crate::protocol::report::History;
use crate::repo::{Info, Repo};

/// Mark, time, id, tags, operations.
const COLUMNS: [Column; 5] = [
    Column::Tag,
    Column::Time,
    Column::Id,
    Column::Tag,
    Column::Text,
];

/// Arguments of `fsync log`.
#[derive(Args, Debug)]
pub struct Log {
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// Draw the snapshots and where each comes from, with what was done after each
    ///
    /// A star is a snapshot; the line down from it leads to its parent. A revert goes on at the parent of what it brought
    /// back, so work that is done after it is a branch of its own.
    #[arg(long, conflicts_with = "json")]
    pub graph: bool,
    /// Print a graph of the snapshots and reverts in the language of Graphviz (fsync-graph)
    #[arg(long, conflicts_with_all = ["json", "graph", "html"])]
    pub dot: bool,
    /// Write a page for browsers to FILE, - is standard output: the history, sizes over time, tags and what each snapshot
    /// changed (fsync-graph) [default: none is written]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "graph"])]
    pub html: Option<PathBuf>,
    /// Only the newest N [default: all]
    #[arg(short = 'n', long = "max-count", value_name = "N")]
    pub count: Option<usize>,
    /// The directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl Log {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no repository, or no snapshot of the directory.
    pub fn run(self, session: &Session) -> Result<u8> {
        if self.dot || self.html.is_some() {
            return self.picture(session);
        }
        let repo = open(session)?;
        let past = Past::new(&repo, &self.dir, session)?;
        let snapshots = repo.snapshots(Some(&past.path))?;
        if snapshots.is_empty() {
            let message = "there is no snapshot of this directory in the repository";
            let path = self.dir.as_os_str().as_bytes();
            return Err(Error::at(ErrorKind::NotFound, path, message));
        }
        let most = self.count.unwrap_or(usize::MAX);
        let mut out = Writer::new(std::io::stdout().lock());
        if self.graph {
            let text = graph(&repo, &past, snapshots, most);
            out.raw(text.as_bytes())?;
            return out.flush().map(|()| 0);
        }
        let mut table = Table::new(&COLUMNS);
        for info in snapshots.into_iter().rev().take(most) {
            let history = past.tell(&repo, info);
            match self.json {
                true => out.raw(&json(&history)?)?,
                false => table.line(&mut out, line(&history).as_bytes())?,
            }
        }
        table.end(&mut out).map(|()| 0)
    }

    /// Becomes the program that draws.
    fn picture(&self, session: &Session) -> Result<u8> {
        let missing = |e: Error| e.as_kind(ErrorKind::Usage);
        let mut stage = session.stage("fsync-graph").map_err(missing)?;
        let mut args: Vec<OsString> = vec!["--dot".into()];
        if let Some(file) = &self.html {
            let mut html = OsString::from("--html=");
            html.push(file);
            args = vec![html];
        }
        args.extend(self.count.map(|n| format!("--max-count={n}").into()));
        stage.push(args, &[self.dir.clone().into()]);
        become_stage(session, &stage).map(|never| match never {})
    }
}

/// The history as a drawing: id, time, head and tags, and a line for each operation.
fn graph(repo: &Repo, past: &Past, snapshots: Vec<Info>, most: usize) -> String {
    let list: Vec<_> = snapshots.iter().map(|i| (i.id, i.parent, i.time)).collect();
    let known: HashSet<SnapshotId> = list.iter().map(|(id, ..)| *id).collect();
    let mut text = String::new();
    for row in draw(&list).into_iter().take(most) {
        let history = past.tell(repo, snapshots[row.at].clone());
        let head = history.head.then(|| "head".to_string());
        let names: Vec<String> = head.into_iter().chain(tags(&history)).collect();
        let names = match names.is_empty() {
            true => String::new(),
            false => format!(" ({})", names.join(", ")),
        };
        let (id, time) = (short(&history.id), history.time.rfc3339());
        text += &format!("{} {id} {time}{names}\n", row.mark);
        let mut more: Vec<String> = history.operations.iter().map(words).collect();
        if let Some(parent) = history.parent.filter(|id| !known.contains(id)) {
            let why = match repo.gone(parent) {
                Ok(Some(_)) => "gone",
                _ => "not of this directory",
            };
            more.push(format!("from {}, which is {why}", short(&parent)));
        }
        for line in more {
            text += &format!("{} {line}\n", row.more);
        }
        text.extend(row.join.map(|join| join + "\n"));
    }
    text
}

/// The tags as they may be shown.
fn tags(history: &History) -> impl Iterator<Item = String> {
    history.tags.iter().map(|tag| quote_if_hidden(tag))
}

/// Mark, time, id, tags and operations, separated by tabs.
fn line(history: &History) -> String {
    let steps: Vec<_> = history.operations.iter().map(words).collect();
    format!(
        "{}\t{}\t{}\t{}\t{}\n",
        if history.head { "*" } else { "" },
        history.time.rfc3339(),
        history.id,
        tags(history).collect::<Vec<_>>().join(", "),
        steps.join("; ")
    )
}
