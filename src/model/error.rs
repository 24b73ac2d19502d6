//! The library's one error: what kind, about which path, from what source.

use std::fmt;
use std::io;

use crate::model::quote::quote;

/// The kinds that differ in what the caller should do; [`crate::model::Exit`] gives each its code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// The request makes no sense.
    Usage,
    /// A guard refuses; nothing changed.
    Refused,
    /// Input is malformed or cut; nothing changed.
    BadInput,
    /// No such snapshot, tag, BACKUP or SYNC file.
    NotFound,
    /// Somebody else holds the lock.
    Busy,
    /// Stored bytes are not what was stored.
    Damaged,
    /// The system refused, or something internal failed.
    Failed,
    /// Standard output could not be written (a closed pipe is a quiet end).
    Stdout,
}

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in one line: the path in quotes, the cause, and the next step where there is one.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    path: Option<Box<[u8]>>,
    message: String,
    source: Option<io::Error>,
}

impl Error {
    /// An error about no path in particular.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            path: None,
            message: message.into(),
            source: None,
        }
    }

    /// An error about a path.
    pub fn at(kind: ErrorKind, path: impl AsRef<[u8]>, message: impl Into<String>) -> Self {
        Error {
            path: Some(Box::from(path.as_ref())),
            ..Error::new(kind, message)
        }
    }

    /// The system's refusal of `operation` (a phrase: "cannot open") on `path`.
    pub fn io(operation: &str, path: impl AsRef<[u8]>, source: impl Into<io::Error>) -> Self {
        Error {
            source: Some(source.into()),
            ..Error::at(ErrorKind::Failed, path, operation)
        }
    }

    /// The system's refusal of something that is at no path.
    pub fn refused(operation: &str, source: impl Into<io::Error>) -> Self {
        Error {
            source: Some(source.into()),
            ..Error::new(ErrorKind::Failed, operation)
        }
    }

    /// The same, as another kind.
    #[must_use]
    pub fn as_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same, its path seen from `folder`.
    #[must_use]
    pub fn within(mut self, folder: impl AsRef<[u8]>) -> Self {
        if let Some(path) = self.path.take() {
            self.path = Some([folder.as_ref(), b"/", &path].concat().into());
        }
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The path, raw.
    pub fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// The system's error number, when the system refused.
    pub fn errno(&self) -> Option<i32> {
        self.source.as_ref().and_then(io::Error::raw_os_error)
    }

    /// The message and its cause without the path, for records that carry the path themselves.
    pub fn cause(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {}", self.message, system_words(source)),
            None => self.message.clone(),
        }
    }
}

/// The system's words without Rust's "(os error 2)".
fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_string(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", quote(path), self.cause()),
            None => f.write_str(&self.cause()),
        }
    }
}

// Without source(): Display has the cause already, and a chain printed by anyhow would repeat it.
impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_path_and_cause_in_one_line() {
        let error = Error::io("cannot open", b"a\nb", io::Error::from_raw_os_error(2));
        assert_eq!(
            error.to_string(),
            r#""a\nb": cannot open: No such file or directory"#
        );
        assert_eq!(error.errno(), Some(2));
    }
}
