//! The arguments of `fsync-graph`; the doc comments are its help.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueHint};
use fsync::cli::export::whole;
use fsync::cli::option::Common;
use fsync::cli::{Program, Talk, progress};
use fsync::model::meter::{self, Phase};
use fsync::model::{Error, Exit, Result};
use fsync::porcelain::arguments::Global;
use fsync::porcelain::history::open;
use fsync::porcelain::session::Session;
use fsync::protocol::Writer;
use fsync::repo::Repo;

use crate::changes::{Budget, Changes};
use crate::data::Data;
use crate::story::Story;
use crate::{dot, page};

/// How many changes of a snapshot a page holds unless told otherwise.
const SOME: usize = 200;

/// Draw the history of DIR: snapshots one way, reverts the other
///
/// Prints a graph in the language of Graphviz, or (--html) writes a page that any browser shows without a network: the
/// history, sizes over time, tags, and what each snapshot changed. DIR may be gone; its snapshots are in the repository.
#[derive(Parser, Clone, Debug)]
#[command(name = "fsync-graph", version)]
pub struct Args {
    /// Print a graph in the language of Graphviz, as without --html
    #[arg(long, conflicts_with = "html")]
    pub dot: bool,
    /// Write a page for browsers to FILE; - is standard output [default: a graph is printed]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// List at most N changes of each snapshot in the page; the rest are counted [default: 200]
    #[arg(long, value_name = "N", requires = "html")]
    pub changes: Option<usize>,
    /// Only the newest N snapshots [default: all]
    #[arg(short = 'n', long = "max-count", value_name = "N")]
    pub count: Option<usize>,
    /// The directory
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Options of every program.
    #[command(flatten)]
    pub common: Common,
}

impl Program for Args {
    const NAME: &'static str = "fsync-graph";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        let talk = self.talk();
        let mut session = Session::new(Global {
            common: self.common.clone(),
            ..Global::default()
        })?;
        session.talk = talk;
        let session = session.of(&self.dir)?;
        let repo = open(&session)?;
        let story = Story::read(&repo, &self.dir, &session, self.count.unwrap_or(usize::MAX))?;
        let Some(file) = &self.html else {
            return Ok(print(dot::draw(&story).as_bytes())?);
        };
        let (changes, exit) = self.changes(&repo, &story, talk);
        let page = page::render(&Data::new(&story, changes));
        Ok(match file.as_os_str().as_bytes() {
            b"-" => print(page.as_bytes())?,
            _ => put(file, page.as_bytes())?,
        }
        .max(exit))
    }
}

impl Args {
    /// What each snapshot changed. The newest come first, should there be more than a page can hold.
    fn changes(&self, repo: &Repo, story: &Story, talk: Talk) -> (Vec<Changes>, Exit) {
        meter::begin(Phase::Comparing, None);
        let mut budget = Budget::new(self.changes.unwrap_or(SOME));
        let mut exit = Exit::Done;
        let mut all: Vec<Changes> = story
            .nodes
            .iter()
            .rev()
            .map(|node| {
                let changes = Changes::of(repo, node, &mut budget);
                changes.unwrap_or_else(|error| {
                    talk.error(&format!("snapshot {}: {error}", node.info.id));
                    exit = Exit::Partial;
                    Changes::unknown(&error)
                })
            })
            .collect();
        all.reverse();
        progress::done();
        (all, exit)
    }
}

fn print(bytes: &[u8]) -> Result<Exit> {
    let mut out = Writer::new(std::io::stdout().lock());
    out.raw(bytes)?;
    out.flush()?;
    Ok(Exit::Done)
}

fn put(file: &Path, bytes: &[u8]) -> Result<Exit> {
    let name = file.as_os_str().as_bytes();
    whole(file, |to| {
        to.write_all(bytes)
            .map_err(|e| Error::io("cannot write", name, e))
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
