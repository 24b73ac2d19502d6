//! Rows for people and for programs: fields separated by tabs, as they are; on a terminal in columns, with times, sizes and
//! ids as people read them.

use std::io::{IsTerminal, stdout};

use anstyle::Style;

use crate::cli::colour::{self, paint};
use crate::cli::human;
use crate::model::Result;
use crate::protocol::Writer;

/// How many digits of an id people need: unique in any repository that fits on a disk.
const SHORT: usize = 12;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// Anything.
    Text,
    /// Names: heads, tags.
    Tag,
    /// An id of a snapshot.
    Id,
    /// A time, as RFC 3339 has it.
    Time,
    /// A number of bytes.
    Size,
    /// A number.
    Number,
}

/// Rows on their way to standard output.
pub struct Table {
    columns: &'static [Column],
    rows: Option<Vec<Vec<String>>>,
}

impl Table {
    /// A table with these columns; on a terminal it is printed when all is known.
    pub fn new(columns: &'static [Column]) -> Self {
        Table {
            columns,
            rows: stdout().is_terminal().then(Vec::new),
        }
    }

    /// A line that ends in a newline: of a program's output, or of a column's fields with tabs between.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line<W: std::io::Write>(&mut self, out: &mut Writer<W>, line: &[u8]) -> Result<()> {
        match &mut self.rows {
            None => out.raw(line),
            Some(rows) => {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
                rows.push(text.split('\t').map(String::from).collect());
                Ok(())
            }
        }
    }

    /// Prints what was kept.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end<W: std::io::Write>(self, out: &mut Writer<W>) -> Result<()> {
        if let Some(rows) = self.rows {
            let text = shown(self.columns, &rows, colour::wanted(&stdout()));
            out.raw(text.as_bytes())?;
        }
        out.flush()
    }
}

fn cell(column: Column, text: &str) -> String {
    let number = || text.parse::<u64>().ok();
    match column {
        Column::Time => human::clock(text),
        Column::Id if text.len() == 40 => text[..SHORT].to_string(),
        Column::Size => number().map_or_else(|| text.into(), human::size),
        Column::Number => number().map_or_else(|| text.into(), human::number),
        _ => text.into(),
    }
}

fn style(column: Column) -> Option<Style> {
    match column {
        Column::Id => Some(colour::ID),
        Column::Tag => Some(colour::TAG),
        _ => None,
    }
}

/// Columns as wide as their longest field; numbers at the right.
fn shown(columns: &[Column], rows: &[Vec<String>], coloured: bool) -> String {
    let column = |at: usize| columns.get(at).copied().unwrap_or(Column::Text);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .enumerate()
                .map(|(at, text)| cell(column(at), text))
                .collect()
        })
        .collect();
    let width = |at: usize| {
        let wide = cells.iter().filter_map(|row| row.get(at));
        wide.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut out = String::new();
    for row in &cells {
        let mut line = String::new();
        for (at, text) in row.iter().enumerate() {
            let pad = " ".repeat(widths.get(at).map_or(0, |w| w - text.chars().count()));
            let painted = match style(column(at)).filter(|_| coloured && !text.is_empty()) {
                Some(style) => paint(style, text),
                None => text.clone(),
            };
            match column(at) {
                Column::Size | Column::Number => line += &format!("{pad}{painted}"),
                _ => line += &format!("{painted}{pad}"),
            }
            // A column that is empty in every row takes no place.
            if widths.get(at).is_some_and(|w| *w > 0) {
                line += "  ";
            }
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lined_up() {
        let rows = [
            [
                "*",
                "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb",
                "1536",
                "",
                "x y",
            ],
            ["", "short", "17", "", "z"],
        ];
        let rows: Vec<Vec<String>> = rows.map(|r| r.map(String::from).to_vec()).to_vec();
        let columns = [
            Column::Tag,
            Column::Id,
            Column::Size,
            Column::Tag,
            Column::Text,
        ];
        assert_eq!(
            shown(&columns, &rows, false),
            "*  aaaaaaaaaaaa  1.5 KiB  x y\n   short            17 B  z\n"
        );
        let coloured = shown(&columns, &rows, true);
        assert!(
            coloured.contains("\x1b[33maaaaaaaaaaaa\x1b[0m"),
            "{coloured:?}"
        );
    }
}
