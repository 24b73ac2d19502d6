//! `fsync cp`, and the pipeline that it shares with `fsync sync`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::ask;
use crate::cli::bundle;
use crate::cli::option::{CompareArgs, FilterArgs, GuardArgs, LaxArgs, flags};
use crate::cli::source::SourceFilterArgs;
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::far::{self, Reach};
use crate::porcelain::hook::{self, Given, Planner, Worked};
use crate::porcelain::pipeline::{Output, Stage};
use crate::porcelain::session::Session;
use crate::porcelain::setting::UnsetArgs;
use crate::porcelain::summary::Summary;
use crate::porcelain::{aftermath, prune, review};

/// Arguments of `fsync cp`.
#[derive(Args, Debug)]
#[command(
    override_usage = "fsync cp [OPTIONS] <SRC>... <DST>\n       fsync cp [OPTIONS] --bundle <FILE> <DST>"
)]
pub struct Cp {
    /// Perform the plan of a bundle (fsync bundle) at DST, with the contents that it holds [default: SRC is compared with DST]
    ///
    /// What the comparison would have been told was told when the bundle was made.
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// How it is done.
    #[command(flatten)]
    pub how: How,
    /// What single sources supply.
    #[command(flatten)]
    pub source_filters: SourceFilterArgs,
    /// Directories or snapshots to copy from, later ones winning, and then the directory to change
    // One list: with two, clap cannot read paths behind "--".
    #[arg(required = true, num_args = 1.., value_names = ["SRC", "DST"])]
    pub paths: Vec<PathBuf>,
}

/// The options of `cp` and `sync`: those of the programs that they start.
#[derive(Args, Debug, Default)]
pub struct How {
    /// The bundle that all comes from, instead of a comparison.
    #[arg(skip)]
    pub bundle: Option<PathBuf>,
    /// Give the snapshot of the state before the name TAG [default: no name]
    #[arg(short, long, value_name = "TAG")]
    pub tag: Option<OsString>,
    /// Print the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Choose at the terminal what of the plan is done; fsync-review must be installed
    ///
    /// Nobody is asked about deletions then. Leaving without a choice is exit code 4, and nothing is changed.
    #[arg(short, long, conflicts_with = "dry_run")]
    pub interactive: bool,
    /// Do not record the state before: this run cannot be taken back
    #[arg(long, conflicts_with_all = ["tag", "allow_low_space"])]
    pub no_snapshot: bool,
    /// Delete without a question; without it more than 10 deletions are asked about at a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// Record the state before although the repository's disk seems to have no room for it
    #[arg(long, help_heading = "Guards")]
    pub allow_low_space: bool,
    /// Let the snapshot hold the whole tree, so that unzip gives the directory
    #[arg(long, conflicts_with_all = ["thin", "no_snapshot"])]
    pub full: bool,
    /// Let the snapshot hold what no other one holds yet [the default without settings]
    #[arg(long)]
    pub thin: bool,
    /// What counts as a difference.
    #[command(flatten)]
    pub compare: CompareArgs,
    /// Which settings do not hold.
    #[command(flatten)]
    pub unset: UnsetArgs,
    /// What is left out.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// What is allowed.
    #[command(flatten)]
    pub guards: GuardArgs,
}

impl Cp {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When a stage cannot be started or the last one cannot be understood.
    pub fn run(mut self, session: &Session) -> Result<u8> {
        let message = match (&self.bundle, self.paths.len()) {
            (None, 1) => {
                "<SRC>... and <DST> are needed: what to copy from, and the directory to change"
            }
            (Some(_), 2..) => "with --bundle one directory is named: the destination",
            _ => "",
        };
        if !message.is_empty() {
            return Err(Error::new(ErrorKind::Usage, message));
        }
        if self.bundle.is_some() {
            let how = &self.how;
            let compare = CompareArgs {
                lax: LaxArgs::default(),
                ..how.compare.clone()
            };
            bundle::refuse(&[
                compare.to_args(),
                how.filter.to_args(),
                self.source_filters.to_args(),
            ])?;
        }
        self.how.bundle = self.bundle.take();
        let paths: Vec<_> = self.paths.into_iter().map(OsString::from).collect();
        self.how.run(session, ("cp", &paths, &self.source_filters))
    }
}

