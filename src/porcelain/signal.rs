//! Signals while a pipeline runs: the porcelain stays until its stages have ended, so that it can say
//! how they did.
//!
//! SIGINT from a terminal reaches every stage by itself (one process group); SIGTERM and SIGHUP are
//! usually sent to one process, so they are passed on.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::model::{Error, Result};

type Pids = Arc<Mutex<Vec<Pid>>>;

/// Passes signals on to the stages until it is dropped.
pub struct Relay {
    pids: Pids,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Begins; stages are made known with [`Self::add`].
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn new() -> Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|e| Error::io("cannot handle", "signals", e))?;
        let pids = Pids::default();
        let (handle, known) = (signals.handle(), Arc::clone(&pids));
        let work = move || {
            for signal in signals.forever() {
                let signal = match signal {
                    SIGTERM => Signal::TERM,
                    SIGHUP => Signal::HUP,
                    _ => continue,
                };
                for &pid in known.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    // It may have ended by itself a moment ago.
                    let _ = kill_process(pid, signal);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .spawn(work)
            .map_err(|e| Error::refused("cannot start a thread", e))?;
        Ok(Relay {
            pids,
            handle,
            thread: Some(thread),
        })
    }

    fn pids(&self) -> std::sync::MutexGuard<'_, Vec<Pid>> {
        self.pids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process that has been started.
    pub fn add(&self, process: u32) {
        self.pids()
            .extend(i32::try_from(process).ok().and_then(Pid::from_raw));
    }

    /// A process that is about to be waited for has ended, so its number may soon be another's.
    pub fn remove(&self, process: u32) {
        self.pids()
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
