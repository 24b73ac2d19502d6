//! What became of a change.

use crate::model::Error;
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

    /// Not tried, since the destination takes no more data.
    pub fn held() -> Self {
        Report::plain(Outcome::Held)
    }

    /// Why, in words; nothing where it was done.
    pub fn reason(&self) -> Option<&str> {
        // Every change begins as held, so the reason is not kept with each.
        let held = "not tried: the destination takes no more data";
        let default = (self.outcome == Outcome::Held).then_some(held);
        self.message.as_deref().or(default)
    }
}

/// It is not as the plan says.
pub(super) fn stale(why: &str) -> Report {
    Report::new(Outcome::Stale, why)
}

/// Its name is taken.
pub(super) fn in_the_way() -> Report {
    stale("something is there already")
}

/// The source does not hold still.
pub(super) fn torn() -> Report {
    Report::new(Outcome::Torn, "the source changed while it was read")
}

/// The source cannot be read.
pub(super) fn unreadable(error: &Error) -> Report {
    Report::new(Outcome::Failed, format!("source: {}", error.cause()))
}
