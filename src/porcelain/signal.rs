//! Signals while a pipeline runs: the porcelain stays until its stages have ended, so that it can say
//! how they did.
//!
//! SIGINT and SIGQUIT from a terminal reach every stage by themselves (one process group), but any of these may be sent to one
//! process, so all are passed on. What is ignored when the porcelain begins (by nohup, or in the background of a
//! script) stays ignored, here and in the stages: handlers would end that, since a program that is started gets what is
//! handled back as it was at first.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Handle;
use signal_hook::low_level::{emulate_default_handler, signal_name};

use crate::cli::Talk;
use crate::cli::stop::{heeded, signals};
use crate::model::{Error, Result};
use crate::repo::leftover::abandon;

/// The signals that end a run.
const ENDING: [(i32, Signal); 4] = [
    (SIGINT, Signal::INT),
    (SIGTERM, Signal::TERM),
    (SIGHUP, Signal::HUP),
    (SIGQUIT, Signal::QUIT),
];

/// The one that asks how far it has come.
const ASKING: (i32, Signal) = (SIGUSR1, Signal::USR1);

/// The stages, and the signal that has come.
#[derive(Default)]
struct State {
    pids: Vec<Pid>,
    come: Option<Signal>,
}

/// Passes signals on to the stages until it is dropped.
pub struct Relay {
    state: Arc<Mutex<State>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Begins; stages are made known with [`Self::add`].
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn new() -> Result<Self> {
        let passed = ENDING.iter().chain([&ASKING]);
        let mut signals = signals(&passed.map(|(n, _)| *n).collect::<Vec<_>>())?;
        let state: Arc<Mutex<State>> = Arc::default();
        let (handle, known) = (signals.handle(), Arc::clone(&state));
        let work = move || {
            for number in signals.forever() {
                let mut all = ENDING.into_iter().chain([ASKING]);
                let Some((_, signal)) = all.find(|(n, _)| *n == number) else {
                    continue;
                };
                let mut state = known.lock().unwrap_or_else(PoisonError::into_inner);
                if signal != ASKING.1 {
                    state.come = Some(signal);
                }
                for &pid in &state.pids {
                    // It may have ended by itself a moment ago.
                    let _ = kill_process(pid, signal);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .spawn(work)
            .map_err(|e| Error::refused("cannot start a thread", e))?;
        Ok(Relay {
            state,
            handle,
            thread: Some(thread),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process that has been started; a signal that came sooner is passed on at once.
    pub fn add(&self, process: u32) {
        let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else {
            return;
        };
        let mut state = self.state();
        if let Some(signal) = state.come {
            let _ = kill_process(pid, signal);
        }
        state.pids.push(pid);
    }

    /// The name of the signal that has come, if one has.
    pub fn come(&self) -> Option<&'static str> {
        let come = self.state().come?;
        signal_name(come.as_raw())
    }

    /// A process that is about to be waited for has ended, so its number may soon be another's.
    pub fn remove(&self, process: u32) {
        self.state()
            .pids
            .retain(|pid| i64::from(pid.as_raw_nonzero().get()) != i64::from(process));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

/// Says a last line when a signal ends a run that has no stages but does its work itself, and leaves nothing half-made in
/// `repository`. What such a run does can be cut short anywhere.
///
/// # Errors
/// When the system refuses the handlers.
pub fn farewell(talk: Talk, what: &'static str, repository: PathBuf) -> Result<Farewell> {
    let mut signals = signals(&ENDING.map(|(n, _)| n))?;
    let listen = move || {
        for number in signals.forever() {
            let word = signal_name(number).unwrap_or("a signal");
            talk.error(&format!(
                "{what} was ended by {word}; the same command again completes it"
            ));
            abandon(&repository);
            // Only a signal that cannot be sent to oneself lets it go on.
            let _ = emulate_default_handler(number);
        }
    };
    let farewell = Farewell::default();
    // Where no thread can be had, a signal ends it without a word.
    if std::thread::Builder::new().spawn(listen).is_ok() {
        for number in heeded(&ENDING.map(|(n, _)| n)) {
            // The handler itself raises the flag: the thread may hear of it late.
            let _ = signal_hook::flag::register(number, Arc::clone(&farewell.asked));
        }
    }
    Ok(farewell)
}

/// Whether a signal has come that is about to end the run.
#[derive(Default)]
pub struct Farewell {
    asked: Arc<AtomicBool>,
}

impl Farewell {
    /// Before the run says how it went: a signal that has come ends it here.
    pub fn obey(&self) {
        while self.asked.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
