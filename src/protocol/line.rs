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
    let nul = text.contains(&0);
    let end = if nul { 0 } else { b'\n' };
    let mut lines = Vec::new();
    let mut fields = text.split(|&b| b == end).enumerate().peekable();
    while let Some((at, field)) = fields.next() {
        let fault = |message: String| (at + 1, message);
        if fields.peek().is_none() {
            return match field.is_empty() {
                true => Ok(lines),
                false => Err(fault("the last line has no end: the input was cut".into())),
            };
        }
        let (status, rest) = letter(field).map_err(fault)?;
        let (from, path) = match (status, nul) {
            (Status::Renamed, true) => {
                let (_, path) = fields.next().ok_or_else(|| fault("cut rename".into()))?;
                if fields.peek().is_none() {
                    return Err(fault("the last line has no end: the input was cut".into()));
                }
                (Some(rest), path)
            }
            (Status::Renamed, false) => {
                let tab = rest.iter().position(|&b| b == b'\t');
                let tab = tab.ok_or_else(|| fault("a rename has two paths".into()))?;
                (Some(&rest[..tab]), &rest[tab + 1..])
            }
            _ => (None, rest),
        };
        let path = name(path, nul).map_err(fault)?;
        if path.is_root() && !matches!(status, Status::Touched | Status::Added) {
            return Err(fault("the root can only be added or touched".into()));
        }
        lines.push(Line {
            status,
            path,
            from: from.map(|f| name(f, nul)).transpose().map_err(fault)?,
        });
    }
    Ok(lines)
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
