//! Mends a log with damaged lines. The number of an operation is where its line begins, so every line stays where it
//! is: a damaged one is replaced by one of the same length that says nothing. The log as it was is kept aside.

use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::model::{Error, Result, Time};
use crate::repo::info::FORMAT;
use crate::repo::log::{Line, decode, encode};
use crate::repo::store::Repo;

/// How every line begins.
const START: &[u8] = b"{\"crc\":\"";

impl Repo {
    /// Replaces damaged lines of the log, which is copied to the folder `aside` before. Where they began.
    ///
    /// `name` is the repository's id, should its own line have to be written again.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub(crate) fn mend_log(&self, aside: &Path, name: &str) -> Result<Vec<u64>> {
        let path = self.log_path();
        let cannot = |e| Error::io("cannot mend the log", path.as_os_str().as_bytes(), e);
        let text = match crate::repo::plain::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(cannot(e)),
        };
        let (mended, damaged) = mend(&text, name);
        if mended == text {
            return Ok(Vec::new());
        }
        if !text.is_empty() {
            let kept = (Time::now().secs..)
                .map(|secs| aside.join(format!("log-{secs}.ndjson")))
                .find(|path| path.symlink_metadata().is_err())
                .unwrap_or_else(|| aside.join("log.ndjson"));
            keep(&text, &kept).map_err(cannot)?;
        }
        let mut file = self.temporary()?;
        file.write_all(&mended).map_err(cannot)?;
        file.as_file().sync_all().map_err(cannot)?;
        file.persist(&path).map_err(|e| cannot(e.error))?;
        self.folder().sync_all().map_err(cannot)?;
        Ok(damaged)
    }
}

/// Writes a file durably.
fn keep(text: &[u8], path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file = crate::repo::plain::open_with(options.write(true).create_new(true), path)?;
    file.write_all(text)?;
    file.sync_all()?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A log without damaged lines, and where they began.
fn mend(text: &[u8], name: &str) -> (Vec<u8>, Vec<u64>) {
    let whole = text
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let mut out = Vec::with_capacity(text.len());
    let mut damaged = Vec::new();
    let mut bad = Vec::new();
    for line in text[..whole].split_inclusive(|b| *b == b'\n') {
        if decode(&line[..line.len() - 1]).is_none() {
            if bad.is_empty() {
                damaged.push(out.len() as u64);
            }
            bad.extend(line);
            continue;
        }
        out.extend(region(&std::mem::take(&mut bad), out.is_empty(), name));
        out.extend(line);
    }
    out.extend(region(&bad, out.is_empty(), name));
    let first = out.split(|b| *b == b'\n').next().and_then(decode);
    if !matches!(first, Some(Line::Repository { .. })) {
        let mut own = Vec::new();
        encode(&repository(name, Time::now()), &mut own);
        out.splice(0..0, own);
    }
    out.extend(&text[whole..]);
    (out, damaged)
}

fn repository(name: &str, time: Time) -> Line {
    Line::Repository {
        id: name.into(),
        format: FORMAT,
        time,
    }
}

/// What takes the place of neighbouring damaged lines, in as many bytes. A newline that became something else
/// has joined two lines, which are whole.
fn region(bad: &[u8], first: bool, name: &str) -> Vec<u8> {
    let mut text = bad.to_vec();
    for at in 1..bad.len().saturating_sub(START.len()) {
        if bad[at..].starts_with(START) {
            text[at - 1] = b'\n';
        }
    }
    let mut out = Vec::with_capacity(bad.len());
    let mut gap = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        if decode(&line[..line.len() - 1]).is_none() {
            gap += line.len();
            continue;
        }
        out.extend(filler(
            std::mem::take(&mut gap),
            first && out.is_empty(),
            name,
        ));
        out.extend(line);
    }
    out.extend(filler(gap, first && out.is_empty(), name));
    out
}

/// A line of `length` bytes that says nothing, or (at the beginning) whose log this is.
fn filler(length: usize, first: bool, name: &str) -> Vec<u8> {
    let mut line = Vec::new();
    if first {
        encode(&repository(name, Time::new(0, 0)), &mut line);
    }
    if line.is_empty() || line.len() > length {
        line = plain("\"type\":\"damaged\"}");
    }
    if length == 0 || line.len() > length {
        return vec![b'\n'; length];
    }
    // What comes behind the object belongs to the line, and to what is summed.
    let body = String::from_utf8_lossy(&line[START.len() + 10..line.len() - 1]).into_owned();
    plain(&format!("{body}{}", " ".repeat(length - line.len())))
}

fn plain(body: &str) -> Vec<u8> {
    format!(
        "{{\"crc\":\"{:08x}\",{body}\n",
        crc32fast::hash(body.as_bytes())
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::text::PathText;

    fn log() -> Vec<u8> {
        let mut text = Vec::new();
        encode(&repository("0123", Time::new(9, 8)), &mut text);
        for n in 0..3 {
            let line = Line::Head {
                directory: PathText(b"/d".to_vec()),
                id: None,
                time: Time::new(n, 5),
            };
            encode(&line, &mut text);
        }
        text
    }

    fn lines(text: &[u8]) -> Vec<(usize, Line)> {
        let mut at = 0;
        text.split_inclusive(|b| *b == b'\n')
            .map(|line| {
                at += line.len();
                let value = decode(&line[..line.len() - 1]).expect("a line");
                (at - line.len(), value)
            })
            .collect()
    }

    #[test]
    fn any_flipped_bit_costs_one_line_and_moves_none() {
        let good = log();
        let before = lines(&good);
        assert_eq!(mend(&good, "0123"), (good.clone(), vec![]));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut text = good.clone();
                text[at] ^= 1 << bit;
                let (mended, _) = mend(&text, "0123");
                assert!(mended.len() >= good.len() - 1, "{at} {bit}");
                if at == good.len() - 1 {
                    continue;
                }
                assert_eq!(mended.len(), good.len(), "{at} {bit}");
                let after = lines(&mended);
                let left = before.iter().filter(|line| after.contains(line)).count();
                assert!(left >= before.len() - 1, "{at} {bit}");
                assert!(matches!(after[0].1, Line::Repository { .. }));
            }
        }
    }

    #[test]
    fn a_log_that_is_gone_gets_its_first_line() {
        let (mended, damaged) = mend(b"", "77");
        assert!(damaged.is_empty());
        assert!(matches!(&lines(&mended)[0].1, Line::Repository { id, .. } if id == "77"));
    }
}
