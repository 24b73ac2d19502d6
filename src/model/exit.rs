//! The exit codes, the same for every program; the one place where kinds of errors become codes.

use crate::model::error::ErrorKind;

/// How a program ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Exit {
    /// 0: done.
    Done = 0,
    /// 1: there are differences (`fsync-diff --exit-code`).
    Differs = 1,
    /// 2: the command line is wrong.
    Usage = 2,
    /// 3: finished, but some entries failed, were stale or were skipped for cause; each one is listed.
    Partial = 3,
    /// 4: refused by a guard; nothing changed.
    Refused = 4,
    /// 5: bad or cut input; nothing changed.
    BadInput = 5,
    /// 6: no such snapshot, tag, BACKUP or SYNC file.
    NotFound = 6,
    /// 7: somebody else is at work.
    Busy = 7,
    /// 8: damage was found.
    Damaged = 8,
    /// 9: input, output or something internal failed.
    Failed = 9,
}

impl Exit {
    /// Every code, lowest first.
    pub const ALL: [Exit; 10] = [
        Exit::Done,
        Exit::Differs,
        Exit::Usage,
        Exit::Partial,
        Exit::Refused,
        Exit::BadInput,
        Exit::NotFound,
        Exit::Busy,
        Exit::Damaged,
        Exit::Failed,
    ];

    /// What it says, for people: the table in the manual pages and in the README.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Differs => "there are differences (fsync-diff --exit-code)",
            Exit::Usage => "the command line or a file that it names is wrong",
            Exit::Partial => {
                "finished, but some entries failed, were stale or were skipped for cause; each one is listed"
            }
            Exit::Refused => "refused by a guard; nothing was changed",
            Exit::BadInput => "bad or cut input; nothing was changed",
            Exit::NotFound => "no such snapshot, tag, BACKUP or SYNC file",
            Exit::Busy => "somebody else is at work on the directory or the repository",
            Exit::Damaged => "damage was found",
            Exit::Failed => "input, output or something internal failed",
        }
    }

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Exit {
        match kind {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Refused => Exit::Refused,
            ErrorKind::BadInput => Exit::BadInput,
            ErrorKind::NotFound => Exit::NotFound,
            ErrorKind::Busy => Exit::Busy,
            ErrorKind::Damaged => Exit::Damaged,
            ErrorKind::Failed | ErrorKind::Stdout => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_from_nought() {
        let codes: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(codes, (0..10).collect::<Vec<u8>>());
    }
}
