//! The lines on a terminal that say how far programs have come.
//!
//! Of several programs that were joined by hand and share a terminal, only one draws at a time: whoever holds the lock
//! of the terminal's device file.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::cli::human::{duration, number, size};
use crate::cli::talk::shown;
use crate::model::quote::quote_if_odd;
use crate::protocol::progress::ProgressRecord;

/// A terminal, with a line for each program that is at work.
pub struct Screen {
    lines: MultiProgress,
    bars: Vec<(String, ProgressBar)>,
    turn: Turn,
}

/// Whose turn it is to draw.
enum Turn {
    /// Nobody else can be asked.
    Free,
    /// The lock is to be had, or is held.
    Shared { device: File, held: bool },
}

impl Screen {
    /// The terminal that stderr is; `None` when it is none, or cannot move its cursor.
    pub fn open() -> Option<Self> {
        let stderr = std::io::stderr();
        let dumb = std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
        if !stderr.is_terminal() || dumb {
            return None;
        }
        // The descriptor is shared with whoever started us, and so would its lock be.
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32;
        let device = File::options()
            .read(true)
            .custom_flags(flags)
            .open("/proc/self/fd/2");
        Some(Screen {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            bars: Vec::new(),
            turn: device.map_or(Turn::Free, |device| Turn::Shared {
                device,
                held: false,
            }),
        })
    }

    /// Draws a program's line, if it is our turn.
    pub fn draw(&mut self, record: &ProgressRecord) {
        if !self.turn.take() {
            return;
        }
        let at = self
            .bars
            .iter()
            .position(|(name, _)| *name == record.program);
        let at = at.unwrap_or_else(|| {
            let bar = self.lines.add(ProgressBar::new_spinner());
            // It is a constant, and has no fault.
            let style = ProgressStyle::with_template("{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            self.bars.push((record.program.clone(), bar));
            self.bars.len() - 1
        });
        let (name, bar) = &self.bars[at];
        bar.set_message(format!("{name}: {}", words(record, true)));
        bar.tick();
    }

    /// Takes a program's line away.
    pub fn take_away(&mut self, program: &str) {
        if let Some(at) = self.bars.iter().position(|(name, _)| name == program) {
            let (_, bar) = self.bars.remove(at);
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
        if self.bars.is_empty() {
            self.turn.give();
        }
    }

    /// Takes all lines away.
    pub fn clear(&mut self) {
        while let Some((name, _)) = self.bars.first().cloned() {
            self.take_away(&name);
        }
    }

    /// Does what writes to the terminal, with no line in its way.
    pub fn aside<T>(&mut self, write: impl FnOnce() -> T) -> T {
        self.lines.suspend(write)
    }
}

impl Turn {
    fn take(&mut self) -> bool {
        match self {
            Turn::Free => true,
            Turn::Shared { held: true, .. } => true,
            Turn::Shared { device, held } => {
                *held = flock(&*device, FlockOperation::NonBlockingLockExclusive).is_ok();
                *held
            }
        }
    }

    fn give(&mut self) {
        if let Turn::Shared { device, held } = self
            && *held
        {
            // Closing it would do the same.
            let _ = flock(&*device, FlockOperation::Unlock);
            *held = false;
        }
    }
}

/// Writes to stderr. Nobody is left to be told that it is closed.
pub fn write(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}

/// `changing 45%: 1,234 of 5,000 changes, 12.3 MiB of 40.0 MiB, 10 s left, 35.2 MiB/s, a/b`. Whoever sees a number
/// only once is told no rate.
pub fn words(record: &ProgressRecord, moving: bool) -> String {
    if record.phase.is_empty() {
        return "waits".into();
    }
    let percent = record.share().map(|s| format!(" {}%", (s * 100.0).floor()));
    let mut text = format!("{}{}: ", record.phase, percent.unwrap_or_default());
    match record.total_files {
        Some(total) => {
            text += &format!(
                "{} of {} {}",
                number(record.files),
                number(total),
                record.unit
            )
        }
        None => text += &format!("{} {}", number(record.files), record.unit),
    }
    match record.total_bytes {
        Some(0) => {}
        Some(total) => text += &format!(", {} of {}", size(record.bytes), size(total)),
        None if record.bytes > 0 => text += &format!(", {}", size(record.bytes)),
        None => {}
    }
    let seconds = record.elapsed_ms as f64 / 1000.0;
    if let Some(share) = record.share().filter(|s| (0.01..1.0).contains(s)) {
        let left = seconds * (1.0 - share) / share;
        let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
        text += &format!(", {} left", duration(left));
    }
    if moving && seconds > 0.0 && record.bytes > 0 {
        text += &format!(", {}/s", size((record.bytes as f64 / seconds) as u64));
    }
    if let Some(path) = &record.path {
        let path = quote_if_odd(&path.0);
        text += &format!(", {}", shown(&String::from_utf8_lossy(&path)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::PathText;

    #[test]
    fn a_line_says_all_that_is_known() {
        let mut record = ProgressRecord {
            program: "fsync-apply".into(),
            phase: "changing".into(),
            unit: "changes".into(),
            round: 1,
            files: 1_500,
            total_files: Some(3_000),
            bytes: 3 << 20,
            total_bytes: Some(6 << 20),
            elapsed_ms: 3_000,
            path: Some(PathText(b"a\x1b[2J".to_vec())),
            over: false,
            asked: false,
        };
        assert_eq!(
            words(&record, true),
            "changing 50%: 1,500 of 3,000 changes, 3.0 MiB of 6.0 MiB, 3.0 s left, 1.0 MiB/s, \"a\\033[2J\""
        );
        record.total_files = None;
        record.total_bytes = None;
        record.path = None;
        assert_eq!(words(&record, false), "changing: 1,500 changes, 3.0 MiB");
        record.phase = String::new();
        assert_eq!(words(&record, true), "waits");
    }
}
