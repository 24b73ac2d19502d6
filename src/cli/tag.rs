//! `fsync-tag`: lists, sets, moves and deletes tags.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::cli::option::Common;
use crate::cli::start::Program;
use crate::cli::table::{Column, Table};
use crate::cli::trust::location;
use crate::model::quote::{escape_json, quote, quote_if_hidden, quote_if_odd};
use crate::model::{Error, ErrorKind, Exit, SnapshotId, Time};
use crate::protocol::Writer;
use crate::repo::resolve::absolute;
use crate::repo::tag::no_such;
use crate::repo::{PathText, Repo, Tag, directory_at};

/// List, create, move and delete tags
///
/// Prints TIME, TAG and ID of a directory's tags, separated by tabs; without a directory, those of all
/// directories, each with its DIRECTORY at the end.
#[derive(Parser, Debug)]
#[command(name = "fsync-tag", version, args_conflicts_with_subcommands = true)]
pub struct TagProgram {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    action: Option<Action>,
    /// The directory whose tags to list [default: all]
    dir: Option<PathBuf>,
    /// Print records (NDJSON)
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Tag a snapshot; refused when the directory has that tag
    Create {
        /// The tag
        tag: String,
        /// The snapshot [default: the directory's head]
        snapshot: Option<OsString>,
        /// The directory that the tag belongs to [default: the snapshot's]
        #[arg(short, long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Move a tag that is there; its earlier positions stay in its history
    Move {
        /// The tag
        tag: String,
        /// The snapshot [default: the directory's head]
        snapshot: Option<OsString>,
        /// The directory that the tag belongs to [default: the snapshot's]
        #[arg(short, long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Delete a tag; snapshots and the tag's history stay
    Delete {
        /// The tag
        tag: String,
        /// The directory that the tag belongs to [default: the one that has it]
        #[arg(short, long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// List where tags pointed, oldest first
    History {
        /// The tag [default: all]
        tag: Option<String>,
        /// The directory [default: all]
        #[arg(short, long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// The record `tag`.
#[derive(Serialize)]
struct TagRecord<'a> {
    r#type: &'static str,
    time: Time,
    tag: &'a str,
    /// Absent: deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<SnapshotId>,
    directory: &'a PathText,
}

impl Program for TagProgram {
    const NAME: &'static str = "fsync-tag";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Exit> {
        self.common.enter()?;
        let repo = Repo::open(location(&self.common.repository()?))?;
        let talk = || repo.notices().iter().for_each(|n| self.talk().note(n));
        talk();
        match &self.action {
            None => {
                let directory = self.dir.as_deref().map(|d| directory_at(&absolute(d)));
                let tags = repo.tags(directory.as_ref())?;
                if let (Some(dir), true) = (&self.dir, tags.is_empty()) {
                    known(&repo, dir)?;
                }
                self.print(&tags, directory.is_none())?;
            }
            Some(Action::Create { tag, snapshot, dir }) => {
                self.set(&repo, tag, snapshot.as_ref(), dir.as_deref(), false)?;
            }
            Some(Action::Move { tag, snapshot, dir }) => {
                self.set(&repo, tag, snapshot.as_ref(), dir.as_deref(), true)?;
            }
            Some(Action::Delete { tag, dir }) => {
                let directory = owner(&repo, tag, dir.as_deref())?;
                repo.delete_tag(&directory, tag)?;
            }
            Some(Action::History { tag, dir }) => {
                let directory = dir.as_deref().map(|d| directory_at(&absolute(d)));
                let all = repo.tag_history(directory.as_ref(), tag.as_deref())?;
                if let (Some(tag), true) = (tag, all.is_empty()) {
                    return Err(Error::at(ErrorKind::NotFound, tag, "was never a tag").into());
                }
                self.print(&all, directory.is_none())?;
            }
        }
        talk();
        Ok(Exit::Done)
    }
}

impl TagProgram {
    fn set(
        &self,
        repo: &Repo,
        tag: &str,
        snapshot: Option<&OsString>,
        dir: Option<&Path>,
        moves: bool,
    ) -> Result<()> {
        crate::repo::tag::check(tag)?;
        let here = PathBuf::from(".");
        let spec = snapshot.map_or(&b"@"[..], |s| s.as_bytes());
        let id = repo.resolve(spec, Some(dir.unwrap_or(&here)))?;
        let directory = match dir {
            Some(dir) => directory_at(&absolute(dir)),
            None => repo.snapshot(id)?.directory,
        };
        let there = repo
            .tags(Some(&directory))?
            .into_iter()
            .find(|t| t.name == tag);
        match (there, moves) {
            (Some(old), false) => {
                let at = old.id.map(|id| id.to_string()).unwrap_or_default();
                let message = format!(
                    "{} has that tag already, at {at}; move it with fsync-tag move",
                    quote(&directory.0)
                );
                return Err(Error::at(ErrorKind::Refused, tag, message).into());
            }
            (None, true) => {
                return Err(no_such(&directory, tag, &repo.tags(Some(&directory))?).into());
            }
            _ => {}
        }
        repo.set_tag(&directory, tag, id)?;
        self.talk()
            .detail(&format!("{} is {id}", quote(tag.as_bytes())));
        Ok(())
    }

    fn print(&self, tags: &[Tag], with_directory: bool) -> Result<()> {
        let mut out = Writer::new(io::stdout().lock());
        let mut table = Table::new(&[Column::Time, Column::Tag, Column::Id, Column::Text]);
        for tag in tags {
            let mut line = Vec::new();
            if self.json {
                serde_json::to_writer(
                    &mut line,
                    &TagRecord {
                        r#type: "tag",
                        time: tag.time,
                        tag: &tag.name,
                        snapshot: tag.id,
                        directory: &tag.directory,
                    },
                )?;
                escape_json(&mut line, 0);
            } else {
                let id = tag
                    .id
                    .map_or(Cow::Borrowed("-"), |id| id.to_string().into());
                line.extend(
                    format!(
                        "{}\t{}\t{id}",
                        tag.time.rfc3339(),
                        quote_if_hidden(&tag.name)
                    )
                    .into_bytes(),
                );
                if with_directory {
                    line.push(b'\t');
                    line.extend(quote_if_odd(&tag.directory.0));
                }
            }
            line.push(b'\n');
            match self.json {
                true => out.raw(&line)?,
                false => table.line(&mut out, &line)?,
            }
        }
        Ok(table.end(&mut out)?)
    }
}

/// Refuses a directory of which nothing was recorded: that it has no tags would say too little.
fn known(repo: &Repo, dir: &Path) -> Result<()> {
    if repo.snapshots(Some(&absolute(dir)))?.is_empty() {
        let message = "nothing was recorded of it; fsync-snap DIR does";
        return Err(Error::at(ErrorKind::NotFound, dir.as_os_str().as_bytes(), message).into());
    }
    Ok(())
}

/// The directory whose tag is meant: the one given, or the only one that has it.
fn owner(repo: &Repo, tag: &str, dir: Option<&Path>) -> Result<PathText> {
    if let Some(dir) = dir {
        return Ok(directory_at(&absolute(dir)));
    }
    let all = repo.tags(None)?;
    let found: Vec<_> = all.iter().filter(|t| t.name == tag).collect();
    let message = match &found[..] {
        [one] => return Ok(one.directory.clone()),
        [] => "is no directory's tag".to_string(),
        several => {
            let names: Vec<_> = several.iter().map(|t| quote(&t.directory.0)).collect();
            format!(
                "several directories have that tag: {}; choose with -d",
                names.join(", ")
            )
        }
    };
    Err(Error::at(ErrorKind::NotFound, tag, message).into())
}
