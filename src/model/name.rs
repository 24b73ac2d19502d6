//! Names that mean something to fsync.

/// BACKUP: at the root of a directory, 40 hex digits and a newline: the id of its head.
pub const BACKUP: &[u8] = b".fsync-backup";
/// SYNC: at the root of a directory, the sources that `fsync sync` lays over it, one a line.
pub const SYNC: &[u8] = b".fsync-sync";
/// What every temporary's name begins with, at any depth.
pub const TEMPORARY_PREFIX: &[u8] = b".fsync-tmp-";
/// The folder inside an archive that holds what is not contents.
pub const ARCHIVE_FOLDER: &[u8] = b".fsync";

/// Whether `name` is one of our temporaries, which are never part of a tree.
pub fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY_PREFIX)
}
