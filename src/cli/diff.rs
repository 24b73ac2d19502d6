//! `fsync-diff`: prints the plan that makes one tree like others laid over each other.

use std::ffi::OsString;
use std::io::{Stdout, Write, stdout};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Parser;

use crate::cli::bundle;
use crate::cli::colour::{self, paint};
use crate::cli::option::{Common, CompareArgs, FilterArgs};
use crate::cli::patch;
use crate::cli::place::{Place, Places};
use crate::cli::source::SourceFilterArgs;
use crate::cli::{Program, progress};
use crate::model::meter::{self, Phase};
use crate::model::{Clock, Counts, Error, ErrorKind, Exit, Filter, Result, SourceRule, Status};
use crate::ops::diff::{Choice, Item, Options, Plan, diff};
use crate::protocol::line;
use crate::protocol::record::PROTOCOL;
use crate::protocol::{self, End, Header, Record, Writer};
use crate::tree::Tree;
use crate::tree::far::Wish;
use crate::tree::overlay::Overlay;
use crate::tree::sieve::Sieve;

/// Print the plan that makes DST like the sources laid over each other
///
/// Each SRC, and DST, is a directory or a snapshot. Of names that several sources have, the last
/// source's wins. When DST is missing everything is added. Nothing is changed anywhere: the plan is
/// for fsync-apply, and for eyes, grep and jq.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "fsync-diff",
    version,
    override_usage = "fsync-diff [OPTIONS] <SRC>... <DST>\n       fsync-diff [OPTIONS] --bundle <FILE> [<DST>]"
)]
pub struct Args {
    /// Sources, the last one winning, and the destination
    #[arg(required_unless_present = "bundle", num_args = 1.., value_names = ["SRC", "DST"])]
    pub roots: Vec<OsString>,
    /// Print the plan that a bundle holds, as one for DST; nothing is compared [default: what SRC and DST say]
    ///
    /// Pass it on to fsync-snap --through, or thin it out, and then to fsync-apply --bundle FILE --stdin.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["patch", "dir"])]
    pub bundle: Option<PathBuf>,
    /// Print NDJSON records, complete with what apply checks
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// End lines in NUL and print names verbatim
    #[arg(
        short = 'z',
        long = "null",
        help_heading = "Output",
        conflicts_with = "json"
    )]
    pub null: bool,
    /// Print counts instead of changes
    #[arg(long, help_heading = "Output", conflicts_with_all = ["json", "null"])]
    pub stat: bool,
    /// Print a patch of text files, as git does, instead of changes
    ///
    /// It makes DST like the sources: lines that begin with - are DST's. Of files that are binary, larger than 8 MiB or
    /// special it is only said that they differ. "patch -p1" and "git apply" take it; fsync-apply does not.
    #[arg(short, long, help_heading = "Output", conflicts_with_all = ["json", "null", "stat", "renames"])]
    pub patch: bool,
    /// Exit with 1 when there are differences
    #[arg(long, help_heading = "Output")]
    pub exit_code: bool,
    /// The directory that @, @{N} and tags belong to [default: .]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What counts as a difference.
    #[command(flatten)]
    pub compare: CompareArgs,
    /// What belongs to the run.
    #[command(flatten)]
    pub filters: FilterArgs,
    /// What single sources supply.
    #[command(flatten)]
    pub source_filters: SourceFilterArgs,
    /// Options of every program.
    #[command(flatten)]
    pub common: Common,
}

impl Program for Args {
    const NAME: &'static str = "fsync-diff";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        self.common.enter()?;
        let filter = self.filters.filter()?;
        let wish = Wish {
            patterns: filter
                .rules()
                .iter()
                .map(|rule| rule.pattern.clone())
                .collect(),
            xattrs: self.compare.xattrs,
        };
        let places = Places::new(&self.common)?
            .at(self.dir.clone())
            .wishing(wish);
        if let Some(file) = &self.bundle {
            bundle::refuse(&[
                self.compare.to_args(),
                self.filters.to_args(),
                self.source_filters.to_args(),
            ])?;
            let (header, plan) = bundle::open(file)?.shown(&places, &self.roots)?;
            let mut out = Writer::new(stdout());
            self.print(&mut out, header, &plan)?;
            return Ok(self.finish(out, &plan, 0)?);
        }
        let (sources, filters, destination) = self.places(&places)?;
        if self.compare.choose.reads_input() && self.filters.reads_input() {
            let message = "--files-from and --exclude-from cannot both read standard input";
            return Err(Error::new(ErrorKind::Usage, message).into());
        }
        let mut options = options(&self.compare, filter);
        options.choice = self.compare.choose.choice()?;
        let source = sources_tree(&places, &sources, &filters)?;
        options.source_filters = filters;
        let target = destination_tree(&places, &destination)?;
        meter::begin(Phase::Comparing, None);
        let plan = diff(source.as_ref(), target.as_deref(), &options)?;
        progress::done();
        let mut out = Writer::new(stdout());
        let mut failed = 0;
        if self.patch && !self.common.quiet {
            let trees = (source.as_ref(), target.as_deref());
            failed = patch::write(&mut out, &plan, trees.0, trees.1, self.talk())?;
        } else {
            let header = header(&sources, &destination, &options);
            self.print(&mut out, header, &plan)?;
        }
        Ok(self.finish(out, &plan, failed)?)
    }
}

