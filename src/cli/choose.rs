//! Options that choose what of the trees takes part, and the file that lists it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::option::flags;
use crate::model::listed::tidy;
use crate::model::{Error, ErrorKind, Listed, Result};
use crate::ops::diff::Choice;
use crate::protocol::gather::gather;

/// Options that choose what of the trees takes part.
#[derive(Args, Clone, Debug, Default)]
pub struct ChooseArgs {
    /// Keep to the paths that FILE lists, one a line, and what is below them (- is standard input) [default: all paths]
    ///
    /// Paths are relative to the roots. Directories that lead to them are made if they are missing, and left alone if
    /// not. A path that no source has is an error, unless --delete is given and the destination has it. Nothing else
    /// is looked at, or deleted.
    #[arg(long, value_name = "FILE", help_heading = "Selection")]
    pub files_from: Option<PathBuf>,
    /// The list's paths end in NUL instead of newline
    #[arg(long, help_heading = "Selection", requires = "files_from")]
    pub from0: bool,
    /// Do not enter mount points, on either side
    ///
    /// A source's is made as a directory, and what the destination has below it stays. One at the destination is left
    /// alone.
    #[arg(long, help_heading = "Selection")]
    pub one_file_system: bool,
    /// Pass over files of a source that are smaller than SIZE bytes (or with K, M, G, T: times 1024) [default: 0]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Selection")]
    pub min_size: Option<u64>,
    /// Pass over files of a source that are larger than SIZE [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Selection")]
    pub max_size: Option<u64>,
    /// Keep files of the destination that are newer than the source's
    #[arg(long, help_heading = "Selection")]
    pub newer_only: bool,
}

impl ChooseArgs {
    /// What they choose.
    ///
    /// # Errors
    /// A list that cannot be read or holds what is no path in a tree; sizes that nothing has.
    pub fn choice(&self) -> Result<Choice> {
        if let (Some(least), Some(most)) = (self.min_size, self.max_size)
            && least > most
        {
            let message = "--min-size is above --max-size";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let list = self.files_from.as_deref();
        Ok(Choice {
            listed: list.map(|file| read(file, self.from0)).transpose()?,
            one_file_system: self.one_file_system,
            min_size: self.min_size,
            max_size: self.max_size,
            newer_only: self.newer_only,
        })
    }

    /// Whether the list comes on standard input.
    pub fn reads_input(&self) -> bool {
        self.files_from.as_deref() == Some(Path::new("-"))
    }

    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args = flags(&[
            ("--from0", self.from0),
            ("--one-file-system", self.one_file_system),
            ("--newer-only", self.newer_only),
        ]);
        let sizes = [("--min-size", self.min_size), ("--max-size", self.max_size)];
        for (name, size) in sizes {
            args.extend(size.map(|size| OsString::from(format!("{name}={size}"))));
        }
        if let Some(file) = &self.files_from {
            let mut arg = OsString::from("--files-from=");
            arg.push(file);
            args.push(arg);
        }
        args
    }
}

/// Reads a list of paths.
fn read(file: &Path, from0: bool) -> Result<Listed> {
    let name = file.as_os_str();
    let end = if from0 { b'\0' } else { b'\n' };
    let found = match name == OsStr::new("-") {
        true => gather(&mut std::io::stdin().lock(), end),
        false => std::fs::File::open(file).and_then(|mut f| gather(&mut f, end)),
    };
    let name = match name == OsStr::new("-") {
        true => b"standard input",
        false => name.as_bytes(),
    };
    let text = found
        .map_err(|e| Error::io("cannot read paths from", name, e).as_kind(ErrorKind::Usage))?;
    parse(&text, end).map_err(|message| Error::at(ErrorKind::Usage, name, message))
}

/// Takes a list apart whose paths end in `end`.
///
/// # Errors
/// Which line is no path in a tree, and why.
pub(super) fn parse(text: &[u8], end: u8) -> std::result::Result<Listed, String> {
    let Some(text) = text
        .strip_suffix(&[end])
        .or(Some(text))
        .filter(|t| !t.is_empty())
    else {
        return match text {
            [] => Ok(Listed::default()),
            _ => Err("line 1: the path is empty".into()),
        };
    };
    let mut paths = Vec::new();
    for (at, line) in text.split(|b| *b == end).enumerate() {
        if line.contains(&0) {
            let message = "the path holds a NUL; --from0 reads lists whose paths end in NUL";
            return Err(format!("line {}: {message}", at + 1));
        }
        let path = tidy(line).map_err(|fault| format!("line {}: {fault}", at + 1))?;
        paths.push(path);
    }
    Ok(Listed::new(paths))
}

/// Bytes of `10`, `10K`, `3G`: powers of 1024.
fn parse_size(text: &str) -> std::result::Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        "T" | "t" => 1u64 << 40,
        unit => return Err(format!("unknown unit {unit:?}: use K, M, G or T")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(|| "not a whole number of bytes, such as 4096 or 10M".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        assert_eq!(parse_size("0"), Ok(0));
        assert_eq!(parse_size("10k"), Ok(10_240));
        assert_eq!(parse_size("3T"), Ok(3 << 40));
        for bad in ["", "K", "1.5M", "-1", "10KB", "99999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_lists() {
        assert_eq!(parse(b"", b'\n'), Ok(Listed::default()));
        assert_eq!(parse(b"a\nb", b'\n'), parse(b"b\0./a/\0", b'\0'));
        for (text, line) in [
            ("\n", "line 1"),
            ("a\n\nb\n", "line 2"),
            ("a\n/b\n", "line 2"),
            ("../a", "line 1"),
        ] {
            assert!(
                parse(text.as_bytes(), b'\n').unwrap_err().starts_with(line),
                "{text:?}"
            );
        }
        assert!(parse(b"a\0b\0", b'\n').unwrap_err().contains("--from0"));
    }
}
