//! The text below the tree: that of the change under the cursor, as far as it is scrolled.

use super::Desk;
use crate::text::Lines;

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

impl Desk<'_> {
    pub(super) fn turn_text(&mut self) {
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

    pub(super) fn scroll(&mut self, lines: isize) {
        let page = self.page.1;
        if let Some(text) = &mut self.text {
            let all = text.lines.as_ref().map_or(0, Vec::len);
            let last = all.saturating_sub(page);
            text.top = text.top.saturating_add_signed(lines).min(last);
        }
    }

    pub(super) fn shift(&mut self, columns: isize) {
        if let Some(text) = &mut self.text {
            text.left = text.left.saturating_add_signed(columns).min(4_096);
        }
    }

    /// Lets the text be that of the change under the cursor.
    pub(super) fn follow(&mut self) {
        let own = self.tree.own(self.node());
        let Some(text) = &mut self.text else { return };
        if text.number == own {
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
