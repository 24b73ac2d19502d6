//! What is seen: the roots, the tree, the text of the change under the cursor, what is chosen, and what keys do.

mod entry;
mod help;

use fsync::cli::human::{number, size};
use fsync::cli::talk::shown;
use fsync::model::Status;
use fsync::model::quote::quote_if_odd;
use fsync::protocol::Root;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use self::entry::entry;
use self::help::help;
use crate::choice::Sum;
use crate::desk::{Desk, Mode, Shown};
use crate::text::Tone;

/// The bytes of a name as they may be seen.
fn plain(name: &[u8]) -> String {
    String::from_utf8_lossy(&quote_if_odd(name)).into_owned()
}

fn tone(desk: &Desk<'_>, colour: Color) -> Style {
    match desk.colour {
        true => Style::new().fg(colour),
        false => Style::new(),
    }
}

/// Text in one row, as much of it as has room.
fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.width > 0 && area.height > 0 {
        buffer.set_stringn(area.x, area.y, text, area.width.into(), style);
    }
}

fn row_of(area: Rect, row: u16) -> Rect {
    Rect {
        y: area.y + row,
        height: u16::from(row < area.height),
        ..area
    }
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, desk: &mut Desk<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.height < 5 || area.width < 20 {
        put(buffer, area, "too small", Style::new());
        return;
    }
    put(
        buffer,
        row_of(area, 0),
        &title(desk, area.width),
        Style::new().add_modifier(Modifier::BOLD),
    );
    let body = Rect {
        y: area.y + 1,
        height: area.height - 4,
        ..area
    };
    match desk.mode {
        Mode::Help(top) => help(buffer, body, desk, top),
        _ => middle(buffer, body, desk),
    }
    put(
        buffer,
        row_of(area, area.height - 3),
        &detail(desk, area.width),
        tone(desk, Color::Cyan),
    );
    let bold = Style::new().add_modifier(Modifier::BOLD);
    put(buffer, row_of(area, area.height - 2), &totals(desk), bold);
    last(buffer, row_of(area, area.height - 1), desk);
}

/// Where from and where to: the whole paths if there is room, else the last names.
fn title(desk: &Desk<'_>, width: u16) -> String {
    let header = &desk.plan.header;
    let said = |whole: bool| {
        let sources: Vec<String> = header.sources.iter().map(|r| root(r, whole)).collect();
        let destination = root(&header.destination, whole);
        format!("{} -> {destination}{}", sources.join(" + "), troubles(desk))
    };
    Some(said(true))
        .filter(|title| wide(title) <= width.into())
        .unwrap_or_else(|| said(false))
}

fn root(root: &Root, whole: bool) -> String {
    match root {
        Root::Directory(path) if whole => plain(path),
        Root::Directory(path) => {
            let name = path.rsplit(|b| *b == b'/').next();
            plain(name.filter(|name| !name.is_empty()).unwrap_or(path))
        }
        Root::Snapshot(id) => id.to_string()[..12].to_string(),
        Root::Far(address) => plain(&address.url()),
    }
}

fn troubles(desk: &Desk<'_>) -> String {
    match desk.plan.troubles {
        0 => String::new(),
        some => format!("  ({} passed over or failed)", number(some)),
    }
}

/// The tree, and the text below it.
fn middle(buffer: &mut Buffer, area: Rect, desk: &mut Desk<'_>) {
    let rows = match desk.text {
        None => area.height,
        Some(_) => (area.height / 3).max(2).min(area.height - 1),
    };
    let above = Rect {
        height: rows,
        ..area
    };
    let below = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    desk.page = (rows.into(), below.height.saturating_sub(1).into());
    scroll(desk);
    for row in 0..rows {
        if let Some(node) = desk.tree.rows().get(desk.top + usize::from(row)) {
            entry(buffer, row_of(above, row), desk, *node as usize);
        }
    }
    if let Some(text) = &desk.text {
        lines(buffer, below, desk, text);
    }
}

/// Keeps the cursor in sight.
fn scroll(desk: &mut Desk<'_>) {
    let page = desk.page.0.max(1);
    if desk.row < desk.top {
        desk.top = desk.row;
    } else if desk.row >= desk.top + page {
        desk.top = desk.row + 1 - page;
    }
    desk.top = desk.top.min(desk.tree.rows().len().saturating_sub(page));
}

