//! What the keys are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{put, row_of};
use crate::desk::{Desk, Mode};

/// What the keys do.
const HELP: &[&str] = &[
    "Enter       pass the choice on",
    "q Esc ^C    leave: nothing is passed on",
    "",
    "up k        up",
    "down j      down",
    "PgUp PgDn   a page up, down",
    "Home g      to the top",
    "End G       to the end",
    "left h      fold; to what holds it",
    "right l     unfold; to what is in it",
    "e c         unfold, fold everything",
    "",
    "space       choose or give up;",
    "            of a directory, all in it",
    ".           this entry alone",
    "a n         all; none",
    "A M D R T t all of that letter",
    "",
    "/           a pattern as in .gitignore",
    "f F         next, previous match",
    "+ -         choose, give up matches",
    "            (no pattern: at the cursor)",
    "Backspace   forget the pattern",
    "",
    "d Tab       show or hide the text",
    "J K ^D ^U   scroll it",
    "< >         move it sideways",
    "^Z          stop; fg goes on",
    "",
    "What is chosen brings along what it",
    "needs: a new file its new directory,",
    "a deleted directory all that is in it.",
];

/// Draws it, from line `top` on.
pub fn help(buffer: &mut Buffer, area: Rect, desk: &mut Desk<'_>, top: usize) {
    desk.page = (area.height.into(), 1);
    let top = top.min(HELP.len().saturating_sub(area.height.into()));
    desk.mode = Mode::Help(top);
    for (row, line) in (0..area.height).zip(&HELP[top..]) {
        put(buffer, row_of(area, row), line, Style::new());
    }
}