impl How {
    /// Makes the last of `paths` like the others, of which each has its filter, for a command.
    ///
    /// # Errors
    /// When a stage cannot be started or the last one cannot be understood, or a hook refuses.
    pub fn run(
        &self,
        session: &Session,
        (command, paths, filters): (&'static str, &[OsString], &SourceFilterArgs),
    ) -> Result<u8> {
        let (last, sources) = paths.split_last().unzip();
        let destination = last.map_or(OsStr::new("."), OsString::as_os_str);
        if !self.dry_run
            && let Some(there) = far::elsewhere(destination, sources.unwrap_or_default())?
        {
            let args = self.to_args(command, filters, &there.paths)?;
            return far::run(session, &there.address, args, there.near);
        }
        let reach = Reach::new(paths)?;
        let session = &session.reaching(reach.as_ref());
        let settings = session.settings()?;
        let compare = settings.compare(&self.compare, &self.unset);
        let filter = settings.filter(&self.filter);
        let diff = |json| match &self.bundle {
            Some(file) => bundled(session, file, json, paths),
            None => diff(session, (&compare, &filter, filters), json, paths),
        };
        if self.dry_run {
            return session.run_one(diff(false)?);
        }
        let destination = Path::new(destination);
        let planner = Planner {
            review: review::stage(session, self.interactive)?,
            stage: diff(true)?,
        };
        let work = |input: Option<Given>| {
            let stages = match input {
                Some(_) => Vec::new(),
                None => vec![diff(true)?],
            };
            self.work(session, (stages, input), destination)
        };
        let with = (session, settings);
        let worked = hook::around(with, (command, destination), planner, work)?;
        Ok(prune::after(with, &worked, destination))
    }

    /// The same as words, for the fsync on another machine.
    fn to_args(
        &self,
        command: &str,
        sources: &SourceFilterArgs,
        paths: &[OsString],
    ) -> Result<Vec<OsString>> {
        if self.interactive {
            let message = "-i chooses at this terminal, and the directory is changed by the fsync on its own machine";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        if self.bundle.is_some() {
            let message = "a bundle is performed by the fsync on the machine of its directory: bring it there";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let mut args = vec![OsString::from(command)];
        args.extend(flags(&[
            ("--no-snapshot", self.no_snapshot),
            ("--yes", self.yes),
            ("--allow-low-space", self.allow_low_space),
            ("--full", self.full),
            ("--thin", self.thin),
        ]));
        if let Some(tag) = &self.tag {
            let mut option = OsString::from("--tag=");
            option.push(tag);
            args.push(option);
        }
        args.extend(self.compare.to_args());
        args.extend(self.unset.to_args());
        args.extend(self.filter.here()?.to_args());
        args.extend(sources.to_args());
        args.extend(self.guards.to_args());
        args.push("--".into());
        // sync has its sources from its SYNC file.
        let first = if command == "sync" {
            paths.len() - 1
        } else {
            0
        };
        args.extend_from_slice(&paths[first..]);
        Ok(args)
    }

    /// Runs what comes behind the stages that make the plan, or reads it.
    fn work(
        &self,
        session: &Session,
        (mut stages, input): (Vec<Stage>, Option<Given>),
        destination: &Path,
    ) -> Result<Worked> {
        match self.no_snapshot {
            true => warn(session, destination),
            false => stages.push(self.snap(session)?),
        }
        stages.push(self.apply(session)?);
        let mut summary = Summary::new(session, self.tag.as_deref());
        let mut read = |stdout| summary.read(stdout);
        let input = input.map(|given| given.file);
        let finish = session.run_on(input, stages, Output::Read(&mut read))?;
        let state = match self.no_snapshot {
            false => aftermath::after(session, &finish, destination),
            true => aftermath::without_journal(&finish, destination),
        };
        finish.report(session.talk, state.as_deref());
        if state.is_none() {
            summary.print(finish.culprit().is_none(), destination)?;
        }
        let with = (session, session.settings()?);
        Ok(hook::worked(with, &finish, destination))
    }

    fn snap(&self, session: &Session) -> Result<Stage> {
        let mut stage = session.stage("fsync-snap")?;
        let mut options = vec!["--through".into(), "--guard".into()];
        if self.full || session.settings()?.full() && !self.thin {
            options.push("--full".into());
        }
        if let Some(tag) = &self.tag {
            let mut option = OsString::from("--tag=");
            option.push(tag);
            options.push(option);
        }
        options.extend(self.guards(session, true)?.to_args());
        if self.allow_low_space {
            options.push("--allow-low-space".into());
        }
        stage.push(options, &[]);
        Ok(stage)
    }

    fn apply(&self, session: &Session) -> Result<Stage> {
        let mut stage = session.stage("fsync-apply")?;
        let mut options = vec!["--json".into()];
        if !self.no_snapshot {
            options.insert(0, "--require-snapshot".into());
        }
        if let Some(file) = &self.bundle {
            options.extend([named("--bundle", file), "--stdin".into()]);
            options.extend(self.compare.lax.to_args());
        }
        options.extend(self.guards(session, self.no_snapshot)?.to_args());
        stage.push(options, &[]);
        Ok(stage)
    }

    /// The guards of a stage. Whoever `begins` asks a person at a terminal.
    fn guards(&self, session: &Session, begins: bool) -> Result<GuardArgs> {
        let mut guards = self.guards.clone();
        let most = session.settings()?.ask();
        guards.ask = match begins {
            true => guards
                .ask
                .or_else(|| ask_by_itself(self.yes || self.interactive, most)),
            false => None,
        };
        Ok(guards)
    }
}

/// Above how many deletions a person is asked who did not say `--yes`: `most`, if anybody is there.
pub fn ask_by_itself(yes: bool, most: u64) -> Option<u64> {
    (!yes && ask::is_anybody_there()).then_some(most)
}

/// Says that there will be no way back; even to who wants to hear nothing but errors.
fn warn(session: &Session, destination: &Path) {
    session.talk.error(&format!(
        "{}: --no-snapshot: its state is not recorded, and this run cannot be taken back",
        quote(destination.as_os_str().as_bytes())
    ));
}

/// The stage that prints the plan of a bundle.
fn bundled(session: &Session, file: &Path, json: bool, paths: &[OsString]) -> Result<Stage> {
    let mut stage = session.stage("fsync-diff")?;
    let mut options = vec![named("--bundle", file)];
    match json {
        true => options.insert(0, "--json".into()),
        false => stage.args.retain(|arg| arg != "--quiet"),
    }
    stage.push(options, paths);
    Ok(stage)
}

/// An option and its value as one argument.
pub fn named(option: &str, value: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push("=");
    argument.push(value);
    argument
}

/// The stage that compares: in records for the next stage, or in lines for people.
///
/// # Errors
/// When there is no such program.
pub fn diff(
    session: &Session,
    (compare, filter, sources): (&CompareArgs, &FilterArgs, &SourceFilterArgs),
    json: bool,
    paths: &[OsString],
) -> Result<Stage> {
    let mut stage = session.stage("fsync-diff")?;
    let mut options: Vec<OsString> = Vec::new();
    match json {
        true => options.push("--json".into()),
        // To fsync-diff, quiet means no lines, and the lines are what was asked for.
        false => stage.args.retain(|arg| arg != "--quiet"),
    }
    options.extend(compare.to_args());
    options.extend(filter.to_args());
    options.extend(sources.to_args());
    stage.push(options, paths);
    Ok(stage)
}
