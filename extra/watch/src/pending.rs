//! What has changed and was not looked at yet, and when that is due. It never holds more than a bounded number of
//! paths: when there are more, everything is looked at.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fsync::model::RelPath;

/// The most paths, and the most bytes of them.
const MOST: usize = 20_000;
const MOST_BYTES: usize = 4 << 20;

/// Why everything is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The program began.
    Start,
    /// Events were lost.
    Overflow,
    /// The machine slept.
    Suspend,
    /// What was gone is back.
    Back,
    /// So much changed that single paths are not kept.
    Many,
    /// A change whose paths are not known.
    Unknown,
    /// The time between two looks is over.
    Poll,
    /// Single paths were not enough.
    Again,
}

impl Cause {
    /// In a word, as records have it.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Start => "start",
            Cause::Overflow => "overflow",
            Cause::Suspend => "suspend",
            Cause::Back => "back",
            Cause::Many => "many",
            Cause::Unknown => "unknown",
            Cause::Poll => "poll",
            Cause::Again => "again",
        }
    }
}

/// What a round looks at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Everything, and why.
    pub all: Option<Cause>,
    /// Or else these, and what is below them.
    pub paths: BTreeSet<RelPath>,
}

/// What waits.
#[derive(Default, Debug)]
pub struct Pending {
    work: Work,
    bytes: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Pending {
    /// A path has changed, or something below it.
    pub fn path(&mut self, path: RelPath, now: Instant) {
        self.touch(now);
        if path.is_root() {
            return self.all(Cause::Unknown, now);
        }
        if self.work.all.is_some() || self.covers(&path) {
            return;
        }
        self.bytes += path.as_bytes().len();
        self.work.paths.insert(path);
        if self.work.paths.len() > MOST || self.bytes > MOST_BYTES {
            self.all(Cause::Many, now);
        }
    }

    /// Everything may have changed.
    pub fn all(&mut self, cause: Cause, now: Instant) {
        self.touch(now);
        // Why events were lost says more than that paths are unknown.
        let vague = matches!(self.work.all, None | Some(Cause::Unknown | Cause::Many));
        if vague {
            self.work.all = Some(cause);
        }
        self.work.paths = BTreeSet::new();
        self.bytes = 0;
    }

    fn touch(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Whether a path or one above it is there already.
    fn covers(&self, path: &RelPath) -> bool {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if self.work.paths.contains(&path) {
                return true;
            }
            at = path.parent();
        }
        false
    }

    /// When it is to be looked at; `None`: there is nothing.
    pub fn due(&self, quiet: Duration, at_most: Duration) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        // What is looked at for another reason than changes need not wait for quiet.
        match self.work.all {
            Some(Cause::Start | Cause::Again | Cause::Poll) => Some(first),
            _ => Some((last + quiet).min(first + at_most)),
        }
    }

    /// Hands it over.
    pub fn take(&mut self) -> Work {
        std::mem::take(self).work
    }

    /// What was not done after all.
    pub fn put_back(&mut self, work: Work, now: Instant) {
        match work.all {
            Some(cause) => self.all(cause, now),
            None => work.paths.into_iter().for_each(|path| self.path(path, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rel(text: &str) -> RelPath {
        RelPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn waits_for_quiet_but_not_for_ever() {
        let (quiet, most) = (Duration::from_secs(2), Duration::from_secs(5));
        let (mut pending, start) = (Pending::default(), Instant::now());
        assert_eq!(pending.due(quiet, most), None);
        for second in 0..5 {
            pending.path(rel("a"), start + Duration::from_secs(second));
        }
        assert_eq!(pending.due(quiet, most), Some(start + most));
        pending.take();
        pending.path(rel("a"), start);
        assert_eq!(pending.due(quiet, most), Some(start + quiet));
    }

    #[test]
    fn keeps_no_path_below_another_and_no_more_than_it_may() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.path(rel("a"), now);
        pending.path(rel("a/b"), now);
        assert_eq!(pending.work.paths.len(), 1);
        for n in 0..=MOST {
            pending.path(rel(&format!("p{n}")), now);
        }
        let work = pending.take();
        assert_eq!((work.all, work.paths.len()), (Some(Cause::Many), 0));
    }

    #[test]
    fn what_comes_back_is_not_lost() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.path(rel("a"), now);
        let work = pending.take();
        pending.path(rel("b"), now);
        pending.put_back(work, now);
        assert_eq!(pending.take().paths.len(), 2);
    }
}
