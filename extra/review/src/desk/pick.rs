//! Keys that choose.

use fsync::model::Status;
use ratatui::crossterm::event::KeyCode;

use super::Desk;

impl Desk<'_> {
    /// Keys that choose; whether it was one.
    pub(super) fn choose(&mut self, code: KeyCode) -> bool {
        let everything = 0..self.changes().len();
        let others = match code {
            KeyCode::Char(' ') => {
                let others = self.choice.turn(self.tree.changes(self.node()));
                self.row = (self.row + 1).min(self.tree.rows().len() - 1);
                others
            }
            KeyCode::Char('.') => match self.tree.own(self.node()) {
                Some(own) => self.choice.turn(own..own + 1),
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
                let changes = self.changes();
                let which = everything.filter(|at| changes[*at].status == status);
                self.choice.turn(which)
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
}
