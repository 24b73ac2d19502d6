//! The loop: waits for changes, signals, the end of a program and the clock, and begins rounds.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use fsync::cli::Talk;
use fsync::model::quote::quote;
use fsync::model::{Exit, Result};
use serde_json::Value;

use crate::Watch;
use crate::account;
use crate::clock::Asleep;
use crate::eye::{Blind, Eye, Seen};
use crate::pending::{Cause, Pending, Work};
use crate::place::Places;
use crate::retry::Retry;
use crate::round::{Ended, Orders, Running};
use crate::wake::{self, Wake};
use crate::wish;

/// How often what tells of nothing is looked at: mounts, and whether the machine slept.
const TICK: Duration = Duration::from_secs(2);
/// After how long single paths are not enough, in case a change was not told (of memory that is mapped, say).
const EVERYTHING: Duration = Duration::from_secs(3600);
/// How often everything is looked at where it cannot be watched.
const INSTEAD: Duration = Duration::from_secs(30);
struct Course<'w> {
    watch: &'w Watch,
    talk: Talk,
    orders: Orders,
    places: Places,
    eye: Option<Eye>,
    poll: Option<Duration>,
    pending: Pending,
    now: Option<Round>,
    gone: bool,
    stopping: bool,
    retry: Retry,
    looked: Option<Instant>,
    asleep: Asleep,
    ticked: Instant,
}

/// A round that is at work.
struct Round {
    work: Work,
    running: Running,
    /// The round's own work is done, and old snapshots are removed.
    done: Option<(Ended, Value)>,
}

/// Watches until it is told to stop.
///
/// # Errors
/// When there is nothing that can be watched, or standard output is closed.
pub fn run(watch: &Watch, talk: Talk) -> Result<Exit> {
    let mut course = Course::new(watch, talk)?;
    let signals = wake::listen()?;
    course.pending.all(Cause::Start, Instant::now());
    course.open();
    loop {
        if let Some(exit) = course.step(&signals)? {
            return Ok(exit);
        }
    }
}

impl<'w> Course<'w> {
    fn new(watch: &'w Watch, talk: Talk) -> Result<Self> {
        let (orders, places) = wish::read(watch)?;
        Ok(Course {
            watch,
            talk,
            orders,
            places,
            eye: None,
            poll: watch.poll,
            pending: Pending::default(),
            now: None,
            gone: false,
            stopping: false,
            retry: Retry::default(),
            looked: None,
            asleep: Asleep::now(),
            ticked: Instant::now(),
        })
    }

    fn name(&self) -> String {
        quote(self.orders.dir.as_os_str().as_bytes())
    }

    /// Opens the eye on what is there, or says once what is not.
    fn open(&mut self) {
        self.eye = None;
        if let Some(path) = self.places.missing() {
            if !self.gone {
                let name = quote(path.as_os_str().as_bytes());
                self.talk
                    .note(&format!("{name}: is gone; waiting until it is back"));
            }
            self.gone = true;
            return;
        }
        if self.gone {
            self.talk
                .note(&format!("{}: all is there again", self.name()));
            self.gone = false;
        }
        let grounds = self.places.grounds();
        if self.watch.once || self.watch.poll.is_some() {
            return;
        }
        match Eye::new(grounds) {
            Ok(eye) => {
                self.talk.detail(&format!(
                    "{}: {} directories are watched",
                    self.name(),
                    eye.len()
                ));
                self.poll = None;
                self.eye = Some(eye);
            }
            Err(blind) => self.go_blind(blind),
        }
    }

    /// Looks at everything now and then instead.
    fn go_blind(&mut self, blind: Blind) {
        let every = INSTEAD.as_secs();
        let message = format!(
            "{}: {}; meanwhile all is looked at every {every} s",
            self.name(),
            blind.why()
        );
        // Told once, however often it is tried.
        if self.poll.is_none() {
            self.talk.error(&message);
        }
        self.eye = None;
        self.poll = Some(INSTEAD);
    }

    /// One wait, and what comes of it; the exit code at the end.
    fn step(&mut self, signals: &UnixStream) -> Result<Option<Exit>> {
        let program = self.now.as_ref().map(|round| round.running.ended());
        let events = self.eye.as_ref().map(AsFd::as_fd);
        let wake = Wake::wait(signals, program, events, self.wait())?;
        if wake.asked {
            self.asked(signals);
        }
        if wake.events {
            self.look();
        }
        if self.ticked.elapsed() >= TICK {
            self.tick();
        }
        if wake.ended
            && let Some(exit) = self.ended()?
        {
            return Ok(Some(exit));
        }
        if self.now.is_none() {
            if self.stopping {
                return Ok(Some(Exit::Done));
            }
            if self.eye.as_mut().is_some_and(Eye::settle) {
                self.pending.all(Cause::Unknown, Instant::now());
            }
            self.begin()?;
        }
        Ok(None)
    }

    /// How long nothing but events is of interest.
    fn wait(&self) -> Duration {
        let tick = TICK.saturating_sub(self.ticked.elapsed());
        if self.now.is_some() || self.gone {
            return tick;
        }
        let due = self.due();
        due.map_or(tick, |due| {
            due.saturating_duration_since(Instant::now()).min(tick)
        })
    }

    fn due(&self) -> Option<Instant> {
        let due = self
            .pending
            .due(self.watch.quiet_period, self.watch.at_most)?;
        Some(self.retry.at().map_or(due, |again| again.max(due)))
    }

