//! How a pipeline ended: whose exit code counts, and whose words are printed.
//!
//! A stage that fails makes those behind it fail too (their input was cut) and those before it end
//! early (their pipe was closed); only the cause is worth a line. Code 3 means "finished, but …", so it
//! gives way to a stage that did not finish.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use signal_hook::consts::SIGPIPE;

use crate::cli::Talk;
use crate::model::Exit;

/// A stage that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// How it ended.
    pub status: ExitStatus,
    /// What it said on stderr, unless it said it directly.
    pub said: Vec<u8>,
}

impl Ended {
    /// Its exit code, 128+n for signals.
    pub fn code(&self) -> u8 {
        let code = self.status.code().or(self.status.signal().map(|n| 128 + n));
        code.and_then(|c| u8::try_from(c).ok())
            .unwrap_or(Exit::Failed.code())
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    fn finished(&self) -> bool {
        [Exit::Done.code(), Exit::Partial.code()].contains(&self.code())
    }

    fn lost_its_reader(&self) -> bool {
        i32::from(self.code()) == 128 + SIGPIPE
    }
}

/// All the stages, first to last.
#[derive(Debug)]
pub struct Finish {
    /// The stages.
    pub ended: Vec<Ended>,
}

impl Finish {
    /// The stage that did not finish and is the cause of the others' failures.
    pub fn culprit(&self) -> Option<&Ended> {
        let mut failed = self.ended.iter().filter(|e| !e.finished());
        let first = failed.clone().find(|e| !e.lost_its_reader());
        first.or_else(|| failed.next())
    }

    /// The exit code of the whole.
    pub fn code(&self) -> u8 {
        match self.culprit() {
            Some(stage) => stage.code(),
            None => self.ended.iter().map(Ended::code).max().unwrap_or_default(),
        }
    }

    /// Prints what the stages said, as far as it is true: everything when all finished; else what those
    /// that finished said, and why the culprit did not. `state` says how a signal has left things.
    pub fn report(&self, talk: Talk, state: Option<&str>) {
        let culprit = self.culprit();
        for stage in &self.ended {
            let blamed = culprit.is_some_and(|c| std::ptr::eq(c, stage));
            if blamed || stage.finished() {
                talk.pass_on(&stage.said);
            }
        }
        if let Some(stage) = culprit {
            self.explain(stage, talk, state);
        }
    }

    /// Says what a dead stage cannot, and a silent one did not.
    fn explain(&self, stage: &Ended, talk: Talk, state: Option<&str>) {
        let name = &stage.name;
        if let Some(signal) = stage.signal() {
            let word = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            let what = format!("{name} was ended by {word}");
            match state.or(self.nothing_changed(stage).then_some("nothing was changed")) {
                Some(state) => talk.error(&format!("{what}; {state}")),
                None => talk.error(&what),
            }
        } else if stage.said.is_empty() && self.ended.len() > 1 {
            talk.error(&format!("{name} failed with exit code {}", stage.code()));
        }
    }

    /// Whether the last stage, another one, says that it refused its cut input.
    fn nothing_changed(&self, culprit: &Ended) -> bool {
        self.ended.last().is_some_and(|last| {
            !std::ptr::eq(last, culprit) && last.code() == Exit::BadInput.code()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wait statuses: codes are in the high byte, signals in the low one.
    fn finish(raw: &[i32]) -> Finish {
        let ended = raw.iter().enumerate().map(|(at, raw)| Ended {
            name: format!("stage-{at}"),
            pid: 0,
            status: ExitStatus::from_raw(*raw),
            said: Vec::new(),
        });
        Finish {
            ended: ended.collect(),
        }
    }

    #[test]
    fn the_earliest_cause_wins() {
        let code = |raw: &[i32]| finish(raw).code();
        assert_eq!(code(&[0, 0, 0]), 0);
        assert_eq!(code(&[9 << 8, 5 << 8, 5 << 8]), 9);
        assert_eq!(code(&[0, 7 << 8, 5 << 8]), 7);
        assert_eq!(code(&[0, 9, 5 << 8]), 137);
    }

    #[test]
    fn a_broken_pipe_is_no_cause() {
        assert_eq!(finish(&[13, 141 << 8, 4 << 8]).code(), 4);
        assert_eq!(finish(&[13, 0]).code(), 141);
    }

    #[test]
    fn partial_gives_way_to_failure() {
        assert_eq!(finish(&[3 << 8, 0, 3 << 8]).code(), 3);
        assert_eq!(finish(&[3 << 8, 0, 4 << 8]).code(), 4);
        assert!(finish(&[3 << 8, 0, 0]).culprit().is_none());
    }
}
