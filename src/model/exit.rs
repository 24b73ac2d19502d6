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
