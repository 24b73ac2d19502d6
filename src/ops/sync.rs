//! The SYNC file: the sources that are laid over a directory, one a line.
//!
//! A line that begins with `/` is a path, byte for byte to its newline; empty lines and lines that begin
//! with `#` mean nothing; anything else is reserved.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::disk::mark;
use crate::model::{Error, ErrorKind, Result, name};
use crate::tree::local::Local;

/// The paths in a SYNC file.
///
/// # Errors
/// The number of the first line that is reserved, from 1.
pub fn parse(text: &[u8]) -> Result<Vec<Vec<u8>>, usize> {
    let mut sources = Vec::new();
    for (at, line) in text.split(|&b| b == b'\n').enumerate() {
        match line.first() {
            None | Some(b'#') => {}
            Some(b'/') if !line.contains(&0) => sources.push(line.to_vec()),
            Some(_) => return Err(at + 1),
        }
    }
    Ok(sources)
}

/// The sources that the SYNC file of `directory` names.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is none, [`ErrorKind::Usage`] when it is malformed or names nothing.
pub fn read(directory: &Path) -> Result<Vec<Vec<u8>>> {
    let shown = directory.join(mark_name());
    let shown = shown.as_os_str().as_bytes();
    let fault = |kind, message: String| Error::at(kind, shown, message);
    let local = Local::open(directory)?;
    let Some(text) = mark::read(local.handle(), name::SYNC, shown)? else {
        let next = "there is no SYNC file; \"fsync mksync DIR SRC...\" writes one";
        return Err(fault(ErrorKind::NotFound, next.into()));
    };
    let sources = parse(&text).map_err(|line| {
        let message =
            format!("line {line}: neither a path from / nor a comment that begins with #");
        fault(ErrorKind::Usage, message)
    })?;
    match sources.is_empty() {
        true => Err(fault(ErrorKind::Usage, "it names no source".into())),
        false => Ok(sources),
    }
}

/// Whether [`write`] would take these sources.
///
/// # Errors
/// As [`write`], but for a SYNC file that is there already.
pub fn check_all(directory: &Path, sources: &[PathBuf], force: bool) -> Result<Local> {
    let local = Local::open(directory)?;
    for source in sources {
        check(source, local.path(), force)?;
    }
    Ok(local)
}

/// Writes the SYNC file of `directory`; `sources` are absolute. `force` replaces one that is there, and
/// allows sources that are missing.
///
/// # Errors
/// [`ErrorKind::Usage`] for a source that is missing, no directory, or has a newline in its path;
/// [`ErrorKind::Refused`] for one that overlaps `directory`, or when there is a SYNC file already.
pub fn write(directory: &Path, sources: &[PathBuf], force: bool) -> Result<()> {
    let local = check_all(directory, sources, force)?;
    let shown = directory.join(mark_name());
    let text = text_of(sources);
    mark::write(
        local.handle(),
        name::SYNC,
        shown.as_os_str().as_bytes(),
        &text,
        force,
        None,
    )
    .map_err(|e| match e.kind() {
        ErrorKind::Refused => Error::at(
            ErrorKind::Refused,
            shown.as_os_str().as_bytes(),
            "there is a SYNC file already; --force replaces it",
        ),
        _ => e,
    })
}

fn mark_name() -> &'static Path {
    Path::new(std::ffi::OsStr::from_bytes(name::SYNC))
}

fn text_of(sources: &[PathBuf]) -> Vec<u8> {
    let mut text = Vec::new();
    for source in sources {
        text.extend_from_slice(source.as_os_str().as_bytes());
        text.push(b'\n');
    }
    text
}

/// Whether a source may stand in the SYNC file of `directory`, a path without links.
fn check(source: &Path, directory: &Path, allow_missing: bool) -> Result<()> {
    let bytes = source.as_os_str().as_bytes();
    let fault = |kind, message: &str| Err(Error::at(kind, bytes, message));
    if bytes.contains(&b'\n') {
        return fault(
            ErrorKind::Usage,
            "a path with a newline cannot stand in a SYNC file",
        );
    }
    let look = |real: PathBuf| real.metadata().map(|meta| (real, meta.is_dir()));
    let real = match source.canonicalize().and_then(look) {
        Ok((_, false)) => return fault(ErrorKind::Usage, "is not a directory"),
        Ok((real, true)) => real,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && allow_missing => source.to_path_buf(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let message = "there is no such directory; --force names it nevertheless";
            return fault(ErrorKind::Usage, message);
        }
        Err(e) => return Err(Error::io("cannot examine", bytes, e)),
    };
    if real == directory {
        return fault(ErrorKind::Refused, "is the directory itself");
    }
    if real.starts_with(directory) {
        return fault(
            ErrorKind::Refused,
            "lies inside the directory that it is to be copied to",
        );
    }
    match directory.starts_with(&real) {
        true => fault(
            ErrorKind::Refused,
            "holds the directory that it is to be copied to",
        ),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::create_dir;
    use std::os::unix::fs::symlink;

    #[test]
    fn takes_paths_and_leaves_the_rest() {
        let text = b"# two\n/a b\n\n/c/\xff\r\n/last";
        let sources = parse(text).unwrap();
        assert_eq!(sources, [&b"/a b"[..], b"/c/\xff\r", b"/last"]);
        assert_eq!(parse(b"/a\nrelative\n"), Err(2));
        assert_eq!(parse(b" /a\n"), Err(1));
        assert_eq!(parse(b"/a\0b\n"), Err(1));
    }

    #[test]
    fn reads_what_it_wrote() {
        let top = tempfile::tempdir().unwrap();
        let [a, b, d] = ["a", "b", "d"].map(|n| top.path().join(n));
        for dir in [&a, &b, &d] {
            create_dir(dir).unwrap();
        }
        assert_eq!(read(&d).unwrap_err().kind(), ErrorKind::NotFound);
        write(&d, &[a.clone(), b.clone()], false).unwrap();
        let expected = [&a, &b].map(|p| p.as_os_str().as_bytes().to_vec());
        assert_eq!(read(&d).unwrap(), expected);
        let again = write(&d, std::slice::from_ref(&b), false).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Refused);
        write(&d, &[b], true).unwrap();
        assert_eq!(read(&d).unwrap(), expected[1..]);
    }

    #[test]
    fn refuses_what_cannot_be_a_source() {
        let top = tempfile::tempdir().unwrap();
        let [d, missing, file, link] = ["d", "missing", "file", "link"].map(|n| top.path().join(n));
        create_dir(&d).unwrap();
        create_dir(d.join("in")).unwrap();
        std::fs::write(&file, "").unwrap();
        symlink(&d, &link).unwrap();
        let kind = |source: &Path, force| {
            let result = write(&d, &[source.to_path_buf()], force);
            result.map_err(|e| e.kind()).err()
        };
        assert_eq!(kind(&missing, false), Some(ErrorKind::Usage));
        assert_eq!(kind(&file, true), Some(ErrorKind::Usage));
        assert_eq!(kind(&top.path().join("a\nb"), true), Some(ErrorKind::Usage));
        for overlapping in [&d, &d.join("in"), &link, &top.path().to_path_buf()] {
            assert_eq!(kind(overlapping, true), Some(ErrorKind::Refused));
        }
        assert_eq!(kind(&missing, true), None);
    }
}
