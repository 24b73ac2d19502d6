//! One row of the tree: what is chosen of it, its letter, its name, and how much it is.

use fsync::cli::human::{number, size};
use fsync::model::Status;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::{amount, plain, put, tone};
use crate::desk::Desk;

/// From this width on, a directory says too what is deleted in it.
const WIDE: u16 = 60;

/// Draws it.
pub fn entry(buffer: &mut Buffer, area: Rect, desk: &Desk<'_>, node: usize) {
    let here = match node == desk.node() {
        true => Style::new().add_modifier(Modifier::REVERSED),
        false => Style::new(),
    };
    buffer.set_style(area, here);
    let front = format!("{} {} ", mark(desk, node), letter(desk, node));
    put(buffer, area, &front, here);
    let weight = weight(desk, node, area.width >= WIDE);
    let room = area.width.saturating_sub(front.len() as u16);
    let right = (weight.len() as u16 + 1).min(room / 2);
    let names = Rect {
        x: area.x + front.len() as u16,
        width: room - right,
        ..area
    };
    let style = here.patch(style(desk, node));
    put(buffer, names, &name(desk, node, area.width), style);
    let weights = Rect {
        x: names.x + names.width,
        width: right,
        ..area
    };
    put(buffer, weights, &format!(" {weight}"), here);
}

/// How much of it is chosen.
fn mark(desk: &Desk<'_>, node: usize) -> &'static str {
    let part = desk.tree.changes(node);
    match desk.choice.sum(part.clone()).changes as usize {
        0 => "[ ]",
        some if some == part.len() => "[x]",
        _ => "[-]",
    }
}

fn status(desk: &Desk<'_>, node: usize) -> Option<Status> {
    let own = desk.tree.own(node)?;
    Some(desk.changes()[own].status)
}

fn letter(desk: &Desk<'_>, node: usize) -> char {
    status(desk, node).map_or(' ', Status::letter)
}

/// As far to the right as it lies deep, but never so far that no name is seen.
fn name(desk: &Desk<'_>, node: usize, width: u16) -> String {
    let indent = " ".repeat((2 * desk.tree.depth(node)).min(usize::from(width / 3)));
    let fold = match (desk.tree.has_more(node), desk.tree.is_open(node)) {
        (true, true) => "v",
        (true, false) => ">",
        (false, _) => " ",
    };
    let name = plain(desk.tree.name(node, desk.changes()));
    let slash = match desk.tree.is_directory(node) && node > 0 {
        true => "/",
        false => "",
    };
    format!("{indent}{fold} {name}{slash}")
}

/// How much it is: of a directory, what is chosen of what is in it; of a file, the bytes that it brings or takes away.
fn weight(desk: &Desk<'_>, node: usize, wide: bool) -> String {
    if desk.tree.has_more(node) {
        let part = desk.tree.changes(node);
        let all = number(part.len() as u64);
        let sum = desk.choice.sum(part);
        let bytes = match wide || sum.bytes == 0 {
            true => amount(&sum),
            false => size(sum.bytes),
        };
        return format!("{}/{all} {bytes}", number(sum.changes.into()));
    }
    let Some(own) = desk.tree.own(node) else {
        return String::new();
    };
    let change = &desk.changes()[own];
    match (change.status, &change.old) {
        (Status::Deleted, Some(old)) if old.size > 0 => format!("-{}", size(old.size)),
        _ if change.bytes() > 0 => size(change.bytes()),
        _ => String::new(),
    }
}

fn style(desk: &Desk<'_>, node: usize) -> Style {
    let colour = status(desk, node).map(|status| match status {
        Status::Added => Color::Green,
        Status::Deleted => Color::Red,
        Status::Modified | Status::TypeChanged => Color::Yellow,
        Status::Renamed => Color::Cyan,
        Status::Touched => Color::Blue,
    });
    let style = colour.map_or_else(Style::new, |colour| tone(desk, colour));
    let found = desk.found.as_ref().zip(desk.tree.own(node));
    match found.is_some_and(|(found, own)| found.which.binary_search(&own).is_ok()) {
        true => style.add_modifier(Modifier::UNDERLINED),
        false => style,
    }
}
