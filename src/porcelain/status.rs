//! `fsync status`: what `fsync sync` would do.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ChildStdout;

use clap::Args;

use crate::cli::option::{CompareArgs, FilterArgs};
use crate::model::{Error, Result, Status as Letter};
use crate::porcelain::cp::diff;
use crate::porcelain::pipeline::Output;
use crate::porcelain::session::Session;
use crate::porcelain::setting::UnsetArgs;
use crate::porcelain::summary::Tally;
use crate::porcelain::sync::paths;
use crate::protocol::Writer;

/// Arguments of `fsync status`.
#[derive(Args, Debug)]
pub struct Status {
    /// What counts as a difference.
    #[command(flatten)]
    pub compare: CompareArgs,
    /// Which settings do not hold.
    #[command(flatten)]
    pub unset: UnsetArgs,
    /// What is left out.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// The directory that has the SYNC file
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl Status {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// As `sync`, or when standard output cannot be written.
    pub fn run(self, session: &Session) -> Result<u8> {
        let (paths, filters) = paths(&self.dir)?;
        let settings = session.settings()?;
        let compare = settings.compare(&self.compare, &self.unset);
        let filter = settings.filter(&self.filter);
        let stage = diff(session, (&compare, &filter, &filters), false, &paths)?;
        let mut tally = Tally::default();
        let mut read = |stdout| copy_lines(stdout, &mut tally);
        let finish = session.run(vec![stage], Output::Read(&mut read))?;
        finish.report(session.talk, None);
        if finish.culprit().is_none() {
            session.talk.note(&match tally.total() {
                0 => "nothing to do".to_string(),
                _ => format!("sync would do: {tally}"),
            });
        }
        Ok(finish.code())
    }
}

/// Hands the line form on, counting its letters.
fn copy_lines(from: ChildStdout, tally: &mut Tally) -> Result<()> {
    let mut from = BufReader::new(from);
    let mut to = Writer::new(std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(0) => return to.flush(),
            Ok(_) => {}
            Err(e) => return Err(Error::io("cannot read the output of", "fsync-diff", e)),
        }
        if let [letter, b'\t', ..] = line[..] {
            Letter::from_letter(char::from(letter)).inspect(|letter| tally.add(*letter));
        }
        to.raw(&line)?;
    }
}
