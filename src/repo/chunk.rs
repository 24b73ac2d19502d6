//! Chunk lists: what a large content is made of. One line a chunk, in order.

use serde::{Deserialize, Serialize};

use crate::model::ContentId;
use crate::repo::manifest::{line, lines};

/// One chunk of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// The SHA-256 of its bytes.
    pub id: ContentId,
    /// How many.
    pub size_bytes: u64,
}

/// The bytes of a chunk list.
pub fn encode(list: &[Chunk]) -> Vec<u8> {
    let mut out = Vec::new();
    list.iter().for_each(|chunk| line(&mut out, chunk));
    out
}

/// Reads a chunk list.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Chunk>, String> {
    lines(bytes)?
        .map(|line| serde_json::from_slice(line).map_err(|e| e.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back() {
        let list = [1, 2].map(|n| Chunk {
            id: ContentId([n; 32]),
            size_bytes: u64::from(n),
        });
        assert_eq!(parse(&encode(&list)).unwrap(), list);
        assert!(parse(b"{}\n").is_err());
    }
}