    fn asked(&mut self, mut signals: &UnixStream) {
        let _ = signals.read(&mut [0; 64]);
        match (&self.now, self.stopping) {
            (Some(round), true) => round.running.stop(),
            (Some(_), false) => self.talk.note("ends when what it is at is done"),
            (None, _) => {}
        }
        self.stopping = true;
    }

    /// Takes in what the eye has seen.
    fn look(&mut self) {
        let (Some(eye), now) = (&mut self.eye, Instant::now()) else {
            return;
        };
        let (pending, snap) = (&mut self.pending, self.watch.snap);
        let (mut lost, mut again, mut sync) = (false, false, false);
        let looked = eye.look(|seen| match seen {
            Seen::Path(_, path) if snap => pending.path(path, now),
            Seen::Path(..) | Seen::Whole(_) => pending.all(Cause::Unknown, now),
            Seen::Sync => sync = true,
            Seen::Lost => lost = true,
            Seen::Gone(_) => again = true,
        });
        let blind = eye.blind();
        if sync {
            self.pending.all(Cause::Unknown, now);
            // The round says what is wrong with it.
            again |= self.places.read().is_ok();
        }
        if lost || looked.is_err() {
            self.talk.detail(&format!(
                "{}: events were lost; all is looked at",
                self.name()
            ));
            self.pending.all(Cause::Overflow, now);
        }
        if lost || looked.is_err() || again {
            self.pending.all(Cause::Back, now);
            self.open();
        } else if let Some(blind) = blind {
            self.pending.all(Cause::Unknown, now);
            self.go_blind(blind);
        }
    }

    /// What no event tells of.
    fn tick(&mut self) {
        let now = Instant::now();
        self.ticked = now;
        let asleep = Asleep::now();
        if asleep.since(self.asleep) {
            self.pending.all(Cause::Suspend, now);
        }
        self.asleep = asleep;
        if self.gone || self.places.missing().is_some() || self.places.differ() {
            let was = self.gone;
            self.open();
            if !self.gone {
                self.pending.all(Cause::Back, now);
            } else if !was {
                self.pending.take();
            }
        }
        let late = |every: Duration| self.looked.is_some_and(|looked| looked.elapsed() >= every);
        if self.poll.is_some_and(late) && self.now.is_none() {
            self.pending.all(Cause::Poll, now);
        }
    }

    fn begin(&mut self) -> Result<()> {
        if self.gone || self.due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        let mut work = self.pending.take();
        if self
            .looked
            .is_none_or(|looked| looked.elapsed() >= EVERYTHING)
        {
            work.all.get_or_insert(Cause::Poll);
        }
        if work.all.is_some() {
            self.looked = Some(Instant::now());
        }
        // Of what is tried again only what is new is said; and what single paths are not enough for, nobody need know.
        let again = self.retry.is_on() || self.watch.snap && work.all.is_none();
        let running = self
            .orders
            .work(&work, again && !self.watch.common.verbose)?;
        self.now = Some(Round {
            work,
            running,
            done: None,
        });
        Ok(())
    }

    /// A program of the round has ended.
    fn ended(&mut self) -> Result<Option<Exit>> {
        let Some(round) = self.now.take() else {
            return Ok(None);
        };
        let ended = round.running.wait()?;
        if let Some((work_ended, record)) = round.done {
            if ended.code == Exit::Busy.code() {
                self.talk
                    .note("old snapshots stay until the next round: the repository is in use");
            }
            return self.finish(round.work, work_ended, &record);
        }
        let record = account::record(&round.work, &ended);
        let changed = record["new"] != Value::Bool(false);
        if ended.code == Exit::Done.code()
            && changed
            && let Some(running) = self.orders.prune()?
        {
            self.now = Some(Round {
                work: round.work,
                running,
                done: Some((ended, record)),
            });
            return Ok(None);
        }
        self.finish(round.work, ended, &record)
    }

    /// The round is over.
    fn finish(&mut self, work: Work, ended: Ended, record: &Value) -> Result<Option<Exit>> {
        match self.watch.json {
            true => account::print(record)?,
            false => account::say(self.talk, &self.name(), &work, record),
        }
        let known = |exit: &Exit| exit.code() == ended.code;
        let exit = Exit::ALL.into_iter().find(known).unwrap_or(Exit::Failed);
        match exit {
            Exit::Done | Exit::Partial => {
                self.pass_on(&ended);
                if self.retry.worked() {
                    self.talk.note(&format!("{}: it works again", self.name()));
                }
                return Ok(self.watch.once.then_some(exit));
            }
            // The head has other rules, or is not there: then everything is looked at.
            Exit::Refused | Exit::NotFound if work.all.is_none() => {
                self.pending.all(Cause::Again, Instant::now());
                return Ok(None);
            }
            Exit::Busy => {}
            // What is wrong from the beginning will not mend itself.
            _ if self.watch.once || work.all == Some(Cause::Start) && !self.stopping => {
                self.pass_on(&ended);
                return Ok(Some(exit));
            }
            _ => {}
        }
        self.again(work, &ended);
        Ok(None)
    }

    /// It failed, and is tried again; the same trouble is told once.
    fn again(&mut self, work: Work, ended: &Ended) {
        let now = Instant::now();
        let (wait, news) = self.retry.failed(ended, now);
        self.pending.put_back(work, now);
        let message = format!("{}: tried again in {} s", self.name(), wait.as_secs());
        match news {
            true => {
                self.pass_on(ended);
                self.talk
                    .note(&format!("{message}, and then until it works"));
            }
            false => self.talk.detail(&message),
        }
    }

    fn pass_on(&self, ended: &Ended) {
        if let Some(complaint) = &ended.complaint {
            self.talk.pass_on(complaint);
        }
    }
}
