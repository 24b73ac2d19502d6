//! `fsync-apply`: performs a plan.

use std::ffi::OsString;
use std::io::stdin;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::bundle::{self, Bundled};
use crate::cli::guard::Guarded;
use crate::cli::journal::Journal;
use crate::cli::option::{Common, CompareArgs, GuardArgs, LaxArgs, parse_duration};
use crate::cli::place::{self, Place, Places};
use crate::cli::plan::{self, Given, Plan};
use crate::cli::result::{self, Row};
use crate::cli::source::SourceFilterArgs;
use crate::cli::stop::Stop;
use crate::cli::{Program, diff, progress};
use crate::disk::Root;
use crate::disk::lock::{PATIENCE, lock};
use crate::disk::meta::Policy;
use crate::model::meter::{self, Phase};
use crate::model::{
    Change, Clock, Counts, Error, ErrorKind, Exit, Filter, Outcome, RelPath, Result, Status,
};
use crate::ops::apply::{Job, apply, total};
use crate::ops::guard;
use crate::ops::lookup::Lookup;
use crate::ops::outcome::Report;
use crate::ops::stale::Terms;
use crate::protocol::Root as HeaderRoot;
use crate::repo::bundle::BundleTree;
use crate::tree::Tree;

/// Perform the plan on standard input
///
/// The plan is what fsync-diff printed, or what grep or jq left of it. NDJSON names its roots
/// itself; the line form needs them as arguments, and looks each path up again. The whole plan is
/// read and checked before anything is done. A change whose destination or source is no longer as
/// the plan expects is refused as stale, alone; the others are made. One that is made already is
/// success, so the same plan may be run again.
///
/// Contents are brought to the disk before their files get their names, so that not even a crash of
/// the machine leaves a name without them. SIGINT, SIGTERM and SIGHUP end the run in good order: what
/// was begun is finished, nothing else is tried. A second signal ends it at once.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "fsync-apply",
    version,
    override_usage = "fsync-apply [OPTIONS] [<SRC>... <DST>]\n       fsync-apply [OPTIONS] --bundle <FILE> <DST>"
)]
pub struct Args {
    /// The plan's sources and destination; given with NDJSON, they must equal the plan's
    #[arg(value_names = ["SRC", "DST"])]
    pub roots: Vec<OsString>,
    /// Perform the plan of a bundle (fsync bundle) at DST, with the contents that it holds [default: the plan on standard input]
    ///
    /// All that its plan needs is read and compared with its digests before anything is changed. DST stands for the directory that
    /// the bundle was made for: what its plan expects there is told by size, time and mode.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["modify_window"])]
    pub bundle: Option<PathBuf>,
    /// Read the plan on standard input all the same: what is left of fsync-diff --bundle FILE DST
    #[arg(long, requires = "bundle")]
    pub stdin: bool,
    /// Change nothing; say what would become of each change
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Refuse a plan without a snapshot of its destination
    #[arg(long)]
    pub require_snapshot: bool,
    /// Print a result record for each change
    #[arg(long)]
    pub json: bool,
    /// Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: the plan's]
    ///
    /// A plan in the line form does not say with which window it was made.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub modify_window: Option<u64>,
    /// What is left out of comparing and setting.
    #[command(flatten)]
    pub lax: LaxArgs,
    /// What single sources supply: with a plan in the line form, as it was made; NDJSON says it itself.
    #[command(flatten)]
    pub source_filters: SourceFilterArgs,
    /// Options that lift a guard.
    #[command(flatten)]
    pub guards: GuardArgs,
    /// Options of every program.
    #[command(flatten)]
    pub common: Common,
}

/// Everything that is needed to begin.
struct Ready {
    sources: Vec<Place>,
    destination: PathBuf,
    changes: Vec<Change>,
    /// What became of lines that stand for no change, by path.
    settled: Vec<(RelPath, Status, Report)>,
    plan: Option<Plan>,
    terms: Terms,
    /// Owners are not set.
    no_owner: bool,
    /// Where all contents come from, instead of sources.
    bundle: Option<BundleTree>,
}

impl Program for Args {
    const NAME: &'static str = "fsync-apply";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        self.common.enter()?;
        let places = Places::new(&self.common)?;
        let ready = match &self.bundle {
            Some(file) => self.of_bundle(&places, bundle::open(file)?)?,
            None => self.prepare(&places, plan::read(stdin().lock())?)?,
        };
        let journal = self.guard(&places, &ready)?;
        if !ready.changes.is_empty() && !self.dry_run {
            guard::make_destination(&ready.destination, self.guards.parents)?;
        }
        let stop = Stop::watch();
        let missing = matches!(ready.destination.try_exists(), Ok(false));
        let (reports, unlogged) = match missing && (self.dry_run || ready.changes.is_empty()) {
            // A plan of nothing, or a rehearsal of making all of it.
            true => (
                vec![Report::plain(Outcome::Done); ready.changes.len()],
                None,
            ),
            false => {
                let root = Root::open(&ready.destination)?;
                self.perform(&places, &ready, &root, journal, &stop)?
            }
        };
        let exit = self.tell(&ready, &reports, stop.is_asked())?;
        let exit = unlogged.map_or(exit, |error| self.tell_unlogged(&error));
        stop.obey();
        Ok(exit)
    }
}

