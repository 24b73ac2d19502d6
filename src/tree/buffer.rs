//! Memory for the bytes of one small file, lent by the thread that uses it: making it anew for each costs more
//! than filling it (pages given back are zeroed again).

use std::cell::Cell;

/// A buffer that a thread keeps is not longer than this.
const KEPT: usize = 8 << 20;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes in memory that is used again by this thread when they are dropped.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// A buffer of that length; what is in it is of no use.
    pub fn new(length: usize) -> Self {
        let mut memory = SPARE.take();
        if memory.len() < length {
            memory.resize(length, 0);
        }
        Buffer { memory, length }
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.length]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(memory: Vec<u8>) -> Self {
        let length = memory.len();
        Buffer { memory, length }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        let spare = SPARE.take();
        let keep = if memory.len() <= KEPT && memory.len() > spare.len() {
            memory
        } else {
            spare
        };
        SPARE.set(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again() {
        let mut first = Buffer::new(1000);
        first.bytes_mut().fill(7);
        let at = first.as_ref().as_ptr();
        drop(first);
        let second = Buffer::new(10);
        assert_eq!((second.as_ref().as_ptr(), second.as_ref().len()), (at, 10));
        let third = Buffer::new(10);
        assert_ne!(third.as_ref().as_ptr(), at);
    }
}
