//! The loop: waits for changes, signals, the end of a program and the clock, and begins rounds.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use fsync::cli::Talk;
use fsync::cli::stop::heeded;
use fsync::model::quote::quote;
use fsync::model::{Error, ErrorKind, Exit, Result, Time};
use fsync::ops::guard::absolute;
use fsync::porcelain::arguments::Global;
use fsync::porcelain::session::Session;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::Watch;
use crate::clock::Asleep;
use crate::eye::{Blind, Eye, Seen};
use crate::pending::{Cause, Pending, Work};
use crate::place::Places;
use crate::round::{Ended, Orders, Running};

/// How often what tells of nothing is looked at: mounts, and whether the machine slept.
const TICK: Duration = Duration::from_secs(2);
/// After how long single paths are not enough, in case a change was not told (of memory that is mapped, say).
const EVERYTHING: Duration = Duration::from_secs(3600);
/// How often everything is looked at where it cannot be watched.
const INSTEAD: Duration = Duration::from_secs(30);
/// The longest wait before what failed is tried again.
const LONGEST: Duration = Duration::from_secs(60);

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
    again: Option<Instant>,
    failures: u32,
    looked: Option<Instant>,
    asleep: Asleep,
    ticked: Instant,
}

/// A round that is at work.
struct Round {
    work: Work,
    running: Running,
    /// The round's own work is done, and old snapshots are removed.
    done: Option<(u8, Value)>,
}

/// Watches until it is told to stop.
///
/// # Errors
/// When there is nothing that can be watched, or standard output is closed.
pub fn run(watch: &Watch, talk: Talk) -> Result<Exit> {
    let mut course = Course::new(watch, talk)?;
    let signals = listen()?;
    course.pending.all(Cause::Start, Instant::now());
    course.open();
    loop {
        if let Some(exit) = course.step(&signals)? {
            return Ok(exit);
        }
    }
}

/// Readable when a signal asks for the end.
fn listen() -> Result<UnixStream> {
    let cannot = |e| Error::io("cannot handle", "signals", e);
    let (read, write) = UnixStream::pair().map_err(cannot)?;
    read.set_nonblocking(true).map_err(cannot)?;
    for signal in heeded(&[SIGINT, SIGTERM, SIGHUP]) {
        let write = write.try_clone().map_err(cannot)?;
        signal_hook::low_level::pipe::register(signal, write).map_err(cannot)?;
    }
    Ok(read)
}

impl<'w> Course<'w> {
    fn new(watch: &'w Watch, talk: Talk) -> Result<Self> {
        let global = Global {
            common: watch.common.clone(),
            ..Global::default()
        };
        // Enters -C.
        let session = Session::new(global)?;
        let dir = absolute(&watch.dir)?;
        let session = session.of(&dir)?;
        let (filter, keep) = {
            let settings = session.settings()?;
            let keep = watch.keep.to_args();
            // What "fsync sync" removes by itself it has removed.
            let wanted = !keep.is_empty() || watch.snap && settings.prunes();
            (settings.filter(&watch.filter), wanted.then_some(keep))
        };
        let mut options: Vec<OsString> = match watch.snap {
            true => filter.to_args(),
            false => watch.filter.to_args(),
        };
        options.extend(watch.more.iter().cloned());
        let places = Places::new(&dir, watch.snap, filter.filter()?, &session.repository()?)?;
        let orders = Orders {
            session,
            dir,
            snap: watch.snap,
            options,
            as_given: watch.as_given,
            keep,
        };
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
            again: None,
            failures: 0,
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
        let why = match blind {
            Blind::Watches => {
                "it has more directories than the system lets you watch; raise that (sysctl \
                 fs.inotify.max_user_watches=1000000) and start this anew"
            }
            Blind::Instances => {
                "the system lets you open no more queues of events; raise that (sysctl \
                 fs.inotify.max_user_instances=1024) and start this anew"
            }
            Blind::Other(e) => &format!("it cannot be watched: {e}"),
        };
        let every = INSTEAD.as_secs();
        let message = format!(
            "{}: {why}; meanwhile all is looked at every {every} s",
            self.name()
        );
        self.talk.error(&message);
        self.eye = None;
        self.poll = Some(INSTEAD);
    }

