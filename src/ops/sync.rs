//! The SYNC file: the sources that are laid over a directory, one a line.
//!
//! A line that begins with `/` is a path, byte for byte to its newline; one like `HOST:/DIR` or
//! `ssh://HOST/DIR` ([`Address`]) names a directory on another machine. Lines `--exclude=PATTERN` and
//! `--include=PATTERN` behind it say what of that source alone is left out; they can only narrow what it supplies. Empty
//! lines and lines that begin with `#` mean nothing; anything else is reserved.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::disk::mark;
use crate::model::{Address, Error, ErrorKind, Filter, Result, Rule, name};
use crate::tree::local::Local;

/// The longest pattern, in bytes.
pub const LONGEST: usize = 4096;
/// The most patterns of one file.
pub const MOST: usize = 1000;

const EXCLUDE: &[u8] = b"--exclude=";
const INCLUDE: &[u8] = b"--include=";

/// A source as a SYNC file names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// Its path, from the root.
    pub path: PathBuf,
    /// Patterns of what it does not supply.
    pub exclude: Vec<String>,
    /// Patterns of what of that it supplies nevertheless.
    pub include: Vec<String>,
}

impl Source {
    /// All of a directory.
    pub fn whole(path: impl Into<PathBuf>) -> Self {
        Source {
            path: path.into(),
            ..Source::default()
        }
    }

    fn patterns(&self) -> impl Iterator<Item = &String> {
        self.exclude.iter().chain(&self.include)
    }
}

/// What is wrong with a SYNC file: the line, from 1, and why.
pub type Fault = (usize, String);

/// The sources in a SYNC file.
///
/// # Errors
/// The first line that is reserved, or holds a pattern that is none.
pub fn parse(text: &[u8]) -> Result<Vec<Source>, Fault> {
    let mut sources: Vec<Source> = Vec::new();
    let mut patterns = 0;
    for (at, line) in text.split(|&b| b == b'\n').enumerate() {
        let fault = |why: String| (at + 1, why);
        let filter = [(EXCLUDE, false), (INCLUDE, true)]
            .into_iter()
            .find_map(|(option, include)| Some((line.strip_prefix(option)?, include)));
        match (line.first(), filter) {
            (None | Some(b'#'), _) => {}
            (Some(b'/'), _) if !line.contains(&0) => {
                let path = std::ffi::OsString::from_vec(line.to_vec());
                sources.push(Source::whole(path));
            }
            (Some(_), None) if is_address(line) && !line.contains(&0) => {
                Address::parse(line).map_err(|e| fault(e.cause()))?;
                let path = std::ffi::OsString::from_vec(line.to_vec());
                sources.push(Source::whole(path));
            }
            (_, Some((pattern, include))) => {
                let pattern = pattern_of(pattern).map_err(fault)?;
                let source = sources.last_mut().ok_or_else(|| {
                    fault("there is no source above it that it could be for".into())
                })?;
                patterns += 1;
                if patterns > MOST {
                    return Err(fault(format!("there are more than {MOST} patterns")));
                }
                match include {
                    true => source.include.push(pattern),
                    false => source.exclude.push(pattern),
                }
            }
            _ => return Err(fault(RESERVED.into())),
        }
    }
    Ok(sources)
}

/// Whether a line names a directory elsewhere, and nothing less plain: whatever else has a colon in it is no reason to
/// connect to anybody.
pub fn is_address(line: &[u8]) -> bool {
    let rooted = line.windows(2).find(|pair| pair[0] == b':');
    Address::is_like(line) && !line.starts_with(b"-") && rooted.is_some_and(|pair| pair[1] == b'/')
}

const RESERVED: &str = "neither a path from /, nor HOST:/DIR, nor --exclude=PATTERN or --include=PATTERN for the path above, nor a \
                        comment that begins with #";

fn pattern_of(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the pattern is not UTF-8")?;
    check_pattern(text)?;
    Ok(text.to_string())
}