impl Args {
    fn places(&self, places: &Places) -> Result<Vec<Place>> {
        match self.roots.split_last() {
            Some((last, first)) => first
                .iter()
                .map(|a| places.find(a, false))
                .chain([places.find(last, true)])
                .collect(),
            None => Ok(Vec::new()),
        }
    }

    fn prepare(&self, places: &Places, given: Given) -> Result<Ready> {
        let roots = self.places(places);
        match given {
            Given::Plan(plan) => self.of_records(*plan, roots?),
            Given::Lines(lines) => self.of_lines(places, lines, roots?),
        }
    }

    fn of_bundle(&self, places: &Places, bundled: Bundled) -> Result<Ready> {
        bundle::refuse(&[self.source_filters.to_args()])?;
        let given = match self.stdin {
            true => Some(plan::read(stdin().lock())?),
            false => None,
        };
        let roots = self.places(places)?;
        let (plan, tree, special) = bundled.performed(given, roots)?;
        if let Some(words) = special.words() {
            self.talk().note(&words);
        }
        let mut ready = self.ready(plan, Vec::new())?;
        // What is there and no directory is said before anything is asked of it.
        diff::destination_tree(places, &Place::Directory(ready.destination.clone()))?;
        // Its numbers are those of another machine: where they cannot be set, they are not asked for.
        ready.terms.owner &= rustix::process::geteuid().is_root();
        ready.bundle = Some(tree);
        Ok(ready)
    }

    fn of_records(&self, plan: Plan, given: Vec<Place>) -> Result<Ready> {
        let sources: Vec<Place> = plan.header.sources.iter().map(Place::of).collect();
        if sources.is_empty() && plan.changes.iter().any(|c| c.new.is_some()) {
            let message = "the plan names no source, so it is a bundle's; give that with --bundle; nothing was changed";
            return Err(Error::at(ErrorKind::BadInput, "standard input", message));
        }
        let destination = Place::of(&plan.header.destination);
        let named: Vec<&Place> = sources.iter().chain([&destination]).collect();
        if !given.is_empty() && given.iter().collect::<Vec<_>>() != named {
            let message = "the roots given as arguments are not the plan's";
            return Err(Error::new(ErrorKind::Refused, message));
        }
        self.ready(plan, sources)
    }

    fn ready(&self, mut plan: Plan, sources: Vec<Place>) -> Result<Ready> {
        if let HeaderRoot::Far(_) = &plan.header.destination {
            return Err(place::elsewhere());
        }
        let HeaderRoot::Directory(_) = &plan.header.destination else {
            let message = "the plan's destination is a snapshot, and snapshots never change";
            return Err(Error::new(ErrorKind::Refused, message));
        };
        let destination = Place::of(&plan.header.destination);
        let options = &plan.header.options;
        let no_owner = options.no_owner || self.lax.no_owner;
        let terms = Terms {
            owner: options.owner && !no_owner,
            any_mode: options.no_perms || self.lax.no_perms,
            clock: Clock {
                window_ns: self.modify_window.unwrap_or(options.modify_window_ns),
                ignored: options.no_times || self.lax.no_times,
                ..Clock::default()
            },
        };
        Ok(Ready {
            sources,
            destination: destination.path().unwrap_or(Path::new("/")).to_path_buf(),
            changes: std::mem::take(&mut plan.changes),
            settled: Vec::new(),
            terms,
            no_owner,
            plan: Some(plan),
            bundle: None,
        })
    }

    fn of_lines(
        &self,
        places: &Places,
        lines: Vec<crate::protocol::line::Line>,
        mut roots: Vec<Place>,
    ) -> Result<Ready> {
        let destination = match roots.pop() {
            Some(Place::Directory(path)) if !roots.is_empty() => path,
            Some(Place::Far(_)) => return Err(place::elsewhere()),
            Some(Place::Snapshot(_)) => {
                let message = "the destination is a snapshot, and snapshots never change";
                return Err(Error::new(ErrorKind::Refused, message));
            }
            _ => {
                let message = "the plan names no roots (or is empty: the program before this one failed); \
                               give them as arguments: fsync-apply SRC... DST; nothing was changed";
                return Err(Error::at(ErrorKind::BadInput, "standard input", message));
            }
        };
        let compare = CompareArgs {
            lax: self.lax.clone(),
            modify_window: self.modify_window,
            ..CompareArgs::default()
        };
        let filters = self.source_filters.filters(roots.len())?;
        let source = diff::sources_tree(places, &roots, &filters)?;
        let target = diff::destination_tree(places, &Place::Directory(destination.clone()))?;
        let medium = target.as_ref().map(|t| t.medium()).unwrap_or_default();
        let options = diff::options(&compare, Filter::default()).on(medium);
        let mut lookup = Lookup::new(source.as_ref(), target.as_deref(), &options);
        for line in lines.iter().filter(|l| l.status == Status::Touched) {
            // What cannot be examined is said of the line itself.
            let _ = lookup.keeps(&line.path);
        }
        let (mut changes, mut settled) = (Vec::new(), Vec::new());
        for line in lines {
            match lookup.find(line.status, &line.path, line.from.as_ref()) {
                Ok(Ok(change)) => changes.push(change),
                Ok(Err(report)) => settled.push((line.path, line.status, report)),
                Err(e) => settled.push((
                    line.path,
                    line.status,
                    Report::new(Outcome::Failed, e.cause()),
                )),
            }
        }
        Ok(Ready {
            sources: roots,
            destination,
            changes,
            settled,
            plan: None,
            terms: options.terms(),
            no_owner: options.no_owner,
            bundle: None,
        })
    }

