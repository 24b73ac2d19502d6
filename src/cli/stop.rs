//! Signals that ask a program to stop: the first lets it end in good order, with nothing half and no temporary left; a
//! later one ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register, register_usize};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::model::{Error, Result};

/// A terminal signals every process of a job, and the porcelain passes on what it gets: that is one request.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// Whether the program was asked to stop, and by which signal.
#[derive(Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// From now on SIGINT, SIGTERM and SIGHUP only ask. Where the system refuses that, they end the program as they
    /// would any.
    pub fn watch() -> Self {
        let stop = Stop::default();
        // The handler itself raises the flag, so that the very next look sees it.
        let asking = heeded(&[SIGINT, SIGTERM, SIGHUP]);
        for &signal in &asking {
            // What the system refuses to have handled ends the program as it would any.
            let _ = register_usize(signal, Arc::clone(&stop.signal), signal as usize)
                .and_then(|_| register(signal, Arc::clone(&stop.asked)));
        }
        // A thread of its own hears of later ones; without it they only ask again.
        let Ok(mut signals) = Signals::new(&asking) else {
            return stop;
        };
        let mut first: Option<Instant> = None;
        let listen = move || {
            for signal in signals.forever() {
                if first.get_or_insert_with(Instant::now).elapsed() > ONE_REQUEST {
                    let _ = emulate_default_handler(signal);
                }
            }
        };
        let _ = std::thread::Builder::new().spawn(listen);
        stop
    }

    /// What says so while the work goes on.
    pub fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends the process by the signal that asked for it, if one did, so that whoever waits for it sees that.
    pub fn obey(&self) {
        if self.is_asked() {
            let signal = self.signal.load(Ordering::Relaxed);
            let _ = emulate_default_handler(i32::try_from(signal).unwrap_or(SIGTERM));
        }
    }
}

/// Notice of those of the signals that are heeded.
///
/// # Errors
/// When the system refuses the handlers.
pub fn signals(wanted: &[i32]) -> Result<Signals> {
    Signals::new(heeded(wanted)).map_err(|e| Error::io("cannot handle", "signals", e))
}

/// Those of the signals that the process was not started with ignored: nohup(1) and jobs in the background of a script
/// mean that.
pub fn heeded(wanted: &[i32]) -> Vec<i32> {
    let ignored = ignored();
    let heeded = wanted.iter().filter(|n| ignored & 1 << (*n - 1) == 0);
    heeded.copied().collect()
}

/// The signals that this process ignores, a bit each, the lowest for signal 1 (proc_pid_status(5)). Without /proc none
/// is known to be.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0)
}
