//! The bytes of an archive, wherever they are: all in a local file; or its end in one, and the rest in a store.
//!
//! What is read of the rest is remembered for a while in whole blocks ([`Window`]), so that neighbours come with one request.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rawzip::ReaderAt;

use crate::repo::shared::window::Window;

/// An archive, open for reading at any place.
#[derive(Debug)]
pub struct Volume {
    file: File,
    far: Option<Rest>,
}

/// What of an archive is not here.
#[derive(Debug)]
struct Rest {
    window: Arc<Window>,
    key: String,
    /// Where what is here begins.
    tail: u64,
}

impl From<File> for Volume {
    fn from(file: File) -> Self {
        Volume { file, far: None }
    }
}

impl Volume {
    /// An archive of which only what lies from byte `tail` on is in `file`, at its place; the store has it as `key`.
    pub(super) fn split(file: File, tail: u64, window: Arc<Window>, key: String) -> Self {
        Volume {
            file,
            far: Some(Rest { window, key, tail }),
        }
    }

    /// The file that it is in, or its end.
    pub fn local(&self) -> &File {
        &self.file
    }

    /// How long it is, in bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn length(&self) -> io::Result<u64> {
        self.file.metadata().map(|m| m.len())
    }

    /// Whether byte `at` would have to be asked for elsewhere.
    pub fn is_far(&self, at: u64) -> bool {
        self.far.as_ref().is_some_and(|rest| at < rest.tail)
    }

    /// Reads some bytes from byte `at` on; none at its end.
    ///
    /// # Errors
    /// The system's, and the store's.
    pub fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        // No file goes on there, and pread(2) would call the place invalid.
        if i64::try_from(at).is_err() {
            return Ok(0);
        }
        match &self.far {
            Some(rest) if at < rest.tail => {
                let room = into.len().min((rest.tail - at).min(1 << 30) as usize);
                rest.window
                    .read(&rest.key, rest.tail, &mut into[..room], at)?;
                Ok(room)
            }
            _ => self.file.read_at(into, at),
        }
    }

    /// Reads as many bytes as there is room for.
    ///
    /// # Errors
    /// As [`Self::read_at`], and when there are not so many.
    pub fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        ReaderAt::read_exact_at(self, into, at)
    }
}

impl ReaderAt for Volume {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        Volume::read_at(self, into, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_any_file_there_is_nothing() {
        let volume = Volume::from(tempfile::tempfile().unwrap());
        let mut into = [0; 4];
        assert_eq!(volume.read_at(&mut into, u64::MAX).unwrap(), 0);
        let error = volume.read_exact_at(&mut into, 1 << 63).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
