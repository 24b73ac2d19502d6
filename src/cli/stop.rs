//! Signals that ask a program to stop: the first lets it end in good order, with nothing half and no temporary left; a
//! second one ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;

/// Whether the program was asked to stop, and by which signal.
#[derive(Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// From now on SIGINT, SIGTERM and SIGHUP only ask, unless they are ignored (nohup(1), a job in the background).
    /// Where the system refuses the handlers they end the program, as they would any.
    pub fn watch() -> Self {
        let stop = Stop::default();
        for signal in [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|s| !is_ignored(*s))
        {
            let _ = flag::register_conditional_default(signal, Arc::clone(&stop.asked));
            let _ = flag::register_usize(signal, Arc::clone(&stop.signal), signal as usize);
            let _ = flag::register(signal, Arc::clone(&stop.asked));
        }
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

/// Whether the process was started with a signal ignored: proc_pid_status(5)'s SigIgn, a mask in hex.
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
