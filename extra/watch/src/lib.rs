//! `fsync watch`: keeps a directory in step with its sources, or records it, whenever something changes.
//!
//! | module | job |
//! |---|---|
//! | [`wish`] | what the arguments and the settings ask for |
//! | [`span`] | lengths of time as people write them |
//! | [`pending`] | what has changed and was not looked at, and when that is due |
//! | [`ground`] | a directory that is looked after, and what in it counts |
//! | [`eye`] | inotify: which paths change below the directories |
//! | [`clock`] | whether the machine slept |
//! | [`place`] | the directories that are watched, there or gone |
//! | [`round`] | the programs that a round runs |
//! | [`retry`] | when what failed is tried again, and what of that is news |
//! | [`account`] | what is said of a round |
//! | [`wake`] | signals, ends of programs, events and the clock, waited for |
//! | [`course`] | the loop over all of it |

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};
use fsync::cli::Program;
use fsync::cli::option::{Common, FilterArgs};
use fsync::model::Exit;

pub mod account;
pub mod clock;
pub mod course;
pub mod eye;
pub mod ground;
pub mod pending;
pub mod place;
pub mod retry;
pub mod round;
pub mod span;
pub mod wake;
pub mod wish;

/// Keep DIR in step with its sources, or with --snap record it, whenever something changes
///
/// Without --snap, "fsync sync DIR" runs whenever one of the sources that DIR's SYNC file names has changed. With it, DIR
/// itself is recorded as a snapshot whenever it has changed. Either is done at the start, and then once for each period of
/// quiet. What is gone (a disk that was taken out) is waited for. Runs until SIGINT, SIGTERM or SIGHUP, and then
/// finishes what it is at.
#[derive(Parser, Debug)]
#[command(name = "fsync-watch", version)]
pub struct Watch {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The directory that is kept in step, or recorded
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Record DIR itself
    #[arg(long)]
    pub(crate) snap: bool,
    /// Wait until nothing has changed for DURATION (500ms, 2s, 1m, 1h) [default: 2s]
    #[arg(long, value_name = "DURATION", value_parser = span::parse, default_value = "2s", hide_default_value = true)]
    pub(crate) quiet_period: Duration,
    /// But wait no longer than DURATION while changes go on [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = span::parse, default_value = "1m", hide_default_value = true)]
    pub(crate) at_most: Duration,
    /// Watch nothing, and look at everything each DURATION; for file systems that tell of no changes, such as NFS [default: watch]
    #[arg(long, value_name = "DURATION", value_parser = span::some)]
    pub(crate) poll: Option<Duration>,
    /// Do it once, now, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print a record (JSON, a line) of each round
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The words behind -- are all of "fsync sync"'s, the directory too.
    #[arg(long, hide = true, conflicts_with = "snap")]
    pub(crate) as_given: bool,
    /// More options for "fsync sync", or with --snap for fsync-snap
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) more: Vec<OsString>,
}

/// Which snapshots stay: handed to `fsync prune` as it is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KeepArgs {
    /// After each snapshot remove old ones; keep the N newest [default: as the settings say]
    #[arg(long, value_name = "N", help_heading = "Retention")]
    keep_last: Option<String>,
    /// Keep the newest of each of the N latest hours that have one [default: as the settings say]
    #[arg(long, value_name = "N", help_heading = "Retention")]
    keep_hourly: Option<String>,
    /// The same of days [default: as the settings say]
    #[arg(long, value_name = "N", help_heading = "Retention")]
    keep_daily: Option<String>,
    /// The same of weeks [default: as the settings say]
    #[arg(long, value_name = "N", help_heading = "Retention")]
    keep_weekly: Option<String>,
    /// The same of months [default: as the settings say]
    #[arg(long, value_name = "N", help_heading = "Retention")]
    keep_monthly: Option<String>,
    /// The same of years [default: as the settings say]
    #[arg(long, value_name = "N", help_heading = "Retention")]
    keep_yearly: Option<String>,
    /// Keep what is at most DURATION older than the newest: 30d, 12h, 1y2m [default: as the settings say]
    #[arg(long, value_name = "DURATION", help_heading = "Retention")]
    keep_within: Option<String>,
    /// Keep what has a tag that PATTERN matches; may be given again [default: none]
    #[arg(long, value_name = "PATTERN", help_heading = "Retention")]
    keep_tag: Vec<String>,
}

impl KeepArgs {
    /// As arguments again.
    pub(crate) fn to_args(&self) -> Vec<OsString> {
        let single = [
            ("last", &self.keep_last),
            ("hourly", &self.keep_hourly),
            ("daily", &self.keep_daily),
            ("weekly", &self.keep_weekly),
            ("monthly", &self.keep_monthly),
            ("yearly", &self.keep_yearly),
            ("within", &self.keep_within),
        ];
        let single = single
            .into_iter()
            .filter_map(|(name, value)| Some(format!("--keep-{name}={}", value.as_ref()?).into()));
        let tags = self
            .keep_tag
            .iter()
            .map(|p| format!("--keep-tag={p}").into());
        single.chain(tags).collect()
    }
}

impl Program for Watch {
    const NAME: &'static str = "fsync-watch";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        let talk = self.talk();
        Ok(course::run(&self, talk)?)
    }
}
