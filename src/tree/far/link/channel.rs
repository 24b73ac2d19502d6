//! One of many conversations on a lane, from the side of whoever holds it.

use std::sync::Arc;

use super::{FRAME, HEAD, Kind, LONGEST, Link, broken, hold, wait};
use crate::model::{Error, ErrorKind, Result};

/// A conversation. Dropping it ends it.
pub struct Channel {
    pub(super) link: Arc<Link>,
    pub(super) id: u32,
}

impl Channel {
    /// Says something, in as many frames as it takes; waits while the other side is slow.
    ///
    /// # Errors
    /// When the connection is broken, or nobody listens any more.
    pub fn say(&self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(LONGEST) {
            self.wait_for_room(part.len() + FRAME)?;
            self.link.send(Kind::Data, self.id, part)?;
        }
        Ok(())
    }

    /// Says bytes that have [`HEAD`] of room in front, in one frame.
    ///
    /// # Errors
    /// As [`Channel::say`].
    pub(in crate::tree::far) fn say_frame(&self, frame: Vec<u8>) -> Result<()> {
        self.wait_for_room(frame.len() - HEAD + FRAME)?;
        self.link.send_frame(Kind::Data, self.id, frame)
    }

    fn wait_for_room(&self, length: usize) -> Result<()> {
        let mut state = hold(&self.link.state);
        loop {
            if let Some(why) = &state.broken {
                return Err(broken(why));
            }
            let Some(ends) = state.channels.get_mut(&self.id).filter(|e| !e.deaf) else {
                return Err(Error::new(ErrorKind::Failed, "nobody listens any more"));
            };
            if ends.credit >= length {
                ends.credit -= length;
                return Ok(());
            }
            let bell = ends.bell.clone();
            state = wait(&bell, state);
        }
    }

    /// What the other side says next, a frame at a time; `None` at the end.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn hear(&self) -> Result<Option<Vec<u8>>> {
        let mut state = hold(&self.link.state);
        let (bytes, grant) = loop {
            let broken_off = state.broken.clone();
            let Some(ends) = state.channels.get_mut(&self.id) else {
                return Ok(None);
            };
            if let Some(taken) = ends.take() {
                break taken;
            }
            if ends.ended {
                return Ok(None);
            }
            if let Some(why) = broken_off {
                return Err(broken(&why));
            }
            let bell = ends.bell.clone();
            state = wait(&bell, state);
        };
        drop(state);
        if grant > 0 {
            // Broken by now: what is there can be heard nevertheless.
            let _ = self
                .link
                .send(Kind::Credit, self.id, &(grant as u32).to_le_bytes());
        }
        Ok(Some(bytes))
    }

    /// Says that nothing more will be said.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn end(&self) -> Result<()> {
        let mut state = hold(&self.link.state);
        let Some(ends) = state.channels.get_mut(&self.id) else {
            return Ok(());
        };
        if std::mem::replace(&mut ends.said, true) {
            return Ok(());
        }
        // Before the other side can hear it and open another one.
        if !self.link.is_own(self.id) {
            state.guests = state.guests.saturating_sub(1);
        }
        drop(state);
        self.link.send(Kind::End, self.id, &[])
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The reader must not wait for the writer, nor the other way round: nothing is sent under the lock.
        let _ = self.end();
        let mut state = hold(&self.link.state);
        let ends = state.channels.remove(&self.id);
        if ends.is_some_and(|ends| !ends.ended) {
            if self.link.is_own(self.id) {
                state.left.insert(self.id);
            }
            drop(state);
            let _ = self.link.send(Kind::Deaf, self.id, &[]);
        }
    }
}