impl Args {
    /// Prints a plan in the form that is asked for.
    fn print(&self, out: &mut Writer<Stdout>, header: Header, plan: &Plan) -> Result<()> {
        match self.json {
            true => records(out, header, plan),
            false if self.common.quiet => Ok(()),
            false if self.stat => stat(out, &plan.counts),
            false => lines(out, plan, self.null),
        }
    }

    /// Says the rest, and what it comes to.
    fn finish(&self, mut out: Writer<Stdout>, plan: &Plan, failed: u64) -> Result<Exit> {
        out.flush()?;
        self.tell(plan);
        Ok(
            match (plan.errors + plan.skipped + failed, plan.counts.total()) {
                (1.., _) => Exit::Partial,
                (0, 1..) if self.exit_code => Exit::Differs,
                _ => Exit::Done,
            },
        )
    }

    fn places(&self, places: &Places) -> Result<(Vec<Place>, Vec<Filter>, Place)> {
        let (last, first) = self
            .roots
            .split_last()
            .filter(|(_, sources)| !sources.is_empty())
            .ok_or_else(|| Error::new(ErrorKind::Usage, "a source and a destination are needed"))?;
        let sources: Result<Vec<_>> = first.iter().map(|a| places.find(a, false)).collect();
        let (sources, filters) = once_each(sources?, self.source_filters.filters(first.len())?);
        Ok((sources, filters, places.find(last, true)?))
    }

    /// Says on stderr what went wrong or was passed over for cause; the rest when verbose.
    fn tell(&self, plan: &Plan) {
        let talk = self.talk();
        for item in &plan.items {
            match item {
                Item::Problem(p) => talk.error(&format!("{}: {}", p.path, p.message)),
                Item::Skip(s) if s.cause => {
                    talk.error(&format!("{}: skipped: {}", s.path, s.reason))
                }
                Item::Skip(s) if !s.asked => {
                    talk.note(&format!("{}: skipped: {}", s.path, s.reason))
                }
                Item::Skip(s) => talk.detail(&format!("{}: skipped: {}", s.path, s.reason)),
                Item::Change(_) => {}
            }
        }
    }
}

/// A source that is named again counts only where it stands last, unless less of it is supplied there.
fn once_each(sources: Vec<Place>, filters: Vec<Filter>) -> (Vec<Place>, Vec<Filter>) {
    let covers = |later: usize, at: usize| {
        let rules = filters[later].rules();
        sources[later] == sources[at] && (rules.is_empty() || rules == filters[at].rules())
    };
    let all = 0..sources.len();
    let keep: Vec<bool> = all
        .clone()
        .map(|at| !(at + 1..all.end).any(|later| covers(later, at)))
        .collect();
    let pairs = sources.into_iter().zip(filters).zip(keep);
    pairs
        .filter(|(_, keep)| *keep)
        .map(|(pair, _)| pair)
        .unzip()
}

/// The comparison that the options ask for, of all that there is.
pub fn options(compare: &CompareArgs, filter: Filter) -> Options {
    let privileged = rustix::process::geteuid().is_root();
    Options {
        delete: compare.delete || compare.delete_excluded,
        delete_excluded: compare.delete_excluded,
        checksum: compare.checksum,
        size_only: compare.size_only,
        owner: (compare.owner || privileged) && !compare.lax.no_owner,
        no_owner: compare.lax.no_owner,
        xattrs: compare.xattrs,
        clock: Clock {
            window_ns: compare.modify_window.unwrap_or(0),
            ignored: compare.lax.no_times,
            ..Clock::default()
        },
        any_mode: compare.lax.no_perms,
        renames: compare.renames,
        devices: privileged,
        sync_file: false,
        filter,
        source_filters: Vec::new(),
        choice: Choice::default(),
    }
}