/// Whether a pattern may stand in a SYNC file.
///
/// # Errors
/// Why not.
pub fn check_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the pattern is empty".into());
    }
    if text.len() > LONGEST {
        return Err(format!("the pattern is longer than {LONGEST} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("the pattern holds a control character".into());
    }
    let rule = Rule {
        pattern: text.into(),
        origin: "SYNC".into(),
        line: 0,
    };
    match Filter::new(vec![rule]) {
        Ok(_) => Ok(()),
        Err(e) => Err(format!(
            "{:?} is {}",
            text,
            e.cause().replace(" (SYNC)", "")
        )),
    }
}

/// The sources that the SYNC file of `directory` names.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is none, [`ErrorKind::Usage`] when it is malformed or names nothing.
pub fn read(directory: &Path) -> Result<Vec<Source>> {
    let shown = directory.join(mark_name());
    let shown = shown.as_os_str().as_bytes();
    let fault = |kind, message: String| Error::at(kind, shown, message);
    let local = Local::open(directory)?;
    let Some(text) = mark::read(local.handle(), name::SYNC, shown)? else {
        let next = "there is no SYNC file; \"fsync mksync DIR SRC...\" writes one";
        return Err(fault(ErrorKind::NotFound, next.into()));
    };
    let sources = parse(&text)
        .map_err(|(line, why)| fault(ErrorKind::Usage, format!("line {line}: {why}")))?;
    match sources.is_empty() {
        true => Err(fault(ErrorKind::Usage, "it names no source".into())),
        false => Ok(sources),
    }
}

/// Whether [`write`] would take these sources.
///
/// # Errors
/// As [`write`], but for a SYNC file that is there already.
pub fn check_all(directory: &Path, sources: &[Source], force: bool) -> Result<Local> {
    let local = Local::open(directory)?;
    for source in sources {
        check(&source.path, local.path(), force)?;
        for pattern in source.patterns() {
            check_pattern(pattern).map_err(|why| Error::new(ErrorKind::Usage, why))?;
        }
    }
    let patterns: usize = sources.iter().map(|s| s.patterns().count()).sum();
    match patterns > MOST {
        true => {
            let message = format!("there are more than {MOST} patterns");
            Err(Error::new(ErrorKind::Usage, message))
        }
        false => Ok(local),
    }
}

/// Writes the SYNC file of `directory`; `sources` are absolute. `force` replaces one that is there, and
/// allows sources that are missing.
///
/// # Errors
/// [`ErrorKind::Usage`] for a source that is missing, no directory, or has a newline in its path, or a pattern that is none;
/// [`ErrorKind::Refused`] for one that overlaps `directory`, or when there is a SYNC file already.
pub fn write(directory: &Path, sources: &[Source], force: bool) -> Result<()> {
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

fn text_of(sources: &[Source]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |parts: [&[u8]; 2]| {
        text.extend(parts.concat());
        text.push(b'\n');
    };
    for source in sources {
        line([source.path.as_os_str().as_bytes(), b""]);
        let excludes = source.exclude.iter();
        excludes.for_each(|p| line([EXCLUDE, p.as_bytes()]));
        let includes = source.include.iter();
        includes.for_each(|p| line([INCLUDE, p.as_bytes()]));
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
    // What is on another machine is looked at when it is asked for.
    if Address::is_like(bytes) {
        return Address::parse(bytes).map(drop);
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
    use proptest::prelude::*;
    use std::fs::create_dir;
    use std::os::unix::fs::symlink;

    fn paths(sources: &[Source]) -> Vec<&[u8]> {
        let paths = sources.iter().map(|s| s.path.as_os_str().as_bytes());
        paths.collect()
    }

    #[test]
    fn takes_paths_and_leaves_the_rest() {
        let text = b"# two\n/a b\n\n/c/\xff\r\n/last";
        let sources = parse(text).unwrap();
        assert_eq!(paths(&sources), [&b"/a b"[..], b"/c/\xff\r", b"/last"]);
        let line = |text: &[u8]| parse(text).unwrap_err().0;
        assert_eq!(line(b"/a\nrelative\n"), 2);
        assert_eq!(line(b" /a\n"), 1);
        assert_eq!(line(b"/a\0b\n"), 1);
    }

    #[test]
    fn filters_belong_to_the_source_above() {
        let text = b"/a\n--exclude=*.o\n# why\n--include=keep.o\n--exclude=/out/\n/b\n";
        let sources = parse(text).unwrap();
        assert_eq!(sources[0].exclude, ["*.o", "/out/"]);
        assert_eq!(sources[0].include, ["keep.o"]);
        assert_eq!(sources[1], Source::whole("/b"));
        assert_eq!(
            parse(&text_of(&sources)).unwrap(),
            sources,
            "what is written is what was read"
        );
    }

    #[test]
    fn hostile_filters_are_refused_with_their_line() {
        let long = format!("/a\n--exclude={}\n", "x".repeat(LONGEST + 1));
        let many = format!("/a\n{}", "--exclude=x\n".repeat(MOST + 1));
        for (text, line, why) in [
            (&b"--exclude=x\n/a\n"[..], 1, "no source above"),
            (b"/a\n--exclude=\n", 2, "empty"),
            (b"/a\n--exclude=a\tb\n", 2, "control"),
            (b"/a\n--exclude=a\r\n", 2, "control"),
            (b"/a\n--exclude=\x1b[2J\n", 2, "control"),
            (b"/a\n--exclude=a\0\n", 2, "control"),
            (b"/a\n--include=\xff\n", 2, "not UTF-8"),
            (b"/a\n--include=[z-a]\n", 2, "not a pattern"),
            (b"/a\n--exclude-from=/etc/passwd\n", 2, "neither"),
            (b"/a\n--delete\n", 2, "neither"),
            (b"/a\n--repo=/x\n", 2, "neither"),
            (b"/a\n --exclude=x\n", 2, "neither"),
            (b"/a\n--exclude x\n", 2, "neither"),
            (long.as_bytes(), 2, "longer"),
            (many.as_bytes(), MOST + 2, "more than"),
        ] {
            let (at, words) = parse(text).unwrap_err();
            assert_eq!(at, line, "{words}");
            assert!(words.contains(why), "{words:?} holds {why:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }

        #[test]
        fn no_pattern_panics(pattern in "[-!#a-c/*?\\[\\]{}\\\\^: ,\\u{e9}]{0,24}") {
            let text = format!("/a\n--exclude={pattern}\n--include={pattern}\n");
            if let Ok(sources) = parse(text.as_bytes()) {
                prop_assert_eq!(parse(&text_of(&sources)).unwrap(), sources);
            }
        }
    }

    #[test]
    fn reads_what_it_wrote() {
        let top = tempfile::tempdir().unwrap();
        let [a, b, d] = ["a", "b", "d"].map(|n| top.path().join(n));
        for dir in [&a, &b, &d] {
            create_dir(dir).unwrap();
        }
        let [a, b] = [a, b].map(Source::whole);
        assert_eq!(read(&d).unwrap_err().kind(), ErrorKind::NotFound);
        write(&d, &[a.clone(), b.clone()], false).unwrap();
        assert_eq!(read(&d).unwrap(), [a, b.clone()]);
        let again = write(&d, std::slice::from_ref(&b), false).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Refused);
        write(&d, std::slice::from_ref(&b), true).unwrap();
        assert_eq!(read(&d).unwrap(), std::slice::from_ref(&b));
        let bad = Source {
            exclude: vec!["a\nb".into()],
            ..b
        };
        let refused = write(&d, &[bad], true).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage);
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
            let result = write(&d, &[Source::whole(source)], force);
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
