//! What is seen: the roots, the tree, the text of the change under the cursor, what is chosen, and what keys do.

use fsync::cli::human::{number, size};
use fsync::cli::talk::shown;
use fsync::model::quote::quote_if_odd;
use fsync::model::{Counts, Status};
use fsync::protocol::Root;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::desk::{Desk, Mode, Shown};
use crate::text::Tone;

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

fn style_of(desk: &Desk<'_>, status: Status) -> Style {
    tone(
        desk,
        match status {
            Status::Added => Color::Green,
            Status::Deleted => Color::Red,
            Status::Modified | Status::TypeChanged => Color::Yellow,
            Status::Renamed => Color::Cyan,
            Status::Touched => Color::Blue,
        },
    )
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
        &title(desk),
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

fn root(root: &Root) -> String {
    match root {
        Root::Directory(path) => {
            let name = path
                .rsplit(|b| *b == b'/')
                .next()
                .filter(|name| !name.is_empty());
            plain(name.unwrap_or(path))
        }
        Root::Snapshot(id) => id.to_string()[..12].to_string(),
        Root::Far(address) => plain(&address.url()),
    }
}

fn title(desk: &Desk<'_>) -> String {
    let header = &desk.plan.header;
    let sources: Vec<String> = header.sources.iter().map(root).collect();
    let mut title = format!("{} -> {}", sources.join(" + "), root(&header.destination));
    if desk.plan.troubles > 0 {
        title += &format!("  ({} passed over or failed)", number(desk.plan.troubles));
    }
    title
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

/// One row of the tree: what is chosen of it, its letter, its name, and how much it is.
fn entry(buffer: &mut Buffer, area: Rect, desk: &Desk<'_>, node: usize) {
    let part = desk.tree.changes(node);
    let (all, sum) = (part.len(), desk.choice.sum(part.clone()));
    let mark = match sum.changes as usize {
        0 => "[ ]",
        some if some == all => "[x]",
        _ => "[-]",
    };
    let own = desk.tree.own(node);
    let status = own.map(|own| desk.changes()[own].status);
    let letter = status.map_or(' ', Status::letter);
    let fold = match (desk.tree.has_more(node), desk.tree.is_open(node)) {
        (true, true) => "v ",
        (true, false) => "> ",
        (false, _) => "  ",
    };
    let slash = if desk.tree.is_directory(node) && node > 0 {
        "/"
    } else {
        ""
    };
    let amount = match desk.tree.has_more(node) {
        true => {
            let chosen = number(sum.changes.into());
            format!("{chosen}/{} {}", number(all as u64), size(sum.bytes))
        }
        false => own.map_or_else(String::new, |own| weight(desk, own)),
    };
    let deepest = usize::from(area.width / 3);
    let indent = " ".repeat((2 * desk.tree.depth(node)).min(deepest));
    let name = plain(desk.tree.name(node, desk.changes()));
    let here = node == desk.node();
    let matched = own.is_some_and(|own| {
        let found = desk.found.as_ref();
        found.is_some_and(|found| found.which.binary_search(&own).is_ok())
    });
    let mut style = status.map_or_else(Style::new, |status| style_of(desk, status));
    if matched {
        style = style.add_modifier(Modifier::UNDERLINED);
    }
    if here {
        buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
        style = style.add_modifier(Modifier::REVERSED);
    }
    let front = format!("{mark} {letter} ");
    let plain_style = match here {
        true => Style::new().add_modifier(Modifier::REVERSED),
        false => Style::new(),
    };
    put(buffer, area, &front, plain_style);
    let room = area.width.saturating_sub(front.len() as u16);
    let right = (amount.chars().count() as u16 + 1).min(room / 2);
    let names = Rect {
        x: area.x + front.len() as u16,
        width: room - right,
        ..area
    };
    put(
        buffer,
        names,
        &format!("{indent}{fold}{name}{slash}"),
        style,
    );
    let amounts = Rect {
        x: names.x + names.width,
        width: right,
        ..area
    };
    put(buffer, amounts, &format!(" {amount}"), plain_style);
}

/// How much one change is: the bytes that it brings, or that it takes away.
fn weight(desk: &Desk<'_>, own: usize) -> String {
    let change = &desk.changes()[own];
    match (change.status, &change.old) {
        (Status::Deleted, Some(old)) if old.size > 0 => format!("-{}", size(old.size)),
        _ if change.bytes() > 0 => size(change.bytes()),
        _ => String::new(),
    }
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

fn help(buffer: &mut Buffer, area: Rect, desk: &mut Desk<'_>, top: usize) {
    desk.page = (area.height.into(), 1);
    let top = top.min(HELP.len().saturating_sub(area.height.into()));
    desk.mode = Mode::Help(top);
    for (row, line) in (0..area.height).zip(&HELP[top..]) {
        put(buffer, row_of(area, row), line, Style::new());
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
    let text = from.unwrap_or_default() + &path;
    let (count, room) = (text.chars().count(), usize::from(width));
    match count > room {
        false => text,
        true => {
            let end: String = text.chars().skip(count + 3 - room).collect();
            format!("...{end}")
        }
    }
}

/// What would be done.
fn totals(desk: &Desk<'_>) -> String {
    let (chosen, all) = (desk.choice.counts(), desk.choice.all());
    let letters = |counts: &Counts| {
        let some = Status::ALL.into_iter().filter(|s| counts.of(*s) > 0);
        let each = some.map(|s| format!(" {}{}", number(counts.of(s)), s.letter()));
        each.collect::<String>()
    };
    let (some, whole) = (number(chosen.total()), number(all.total()));
    format!("{some}/{whole}:{} {}", letters(chosen), size(chosen.bytes))
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
            let typed = shown(typed);
            let room = usize::from(area.width).saturating_sub(12);
            let left = typed.chars().count().saturating_sub(room);
            let seen: String = typed.chars().skip(left).collect();
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
