//! `fsync cp`, and the pipeline that it shares with `fsync sync`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::ask;
use crate::cli::option::{CompareArgs, FilterArgs, GuardArgs};
use crate::model::Result;
use crate::model::quote::quote;
use crate::porcelain::aftermath;
use crate::porcelain::pipeline::{Output, Stage};
use crate::porcelain::session::Session;
use crate::porcelain::summary::Summary;

/// Arguments of `fsync cp`.
#[derive(Args, Debug)]
#[command(override_usage = "fsync cp [OPTIONS] <SRC>... <DST>")]
pub struct Cp {
    /// How it is done.
    #[command(flatten)]
    pub how: How,
    /// Directories or snapshots to copy from, later ones winning, and then the directory to change
    // One list: with two, clap cannot read paths behind "--".
    #[arg(required = true, num_args = 2.., value_names = ["SRC", "DST"])]
    pub paths: Vec<PathBuf>,
}

/// The options of `cp` and `sync`: those of the programs that they start.
#[derive(Args, Debug, Default)]
pub struct How {
    /// Give the snapshot of the state before the name TAG
    #[arg(short, long, value_name = "TAG")]
    pub tag: Option<OsString>,
    /// Print the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not record the state before: this run cannot be taken back
    #[arg(long, conflicts_with_all = ["tag", "allow_low_space"])]
    pub no_snapshot: bool,
    /// Delete without a question; without it more than 10 deletions are asked about at a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// Record the state before although the repository's disk seems to have no room for it
    #[arg(long, help_heading = "Guards")]
    pub allow_low_space: bool,
    /// What counts as a difference.
    #[command(flatten)]
    pub compare: CompareArgs,
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
    pub fn run(self, session: &Session) -> Result<u8> {
        let paths: Vec<_> = self.paths.into_iter().map(OsString::from).collect();
        self.how.run(session, &paths)
    }
}

impl How {
    /// Makes the last of `paths` like the others.
    ///
    /// # Errors
    /// When a stage cannot be started or the last one cannot be understood.
    pub fn run(&self, session: &Session, paths: &[OsString]) -> Result<u8> {
        if self.dry_run {
            return session.run_one(diff(session, &self.compare, &self.filter, false, paths)?);
        }
        let mut stages = vec![diff(session, &self.compare, &self.filter, true, paths)?];
        match self.no_snapshot {
            true => warn(session, paths),
            false => stages.push(self.snap(session)?),
        }
        stages.push(self.apply(session)?);
        let mut summary = Summary::new(session, self.tag.as_deref());
        let mut read = |stdout| summary.read(stdout);
        let finish = session.run(stages, Output::Read(&mut read))?;
        let destination = paths.last().map_or(OsStr::new("."), OsString::as_os_str);
        let state = match self.no_snapshot {
            false => aftermath::after(session, &finish, destination.as_ref()),
            true => aftermath::without_journal(&finish, destination.as_ref()),
        };
        finish.report(session.talk, state.as_deref());
        if state.is_none() {
            summary.print(finish.culprit().is_none(), destination.as_ref())?;
        }
        Ok(finish.code())
    }

    fn snap(&self, session: &Session) -> Result<Stage> {
        let mut stage = session.stage("fsync-snap")?;
        let mut options = vec!["--through".into(), "--guard".into()];
        if let Some(tag) = &self.tag {
            let mut option = OsString::from("--tag=");
            option.push(tag);
            options.push(option);
        }
        options.extend(self.guards(true).to_args());
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
        options.extend(self.guards(self.no_snapshot).to_args());
        stage.push(options, &[]);
        Ok(stage)
    }

    /// The guards of a stage. Whoever `begins` asks a person at a terminal.
    fn guards(&self, begins: bool) -> GuardArgs {
        let mut guards = self.guards.clone();
        guards.ask = match begins {
            true => guards.ask.or_else(|| ask_by_itself(self.yes)),
            false => None,
        };
        guards
    }
}

/// From how many deletions on a person is asked who did not say `--yes`.
pub fn ask_by_itself(yes: bool) -> Option<u64> {
    (!yes && ask::is_anybody_there()).then_some(ask::HANDFUL)
}

/// Says that there will be no way back; even to who wants to hear nothing but errors.
fn warn(session: &Session, paths: &[OsString]) {
    let destination = paths.last().map_or(OsStr::new("."), OsString::as_os_str);
    session.talk.error(&format!(
        "{}: --no-snapshot: its state is not recorded, and this run cannot be taken back",
        quote(destination.as_bytes())
    ));
}

/// The stage that compares: in records for the next stage, or in lines for people.
///
/// # Errors
/// When there is no such program.
pub fn diff(
    session: &Session,
    compare: &CompareArgs,
    filter: &FilterArgs,
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
    stage.push(options, paths);
    Ok(stage)
}
