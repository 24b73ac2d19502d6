//! `fsync prune`: removes old snapshots.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Span;

use crate::cli::table::{Column, Table};
use crate::cli::trust::location;
use crate::model::quote::{quote, quote_if_hidden, quote_if_odd};
use crate::model::{Error, ErrorKind, Exit, Result};
use crate::porcelain::history::json;
use crate::porcelain::hook::Worked;
use crate::porcelain::session::Session;
use crate::porcelain::setting::Settings;
use crate::porcelain::signal::{Farewell, farewell};
use crate::protocol::Writer;
use crate::protocol::prune::{Judged, Pruned};
use crate::repo::policy::{Period, Policy, parse_span};
use crate::repo::prune::{Verdict, Wish};
use crate::repo::resolve::absolute;
use crate::repo::shared::sweep::Swept;
use crate::repo::{PathText, Repo, directory_at, directory_of};
use crate::tree::local::Local;

/// Arguments of `fsync prune`.
#[derive(Args, Debug)]
pub struct Prune {
    /// Only snapshots of this directory, which may be gone [default: of every directory]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Keep the N newest snapshots of each directory [default: as the settings say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Policy")]
    pub keep_last: Option<u32>,
    /// Keep the newest snapshot of each of the N latest hours that have one [default: as the settings say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Policy")]
    pub keep_hourly: Option<u32>,
    /// The same of days [default: as the settings say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Policy")]
    pub keep_daily: Option<u32>,
    /// The same of weeks, from Monday [default: as the settings say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Policy")]
    pub keep_weekly: Option<u32>,
    /// The same of months [default: as the settings say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Policy")]
    pub keep_monthly: Option<u32>,
    /// The same of years [default: as the settings say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Policy")]
    pub keep_yearly: Option<u32>,
    /// Keep what is at most DURATION older than the newest snapshot of its directory: 30d, 12h, 1y2m (y, m, w, d, h) [default: as the settings say]
    #[arg(long, value_name = "DURATION", value_parser = parse_span, help_heading = "Policy")]
    pub keep_within: Option<Span>,
    /// Keep what has a tag that PATTERN matches (* any characters, ? one); may be given again [default: none]
    #[arg(long, value_name = "PATTERN", help_heading = "Policy")]
    pub keep_tag: Vec<String>,
    /// Let tagged snapshots go too, unless a rule keeps them; their tags are deleted
    #[arg(long, help_heading = "Policy")]
    pub prune_tagged: bool,
    /// Change nothing; say what would go and how many bytes that would free
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print JSON, one object a line, of what stays too
    #[arg(long)]
    pub json: bool,
}