    /// One wait, and what comes of it; the exit code at the end.
    fn step(&mut self, signals: &UnixStream) -> Result<Option<Exit>> {
        let wait = self.wait();
        let (mut asked, mut ended, mut events) = (false, false, false);
        {
            let mut fds = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
            if let Some(round) = &self.now {
                fds.push(PollFd::from_borrowed_fd(
                    round.running.ended(),
                    PollFlags::IN,
                ));
            }
            if let Some(eye) = &self.eye {
                fds.push(PollFd::from_borrowed_fd(eye.as_fd(), PollFlags::IN));
            }
            let span = Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: i64::from(wait.subsec_nanos()),
            };
            match poll(&mut fds, Some(&span)) {
                Ok(_) => {
                    let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
                    asked = ready[0];
                    ended = self.now.is_some() && ready[1];
                    events = self.eye.is_some() && ready.last() == Some(&true);
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(Error::refused("cannot wait for changes", e)),
            }
        }
        if asked {
            self.asked(signals);
        }
        if events {
            self.look();
        }
        if self.ticked.elapsed() >= TICK {
            self.tick();
        }
        if ended && let Some(exit) = self.ended()? {
            return Ok(Some(exit));
        }
        if self.now.is_none() {
            if self.stopping {
                return Ok(Some(Exit::Done));
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
        Some(self.again.map_or(due, |again| again.max(due)))
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
        self.again = None;
        let running = self.orders.work(&work)?;
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
        if let Some((code, record)) = round.done {
            if ended.code == Exit::Busy.code() {
                self.talk
                    .note("old snapshots stay until the next round: the repository is in use");
            }
            return self.finish(round.work, code, record);
        }
        let record = self.record(&round.work, &ended);
        let changed = record["new"] != Value::Bool(false);
        if ended.code == Exit::Done.code()
            && changed
            && let Some(running) = self.orders.prune()?
        {
            self.now = Some(Round {
                work: round.work,
                running,
                done: Some((ended.code, record)),
            });
            return Ok(None);
        }
        self.finish(round.work, ended.code, record)
    }

    /// What is said of a round.
    fn record(&self, work: &Work, ended: &Ended) -> Value {
        let time = Time::now();
        let mut record = json!({
            "type": "x-round",
            "time": { "secs": time.secs, "nanos": time.nanos },
            "why": work.all.map_or("changes", Cause::word),
            "exit": ended.code,
        });
        if work.all.is_none() {
            record["paths"] = work.paths.len().into();
        }
        let lines = ended.said.split(|b| *b == b'\n');
        let mut told = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        if let Some(snapshot) = told.find(|told| told["type"] == "snapshot") {
            record["snapshot"] = snapshot["id"].clone();
            record["new"] = snapshot["new"].clone();
        }
        record
    }

    /// The round is over.
    fn finish(&mut self, work: Work, code: u8, record: Value) -> Result<Option<Exit>> {
        self.tell(&work, &record)?;
        let exit = Exit::ALL.into_iter().find(|exit| exit.code() == code);
        let now = Instant::now();
        match exit {
            Some(Exit::Done | Exit::Partial) => self.failures = 0,
            // The head has other rules, or is not there: then everything is looked at.
            Some(Exit::Refused | Exit::NotFound) if work.all.is_none() => {
                self.pending.all(Cause::Again, now);
                return Ok(None);
            }
            Some(Exit::Busy) => {}
            // What is wrong from the beginning will not mend itself.
            _ if self.watch.once || work.all == Some(Cause::Start) && !self.stopping => {
                return Ok(Some(exit.unwrap_or(Exit::Failed)));
            }
            _ => {}
        }
        if !matches!(exit, Some(Exit::Done | Exit::Partial)) {
            let wait = Duration::from_secs(1 << self.failures.min(6)).min(LONGEST);
            self.failures += 1;
            self.again = Some(now + wait);
            self.pending.put_back(work, now);
            let seconds = wait.as_secs();
            self.talk
                .note(&format!("{}: tried again in {seconds} s", self.name()));
            return Ok(None);
        }
        Ok(self.watch.once.then_some(exit.unwrap_or(Exit::Failed)))
    }

    fn tell(&self, work: &Work, record: &Value) -> Result<()> {
        if self.watch.json {
            let mut out = std::io::stdout().lock();
            return writeln!(out, "{record}")
                .and_then(|()| out.flush())
                .map_err(|e| {
                    Error::io("cannot write", "standard output", e).as_kind(ErrorKind::Stdout)
                });
        }
        let what = match work.all {
            Some(cause) => format!("all ({})", cause.word()),
            None => format!("{} paths", work.paths.len()),
        };
        let line = format!("{}: {what}: ", self.name());
        match (record["snapshot"].as_str(), record["new"].as_bool()) {
            (Some(id), Some(true)) => self.talk.note(&format!("{line}snapshot {id}")),
            _ => self
                .talk
                .detail(&format!("{line}exit code {}", record["exit"])),
        }
        Ok(())
    }
}
