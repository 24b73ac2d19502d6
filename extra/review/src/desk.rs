//! What keys do.

use fsync::model::{Change, Filter, Rule, Status};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::choice::Choice;
use crate::plan::Plan;
use crate::text::{Lines, Texts};
use crate::tree::{Tree, is_directory};

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

/// The changes that match a pattern.
pub struct Found {
    /// As it was typed.
    pub pattern: String,
    /// Which, in order.
    pub which: Vec<usize>,
}

/// The text that is shown.
pub struct Shown {
    /// Of which change.
    pub number: Option<usize>,
    /// What it says; nothing: it is being read.
    pub lines: Option<Lines>,
    /// How many lines and columns are out of sight.
    pub top: usize,
    /// Columns.
    pub left: usize,
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
        if key.kind == KeyEventKind::Release {
            return None;
        }
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
        match std::mem::replace(&mut self.mode, Mode::Tree) {
            Mode::Help(top) => self.help(top, key.code),
            Mode::Pattern(typed) => self.type_pattern(typed, key.code, control),
            Mode::Tree if control => self.page_key(key.code),
            Mode::Tree => return self.tree_key(key.code),
        }
        self.follow();
        None
    }

    fn tree_key(&mut self, code: KeyCode) -> Option<Answer> {
        match code {
            KeyCode::Enter => return Some(Answer::Go),
            KeyCode::Esc | KeyCode::Char('q') => return Some(Answer::Leave),
            KeyCode::Char('?') | KeyCode::F(1) => self.mode = Mode::Help(0),
            KeyCode::Char('/') => self.mode = Mode::Pattern(String::new()),
            KeyCode::Char('d') | KeyCode::Tab => self.turn_text(),
            code => {
                if !self.walk(code) && !self.choose(code) {
                    self.look(code);
                }
            }
        }
        self.follow();
        None
    }

    /// Keys that move the cursor; whether it was one.
    fn walk(&mut self, code: KeyCode) -> bool {
        let (page, last) = (self.page.0.max(1), self.tree.rows().len() - 1);
        let row = match code {
            KeyCode::Down | KeyCode::Char('j') => self.row + 1,
            KeyCode::Up | KeyCode::Char('k') => self.row.saturating_sub(1),
            KeyCode::PageDown => self.row + page,
            KeyCode::PageUp => self.row.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            KeyCode::Left | KeyCode::Char('h') => return self.fold(),
            KeyCode::Right | KeyCode::Char('l') => return self.unfold(),
            KeyCode::Char('f') => return self.next(true),
            KeyCode::Char('F') => return self.next(false),
            _ => return false,
        };
        self.row = row.min(last);
        true
    }

    /// Folds, or goes to what holds it.
    fn fold(&mut self) -> bool {
        let node = self.node();
        match self.tree.has_more(node) && self.tree.is_open(node) {
            true => self.tree.open(node, false),
            false => self.row = self.tree.row_of(self.tree.parent(node)),
        }
        true
    }

    /// Unfolds, or goes to the first below it.
    fn unfold(&mut self) -> bool {
        let node = self.node();
        match (self.tree.has_more(node), self.tree.is_open(node)) {
            (true, false) => self.tree.open(node, true),
            (true, true) => self.row += 1,
            (false, _) => {}
        }
        true
    }

    /// Goes to another change that matches the pattern.
    fn next(&mut self, forwards: bool) -> bool {
        let Some(found) = &self.found else {
            self.message = "no pattern yet: / asks for one".into();
            return true;
        };
        let here = self.tree.changes(self.node()).start;
        let own = self.tree.own(self.node()).is_some();
        let which = &found.which;
        let next = match forwards {
            true => {
                let after = which.partition_point(|at| *at < here + usize::from(own));
                which.get(after).or(which.first())
            }
            false => {
                let before = which.partition_point(|at| *at < here);
                before
                    .checked_sub(1)
                    .map_or(which.last(), |at| which.get(at))
            }
        };
        match next {
            Some(next) => {
                let node = self.tree.reveal(*next);
                self.row = self.tree.row_of(node);
            }
            None => self.message = "nothing matches".into(),
        }
        true
    }

    /// Keys that choose; whether it was one.
    fn choose(&mut self, code: KeyCode) -> bool {
        let everything = 0..self.changes().len();
        let others = match code {
            KeyCode::Char(' ') => {
                let below: Vec<usize> = self.tree.changes(self.node()).collect();
                let others = self.choice.turn(&below);
                self.row = (self.row + 1).min(self.tree.rows().len() - 1);
                others
            }
            KeyCode::Char('.') => match self.tree.own(self.node()) {
                Some(own) => self.choice.turn(&[own]),
                None => {
                    self.message = "nothing changes at this directory itself".into();
                    return true;
                }
            },
            KeyCode::Char('a') => self.choice.set(everything, true),
            KeyCode::Char('n') => self.choice.set(everything, false),
            KeyCode::Char('+') => self.set_found(true),
            KeyCode::Char('-') => self.set_found(false),
            KeyCode::Char(letter) => {
                let Some(status) = Status::from_letter(letter) else {
                    return false;
                };
                let which = everything.filter(|at| self.changes()[*at].status == status);
                let which: Vec<usize> = which.collect();
                self.choice.turn(&which)
            }
            _ => return false,
        };
        if others > 0 {
            self.message = match others {
                1 => "1 other had to go with it".into(),
                others => format!("{others} others had to go with it"),
            };
        }
        true
    }

    /// What matches the pattern; without one, what is under the cursor.
    fn set_found(&mut self, chosen: bool) -> usize {
        match &self.found {
            Some(found) => self.choice.set(found.which.iter().copied(), chosen),
            None => self.choice.set(self.tree.changes(self.node()), chosen),
        }
    }

    /// Keys that show more or less.
    fn look(&mut self, code: KeyCode) {
        let node = self.node();
        match code {
            KeyCode::Char('e') => self.tree.open_all(true),
            KeyCode::Char('c') => self.tree.open_all(false),
            KeyCode::Backspace => self.found = None,
            KeyCode::Char('J') => self.scroll(1),
            KeyCode::Char('K') => self.scroll(-1),
            KeyCode::Char('>') => self.shift(8),
            KeyCode::Char('<') => self.shift(-8),
            _ => {
                self.message = "? lists the keys".into();
                return;
            }
        }
        if matches!(code, KeyCode::Char('e' | 'c')) {
            self.row = self.tree.row_of(node);
        }
    }

    fn page_key(&mut self, code: KeyCode) {
        let half = (self.page.1 / 2).max(1) as isize;
        match code {
            KeyCode::Char('d') => self.scroll(half),
            KeyCode::Char('u') => self.scroll(-half),
            code => {
                let same = match code {
                    KeyCode::Char('f') => KeyCode::PageDown,
                    KeyCode::Char('b') => KeyCode::PageUp,
                    KeyCode::Char('n') => KeyCode::Down,
                    KeyCode::Char('p') => KeyCode::Up,
                    _ => return,
                };
                self.walk(same);
            }
        }
    }

    fn scroll(&mut self, lines: isize) {
        let page = self.page.1;
        if let Some(text) = &mut self.text {
            let all = text.lines.as_ref().map_or(0, Vec::len);
            let last = all.saturating_sub(page);
            text.top = text.top.saturating_add_signed(lines).min(last);
        }
    }

    fn shift(&mut self, columns: isize) {
        if let Some(text) = &mut self.text {
            text.left = text.left.saturating_add_signed(columns).min(4_096);
        }
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

    fn type_pattern(&mut self, mut typed: String, code: KeyCode, control: bool) {
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
                    self.next_from_here();
                }
                self.message = format!("{count} match: + chooses them, - gives them up, f next");
            }
            Err(words) => self.message = words,
        }
    }

    /// To the first match at the cursor or behind it.
    fn next_from_here(&mut self) {
        let own = self.tree.own(self.node());
        let here = self.found.as_ref().zip(own);
        let at_one = here.is_some_and(|(found, own)| found.which.binary_search(&own).is_ok());
        if !at_one {
            self.next(true);
        }
    }

    fn turn_text(&mut self) {
        self.text = match self.text {
            Some(_) => None,
            None => Some(Shown {
                number: None,
                lines: None,
                top: 0,
                left: 0,
            }),
        };
    }

    /// Lets the text be that of the change under the cursor.
    fn follow(&mut self) {
        let own = self.tree.own(self.node());
        let Some(text) = &mut self.text else { return };
        if text.number == own && (own.is_none() || text.lines.is_some()) {
            return;
        }
        (text.number, text.top, text.left) = (own, 0, 0);
        text.lines = None;
        if let Some(own) = own {
            self.texts.ask(own, &self.plan.changes[own]);
        }
    }

    /// Takes a text that was waited for; whether one has come.
    pub fn hear(&mut self) -> bool {
        let Some((number, lines)) = self.texts.come() else {
            return false;
        };
        match &mut self.text {
            Some(text) if text.number == Some(number) => text.lines = Some(lines),
            _ => return false,
        }
        true
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
    let matches = |change: &Change| {
        let found = filter.excludes_within(&change.path, is_directory(change));
        found.is_some()
    };
    let all = changes.iter().enumerate();
    Ok(all.filter(|(_, c)| matches(c)).map(|(at, _)| at).collect())
}
