//! What the user has said is to be trusted, whoever it belongs to: repositories, and the file of settings.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{getegid, geteuid};

use crate::cli::store;
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result};
use crate::repo::Location;
use crate::repo::trust::above;

/// The environment variable: paths of repositories, with colons between them, or `*` for all; and of files of settings,
/// which `*` does not mean.
pub const VARIABLE: &str = "FSYNC_TRUST";

/// Who else may write: the group, everybody.
const GROUP: u32 = 0o020;
const EVERYBODY: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The repository at `path`, or in the store whose URL that is, and whether the user trusts it.
pub fn location(path: &Path) -> Location {
    let folder = store::folder(path);
    Location {
        trusted: is_named(&folder, true),
        path: folder,
        remote: store::remote(path),
    }
}

/// Whether the variable names `path`; a star names everything, if it counts.
fn is_named(path: &Path, star: bool) -> bool {
    let real = path.canonicalize();
    let same = |named: &Path| {
        star && named.as_os_str() == "*"
            || named == path
            || real
                .as_ref()
                .is_ok_and(|real| named.canonicalize().is_ok_and(|n| n == *real))
    };
    std::env::var_os(VARIABLE)
        .is_some_and(|list| std::env::split_paths(&list).any(|named| same(&named)))
}

/// Refuses settings that somebody else could have written: they name commands. The file may be reached through a
/// link; then the folder of the link counts as well as that of the file.
///
/// # Errors
/// [`ErrorKind::Refused`].
pub fn settings(path: &Path, file: &File) -> Result<()> {
    let name = path.as_os_str().as_bytes();
    if is_named(path, false) {
        return Ok(());
    }
    let meta = file
        .metadata()
        .map_err(|e| Error::io("cannot examine", name, e))?;
    let mut why = fault(meta.uid(), meta.gid(), meta.mode()).map(str::to_string);
    let parent = |path: &Path| {
        let parent = path.parent()?;
        match parent.as_os_str().is_empty() {
            true => Path::new(".").canonicalize().ok(),
            false => parent.canonicalize().ok(),
        }
    };
    let real = path.canonicalize().ok();
    let folders = [parent(path), real.as_deref().and_then(parent)];
    for folder in folders.iter().flatten() {
        why = why.or_else(|| in_folder(folder)).or_else(|| above(folder));
    }
    let Some(why) = why else { return Ok(()) };
    let message = format!(
        "{why}, and settings name commands that fsync runs; nothing was done. Make it yours alone (chown, chmod go-w), go \
         without it (FSYNC_CONFIG=), or set FSYNC_TRUST to its path"
    );
    Err(Error::at(ErrorKind::Refused, name, message))
}

/// Why something of that owner and mode is not the user's alone.
fn fault(uid: u32, gid: u32, mode: u32) -> Option<&'static str> {
    if uid != geteuid().as_raw() && uid != 0 {
        return Some("belongs to somebody else");
    }
    if mode & EVERYBODY != 0 {
        return Some("everybody may write to it");
    }
    // Where every user has a group of his own, files are often made so that it may write.
    let other = gid != getegid().as_raw();
    (mode & GROUP != 0 && other).then_some("a group that is not yours may write to it")
}

fn in_folder(folder: &Path) -> Option<String> {
    let meta = folder.metadata().ok()?;
    // In such a folder only owners replace what is there.
    let mode = match meta.mode() & STICKY {
        0 => meta.mode(),
        _ => 0,
    };
    let why = fault(meta.uid(), meta.gid(), mode)?;
    let name = quote(folder.as_os_str().as_bytes());
    Some(format!("its folder {name} is not yours alone ({why})"))
}
