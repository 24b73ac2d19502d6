//! `fsync bundle`: a plan with the contents that it needs, as one zip.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ChildStdout;

use clap::Args;
use tempfile::NamedTempFile;

use crate::cli::bundle::make;
use crate::cli::export::{Stdout, folder_of};
use crate::cli::option::{CompareArgs, FilterArgs};
use crate::cli::place::Places;
use crate::cli::plan::{Plan, read_all};
use crate::cli::source::SourceFilterArgs;
use crate::cli::{human, progress};
use crate::model::quote::quote;
use crate::model::{Counts, Error, ErrorKind, Exit, Problem, Result};
use crate::porcelain::cp;
use crate::porcelain::pipeline::Output;
use crate::porcelain::session::Session;
use crate::porcelain::setting::UnsetArgs;
use crate::porcelain::summary::Tally;

/// Arguments of `fsync bundle`.
#[derive(Args, Debug)]
#[command(override_usage = "fsync bundle [OPTIONS] [<SRC>... <DST>]")]
pub struct Bundle {
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The directory that @, @{N} and tags belong to [default: .]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What counts as a difference.
    #[command(flatten)]
    pub compare: CompareArgs,
    /// Which settings do not hold.
    #[command(flatten)]
    pub unset: UnsetArgs,
    /// What is left out.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// What single sources supply.
    #[command(flatten)]
    pub source_filters: SourceFilterArgs,
    /// Allow deletions although the source is empty
    #[arg(long, help_heading = "Guards")]
    pub allow_empty_source: bool,
    /// Directories or snapshots to take from, later ones winning, and then one that is as the far directory is [default: the
    /// plan on standard input]
    #[arg(num_args = 2.., value_names = ["SRC", "DST"])]
    pub paths: Vec<PathBuf>,
}

impl Bundle {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When the comparison cannot be made or a source not be read, or the file cannot be written.
    pub fn run(self, session: &Session) -> Result<u8> {
        if self.output.is_none() && io::stdout().is_terminal() {
            let message = "a zip is not for a terminal; name a file with -o, or redirect";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let folder = match &self.output {
            Some(path) => folder_of(path)?.to_path_buf(),
            None => std::env::temp_dir(),
        };
        let plan = match self.paths.is_empty() {
            true => read_all(io::stdin().lock())?,
            false => match self.compared(session)? {
                Ok(plan) => plan,
                Err(code) => return Ok(code),
            },
        };
        let mut common = session.global().common.clone();
        common.repo = Some(session.repository()?);
        let places = Places::new(&common)?;
        let made = make(&places, plan, &folder, self.allow_empty_source)?;
        progress::done();
        self.put(made.file)?;
        self.tell(session, &made.counts, &made.left_out);
        Ok(match made.left_out.is_empty() && made.troubles == 0 {
            true => Exit::Done.code(),
            false => Exit::Partial.code(),
        })
    }

    /// The plan that the comparison makes; its exit code when it fails, which it has said itself.
    fn compared(&self, session: &Session) -> Result<Result<Plan, u8>> {
        let settings = session.settings()?;
        let compare = settings.compare(&self.compare, &self.unset);
        let filter = settings.filter(&self.filter);
        let paths: Vec<OsString> = self.paths.iter().map(OsString::from).collect();
        let options = (&compare, &filter, &self.source_filters);
        let mut stage = cp::diff(session, options, true, &paths)?;
        if let Some(dir) = &self.dir {
            // Before what "--" keeps from being options.
            stage.args.insert(0, cp::named("--dir", dir));
        }
        let mut plan = None;
        let mut read = |stdout: ChildStdout| {
            plan = Some(read_all(stdout));
            Ok(())
        };
        let finish = session.run(vec![stage], Output::Read(&mut read))?;
        match (finish.culprit(), plan) {
            (None, Some(plan)) => plan.map(Ok),
            _ => {
                finish.report(session.talk, None);
                Ok(Err(finish.code()))
            }
        }
    }

    fn tell(&self, session: &Session, counts: &Counts, left_out: &[Problem]) {
        for problem in left_out {
            let message = format!("{}: left out: {}", problem.path, problem.message);
            session.talk.error(&message);
        }
        let tally = match Tally::of(counts) {
            tally if tally.total() == 0 => "nothing to do".to_string(),
            tally => format!("{tally}, {} of contents", human::size(counts.bytes)),
        };
        let shown = match &self.output {
            Some(path) => quote(path.as_os_str().as_bytes()),
            None => "standard output".into(),
        };
        session.talk.note(&format!("{shown}: {tally}"));
    }

    /// Gives the file its name, or its bytes to whoever reads.
    fn put(&self, file: NamedTempFile) -> Result<()> {
        let Some(path) = &self.output else {
            let cannot =
                |e| Error::io("cannot write", "standard output", e).as_kind(ErrorKind::Stdout);
            let mut file = file.into_file();
            file.rewind().map_err(cannot)?;
            let mut out = Stdout(io::stdout().lock());
            return io::copy(&mut file, &mut out)
                .and_then(|_| out.flush())
                .map_err(cannot);
        };
        let cannot = |e: io::Error| Error::io("cannot write", path.as_os_str().as_bytes(), e);
        file.persist(path).map_err(|e| cannot(e.error))?;
        Ok(())
    }
}
