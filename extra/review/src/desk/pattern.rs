//! The pattern: typed, looked for, and walked along.

use fsync::model::{Change, Filter, Kind, Rule};
use ratatui::crossterm::event::KeyCode;

use super::{Desk, Mode};

/// The changes that match a pattern.
pub struct Found {
    /// As it was typed.
    pub pattern: String,
    /// Which, in order.
    pub which: Vec<usize>,
}

impl Desk<'_> {
    pub(super) fn type_pattern(&mut self, mut typed: String, code: KeyCode, control: bool) {
        match code {
            KeyCode::Esc => return,
            KeyCode::Enter => return self.find(typed),
            KeyCode::Backspace if typed.pop().is_none() => return,
            KeyCode::Char('u' | 'U') if control => typed.clear(),
            KeyCode::Char(c) if !control && typed.len() < 1_000 => typed.push(c),
            _ => {}
        }
        self.mode = Mode::Pattern(typed);
    }

    /// Looks for what a pattern matches. An empty one is none.
    fn find(&mut self, pattern: String) {
        self.found = None;
        if pattern.is_empty() {
            return;
        }
        match matching(&pattern, self.changes()) {
            Ok(which) => {
                let count = which.len();
                self.found = Some(Found { pattern, which });
                if count > 0 {
                    self.go_to_match();
                }
                self.message = format!("{count} match: + choose, - give up, f F next");
            }
            Err(words) => self.message = words,
        }
    }

    /// To the first match at the cursor or behind it.
    fn go_to_match(&mut self) {
        let own = self.tree.own(self.node());
        let here = self.found.as_ref().zip(own);
        let at_one = here.is_some_and(|(found, own)| found.which.binary_search(&own).is_ok());
        if !at_one {
            self.next(true);
        }
    }

    /// Goes to another change that matches the pattern.
    pub(super) fn next(&mut self, forwards: bool) {
        let Some(found) = &self.found else {
            self.message = "no pattern yet: / asks for one".into();
            return;
        };
        let here = self.tree.changes(self.node()).start;
        let own = self.tree.own(self.node()).is_some();
        let (before, rest) = found
            .which
            .split_at(found.which.partition_point(|at| *at < here));
        let rest = match rest {
            [first, rest @ ..] if own && *first == here => rest,
            rest => rest,
        };
        let next = match forwards {
            true => rest.first().or(found.which.first()),
            false => before.last().or(found.which.last()),
        };
        match next {
            Some(next) => {
                let node = self.tree.reveal(*next);
                self.row = self.tree.row_of(node);
            }
            None => self.message = "nothing matches".into(),
        }
    }
}

/// The changes that a gitignore pattern matches, or that lie in a directory that it matches.
fn matching(pattern: &str, changes: &[Change]) -> Result<Vec<usize>, String> {
    let rule = Rule {
        pattern: pattern.into(),
        origin: "pattern".into(),
        line: 0,
    };
    let filter = Filter::new(vec![rule]).map_err(|e| e.to_string())?;
    let matches = |at: &usize| {
        let change = &changes[*at];
        let directory = change.kind == Kind::Directory;
        filter.excludes_within(&change.path, directory).is_some()
    };
    Ok((0..changes.len()).filter(matches).collect())
}
