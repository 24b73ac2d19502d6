//! Plans as values: changes, what was passed over, and what went wrong.

use serde::{Deserialize, Serialize};

use crate::model::entry::{Kind, State};
use crate::model::path::RelPath;

/// What a change does to its path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// `A`: it is not there yet.
    Added,
    /// `M`: same kind, other contents (or another target, device number or link structure).
    Modified,
    /// `T`: another kind takes its place.
    TypeChanged,
    /// `D`: it goes; of a directory, an rmdir.
    Deleted,
    /// `R`: it comes from another path of the destination.
    Renamed,
    /// `t`: only its metadata differ.
    Touched,
}

impl Status {
    /// Every status, in the order in which counts are printed.
    pub const ALL: [Status; 6] = [
        Status::Added,
        Status::Modified,
        Status::TypeChanged,
        Status::Deleted,
        Status::Renamed,
        Status::Touched,
    ];

    /// The letter in the line form and in records.
    pub fn letter(self) -> char {
        match self {
            Status::Added => 'A',
            Status::Modified => 'M',
            Status::TypeChanged => 'T',
            Status::Deleted => 'D',
            Status::Renamed => 'R',
            Status::Touched => 't',
        }
    }

    /// The status of a letter.
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.letter() == letter)
    }
}

/// In which respects source and destination differ: a set of the constants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Why(u16);

impl Why {
    /// Nothing.
    pub const NONE: Why = Why(0);
    /// Another kind of entry.
    pub const KIND: Why = Why(1);
    /// Another length.
    pub const SIZE: Why = Why(2);
    /// Other bytes.
    pub const CONTENT: Why = Why(4);
    /// Another modification time.
    pub const MTIME: Why = Why(8);
    /// Other permission bits.
    pub const MODE: Why = Why(16);
    /// Another owner or group.
    pub const OWNER: Why = Why(32);
    /// Another hard-link structure.
    pub const LINKS: Why = Why(64);
    /// Other extended attributes.
    pub const XATTRS: Why = Why(128);
    /// Another link target or device number.
    pub const TARGET: Why = Why(256);

    const WORDS: [(Why, &'static str); 9] = [
        (Why::KIND, "kind"),
        (Why::SIZE, "size"),
        (Why::CONTENT, "content"),
        (Why::MTIME, "mtime"),
        (Why::MODE, "mode"),
        (Why::OWNER, "owner"),
        (Why::LINKS, "links"),
        (Why::XATTRS, "xattrs"),
        (Why::TARGET, "target"),
    ];

    /// Both sets.
    #[must_use]
    pub fn with(self, other: Why) -> Why {
        Why(self.0 | other.0)
    }

    /// This set less what is in `other`.
    #[must_use]
    pub fn without(self, other: Why) -> Why {
        Why(self.0 & !other.0)
    }

    /// Adds `other` when `differs`.
    pub fn set(&mut self, other: Why, differs: bool) {
        if differs {
            self.0 |= other.0;
        }
    }

    /// Whether all of `other` is in it.
    pub fn has(self, other: Why) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether anything of `other` is in it.
    pub fn meets(self, other: Why) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the protocol, in its order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS
            .into_iter()
            .filter(move |(bit, _)| self.has(*bit))
            .map(|(_, word)| word)
    }

    /// The member with that word.
    pub fn from_word(word: &str) -> Option<Why> {
        Self::WORDS
            .into_iter()
            .find(|(_, w)| *w == word)
            .map(|(bit, _)| bit)
    }
}

/// One step of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which entry of the destination.
    pub path: RelPath,
    /// What happens to it.
    pub status: Status,
    /// The kind of `new`, or of `old` where it goes.
    pub kind: Kind,
    /// Index into the plan's sources.
    pub source: u32,
    /// What is expected at the destination; `None`: nothing.
    pub old: Option<Box<State>>,
    /// What is expected at the source; `None` for a deletion.
    pub new: Option<Box<State>>,
    /// What differs.
    pub why: Why,
    /// Of a rename: where it comes from, and what is expected there.
    pub from: Option<Box<(RelPath, State)>>,
    /// The earlier name of the same inode.
    pub link_to: Option<RelPath>,
}

impl Change {
    /// Whether it takes the place of a directory.
    pub fn was_dir(&self) -> bool {
        let old = self.old.as_ref();
        old.is_some_and(|old| old.kind == Kind::Directory)
    }

    /// How many bytes of contents it brings.
    pub fn bytes(&self) -> u64 {
        let copies = matches!(
            self.status,
            Status::Added | Status::Modified | Status::TypeChanged
        );
        match &self.new {
            Some(new) if copies && self.link_to.is_none() => new.size,
            _ => 0,
        }
    }
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was made.
    Done,
    /// It was so already.
    Already,
    /// Source or destination are no longer as the plan expects; not touched.
    Stale,
    /// The source changed while it was read, again and again; not touched.
    Torn,
    /// The system refused.
    Failed,
    /// Not tried, because something before it went wrong.
    Held,
}

impl Outcome {
    /// Every outcome, best first.
    pub const ALL: [Outcome; 6] = [
        Outcome::Done,
        Outcome::Already,
        Outcome::Stale,
        Outcome::Torn,
        Outcome::Failed,
        Outcome::Held,
    ];

    /// Whether the destination now is as the change says.
    pub fn is_success(self) -> bool {
        matches!(self, Outcome::Done | Outcome::Already)
    }

    /// The protocol's word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Already => "already",
            Outcome::Stale => "stale",
            Outcome::Torn => "torn",
            Outcome::Failed => "failed",
            Outcome::Held => "held",
        }
    }
}

/// Something that was passed over, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skip {
    /// What was passed over.
    pub path: RelPath,
    /// The source that it would have come from, where one did.
    pub source: Option<u32>,
    /// Why, in words.
    pub reason: String,
    /// The rule that excluded it.
    pub rule: Option<crate::model::filter::Rule>,
    /// Passed over although it should have been done: the run ends with 3.
    pub cause: bool,
    /// An option asked for it, so nobody needs to be told. (Not on the wire.)
    pub asked: bool,
}

/// Something that went wrong with one entry; the rest goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Which entry.
    pub path: RelPath,
    /// What was being done, one verb: `read`, `list`, `write`.
    pub operation: String,
    /// The cause, in words.
    pub message: String,
    /// Stored bytes are not what was stored. (Not on the wire: no other program can mend it.)
    pub damaged: bool,
}

/// What a plan holds, by status, and the bytes of contents that it brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    by_status: [u64; 6],
    /// Bytes of contents.
    pub bytes: u64,
}

impl Counts {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        self.by_status[change.status as usize] += 1;
        self.bytes = self.bytes.saturating_add(change.bytes());
    }

    /// How many of that status.
    pub fn of(&self, status: Status) -> u64 {
        self.by_status[status as usize]
    }

    /// Sets how many of that status, when read from a stream.
    pub fn set(&mut self, status: Status, count: u64) {
        self.by_status[status as usize] = count;
    }

    /// How many changes in all.
    pub fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_letter(status.letter()), Some(status));
        }
        assert_eq!(Status::from_letter('x'), None);
    }

    #[test]
    fn words_come_back() {
        let all = Why::WORDS
            .iter()
            .fold(Why::NONE, |w, (bit, _)| w.with(*bit));
        assert_eq!(all.words().count(), 9);
        for word in all.words() {
            assert!(all.has(Why::from_word(word).unwrap()));
        }
    }
}
