//! The chunks of a large content, inflated by a thread of their own while whoever reads them hashes and writes: so a
//! single large file keeps two processors busy.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::model::{Error, Result};
use crate::repo::catalog::Place;
use crate::repo::store::Repo;
use crate::tree::buffer::Buffer;

/// How many chunks are inflated before they are asked for.
const AHEAD: usize = 2;

/// Chunks, one after the other. Whoever reads them checks the whole.
pub(super) struct Ahead {
    inflated: Receiver<Result<Buffer>>,
    now: Cursor<Buffer>,
}

impl Ahead {
    /// The chunks that lie at `places`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn new(repo: Repo, places: Vec<Place>) -> Result<Self> {
        let (give, inflated) = sync_channel(AHEAD);
        let work = move || {
            for place in places {
                let bytes = repo.unchecked_at(&place);
                let failed = bytes.is_err();
                // Nobody listens any more when the reader has given up.
                if give.send(bytes).is_err() || failed {
                    return;
                }
            }
        };
        let started = thread::Builder::new().spawn(work);
        started.map_err(|e| Error::refused("cannot start a thread", e))?;
        Ok(Ahead {
            inflated,
            now: Cursor::default(),
        })
    }
}

impl Read for Ahead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.now.read(buf)?;
            if read > 0 || buf.is_empty() {
                return Ok(read);
            }
            match self.inflated.recv() {
                Ok(bytes) => self.now = Cursor::new(bytes.map_err(io::Error::other)?),
                Err(_) => return Ok(0),
            }
        }
    }
}