/// The sources as one tree, each behind its own filter.
///
/// # Errors
/// [`ErrorKind::Refused`] when one is missing.
pub fn sources_tree(
    places: &Places,
    sources: &[Place],
    filters: &[Filter],
) -> Result<Box<dyn Tree>> {
    let mut trees = sources.iter().enumerate().map(|(at, place)| {
        let tree = places.open(place).map_err(|e| match place {
            Place::Directory(_) if e.kind() == ErrorKind::NotFound => e.as_kind(ErrorKind::Refused),
            _ => e,
        })?;
        Ok(match filters.get(at).filter(|f| !f.is_empty()) {
            Some(filter) => Box::new(Sieve::new(tree, filter.clone())) as Box<dyn Tree>,
            None => tree,
        })
    });
    match sources.len() {
        1 => trees
            .next()
            .unwrap_or_else(|| Err(Error::new(ErrorKind::Usage, "there is no source"))),
        _ => Ok(Box::new(Overlay::new(trees.collect::<Result<Vec<_>>>()?))),
    }
}

/// The destination's tree; `None` when there is nothing yet.
///
/// # Errors
/// When there is something that is no directory, or it cannot be opened.
pub fn destination_tree(places: &Places, destination: &Place) -> Result<Option<Box<dyn Tree>>> {
    match places.open(destination) {
        Err(e) if e.kind() == ErrorKind::NotFound => match destination.path() {
            Some(path) if path.symlink_metadata().is_ok() => {
                let name = path.as_os_str().as_bytes();
                let message = "is a symbolic link that leads nowhere";
                Err(Error::at(ErrorKind::Usage, name, message))
            }
            Some(_) => Ok(None),
            None => Err(e),
        },
        other => other.map(Some),
    }
}

/// The header of a plan.
pub fn header(sources: &[Place], destination: &Place, options: &Options) -> Header {
    Header {
        protocol: PROTOCOL,
        tool: concat!("fsync-diff ", env!("CARGO_PKG_VERSION")).into(),
        sources: sources.iter().map(Place::root).collect(),
        destination: destination.root(),
        options: protocol::Options {
            delete: options.delete,
            delete_excluded: options.delete_excluded,
            checksum: options.checksum,
            size_only: options.size_only,
            owner: options.owner,
            xattrs: options.xattrs,
            modify_window_ns: options.clock.window_ns,
            no_owner: options.no_owner,
            no_perms: options.any_mode,
            no_times: options.clock.ignored,
            one_file_system: options.choice.one_file_system,
            rules: options.filter.rules().to_vec(),
            source_rules: source_rules(&options.source_filters),
        },
    }
}

fn source_rules(filters: &[Filter]) -> Vec<SourceRule> {
    let of = |(at, filter): (usize, &Filter)| -> Vec<SourceRule> {
        let rules = filter.rules().iter().cloned();
        let source = at as u32;
        rules.map(|rule| SourceRule { source, rule }).collect()
    };
    filters.iter().enumerate().flat_map(of).collect()
}

/// Writes a whole plan as records.
///
/// # Errors
/// [`ErrorKind::Stdout`].
pub fn records(out: &mut Writer<impl Write>, header: Header, plan: &Plan) -> Result<()> {
    out.record(&Record::Header(header))?;
    for item in &plan.items {
        match item {
            Item::Change(change) => out.change(change)?,
            Item::Skip(skip) => out.record(&Record::Skip(skip.clone()))?,
            Item::Problem(problem) => out.record(&Record::Error(problem.clone()))?,
        }
    }
    let Plan {
        counts,
        errors,
        skipped,
        ..
    } = *plan;
    out.record(&Record::End(End {
        counts,
        errors,
        skipped,
    }))
}

/// Writes a plan in the line form; people see letters in colour.
///
/// # Errors
/// [`ErrorKind::Stdout`].
pub fn lines(out: &mut Writer<Stdout>, plan: &Plan, null: bool) -> Result<()> {
    if null || !colour::wanted(&stdout()) {
        return plan.changes().try_for_each(|c| out.line(c, null));
    }
    let mut line = Vec::new();
    plan.changes().try_for_each(|change| {
        line.clear();
        line::write(change, false, &mut line);
        let letter = paint(
            colour::of(change.status),
            &change.status.letter().to_string(),
        );
        out.raw(letter.as_bytes())?;
        out.raw(&line[1..])
    })
}

/// Counts by letter, and the bytes of contents.
fn stat(out: &mut Writer<Stdout>, counts: &Counts) -> Result<()> {
    for status in Status::ALL.into_iter().filter(|s| counts.of(*s) > 0) {
        out.raw(format!("{}\t{}\n", status.letter(), counts.of(status)).as_bytes())?;
    }
    out.raw(format!("bytes\t{}\n", counts.bytes).as_bytes())
}
