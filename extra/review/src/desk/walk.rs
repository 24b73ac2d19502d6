//! Keys that move the cursor, fold and unfold.

use ratatui::crossterm::event::KeyCode;

use super::Desk;

impl Desk<'_> {
    /// Keys that move the cursor; whether it was one.
    pub(super) fn walk(&mut self, code: KeyCode) -> bool {
        let (page, last) = (self.page.0.max(1), self.tree.rows().len() - 1);
        let row = match code {
            KeyCode::Down | KeyCode::Char('j') => self.row + 1,
            KeyCode::Up | KeyCode::Char('k') => self.row.saturating_sub(1),
            KeyCode::PageDown => self.row + page,
            KeyCode::PageUp => self.row.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            KeyCode::Left | KeyCode::Char('h') => self.fold(),
            KeyCode::Right | KeyCode::Char('l') => self.unfold(),
            KeyCode::Char('e') => self.open_all(true),
            KeyCode::Char('c') => self.open_all(false),
            _ => return false,
        };
        self.row = row.min(self.tree.rows().len() - 1);
        true
    }

    /// Folds, or goes to what holds it; the row that the cursor is on then.
    fn fold(&mut self) -> usize {
        let node = self.node();
        match self.tree.has_more(node) && self.tree.is_open(node) {
            true => self.tree.open(node, false),
            false => return self.tree.row_of(self.tree.parent(node)),
        }
        self.row
    }

    /// Unfolds, or goes to the first below it.
    fn unfold(&mut self) -> usize {
        let node = self.node();
        match (self.tree.has_more(node), self.tree.is_open(node)) {
            (true, false) => self.tree.open(node, true),
            (true, true) => return self.row + 1,
            (false, _) => {}
        }
        self.row
    }

    /// Folds or unfolds everything; the cursor stays where it was, or goes to what hides that.
    fn open_all(&mut self, open: bool) -> usize {
        let node = self.node();
        self.tree.open_all(open);
        self.tree.row_of(node)
    }
}