impl Prune {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] without a rule; as [`Repo::plan_prune`].
    pub fn run(self, session: &Session) -> Result<u8> {
        let nothing = || {
            let message = "prune: say what to keep, for example --keep-last 10 --keep-daily 30, or set it \
                           (fsync config keep.last 10)";
            Error::new(ErrorKind::Usage, message)
        };
        if self.policy().is_empty() && session.config()?.is_empty() {
            return Err(nothing());
        }
        let repo = open(session, !self.dry_run)?;
        let wishes = self.wishes(session, &repo)?;
        if wishes.is_empty() {
            return Err(nothing());
        }
        let farewell = match self.dry_run {
            true => Farewell::default(),
            false => farewell(session.talk, "prune", repo.path().into())?,
        };
        let (verdicts, freed) = self.perform(session, &repo, &wishes)?;
        if !self.dry_run {
            let swept = repo.sweep_store()?;
            swept_words(&swept)
                .iter()
                .for_each(|w| session.talk.note(w));
        }
        // Nothing below needs the others to wait.
        drop(repo);
        farewell.obey();
        let sum = sum(&verdicts, freed, self.dry_run);
        self.print(&verdicts, &sum)?;
        session.talk.note(&words(&sum));
        Ok(Exit::Done.code())
    }

    /// Does what is asked for, or looks what it would come to.
    fn perform(
        &self,
        session: &Session,
        repo: &Repo,
        wishes: &[Wish],
    ) -> Result<(Vec<Verdict>, i64)> {
        // What is refused of one directory is refused before another one's go.
        if wishes.len() > 1 {
            let mut all = wishes.iter();
            all.try_for_each(|wish| repo.plan_prune(wish).map(drop))?;
        }
        let (mut verdicts, mut freed) = (Vec::new(), 0);
        for (at, wish) in wishes.iter().enumerate() {
            let mut plan = repo.plan_prune(wish)?;
            verdicts.append(&mut plan.verdicts);
            for id in plan.leftovers().iter().filter(|_| at == 0) {
                let go = if self.dry_run { "would go" } else { "goes" };
                session.talk.note(&format!(
                    "archive {id}: an earlier run removed its snapshot, and was cut short; {go} now"
                ));
            }
            freed += match self.dry_run {
                true => plan.freed,
                false => plan.run(repo)?,
            };
        }
        Ok((verdicts, freed))
    }

    /// What is asked for, of each directory: by the options, or by its settings.
    fn wishes(&self, session: &Session, repo: &Repo) -> Result<Vec<Wish>> {
        let wish = |policy: Policy, directory: Option<PathText>| Wish {
            policy,
            directory,
            tagged: self.prune_tagged,
        };
        let given = self.policy();
        let only = self.dir.as_deref().map(named);
        if !given.is_empty() {
            return Ok(vec![wish(given, only)]);
        }
        let directories: BTreeSet<Vec<u8>> = match only {
            Some(only) => [only.0].into(),
            None => {
                let all = repo.snapshots(None)?.into_iter();
                all.map(|info| info.directory.0).collect()
            }
        };
        let config = session.config()?;
        let set = directories.into_iter().map(|directory| {
            let path = Path::new(OsStr::from_bytes(&directory));
            let policy = Settings::new(config, Some(path)).keep();
            wish(policy, Some(PathText(directory)))
        });
        Ok(set.filter(|wish| !wish.policy.is_empty()).collect())
    }

    fn policy(&self) -> Policy {
        let periods = [
            (Period::Hourly, self.keep_hourly),
            (Period::Daily, self.keep_daily),
            (Period::Weekly, self.keep_weekly),
            (Period::Monthly, self.keep_monthly),
            (Period::Yearly, self.keep_yearly),
        ];
        let given = periods
            .into_iter()
            .filter_map(|(period, n)| Some((period, n? as usize)));
        Policy {
            last: self.keep_last.map(|n| n as usize),
            periods: given.collect(),
            within: self.keep_within,
            tags: self.keep_tag.clone(),
        }
    }

    fn print(&self, verdicts: &[Verdict], sum: &Pruned) -> Result<()> {
        let mut out = Writer::new(std::io::stdout().lock());
        let mut table = Table::new(&[Column::Time, Column::Id, Column::Text, Column::Tag]);
        for verdict in verdicts {
            match self.json {
                true => out.raw(&json(&judged(verdict))?)?,
                false if verdict.keep.is_empty() => table.line(&mut out, &line(verdict))?,
                false => {}
            }
        }
        if self.json {
            out.raw(&json(sum)?)?;
        }
        table.end(&mut out)
    }
}

