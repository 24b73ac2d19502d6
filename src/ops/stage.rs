//! Directories and contents: made under temporary names, brought to the disk, and only then given their own.
//!
//! A crash after a rename leaves a name whose contents may be missing: a journalling file system writes names long
//! before contents (ext4 up to 30 s, XFS too). Were that file of the right size and time, as one with holes is, no
//! later run would notice. So a round of files is made, one syncfs(2) brings all of it to the disk, and the round
//! is given its names. An fsync(2) for each file would wait for the disk once for each; a round costs what writing
//! the data costs anyway.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use rustix::io::Errno;

use crate::disk::put::Temporary;
use crate::model::{Change, Entry, Outcome, RelPath, Status};
use crate::ops::apply::{Shared, batches, is_content, is_directory, spread, spread_with};
use crate::ops::outcome::{Report, stale};
use crate::ops::perform::{Made, Worker};
use crate::ops::settle::{Final, Settle};

/// About so many changes are one piece of work: whole directories, so that threads keep out of each other's, but
/// for those that are much larger.
const BATCH: usize = 128;
/// So many bytes take about as long as a file.
const UNIT: u64 = 32 << 10;
/// About so much is made before it is brought to the disk and named: this many files, or bytes in [`UNIT`]s (256
/// MiB). It is what a kill may cost, and what a replacement needs in room beside what it replaces.
const ROUND: usize = 8192;

/// What is complete under a temporary name and waits for its own.
pub(super) struct Waiting {
    temporary: Vec<u8>,
    /// What it is to replace.
    before: Option<Box<Entry>>,
}

impl Waiting {
    pub(super) fn new(temporary: Vec<u8>, before: Option<Entry>) -> Self {
        Waiting {
            temporary,
            before: before.map(Box::new),
        }
    }
}

/// What a first pass makes of a change.
enum Step<T> {
    /// This became of it.
    Told(T),
    /// It waits for its name.
    Waits(Waiting),
}

impl Worker<'_> {
    /// Makes one change; a file is left without its name.
    fn stage(&mut self, change: &Change) -> Step<Report> {
        self.staging = true;
        let report = self.perform(change);
        self.staging = false;
        match self.waiting.take() {
            Some(waiting) => Step::Waits(waiting),
            None => Step::Told(report),
        }
    }

    /// Gives what waits its name, or, where it could not be brought to the disk, removes it.
    fn name(&mut self, change: &Change, waiting: &Waiting, synced: Result<(), Errno>) -> Made<()> {
        let parent = change.path.parent().unwrap_or_else(RelPath::root);
        let last = self
            .enter(&parent)
            .map_err(|_| stale("its directory is not there any more"))?;
        let made = Temporary::resume(&last.folder, waiting.temporary.clone());
        let named = match synced {
            Ok(()) => self.place(change, &last.folder, made, waiting.before.as_deref()),
            Err(e) => {
                drop(made);
                Err(self.failed("cannot bring it to the disk", e.into()))
            }
        };
        self.keep_open(last);
        named
    }
}

/// A directory: what became of it, and what is to be set on it at the end.
type MadeDir = (Report, Option<Final>);
/// Changes that were not made, and why.
type NotMade = Vec<(usize, Report)>;

/// Directories, from the top, those of one depth in parallel; new ones with the files that lie in them. Which
/// changes were these files.
pub(super) fn directories(
    shared: &Shared<'_>,
    changes: &[Change],
    reports: &mut [Report],
    settle: &mut Settle,
) -> Vec<bool> {
    let mut levels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, change) in changes.iter().enumerate().filter(|(_, c)| is_directory(c)) {
        levels.entry(change.path.depth()).or_default().push(at);
    }
    let fills = match shared.job.dry_run {
        true => HashMap::new(),
        false => fills(changes),
    };
    let mut made = vec![false; changes.len()];
    for level in levels.into_values() {
        let weight = |at: usize| 1 + fills.get(&at).map_or(0, Vec::len);
        let batches = batches(&level, shared.batch(BATCH) / 4, weight, |_, _| true);
        for round in rounds(&batches, weight) {
            let done = round_of_directories(shared, changes, round, &fills);
            for (at, (report, planned), not_made) in done {
                reports[at] = report;
                settle.add(&changes[at].path, planned);
                if let (Some(not_made), Some(files)) = (not_made, fills.get(&at)) {
                    note(reports, files, not_made);
                    files.iter().for_each(|file| made[*file] = true);
                }
            }
        }
    }
    made
}

