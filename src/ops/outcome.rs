//! What became of a change.

pub use crate::model::Outcome;

/// An outcome and its reason, where it was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The outcome.
    pub outcome: Outcome,
    /// The reason.
    pub message: Option<Box<str>>,
}

impl Report {
    /// An outcome with its reason.
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Report {
            outcome,
            message: Some(message.into().into_boxed_str()),
        }
    }

    /// An outcome that needs no reason.
    pub fn plain(outcome: Outcome) -> Self {
        Report {
            outcome,
            message: None,
        }
    }

    /// Not tried.
    pub fn held() -> Self {
        Report::new(
            Outcome::Held,
            "not tried: the destination takes no more data",
        )
    }
}