/// Removes what the settings do not keep of a directory's snapshots, after work that went well and changed it; the exit
/// code of both.
pub fn after(
    (session, settings): (&Session, Settings<'_>),
    worked: &Worked,
    directory: &Path,
) -> u8 {
    let did = worked.code == Exit::Done.code() && worked.snapshot.is_some();
    if !did || !settings.prunes() {
        return worked.code;
    }
    match thin_out(session, settings.keep(), directory) {
        Ok(()) => Exit::Done.code(),
        Err(e) if e.kind() == ErrorKind::Busy => {
            let message = format!("old snapshots stay until the next run: {e}");
            session.talk.note(&message);
            Exit::Done.code()
        }
        Err(e) => {
            let message = format!("old snapshots were not removed: {e}");
            session.talk.error(&message);
            Exit::Partial.code()
        }
    }
}

fn thin_out(session: &Session, policy: Policy, directory: &Path) -> Result<()> {
    if policy.is_empty() {
        let message = "prune is set to \"auto\", and nothing says what to keep; set it (fsync config keep.last 10)";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let repo = open(session, true)?;
    let farewell = farewell(session.talk, "removing old snapshots", repo.path().into())?;
    let plan = repo.plan_prune(&Wish {
        policy,
        directory: Some(named(directory)),
        tagged: false,
    })?;
    let sum = sum(&plan.verdicts, 0, false);
    let freed_bytes = plan.run(&repo)?;
    farewell.obey();
    if sum.dropped > 0 {
        let name = quote(directory.as_os_str().as_bytes());
        let sum = Pruned { freed_bytes, ..sum };
        session.talk.note(&format!("{name}: {}", words(&sum)));
    }
    Ok(())
}

fn sum(verdicts: &[Verdict], freed_bytes: i64, dry_run: bool) -> Pruned {
    let dropped = verdicts.iter().filter(|v| v.keep.is_empty()).count();
    Pruned {
        dry_run,
        kept: verdicts.len() - dropped,
        dropped,
        freed_bytes,
    }
}

/// Opens the repository, alone or with others, and says what there is to say about that.
///
/// # Errors
/// When there is none; [`ErrorKind::Busy`].
pub fn open(session: &Session, alone: bool) -> Result<Repo> {
    let at = location(&session.repository()?);
    let repo = match alone {
        true => Repo::open_alone(at)?,
        false => Repo::open(at)?,
    };
    for notice in repo.notices() {
        session.talk.note(&notice);
    }
    Ok(repo)
}

/// What became of archives in a store, in words.
fn swept_words(swept: &Swept) -> Vec<String> {
    let mut words = Vec::new();
    if swept.removed > 0 {
        words.push(format!(
            "{} removed from the store, {} bytes",
            counted(swept.removed, "archive"),
            swept.bytes
        ));
    }
    if swept.waiting > 0 {
        words.push(format!(
            "{} in the store until these machines have read of it: {}. Those that are gone for good: fsync repo retire",
            match swept.waiting {
                1 => "1 archive stays".to_string(),
                n => format!("{n} archives stay"),
            },
            swept.machines.join(", ")
        ));
    }
    words
}

/// The directory that a user names, there or gone.
pub fn named(dir: &Path) -> PathText {
    match Local::open(dir) {
        Ok(local) => directory_of(&local),
        Err(_) => directory_at(&absolute(dir)),
    }
}

fn judged(verdict: &Verdict) -> Judged {
    Judged {
        id: verdict.info.id,
        directory: verdict.info.directory.clone(),
        time: verdict.info.time,
        tags: verdict.tags.clone(),
        keep: verdict.keep.iter().copied().collect(),
    }
}

/// Time, id, directory and tags, separated by tabs.
fn line(verdict: &Verdict) -> Vec<u8> {
    let info = &verdict.info;
    let mut line = format!("{}\t{}\t", info.time.rfc3339(), info.id).into_bytes();
    line.extend_from_slice(&quote_if_odd(&info.directory.0));
    let tags: Vec<String> = verdict.tags.iter().map(|t| quote_if_hidden(t)).collect();
    line.extend_from_slice(format!("\t{}\n", tags.join(", ")).as_bytes());
    line
}

/// `1 byte`, `2 bytes`.
pub fn counted(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn words(sum: &Pruned) -> String {
    let dropped = counted(sum.dropped as u64, "snapshot");
    let (go, stay) = match sum.dry_run {
        true => ("would go", "would stay"),
        false => ("gone", "stay"),
    };
    let freed = freed(sum.freed_bytes);
    format!("{dropped} {go}, {} {stay}; {freed}", sum.kept)
}

/// `7 bytes freed`; what takes more than before says that.
pub fn freed(bytes: i64) -> String {
    let count = counted(bytes.unsigned_abs(), "byte");
    match bytes < 0 {
        true => format!("{count} more than before"),
        false => format!("{count} freed"),
    }
}
