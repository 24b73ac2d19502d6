//! What the other side of a connection may have done here, where `fsync serve --restrict` or `--read-only` says so.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::desk::inside;
use crate::cli::place;
use crate::cli::snap::Snap;
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::arguments::{Command, Fsync};
use crate::porcelain::cp::Cp;
use crate::porcelain::rv::Rv;

/// What may be done.
pub struct Leave {
    /// Nothing that changes anything.
    pub read_only: bool,
    /// Only what is about directories in this one.
    pub top: Option<PathBuf>,
}

impl Leave {
    /// Whether fsync may run with these arguments.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when it may not.
    pub fn check(&self, args: &[Vec<u8>]) -> Result<()> {
        if self.read_only {
            return refused(
                "this side serves to be read (fsync serve --read-only), and nothing is changed here",
            );
        }
        let Some(top) = &self.top else {
            return Ok(());
        };
        let words = args.iter().map(|arg| OsString::from_vec(arg.clone()));
        let words: Vec<OsString> = [OsString::from("fsync")].into_iter().chain(words).collect();
        let Ok(fsync) = Fsync::try_parse_from(&words) else {
            return refused("a restricted fsync serve does not understand what it is asked to run");
        };
        let global = &fsync.global;
        let common = &global.common;
        if common.repo.is_some() || common.directory.is_some() || global.exec_path.is_some() {
            return refused(FILES);
        }
        match &fsync.command {
            Command::Cp(cp) => check_cp(top, cp),
            Command::Rv(rv) => check_rv(top, rv),
            Command::Th(th) => own(top, &th.dir),
            Command::Log(log) if log.html.is_none() => own(top, &log.dir),
            Command::Snap(snap) => check_snap(top, &snap.args),
            _ => refused("a restricted fsync serve runs cp, rv, snap, th and log alone"),
        }
    }
}

const FILES: &str = "a restricted fsync serve takes no options that name files or folders";

fn refused(why: &str) -> Result<()> {
    Err(Error::new(ErrorKind::Refused, why))
}

fn own(top: &Path, dir: &Path) -> Result<()> {
    inside(top, dir.as_os_str().as_bytes()).map(drop)
}

/// A tree of the other side. A name here might be that of any snapshot.
fn source(name: &OsStr) -> Result<()> {
    match place::far(name)? {
        Some(address) if address.host.is_empty() => Ok(()),
        _ => refused("a restricted fsync serve copies what the other side has, and nothing else"),
    }
}

fn check_cp(top: &Path, cp: &Cp) -> Result<()> {
    let how = &cp.how;
    if cp.bundle.is_some()
        || !how.filter.exclude_from.is_empty()
        || how.compare.choose.files_from.is_some()
        || how.interactive
    {
        return refused(FILES);
    }
    let Some((last, sources)) = cp.paths.split_last() else {
        return refused("cp: there is no directory");
    };
    sources
        .iter()
        .try_for_each(|path| source(path.as_os_str()))?;
    own(top, last)
}

fn check_rv(top: &Path, rv: &Rv) -> Result<()> {
    let Some(dir) = &rv.dir else {
        return refused("rv: a restricted fsync serve must be told the directory");
    };
    if rv.interactive {
        return refused(FILES);
    }
    if let Some(new) = &rv.to {
        own(top, new)?;
    }
    own(top, dir)
}

/// `snap DIR`, perhaps with a tag.
fn check_snap(top: &Path, args: &[OsString]) -> Result<()> {
    let words = [OsString::from("fsync-snap")]
        .into_iter()
        .chain(args.iter().cloned());
    let Ok(snap) = Snap::try_parse_from(words) else {
        return refused("a restricted fsync serve does not understand what it is asked to record");
    };
    match snap.plain() {
        Some(dir) => own(top, dir),
        None => {
            refused("a restricted fsync serve records directories, and nothing else of fsync-snap")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(leave: &Leave, line: &str) -> bool {
        let args: Vec<Vec<u8>> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        leave.check(&args).is_ok()
    }

    #[test]
    fn nothing_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir(top.join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", top.join("link")).unwrap();
        let leave = Leave {
            read_only: false,
            top: Some(top.clone()),
        };
        for line in [
            "cp near:///x in",
            "cp --delete -- near:///etc new",
            "rv -d in",
            "--quiet th in",
            "log in",
            "snap in",
            "snap -t t in",
        ] {
            assert!(may(&leave, line), "{line}");
        }
        for line in [
            "cp near:///x /etc",
            "cp near:///x ../x",
            "cp near:///x link",
            "cp near:///x link/x",
            "cp /etc in",
            "cp other:x in",
            "cp in new",
            "cp 123456789012 in",
            "cp in@{1} new",
            "cp near:///x new/../../x",
            "cp --exclude-from=/etc/shadow near:///x in",
            "cp --files-from=/x near:///x in",
            "rv -t x",
            "rv -d /etc",
            "rv -d in --to /x",
            "rv -d in --to ../x",
            "th ..",
            "log --html /x in",
            "log /",
            "snap /etc",
            "snap --export x -o /y",
            "verify",
            "sync in",
            "config x y",
            "diff / in",
            "apply",
            "--repo x th in",
            "-C / th etc",
            "--exec-path=/x th in",
            "cp --bundle=/x in",
            "forget -d in x",
            "odd",
            "",
            "mksync in /etc",
            "repo copy x",
        ] {
            assert!(!may(&leave, line), "{line}");
        }
        let leave = Leave {
            read_only: true,
            top: None,
        };
        assert!(!may(&leave, "cp near:///x in") && !may(&leave, "th in"));
    }
}
