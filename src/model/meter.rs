//! How far the work has come: counters that operations raise while they work, for whoever wants to show them.
//!
//! There is one for the process, as there is one line that a person looks at. Raising a counter is an atomic addition; a
//! path is only kept when somebody looks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::model::RelPath;

/// What is being done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Trees are compared; nobody knows how large they are.
    Comparing,
    /// A directory is recorded.
    Recording,
    /// A plan is performed.
    Changing,
    /// A snapshot is written where nothing was.
    Restoring,
    /// Archives are looked at.
    Checking,
    /// Archives are copied.
    Copying,
    /// A snapshot is written as one file.
    Exporting,
    /// Contents are read and compared with their digests.
    Reading,
}

impl Phase {
    /// Its word, as records and lines have it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Comparing => "comparing",
            Phase::Recording => "recording",
            Phase::Changing => "changing",
            Phase::Restoring => "restoring",
            Phase::Checking => "checking",
            Phase::Copying => "copying",
            Phase::Exporting => "exporting",
            Phase::Reading => "reading",
        }
    }

    /// What its files are called.
    pub fn unit(self) -> &'static str {
        match self {
            Phase::Comparing => "entries",
            Phase::Changing => "changes",
            Phase::Checking | Phase::Copying => "archives",
            Phase::Reading => "contents",
            _ => "files",
        }
    }
}

/// How much there is to do, where that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Total {
    /// Entries, changes or archives.
    pub files: u64,
    /// Their contents, in bytes.
    pub bytes: u64,
}

impl Total {
    /// So many, whatever is in them.
    pub fn files(files: usize) -> Self {
        Total {
            files: files as u64,
            bytes: 0,
        }
    }
}

/// What the counters said at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What was being done.
    pub phase: Phase,
    /// How much of it is done.
    pub done: Total,
    /// How much there is.
    pub total: Option<Total>,
    /// Where the work is; empty when nobody looks.
    pub path: Vec<u8>,
    /// The number of the phase, from 1: one may come twice.
    pub round: u64,
}

struct State {
    phase: Option<(Phase, Option<Total>)>,
    path: Vec<u8>,
    round: u64,
    /// The last word on phases that are over, for who looks.
    over: Vec<Reading>,
}

static WATCHED: AtomicBool = AtomicBool::new(false);
static FILES: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static STATE: Mutex<State> = Mutex::new(State {
    phase: None,
    path: Vec::new(),
    round: 0,
    over: Vec::new(),
});

fn state() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A phase begins, and with it another count; the one before is over.
pub fn begin(phase: Phase, total: Option<Total>) {
    let mut state = state();
    close(&mut state);
    state.round += 1;
    state.phase = Some((phase, total));
}

/// The phase is over.
pub fn end() {
    close(&mut state());
}

fn close(state: &mut State) {
    if WATCHED.load(Relaxed)
        && let Some(last) = read(state)
    {
        state.over.push(last);
    }
    state.phase = None;
    state.path.clear();
    FILES.store(0, Relaxed);
    BYTES.store(0, Relaxed);
}

/// So many more files (or what the phase counts) are done.
pub fn files(n: u64) {
    FILES.fetch_add(n, Relaxed);
}

/// So many more bytes are done.
pub fn bytes(n: u64) {
    BYTES.fetch_add(n, Relaxed);
}

/// Where the work is.
pub fn at(path: &RelPath) {
    // Whoever finds it held leaves it: another thread is saying where it is.
    if WATCHED.load(Relaxed)
        && let Ok(mut state) = STATE.try_lock()
    {
        state.path.clear();
        state.path.extend_from_slice(path.as_bytes());
    }
}

/// From now on somebody looks.
pub fn watch() {
    WATCHED.store(true, Relaxed);
}

/// What the counters say, if something is being done, and before it what they last said of phases that are over.
pub fn look() -> (Vec<Reading>, Option<Reading>) {
    let mut state = state();
    let over = std::mem::take(&mut state.over);
    let now = read(&state);
    (over, now)
}

fn read(state: &State) -> Option<Reading> {
    let (phase, total) = state.phase?;
    let raised = Total {
        files: FILES.load(Relaxed),
        bytes: BYTES.load(Relaxed),
    };
    // A file may grow, and what failed be tried again: no more is done than there is.
    let done = total.map_or(raised, |total| Total {
        files: raised.files.min(total.files),
        bytes: raised.bytes.min(total.bytes),
    });
    Some(Reading {
        phase,
        done,
        total,
        path: state.path.clone(),
        round: state.round,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other() {
        watch();
        look();
        let total = Some(Total { files: 2, bytes: 5 });
        begin(Phase::Exporting, total);
        begin(Phase::Reading, None);
        let (over, now) = look();
        assert_eq!(over.last().map(|r| r.phase), Some(Phase::Exporting));
        assert_eq!(now.map(|r| r.phase), Some(Phase::Reading));
        end();
        let (over, now) = look();
        assert_eq!((over.len(), now), (1, None));
        assert_eq!(look().0, []);
    }
}