/// The text, with a line above that says of what.
fn lines(buffer: &mut Buffer, area: Rect, desk: &Desk<'_>, text: &Shown) {
    let dim = Style::new().add_modifier(Modifier::DIM);
    let rule = "-".repeat(area.width.into());
    put(buffer, row_of(area, 0), &rule, dim);
    let words = match (text.number, &text.lines) {
        (None, _) => "nothing changes at this directory itself",
        (Some(_), None) => "reading ...",
        (Some(_), Some(_)) => "",
    };
    put(buffer, row_of(area, 1), words, dim);
    let lines = text.lines.iter().flatten().skip(text.top);
    for (row, (kind, line)) in (1..area.height).zip(lines) {
        let style = match kind {
            Tone::About => dim,
            Tone::Both => Style::new(),
            Tone::Old => tone(desk, Color::Red),
            Tone::New => tone(desk, Color::Green),
            Tone::Mark => tone(desk, Color::Cyan),
        };
        let line: String = line.chars().skip(text.left).collect();
        put(buffer, row_of(area, row), &line, style);
    }
}

/// The whole path under the cursor; of one too long, its end.
fn detail(desk: &Desk<'_>, width: u16) -> String {
    let path = match desk.node() {
        0 => ".".into(),
        node => plain(desk.tree.path(node, desk.changes())),
    };
    let from = desk.tree.own(desk.node()).and_then(|own| {
        let (from, _) = desk.changes()[own].from.as_deref()?;
        Some(format!("{} => ", plain(from.as_bytes())))
    });
    end_of(&(from.unwrap_or_default() + &path), width.into())
}

/// So many columns it takes.
fn wide(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text; of one too wide, its end.
fn end_of(text: &str, room: usize) -> String {
    if wide(text) <= room {
        return text.to_string();
    }
    let mut left = room.saturating_sub(3);
    let fits = |c: &char| {
        let rest = left.checked_sub(wide(c.encode_utf8(&mut [0; 4])));
        rest.inspect(|rest| left = *rest).is_some()
    };
    let end: String = text.chars().rev().take_while(fits).collect();
    format!("...{}", end.chars().rev().collect::<String>())
}

/// What would be done.
fn totals(desk: &Desk<'_>) -> String {
    let (chosen, all) = (desk.choice.counts(), desk.choice.all());
    let some = Status::ALL.into_iter().filter(|s| chosen.of(*s) > 0);
    let letters: String = some
        .map(|s| format!(" {}{}", number(chosen.of(s)), s.letter()))
        .collect();
    let (some, whole) = (number(chosen.total()), number(all.total()));
    format!("{some}/{whole}:{letters} {}", amount(&desk.choice.total()))
}

/// The bytes that are brought, and those that are deleted.
fn amount(sum: &Sum) -> String {
    match (sum.bytes, sum.gone) {
        (bytes, 0) => size(bytes),
        (0, gone) => format!("-{}", size(gone)),
        (bytes, gone) => format!("{} -{}", size(bytes), size(gone)),
    }
}

/// What is typed, said, or can be done.
fn last(buffer: &mut Buffer, area: Rect, desk: &Desk<'_>) {
    let keys = match area.width {
        ..60 => "Enter go  q leave  space choose  ? keys",
        60..84 => "Enter go  q leave  space choose  / pattern  d text  ? keys",
        _ => "Enter go  q leave  space choose  / pattern  d text  h l fold  a all  n none  ? keys",
    };
    match &desk.mode {
        Mode::Pattern(typed) => {
            let seen = end_of(&shown(typed), usize::from(area.width).saturating_sub(10));
            put(buffer, area, &format!("pattern: {seen}_"), Style::new());
        }
        Mode::Help(_) => put(
            buffer,
            area,
            "j k scroll, any other key goes back",
            Style::new(),
        ),
        Mode::Tree if !desk.message.is_empty() => {
            put(
                buffer,
                area,
                &shown(&desk.message),
                tone(desk, Color::Yellow),
            );
        }
        Mode::Tree => match &desk.found {
            Some(found) => {
                let count = number(found.which.len() as u64);
                let words = format!("{count} match {}: + - f F", shown(&found.pattern));
                put(buffer, area, &words, Style::new());
            }
            None => put(buffer, area, keys, Style::new().add_modifier(Modifier::DIM)),
        },
    }
}
