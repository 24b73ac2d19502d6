//! Messages on a channel: each behind its length, many in one frame, one in many.

use crate::model::{Error, Result};
use crate::tree::far::link::{Channel, HEAD, LONGEST};
use crate::tree::far::wire::{In, Malformed, Out};

/// No message is longer, in bytes: a directory of two million names is not.
const MOST: u64 = 256 << 20;

/// When so much waits, in bytes, it goes.
const ENOUGH: usize = 128 << 10;
/// A message's length takes so many bytes: a number may be written with more than it needs.
const LENGTH: usize = 5;

/// Says messages; they go when there are enough of them, or on [`Mouth::flush`].
pub struct Mouth<'c> {
    channel: &'c Channel,
    /// Behind room for the head of a frame.
    waiting: Out,
}

impl<'c> Mouth<'c> {
    /// On that channel.
    pub fn new(channel: &'c Channel) -> Self {
        let waiting = Out(vec![0; HEAD]);
        Mouth { channel, waiting }
    }

    /// Says a message.
    ///
    /// # Errors
    /// When nobody hears it.
    pub fn message(&mut self, bytes: &[u8]) -> Result<()> {
        self.say(|out| out.0.extend_from_slice(bytes))
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
        let at = self.waiting.0.len();
        self.waiting.0.resize(at + LENGTH, 0);
        put(&mut self.waiting);
        let mut length = self.waiting.0.len() - at - LENGTH;
        for byte in &mut self.waiting.0[at..at + LENGTH] {
            *byte = (length & 0x7f) as u8 | 0x80;
            length >>= 7;
        }
        self.waiting.0[at + LENGTH - 1] &= 0x7f;
        match self.waiting.0.len() >= ENOUGH {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub fn flush(&mut self) -> Result<()> {
        let room = Vec::with_capacity(if self.waiting.0.len() < ENOUGH {
            0
        } else {
            2 * ENOUGH
        });
        let frame = std::mem::replace(&mut self.waiting.0, room);
        self.waiting.0.resize(HEAD, 0);
        match frame.len() - HEAD {
            0 => Ok(()),
            length if length <= LONGEST => self.channel.say_frame(frame),
            _ => self.channel.say(&frame[HEAD..]),
        }
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
        self.hear()?
            .map(<[u8]>::to_vec)
            .ok_or_else(|| Error::from(Malformed))
    }

    /// The next message, where it is; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks, or in the middle of a message.
    pub fn hear(&mut self) -> Result<Option<&[u8]>> {
        loop {
            let mut from = In(&self.heard[self.at..]);
            let before = from.0.len();
            // A number has ten bytes at most: one that cannot be read yet will be.
            let length = match from.number() {
                Ok(length) if length > MOST => return Err(Malformed.into()),
                Ok(length) => Some(length as usize),
                Err(_) if before < 10 => None,
                Err(malformed) => return Err(malformed.into()),
            };
            if let Some(length) = length
                && from.0.len() >= length
            {
                let begin = self.heard.len() - from.0.len();
                self.at = begin + length;
                return Ok(Some(&self.heard[begin..self.at]));
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
        if self.at == self.heard.len() {
            self.heard = bytes;
        } else {
            self.heard.drain(..self.at);
            self.heard.extend_from_slice(&bytes);
        }
        self.at = 0;
        Ok(true)
    }
}
