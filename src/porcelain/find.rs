//! `fsync find`: in which snapshots a path exists, and when it changed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::table::{Column, Table};
use crate::model::quote::quote_if_odd;
use crate::model::{Error, ErrorKind, Result};
use crate::ops::find::{Pattern, Version, find};
use crate::porcelain::history::{json, open};
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::protocol::listing::VersionRecord;
use crate::repo::resolve::absolute;
use crate::repo::{Info, Repo};

/// Time, id, event, path, directory.
const COLUMNS: [Column; 5] = [
    Column::Time,
    Column::Id,
    Column::Text,
    Column::Text,
    Column::Text,
];

/// Arguments of `fsync find`.
#[derive(Args, Debug)]
pub struct Find {
    /// End lines in NUL and print names verbatim
    #[arg(short = 'z', long = "null", conflicts_with = "json")]
    pub null: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// The directory [default: all that the repository has snapshots of]
    #[arg(short, long, value_name = "DIR", conflicts_with = "only")]
    pub dir: Option<PathBuf>,
    /// A gitignore pattern: a name (at any depth), a path from the root, or either with *, **, ? and [...]
    #[arg(value_name = "PATTERN")]
    pub pattern: OsString,
    /// The same as --dir
    #[arg(value_name = "DIR")]
    pub only: Option<PathBuf>,
}

impl Find {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When nothing matches, or part of a manifest that must be read is damaged.
    pub fn run(self, session: &Session) -> Result<u8> {
        let raw = self.pattern.as_bytes();
        let text = self.pattern.to_str().ok_or_else(|| {
            let message = "is not UTF-8; put ? for each byte that is not";
            Error::at(ErrorKind::Usage, raw, message)
        })?;
        let pattern = Pattern::new(text)?;
        let repo = open(session)?;
        let mut out = Writer::new(std::io::stdout().lock());
        let mut table = Table::new(&COLUMNS);
        let mut found = false;
        for snapshots in self.histories(&repo)? {
            for version in find(&repo, &snapshots, &pattern)? {
                found = true;
                match self.json {
                    true => out.raw(&json(&record(&version))?)?,
                    false if self.null => out.raw(&self.line(&version))?,
                    false => table.line(&mut out, &self.line(&version))?,
                }
            }
        }
        table.end(&mut out)?;
        match found {
            true => Ok(0),
            false => Err(Error::at(
                ErrorKind::NotFound,
                raw,
                "no snapshot has such a path",
            )),
        }
    }

    /// The snapshots of each directory, oldest first.
    fn histories(&self, repo: &Repo) -> Result<Vec<Vec<Info>>> {
        if let Some(dir) = self.dir.as_ref().or(self.only.as_ref()) {
            let snapshots = repo.snapshots(Some(&absolute(dir)))?;
            return match snapshots.is_empty() {
                false => Ok(vec![snapshots]),
                true => Err(Error::at(
                    ErrorKind::NotFound,
                    dir.as_os_str().as_bytes(),
                    "there is no snapshot of this directory in the repository",
                )),
            };
        }
        let mut histories: Vec<Vec<Info>> = Vec::new();
        let mut all = repo.snapshots(None)?;
        // Stable: within a directory they stay in order of time.
        all.sort_by(|a, b| a.directory.0.cmp(&b.directory.0));
        for info in all {
            match histories.last_mut() {
                Some(last) if last[0].directory == info.directory => last.push(info),
                _ => histories.push(vec![info]),
            }
        }
        Ok(histories)
    }

    /// Time, snapshot, what happened, path and directory.
    fn line(&self, version: &Version) -> Vec<u8> {
        let (time, id) = (version.time.rfc3339(), version.snapshot);
        let mut line = format!("{time}\t{id}\t{}\t", version.event.word()).into_bytes();
        let (end, between) = if self.null { (0, 0) } else { (b'\n', b'\t') };
        for (name, after) in [
            (version.path.as_bytes(), between),
            (&version.directory.0[..], end),
        ] {
            match self.null {
                true => line.extend(name),
                false => line.extend(quote_if_odd(name)),
            }
            line.push(after);
        }
        line
    }
}

fn record(version: &Version) -> VersionRecord<'_> {
    VersionRecord::new(
        (&version.directory, &version.path),
        version.event.word(),
        (version.snapshot, version.time),
        version.state.as_ref(),
        version.content,
    )
}