/// Directories of one depth. Where files were made with one, those of them that were not.
fn round_of_directories(
    shared: &Shared<'_>,
    changes: &[Change],
    round: &[&[usize]],
    fills: &HashMap<usize, Vec<usize>>,
) -> Vec<(usize, MadeDir, Option<NotMade>)> {
    let plain = |worker: &mut Worker<'_>, change: &Change| {
        let report = worker.perform(change);
        let planned = Settle::planned(change, &report, worker);
        (report, planned)
    };
    let begin = |worker: &mut Worker<'_>, batch: &[usize]| {
        let with_files = batch.iter().flat_map(|at| {
            let files = fills.get(at).into_iter().flatten();
            std::iter::once(at).chain(files)
        });
        worker.expect(&mut with_files.map(|at| &changes[*at]));
    };
    let steps = spread_with(shared, round, begin, |worker, at| {
        let files = fills.get(&at);
        let filled = files.and_then(|files| worker.fill(&changes[at], changes, files));
        Some(match filled {
            Some((waiting, not_made)) => (Step::Waits(waiting), not_made),
            None => (Step::Told(plain(worker, &changes[at])), Vec::new()),
        })
    });
    let mut done = Vec::with_capacity(steps.len());
    let mut waiting = Vec::new();
    for (at, (step, not_made)) in steps {
        match step {
            Step::Told(told) => done.push((at, told, None)),
            Step::Waits(made) => waiting.push((at, made, not_made)),
        }
    }
    done.extend(named(
        shared,
        &waiting,
        |worker, synced, (at, made, not_made)| {
            let change = &changes[*at];
            match worker.name(change, made, synced) {
                Ok(()) => {}
                Err(report) if report.outcome == Outcome::Failed => {
                    return Some((*at, (report, None), None));
                }
                // Once more, without the files, which come later.
                Err(_) => return Some((*at, plain(worker, change), None)),
            }
            shared.add_fresh(&change.path);
            let report = Report::plain(Outcome::Done);
            let planned = Settle::planned(change, &report, worker);
            Some((*at, (report, planned), Some(not_made.clone())))
        },
    ));
    done
}

/// For each new directory the files that the plan puts straight into it, unless they are many or large: a run that
/// is cut short loses what it has put into a directory that has no name yet.
fn fills(changes: &[Change]) -> HashMap<usize, Vec<usize>> {
    const FILES: usize = 512;
    const BYTES: u64 = 16 << 20;
    let mut fills: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut above: Vec<usize> = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        while above
            .pop_if(|dir| !change.path.is_within(&changes[*dir].path))
            .is_some()
        {}
        let new = change.status == Status::Added;
        if new && is_directory(change) && !change.path.is_root() {
            above.push(at);
        } else if new
            && is_content(change)
            && let Some(dir) = above.last()
            && change.path.dir() == changes[*dir].path.as_bytes()
        {
            fills.entry(*dir).or_default().push(at);
        }
    }
    let bytes = |files: &[usize]| {
        let sizes = files.iter().map(|at| changes[*at].bytes());
        // A plan may say anything.
        sizes.fold(0, u64::saturating_add)
    };
    fills.retain(|_, files| files.len() <= FILES && bytes(files) <= BYTES);
    fills
}

