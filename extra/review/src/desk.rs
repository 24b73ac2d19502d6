//! What keys do.

mod pane;
mod pattern;
mod pick;
mod walk;

pub use pane::Shown;
pub use pattern::Found;

use fsync::model::Change;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::choice::Choice;
use crate::plan::Plan;
use crate::text::Texts;
use crate::tree::Tree;

/// What somebody decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The choice goes on.
    Go,
    /// Nothing does.
    Leave,
}

/// What the keys are for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Walking and choosing.
    Tree,
    /// Typing a pattern.
    Pattern(String),
    /// Reading what the keys are, from this line on.
    Help(usize),
}

/// All that is seen, and what keys make of it.
pub struct Desk<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// Its tree.
    pub tree: Tree,
    /// What is chosen.
    pub choice: Choice,
    /// What the keys are for.
    pub mode: Mode,
    /// What the last pattern found.
    pub found: Option<Found>,
    /// The text of the change under the cursor.
    pub text: Option<Shown>,
    /// Something to say once.
    pub message: String,
    /// The row under the cursor.
    pub row: usize,
    /// The first row that is seen.
    pub top: usize,
    /// How many rows are seen, and lines of the text, as they were drawn last.
    pub page: (usize, usize),
    /// Whether there are colours.
    pub colour: bool,
    texts: Texts,
}

impl<'p> Desk<'p> {
    /// With the cursor at the top.
    pub fn new(plan: &'p Plan, choice: Choice, texts: Texts, colour: bool) -> Self {
        Desk {
            tree: Tree::new(&plan.changes),
            plan,
            choice,
            mode: Mode::Tree,
            found: None,
            text: None,
            message: String::new(),
            row: 0,
            top: 0,
            page: (1, 1),
            colour,
            texts,
        }
    }

    /// What was chosen in the end.
    pub fn into_choice(self) -> Choice {
        self.choice
    }

    /// The changes.
    pub fn changes(&self) -> &'p [Change] {
        &self.plan.changes
    }

    /// The node under the cursor.
    pub fn node(&self) -> usize {
        self.tree.rows()[self.row] as usize
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Option<Answer> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'C')) {
            return Some(Answer::Leave);
        }
        self.message.clear();
        // A terminal says the same of Alt with a key and of Esc with a key right behind it.
        if key.modifiers.contains(KeyModifiers::ALT) {
            if self.mode == Mode::Tree {
                self.message = "? lists the keys".into();
                return None;
            }
            self.mode = Mode::Tree;
        }
        let mut answer = None;
        match std::mem::replace(&mut self.mode, Mode::Tree) {
            Mode::Help(top) => self.help(top, key.code),
            Mode::Pattern(typed) => self.type_pattern(typed, key.code, control),
            Mode::Tree if control => self.control_key(key.code),
            Mode::Tree => answer = self.tree_key(key.code),
        }
        self.follow();
        answer
    }

    fn tree_key(&mut self, code: KeyCode) -> Option<Answer> {
        match code {
            KeyCode::Enter => return Some(Answer::Go),
            KeyCode::Esc | KeyCode::Char('q') => return Some(Answer::Leave),
            KeyCode::Char('?') | KeyCode::F(1) => self.mode = Mode::Help(0),
            KeyCode::Char('/') => self.mode = Mode::Pattern(String::new()),
            KeyCode::Char('f') => self.next(true),
            KeyCode::Char('F') => self.next(false),
            KeyCode::Backspace => self.found = None,
            KeyCode::Char('d') | KeyCode::Tab => self.turn_text(),
            KeyCode::Char('J') => self.scroll(1),
            KeyCode::Char('K') => self.scroll(-1),
            KeyCode::Char('>') => self.shift(8),
            KeyCode::Char('<') => self.shift(-8),
            code => {
                if !self.walk(code) && !self.choose(code) {
                    self.message = "? lists the keys".into();
                }
            }
        }
        None
    }

    fn control_key(&mut self, code: KeyCode) {
        let half = (self.page.1 / 2).max(1) as isize;
        let same = match code {
            KeyCode::Char('d') => return self.scroll(half),
            KeyCode::Char('u') => return self.scroll(-half),
            KeyCode::Char('f') => KeyCode::PageDown,
            KeyCode::Char('b') => KeyCode::PageUp,
            KeyCode::Char('n') => KeyCode::Down,
            KeyCode::Char('p') => KeyCode::Up,
            _ => return,
        };
        self.walk(same);
    }

    fn help(&mut self, top: usize, code: KeyCode) {
        self.mode = match code {
            KeyCode::Down | KeyCode::Char('j') => Mode::Help(top + 1),
            KeyCode::Up | KeyCode::Char('k') => Mode::Help(top.saturating_sub(1)),
            KeyCode::PageDown | KeyCode::Char(' ') => Mode::Help(top + self.page.0.max(1)),
            KeyCode::PageUp => Mode::Help(top.saturating_sub(self.page.0)),
            _ => Mode::Tree,
        };
    }
}
