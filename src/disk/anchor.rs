//! The way to a directory made durable: a name that is lost takes everything below it along, however durable that is.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::io::Errno;

/// Makes the names durable that lead to a directory which was just made, by whomever. What may not be opened was not made
/// by us.
///
/// # Errors
/// The system's.
pub fn anchor(directory: &Path) -> io::Result<()> {
    for above in directory.canonicalize()?.ancestors().skip(1) {
        match File::open(above).and_then(|handle| handle.sync_all()) {
            Err(e) if !is_beyond(&e) => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a directory is not ours to make durable, or lies where directories cannot be.
fn is_beyond(e: &io::Error) -> bool {
    let beyond = [
        Errno::ACCESS,
        Errno::PERM,
        Errno::INVAL,
        Errno::ROFS,
        Errno::NOTSUP,
    ];
    Errno::from_io_error(e).is_some_and(|e| beyond.contains(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_up_to_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        anchor(&deep).unwrap();
        assert!(anchor(&deep.join("missing")).is_err());
    }
}
