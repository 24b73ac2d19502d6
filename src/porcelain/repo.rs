//! `fsync repo`: what is done to a repository as a whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rustix::io::Errno;
use serde::Serialize;

use crate::cli::trust::location;
use crate::model::quote::{quote, quote_if_odd};
use crate::model::{Error, ErrorKind, Exit, Result, SnapshotId, Time};
use crate::porcelain::history::{json, open};
use crate::porcelain::session::Session;
use crate::porcelain::signal::farewell;
use crate::protocol::Writer;
use crate::repo::copy::{Copied, copy};
use crate::repo::{PathText, Repo};

/// Arguments of `fsync repo`.
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Repository {
    /// What to do.
    #[command(subcommand)]
    pub work: Work,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Work {
    /// Make the repository, if there is none yet
    ///
    /// The first snapshot does that too. Of one in a store it is tried out whether the store keeps what was put first.
    Init,
    /// List the directories that have snapshots: of each the time and the id of the newest, and its path
    ///
    /// A directory of another machine is called //MACHINE/path, and can be named so wherever a directory can.
    List(List),
    /// List the machines that write to a repository in a store
    Machines,
    /// Wait no longer for a machine that is gone, when archives are removed from a store; what it recorded stays
    Retire(Retire),
    /// Make OTHER a second copy of the repository, or bring one up to date
    Copy(Copy),
}

/// Arguments of `fsync repo list`.
#[derive(Args, Debug)]
pub struct List {
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `fsync repo retire`.
#[derive(Args, Debug)]
pub struct Retire {
    /// Its name, as fsync repo machines prints it
    #[arg(value_name = "MACHINE")]
    pub machine: String,
}

/// Arguments of `fsync repo copy`.
#[derive(Args, Debug)]
pub struct Copy {
    /// The folder of the copy; what it lies in must exist
    #[arg(value_name = "OTHER")]
    pub other: PathBuf,
}

impl Repository {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// As the command.
    pub fn run(self, session: &Session) -> Result<u8> {
        match self.work {
            Work::Copy(copy) => copy.run(session),
            Work::Init => init(session),
            Work::List(list) => list.run(session),
            Work::Machines => machines(session),
            Work::Retire(retire) => {
                open(session)?.retire_machine(&retire.machine)?;
                Ok(Exit::Done.code())
            }
        }
    }
}

fn init(session: &Session) -> Result<u8> {
    let repo = Repo::create(location(&session.repository()?))?;
    repo.notices().iter().for_each(|n| session.talk.note(n));
    Ok(Exit::Done.code())
}

fn machines(session: &Session) -> Result<u8> {
    let repo = open(session)?;
    let mut out = Writer::new(std::io::stdout().lock());
    for machine in repo.machines()? {
        let what = match (machine.own, machine.retired) {
            (true, _) => "\tthis one",
            (_, true) => "\tretired",
            _ => "",
        };
        out.raw(format!("{}{what}\n", machine.name).as_bytes())?;
    }
    out.flush()?;
    Ok(Exit::Done.code())
}

impl List {
    fn run(self, session: &Session) -> Result<u8> {
        let repo = open(session)?;
        let mut out = Writer::new(std::io::stdout().lock());
        for directory in repo.directories()? {
            let Some(newest) = repo.newest(Some(&directory), "", 1)?.pop() else {
                continue;
            };
            match self.json {
                true => out.raw(&json(&Held {
                    record: "directory",
                    directory: newest.directory,
                    id: newest.id,
                    time: newest.time,
                })?)?,
                false => {
                    let name = quote_if_odd(&newest.directory.0);
                    let head = format!("{}\t{}\t", newest.time.rfc3339(), newest.id);
                    out.raw(&[head.as_bytes(), &name, b"\n"].concat())?;
                }
            }
        }
        out.flush()?;
        Ok(Exit::Done.code())
    }
}

/// A directory that has snapshots, and the newest.
#[derive(Serialize)]
struct Held {
    #[serde(rename = "type")]
    record: &'static str,
    directory: PathText,
    id: SnapshotId,
    time: Time,
}

impl Copy {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no repository, or the copy is refused or cannot be written.
    pub fn run(self, session: &Session) -> Result<u8> {
        use std::os::unix::ffi::OsStrExt;
        let repo = open(session)?;
        let other = location(&self.other);
        let farewell = farewell(session.talk, "the copy", other.path.clone())?;
        let done = copy(&repo, &other)?;
        farewell.obey();
        for damage in &done.damaged {
            session.talk.error(&format!("{damage}; it was not copied"));
        }
        // Opening makes its catalog.
        let other = Repo::open(other)?;
        other.notices().iter().for_each(|n| session.talk.note(n));
        let name = quote(other.path().as_os_str().as_bytes());
        session.talk.note(&format!("{name}: {}", words(&done)));
        let exit = match &done.damaged[..] {
            [] => Exit::Done,
            all if all.iter().any(is_damage) => Exit::Damaged,
            _ => Exit::Failed,
        };
        Ok(exit.code())
    }
}

/// Whether an archive is damaged, gone or on a broken disk; else the system merely refused to let it be read.
fn is_damage(error: &Error) -> bool {
    let broken = [Errno::IO, Errno::NOENT].map(|e| Some(e.raw_os_error()));
    error.kind() == ErrorKind::Damaged || broken.contains(&error.errno())
}

fn words(done: &Copied) -> String {
    let count = |n: u64, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let mut text = match (done.archives, done.log) {
        (0, false) => "nothing was missing".to_string(),
        (0, true) => "the log was copied".to_string(),
        (n, log) => {
            let log = if log { " and the log" } else { "" };
            let bytes = count(done.bytes, "byte");
            let were = if n == 1 && log.is_empty() {
                "was"
            } else {
                "were"
            };
            format!("{} of {bytes}{log} {were} copied", count(n, "archive"))
        }
    };
    text.push_str(&format!("; it holds {}", count(done.held, "archive")));
    if done.gone > 0 {
        text.push_str(&format!(", {} of them gone here", done.gone));
    }
    text
}
