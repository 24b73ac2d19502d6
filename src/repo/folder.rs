//! What lies in a repository's folder, and the random number by which one is told from another.

use std::fs::File;
use std::path::Path;

use walkdir::WalkDir;

use crate::model::{Result, SnapshotId};
use crate::repo::mend::ASIDE;
use crate::repo::plain;
use crate::repo::store::{LOG, TEMPORARY};
use crate::repo::upkeep::CATALOG_FILES;

/// Whether what lies in a repository's folder is what should lie there.
pub(super) fn parts(path: &Path) -> Result<()> {
    let files = [&[LOG], &CATALOG_FILES[..]].concat();
    plain::check(path, &files, &[TEMPORARY, ASIDE])
}

/// The ids of the archives in a folder.
pub(crate) fn archives(folder: &Path) -> impl Iterator<Item = SnapshotId> {
    named(folder, ".zip")
}

/// The ids in a folder that the names of files have before an ending.
pub(crate) fn named(folder: &Path, ending: &'static str) -> impl Iterator<Item = SnapshotId> {
    WalkDir::new(folder)
        .min_depth(1)
        .max_depth(1)
        .into_iter()
        .flatten()
        .filter_map(move |entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(ending)?
                .parse()
                .ok()
        })
}

/// 16 random bytes in hex.
///
/// # Errors
/// When the system gives none.
pub(super) fn fresh_id() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    std::io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut bytes)?;
    Ok(hex::encode(bytes))
}
