//! What went wrong, said once: whoever looks at it looks again.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use fsync::cli::Talk;

/// How many different lines are said.
const MOST: usize = 1000;

/// Says nothing twice.
pub struct Voice {
    talk: Talk,
    said: Mutex<HashSet<String>>,
}

impl Voice {
    /// One that has said nothing yet.
    pub fn new(talk: Talk) -> Self {
        let said = Mutex::default();
        Voice { talk, said }
    }

    /// Says it, if that is new.
    pub fn error(&self, line: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < MOST && !said.contains(&line) {
            self.talk.error(&line);
            said.insert(line);
        }
    }
}
