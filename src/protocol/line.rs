//! The line form: `M<TAB>path`, for people, `grep` and `cut`.
//!
//! A rename is `R<TAB>from<TAB>path`. Lines end in a newline and odd names are C-quoted as git does;
//! with `-z` they end in NUL and names are verbatim (but a rename's two are separated by NUL too, so
//! that a tab in a name cannot be misread).

use crate::model::quote::{quote_if_odd, unquote};
use crate::model::{Change, RelPath, Status};

/// One line, read: the change is looked up again by whoever performs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The letter.
    pub status: Status,
    /// The path.
    pub path: RelPath,
    /// Of a rename, where it comes from.
    pub from: Option<RelPath>,
}

/// Appends a change in the line form.
pub fn write(change: &Change, nul: bool, out: &mut Vec<u8>) {
    let mut buf = [0; 4];
    out.extend_from_slice(change.status.letter().encode_utf8(&mut buf).as_bytes());
    let (end, between) = if nul { (0, 0) } else { (b'\n', b'\t') };
    out.push(b'\t');
    let name = |path: &RelPath, out: &mut Vec<u8>| match nul {
        true => out.extend_from_slice(path.as_bytes()),
        false => out.extend(quote_if_odd(path.as_bytes())),
    };
    if let Some(from) = &change.from {
        name(&from.0, out);
        out.push(between);
    }
    name(&change.path, out);
    out.push(end);
}

/// Reads all lines; they end in NUL when there is a NUL anywhere (no quoted name holds one).
///
/// # Errors
/// The number of the line, from 1, and what is wrong with it. A last line without its end was cut.
pub fn parse(text: &[u8]) -> Result<Vec<Line>, (usize, String)> {
    let mut parser = Parser::new(text.contains(&0));
    let rest = parser.feed(text)?;
    parser.end(&text[rest..])
}

/// Reads lines as they come.
pub struct Parser {
    nul: bool,
    at: usize,
    lines: Vec<Line>,
}

impl Parser {
    /// For lines that end in NUL, or in a newline.
    pub fn new(nul: bool) -> Self {
        Parser {
            nul,
            at: 0,
            lines: Vec::new(),
        }
    }

    /// Reads the lines that are whole; how many bytes they take.
    ///
    /// # Errors
    /// The number of the line, from 1, and what is wrong with it.
    pub fn feed(&mut self, text: &[u8]) -> Result<usize, (usize, String)> {
        let end = if self.nul { 0 } else { b'\n' };
        let mut fields = text.split_inclusive(|&b| b == end);
        let mut next = || fields.next().and_then(|field| field.strip_suffix(&[end]));
        let mut done = 0;
        while let Some(field) = next() {
            let fault = |message: String| (self.at + 1, message);
            let (status, rest) = letter(field).map_err(fault)?;
            let (from, path) = match (status, self.nul) {
                (Status::Renamed, true) => match next() {
                    Some(path) => (Some(rest), path),
                    None => break,
                },
                (Status::Renamed, false) => {
                    let tab = rest.iter().position(|&b| b == b'\t');
                    let tab = tab.ok_or_else(|| fault("a rename has two paths".into()))?;
                    (Some(&rest[..tab]), &rest[tab + 1..])
                }
                _ => (None, rest),
            };
            let line = line(status, from, path, self.nul).map_err(fault)?;
            let two = self.nul && from.is_some();
            done += field.len() + 1 + if two { path.len() + 1 } else { 0 };
            self.at += if two { 2 } else { 1 };
            self.lines.push(line);
        }
        Ok(done)
    }

    /// The number of the line that comes next, from 1.
    pub fn next(&self) -> u64 {
        self.at as u64 + 1
    }

    /// All lines, now that only `rest` was left, which must be nothing.
    ///
    /// # Errors
    /// As [`Self::feed`], when the last line has no end.
    pub fn end(self, rest: &[u8]) -> Result<Vec<Line>, (usize, String)> {
        let cut = || "the last line has no end: the input was cut".to_string();
        match rest.is_empty() {
            true => Ok(self.lines),
            false => Err((self.at + 1, cut())),
        }
    }
}

fn line(status: Status, from: Option<&[u8]>, path: &[u8], nul: bool) -> Result<Line, String> {
    let path = name(path, nul)?;
    if path.is_root() && !matches!(status, Status::Touched | Status::Added) {
        return Err("the root can only be added or touched".into());
    }
    Ok(Line {
        status,
        path,
        from: from.map(|from| name(from, nul)).transpose()?,
    })
}

fn letter(field: &[u8]) -> Result<(Status, &[u8]), String> {
    match field {
        [letter, b'\t', rest @ ..] => Status::from_letter(char::from(*letter))
            .map(|status| (status, rest))
            .ok_or_else(|| format!("unknown status {:?}", char::from(*letter))),
        _ => Err("not a letter, a tab and a path".into()),
    }
}

fn name(field: &[u8], nul: bool) -> Result<RelPath, String> {
    let raw = match nul {
        true => field.to_vec(),
        false => unquote(field).ok_or("the path is badly quoted")?,
    };
    let path = RelPath::parse(&raw).map_err(|e| e.to_string())?;
    match crate::protocol::record::is_ours(&path) {
        true => Err("BACKUP and temporaries are never part of a plan".into()),
        false => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_ends() {
        let plain = parse(b"A\ta b\nD\t\"x\\ty\"\nR\told\tnew\n").unwrap();
        let nul = parse(b"A\ta b\0D\tx\ty\0R\told\0new\0").unwrap();
        assert_eq!(plain, nul);
        assert_eq!(plain[1].path.as_bytes(), b"x\ty");
        assert_eq!(parse(b"").unwrap(), []);
    }

    #[test]
    fn refuses_cut_and_malformed() {
        for bad in [
            &b"A\ta"[..],
            b"A a\n",
            b"X\ta\n",
            b"A\t../a\n",
            b"A\t\n",
            b"R\ta\n",
            b"R\ta\0",
            b"\n",
            b"D\t.\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