    /// Every guard; then the journal's entry, when there is a snapshot to hold the plan to.
    fn guard<'p>(&self, places: &'p Places, ready: &'p Ready) -> Result<Option<Journal<'p>>> {
        let guarded = Guarded {
            places,
            sources: &ready.sources,
            destination: &ready.destination,
            changes: &ready.changes,
            allowed: &self.guards,
        };
        guarded.check_roots()?;
        if ready.changes.is_empty() {
            return Ok(None);
        }
        let journal = match ready.plan.as_ref().and_then(|p| p.snapshot.as_ref()) {
            Some(snapshot) => Some(Journal::open(
                places,
                snapshot,
                &ready.destination,
                &ready.changes,
            )?),
            None if self.require_snapshot => {
                let message = "the plan holds no snapshot of its destination; pass it through fsync-snap --through";
                return Err(Error::new(ErrorKind::Refused, message));
            }
            None => None,
        };
        guarded.check()?;
        Ok(journal)
    }

    /// What became of each change, and why its end could not be written down.
    fn perform(
        &self,
        places: &Places,
        ready: &Ready,
        root: &Root,
        journal: Option<Journal<'_>>,
        stop: &Stop,
    ) -> Result<(Vec<Report>, Option<Error>)> {
        let _held = match self.dry_run {
            true => None,
            false => Some(lock(root.handle(), true, &ready.destination, PATIENCE)?),
        };
        let trees: Result<Vec<Box<dyn Tree>>> =
            ready.sources.iter().map(|s| places.open(s)).collect();
        let trees = trees?;
        let bundle = ready.bundle.iter().map(|tree| tree as &dyn Tree);
        let trees: Vec<&dyn Tree> = trees.iter().map(Box::as_ref).chain(bundle).collect();
        let able = root.able();
        let job = Job {
            sources: &trees,
            root,
            policy: Policy {
                owner: able.owner && !ready.no_owner,
                group: able.group && !ready.no_owner,
                mode: able.mode && !ready.terms.any_mode,
                mtime: !ready.terms.clock.ignored,
                ..able
            },
            terms: ready.terms.on(root.medium()),
            unrecorded: journal.as_ref().map_or(&[], |j| &j.unrecorded),
            dry_run: self.dry_run,
            durable: true,
            stop: stop.flag(),
        };
        let running = match (&journal, self.dry_run) {
            (Some(journal), false) => Some(journal.begin(&ready.sources, root)?),
            _ => None,
        };
        meter::begin(Phase::Changing, Some(total(&ready.changes)));
        let reports = apply(&job, &ready.changes);
        progress::done();
        let whole = reports.iter().all(|r| r.outcome.is_success());
        // The work is done: that this cannot be written down is no reason to keep the results from anybody.
        let ended = journal
            .zip(running)
            .map(|(j, running)| j.finish(running, whole));
        Ok((reports, ended.and_then(Result::err)))
    }

    /// Says that the end of the work could not be written down.
    fn tell_unlogged(&self, error: &Error) -> Exit {
        let rest = "the plan was performed as said above, but the log does not say that it ended";
        self.talk().error(&format!("{error}; {rest}"));
        error.kind().into()
    }

    /// Prints what became of everything, in path order.
    fn tell(&self, ready: &Ready, reports: &[Report], stopped: bool) -> Result<Exit> {
        let mut counts = Counts::default();
        ready.changes.iter().for_each(|c| counts.add(c));
        let told = result::Told {
            talk: self.talk(),
            json: self.json,
            snapshot: ready.plan.as_ref().and_then(|p| p.snapshot.as_ref()),
            counts,
            troubles: ready.plan.as_ref().map_or(0, |p| p.troubles),
            stopped,
        };
        let rows = result::rows(&ready.changes, reports);
        if ready.settled.is_empty() {
            return result::print(&told, rows);
        }
        let settled = ready.settled.iter().map(|(p, s, r)| (p, *s, r));
        let mut rows: Vec<Row> = rows.chain(settled).collect();
        rows.sort_by_key(|row| row.0);
        result::print(&told, rows.into_iter())
    }
}