/// Contents and metadata of what is no directory, in parallel, but for what was made with its directory.
pub(super) fn contents(
    shared: &Shared<'_>,
    changes: &[Change],
    reports: &mut [Report],
    made: &[bool],
) {
    let which: Vec<usize> = (0..changes.len())
        .filter(|at| is_content(&changes[*at]) && !made[*at])
        .collect();
    let other_dir = |a: usize, b: usize| changes[a].path.dir() != changes[b].path.dir();
    // A plan may say anything.
    let weight = |at: usize| 1 + (changes[at].bytes() / UNIT).min(1 << 20) as usize;
    let mut batches = batches(&which, shared.batch(BATCH), weight, other_dir);
    // What takes long begins first, lest one thread be left with it in the end.
    let long = |batch: &&[usize]| batch.iter().map(|at| weight(*at)).sum::<usize>() / (2 * BATCH);
    batches.sort_by_key(|batch| Reverse(long(batch)));
    for round in rounds(&batches, weight) {
        let named = round_of_contents(shared, changes, round, reports);
        // What was replaced made room; from now on one after the other, which needs least of it.
        if named > 0 && shared.go_on_if_full() {
            again(shared, changes, round, reports);
        }
    }
}

/// Makes the changes of a round; how many files got their names.
fn round_of_contents(
    shared: &Shared<'_>,
    changes: &[Change],
    round: &[&[usize]],
    reports: &mut [Report],
) -> usize {
    let begin = |worker: &mut Worker<'_>, batch: &[usize]| {
        worker.expect(&mut batch.iter().map(|at| &changes[*at]));
    };
    let steps = spread_with(shared, round, begin, |worker, at| {
        match worker.stage(&changes[at]) {
            // Most are done; only the others are kept twice.
            Step::Told(report) if report.outcome == Outcome::Done => None,
            step => Some(step),
        }
    });
    let (mut not_done, mut waiting) = (Vec::new(), Vec::new());
    for (at, step) in steps {
        match step {
            Step::Told(report) => not_done.push((at, report)),
            Step::Waits(made) => waiting.push((at, made)),
        }
    }
    let not_named = named(shared, &waiting, |worker, synced, (at, made)| {
        let report = worker.name(&changes[*at], made, synced).err()?;
        Some((*at, report))
    });
    let count = waiting.len() - not_named.len();
    not_done.extend(not_named);
    note(reports, &round.concat(), not_done);
    count
}

/// Tries what was not done once more, one after the other.
fn again(shared: &Shared<'_>, changes: &[Change], round: &[&[usize]], reports: &mut [Report]) {
    let mut worker = Worker::new(shared);
    for at in round.concat() {
        if matches!(reports[at].outcome, Outcome::Failed | Outcome::Held) {
            reports[at] = worker.perform(&changes[at]);
        }
    }
}

/// Brings to the disk what was made in a round, and gives it its names, on every thread.
fn named<'a, W: Sync, T: Send>(
    shared: &'a Shared<'a>,
    waiting: &[W],
    work: impl Fn(&mut Worker<'a>, Result<(), Errno>, &W) -> Option<T> + Sync,
) -> Vec<T> {
    if waiting.is_empty() {
        return Vec::new();
    }
    let synced = shared.sync();
    let places: Vec<usize> = (0..waiting.len()).collect();
    let batches: Vec<&[usize]> = places.chunks(BATCH).collect();
    let done = spread(shared, &batches, |worker, at| {
        work(worker, synced, &waiting[at])
    });
    done.into_iter().map(|(_, made)| made).collect()
}

/// Cuts batches into rounds of about [`ROUND`].
fn rounds<'b, 'w>(
    batches: &'b [&'w [usize]],
    weight: impl Fn(usize) -> usize,
) -> impl Iterator<Item = &'b [&'w [usize]]> {
    let mut load = 0;
    batches.chunk_by(move |batch, _| {
        load += batch.iter().map(|at| weight(*at)).sum::<usize>();
        let go_on = load < ROUND;
        load *= usize::from(go_on);
        go_on
    })
}

/// Notes that changes were made, but for some.
fn note(reports: &mut [Report], which: &[usize], not_done: Vec<(usize, Report)>) {
    for at in which {
        reports[*at] = Report::plain(Outcome::Done);
    }
    for (at, report) in not_done {
        reports[at] = report;
    }
}
