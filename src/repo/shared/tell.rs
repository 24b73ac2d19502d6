//! Whose directory it is: on its own machine a path, elsewhere `//NAME/path`.

use crate::model::SnapshotId;
use crate::repo::index::{Index, What};
use crate::repo::log::{Begin, Finish, Line};
use crate::repo::text::PathText;

/// What the machine `writer` calls `path`, as the machine `reader` calls it.
pub fn directory(path: &PathText, writer: &str, reader: &str) -> PathText {
    if writer == reader {
        return path.clone();
    }
    let own = format!("//{reader}/");
    let text = &path.0;
    match text.strip_prefix(&own.as_bytes()[..own.len() - 1]) {
        Some(inside) if text.starts_with(own.as_bytes()) => PathText(inside.to_vec()),
        _ if text.starts_with(b"//") => path.clone(),
        _ => PathText([b"//", writer.as_bytes(), text].concat()),
    }
}

/// A line of the log of `writer`, as `reader` enters it; `base` is added to the numbers of operations.
pub fn line(line: &Line, writer: &str, reader: &str, base: u64) -> Line {
    let mut line = line.clone();
    match &mut line {
        Line::Snapshot {
            directory: path, ..
        }
        | Line::Head {
            directory: path, ..
        }
        | Line::Tag {
            directory: path, ..
        }
        | Line::Begin(Begin {
            directory: path, ..
        }) => {
            // Of another's directory nobody but that machine has a say: so the logs need no order.
            match path.0.starts_with(b"//") && writer != reader {
                true => line = Line::Other,
                false => *path = directory(path, writer, reader),
            }
        }
        Line::Finish(Finish { op, .. }) => *op = op.saturating_add(base),
        // Which repository it is, one's own log says.
        Line::Repository { .. } => line = Line::Other,
        Line::Pack { .. } | Line::Stored { .. } | Line::Seen { .. } | Line::Other => {}
    }
    line
}

/// What an archive that `writer` made says, as `reader` enters it.
pub fn index(index: &mut Index, writer: &str, reader: &str) {
    let seen = |path: &mut PathText| *path = directory(path, writer, reader);
    match &mut index.what {
        What::Snapshot(info) => seen(&mut info.directory),
        What::Pack(pack) => {
            pack.kept
                .iter_mut()
                .for_each(|info| seen(&mut info.directory));
            pack.gone
                .iter_mut()
                .for_each(|gone| seen(&mut gone.directory));
        }
    }
}

/// The archive that a line says is in the store: where its end begins that everybody fetches, and how long it is.
pub fn stored(line: &Line) -> Option<(SnapshotId, u64, u64)> {
    match line {
        Line::Stored {
            id,
            size_bytes,
            tail_bytes,
        } => {
            // No file is longer.
            let is_size = i64::try_from(*size_bytes).is_ok();
            let tail = size_bytes.checked_sub(*tail_bytes).filter(|_| is_size)?;
            Some((*id, tail, *size_bytes))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_called_as_their_reader_does() {
        let path = |text: &str| PathText(text.as_bytes().to_vec());
        for (text, writer, reader, seen) in [
            ("/a", "w", "w", "/a"),
            ("/a", "w", "r", "//w/a"),
            ("//r/a", "w", "r", "/a"),
            ("//r/a", "w", "x", "//r/a"),
            ("//rr/a", "w", "r", "//rr/a"),
            ("/", "w", "r", "//w/"),
        ] {
            assert_eq!(directory(&path(text), writer, reader), path(seen));
        }
    }
}
