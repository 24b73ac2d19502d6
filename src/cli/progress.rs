//! Progress: what the counters of [`crate::model::meter`] say, as a line on a terminal, as records, or when somebody asks
//! (SIGUSR1).
//!
//! A thread looks at the counters ten times a second. Where the porcelain runs several stages it draws for them:
//! their stderr is a pipe, so they write records, and it shows those.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use signal_hook::consts::SIGUSR1;

use crate::cli::screen::{self, Screen, words};
use crate::cli::stop::heeded;
use crate::model::meter::{self, Reading};
use crate::protocol::progress::ProgressRecord;

/// What the porcelain tells its stages, a word of [`Wanted`].
pub const VARIABLE: &str = "FSYNC_PROGRESS";

/// How often the counters are looked at.
const TICK: Duration = Duration::from_millis(100);
/// What takes no longer than this needs no line.
const SHORT: Duration = Duration::from_millis(500);

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Wanted {
    /// A line, on a terminal
    #[default]
    Auto,
    /// Not at all
    Never,
    /// Records on standard error
    Json,
    /// Records, when SIGUSR1 asks
    #[value(hide = true)]
    Asked,
}

impl Wanted {
    /// What was asked for: by an option, or by the porcelain.
    pub fn or_variable(option: Option<Self>) -> Self {
        let said = || std::env::var(VARIABLE).ok();
        option
            .or_else(|| Wanted::from_str(&said()?, false).ok())
            .unwrap_or_default()
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Wanted::Auto => "auto",
            Wanted::Never => "never",
            Wanted::Json => "json",
            Wanted::Asked => "asked",
        }
    }
}

/// What is shown, and where.
struct Show {
    name: &'static str,
    wanted: Wanted,
    screen: Option<Screen>,
    /// When each phase was first seen, by its number.
    begun: HashMap<u64, Instant>,
}

static SHOW: Mutex<Option<Show>> = Mutex::new(None);

fn with_show<T>(work: impl FnOnce(&mut Show) -> T) -> Option<T> {
    let mut show = SHOW.lock().unwrap_or_else(PoisonError::into_inner);
    show.as_mut().map(work)
}

/// Shows progress until it is dropped.
pub struct Shown {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to show how far the program has come.
pub fn start(name: &'static str, wanted: Option<Wanted>, quiet: bool) -> Shown {
    let wanted = Wanted::or_variable(wanted);
    let line = wanted == Wanted::Auto && !quiet;
    let show = Show {
        name,
        wanted,
        screen: line.then(Screen::open).flatten(),
        begun: HashMap::new(),
    };
    if show.screen.is_some() || wanted == Wanted::Json {
        meter::watch();
    }
    *SHOW.lock().unwrap_or_else(PoisonError::into_inner) = Some(show);
    let asked = Arc::new(AtomicBool::new(false));
    for signal in heeded(&[SIGUSR1]) {
        // Where that is refused it ends the program, as it would any.
        let _ = signal_hook::flag::register(signal, Arc::clone(&asked));
    }
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&over);
    let work = move || {
        while !done.load(Ordering::Relaxed) {
            std::thread::park_timeout(TICK);
            let asked = asked.swap(false, Ordering::Relaxed);
            with_show(|show| show.tick(asked));
        }
    };
    // Without a thread nothing is shown.
    let thread = std::thread::Builder::new().stack_size(1 << 18).spawn(work);
    Shown {
        over,
        thread: thread.ok(),
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        done();
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

/// The phase is over, and its line is gone: what follows is output.
pub fn done() {
    meter::end();
    with_show(|show| {
        show.tick(false);
        if let Some(screen) = &mut show.screen {
            screen.clear();
        }
    });
}

/// Does what writes to the terminal, with no line in its way.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    let mut show = SHOW.lock().unwrap_or_else(PoisonError::into_inner);
    match show.as_mut().and_then(|s| s.screen.as_mut()) {
        Some(screen) => screen.aside(write),
        None => write(),
    }
}

/// What the stages of a pipeline are to do, since their stderr is not the terminal.
pub fn of_stages() -> Wanted {
    let drawn = with_show(|show| show.screen.is_some() || show.wanted == Wanted::Json);
    match drawn {
        Some(true) => Wanted::Json,
        _ => Wanted::Asked,
    }
}

/// Shows what a stage says of itself.
pub fn of_stage(record: &ProgressRecord) {
    with_show(|show| {
        if record.asked {
            let mut line = format!("{}: {}\n", record.program, words(record, false));
            if show.wanted == Wanted::Json {
                line = String::from_utf8_lossy(&record.line()).into_owned();
            }
            show.write(line.as_bytes());
        } else if show.wanted == Wanted::Json {
            show.write(&record.line());
        } else if let Some(screen) = &mut show.screen {
            match record.over || record.elapsed_ms < SHORT.as_millis() as u64 {
                true => screen.take_away(&record.program),
                false => screen.draw(record),
            }
        }
    });
}

impl Show {
    fn write(&mut self, bytes: &[u8]) {
        match &mut self.screen {
            Some(screen) => screen.aside(|| screen::write(bytes)),
            None => screen::write(bytes),
        }
    }

    fn record(&mut self, reading: Option<&Reading>) -> ProgressRecord {
        let begun = reading.map(|r| *self.begun.entry(r.round).or_insert_with(Instant::now));
        let elapsed = begun.map_or(Duration::ZERO, |b| b.elapsed());
        ProgressRecord::new(self.name, reading, elapsed.as_millis() as u64)
    }

    fn tick(&mut self, asked: bool) {
        let (over, now) = meter::look();
        for reading in &over {
            let mut record = self.record(Some(reading));
            record.over = true;
            match &mut self.screen {
                Some(screen) => screen.take_away(self.name),
                None if self.wanted == Wanted::Json => screen::write(&record.line()),
                None => {}
            }
        }
        if let Some(reading) = &now {
            let record = self.record(Some(reading));
            match &mut self.screen {
                Some(screen) if record.elapsed_ms >= SHORT.as_millis() as u64 => {
                    screen.draw(&record);
                }
                None if self.wanted == Wanted::Json => screen::write(&record.line()),
                _ => {}
            }
        }
        if asked {
            self.answer(now.as_ref());
        }
    }

    /// Says how far it has come; the porcelain, whose stages answer for themselves, only of what it does itself.
    fn answer(&mut self, now: Option<&Reading>) {
        if now.is_none() && self.name == crate::cli::PORCELAIN {
            return;
        }
        let mut record = self.record(now);
        record.asked = true;
        let line = match self.wanted {
            Wanted::Json | Wanted::Asked => record.line(),
            _ => format!("{}: {}\n", self.name, words(&record, false)).into_bytes(),
        };
        self.write(&line);
    }
}
