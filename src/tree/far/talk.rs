//! Messages on a channel: each behind its length, many in one frame, one in many.

use crate::model::{Error, Result};
use crate::tree::far::link::{Channel, LONGEST};
use crate::tree::far::wire::{In, Malformed, Out};

/// No message is longer, in bytes: a directory of a million names is not.
const MOST: u64 = 512 << 20;

/// Says messages; they go when there are enough of them, or on [`Mouth::flush`].
pub struct Mouth<'c> {
    channel: &'c Channel,
    waiting: Vec<u8>,
}

impl<'c> Mouth<'c> {
    /// On that channel.
    pub fn new(channel: &'c Channel) -> Self {
        Mouth {
            channel,
            waiting: Vec::new(),
        }
    }

    /// Says a message.
    ///
    /// # Errors
    /// When nobody hears it.
    pub fn message(&mut self, bytes: &[u8]) -> Result<()> {
        let mut length = Out::default();
        length.number(bytes.len() as u64);
        self.waiting.extend_from_slice(&length.0);
        self.waiting.extend_from_slice(bytes);
        match self.waiting.len() >= LONGEST / 4 {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Says one message at once, whole, whoever else speaks on the channel.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub fn say_once(channel: &'c Channel, bytes: &[u8]) -> Result<()> {
        let mut mouth = Mouth::new(channel);
        mouth.message(bytes)?;
        mouth.flush()
    }

    /// Says what `put` writes.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub fn say(&mut self, put: impl FnOnce(&mut Out)) -> Result<()> {
        let mut out = Out::default();
        put(&mut out);
        self.message(&out.0)
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub fn flush(&mut self) -> Result<()> {
        let said = self.channel.say(&self.waiting);
        self.waiting.clear();
        said
    }
}

/// Hears messages.
pub struct Ear {
    channel: Channel,
    heard: Vec<u8>,
    at: usize,
}

impl Ear {
    /// On that channel.
    pub fn new(channel: Channel) -> Self {
        Ear {
            channel,
            heard: Vec::new(),
            at: 0,
        }
    }

    /// The channel, to answer on.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The next message.
    ///
    /// # Errors
    /// When the connection breaks, or there is none.
    pub fn message(&mut self) -> Result<Vec<u8>> {
        self.hear()?.ok_or_else(|| Error::from(Malformed))
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks, or in the middle of a message.
    pub fn hear(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let mut from = In(&self.heard[self.at..]);
            let before = from.0.len();
            // A number has ten bytes at most: one that cannot be read yet will be.
            let length = match from.number() {
                Ok(length) => Some(length),
                Err(_) if before < 10 => None,
                Err(malformed) => return Err(malformed.into()),
            };
            if length.is_some_and(|length| length > MOST) {
                return Err(Malformed.into());
            }
            if let Some(length) = length
                && let Some(message) = from.0.get(..length as usize)
            {
                let message = message.to_vec();
                self.at += before - from.0.len() + message.len();
                return Ok(Some(message));
            }
            if !self.more()? {
                let rest = self.heard.len() - self.at;
                return if rest == 0 {
                    Ok(None)
                } else {
                    Err(Malformed.into())
                };
            }
        }
    }

    fn more(&mut self) -> Result<bool> {
        let Some(bytes) = self.channel.hear()? else {
            return Ok(false);
        };
        self.heard.drain(..self.at);
        self.at = 0;
        self.heard.extend_from_slice(&bytes);
        Ok(true)
    }
}
