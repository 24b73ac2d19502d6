//! Packs: archives that hold what kept snapshots still need of archives that are gone, and remember those.
//!
//! A pack is a zip like the others, but it records no directory. Its contents are entries
//! `content/ID`, whatever their names were. Instead of `snapshot.json` it has `pack.ndjson`: a
//! line for each snapshot whose own archive is gone and that can be read nevertheless, and one for
//! each that cannot, so that chains still walk past it; and one for each older pack that it replaced.
//!
//! An archive that a pack says is gone, or replaced, is *dead*: a file of that name is what a run that
//! was cut short has left. Nobody reads it, and the next prune removes it.

use serde::{Deserialize, Serialize};

use crate::model::{SnapshotId, Time};
use crate::repo::info::{Comment, Extent, FORMAT, Info};
use crate::repo::manifest::{line, lines};
use crate::repo::text::PathText;

/// The name of the entry that says what a pack is, in its folder.
pub const ENTRY: &str = "pack.ndjson";

/// A snapshot that is gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gone {
    /// Its id.
    pub gone: SnapshotId,
    /// What its parent was; whoever comes to this snapshot goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SnapshotId>,
    /// The snapshot that was made instead of it, with the same place in the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<SnapshotId>,
    /// The directory that it recorded.
    pub directory: PathText,
    /// When it was recorded.
    pub time: Time,
}

/// A snapshot without an archive of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Kept {
    snapshot: SnapshotId,
    info: Info,
}

/// An older pack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Replaced {
    replaced: SnapshotId,
}

/// A line of the entry.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Kept(Box<Kept>),
    Gone(Gone),
    Replaced(Replaced),
}

/// What a pack says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pack {
    /// When it was made.
    pub time: Time,
    /// Snapshots whose own archives are gone, and that can be read nevertheless.
    pub kept: Vec<Info>,
    /// Snapshots that are gone.
    pub gone: Vec<Gone>,
    /// Older packs of which it holds all that is still needed.
    pub replaced: Vec<SnapshotId>,
}

impl Pack {
    /// The zip comment.
    pub fn comment(&self, folder: &str) -> Comment {
        Comment {
            fsync: FORMAT,
            folder: folder.into(),
            tree: None,
            parent: None,
            time: self.time,
            extent: Extent::Pack,
            machine: None,
        }
    }

    /// The bytes of the entry: what was kept, what is gone, what was replaced, each sorted by id.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut kept = self.kept.clone();
        kept.sort_by_key(|info| info.id);
        for info in kept {
            let snapshot = info.id;
            line(&mut out, &Kept { snapshot, info });
        }
        let mut gone = self.gone.clone();
        gone.sort_by_key(|g| g.gone);
        gone.iter().for_each(|g| line(&mut out, g));
        let mut replaced = self.replaced.clone();
        replaced.sort();
        for replaced in replaced {
            line(&mut out, &Replaced { replaced });
        }
        out
    }

    /// Reads the entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8], time: Time) -> Result<Pack, String> {
        let mut pack = Pack {
            time,
            kept: Vec::new(),
            gone: Vec::new(),
            replaced: Vec::new(),
        };
        if bytes.is_empty() {
            return Ok(pack);
        }
        for line in lines(bytes)? {
            match serde_json::from_slice(line).map_err(|e| e.to_string())? {
                Line::Kept(kept) => pack.kept.push(Info {
                    id: kept.snapshot,
                    ..kept.info
                }),
                Line::Gone(gone) => pack.gone.push(gone),
                Line::Replaced(Replaced { replaced }) => pack.replaced.push(replaced),
            }
        }
        Ok(pack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        let gone = |n: u8| Gone {
            gone: SnapshotId([n; 20]),
            parent: Some(SnapshotId([n - 1; 20])),
            instead: None,
            directory: PathText(b"/\xff".to_vec()),
            time: Time::new(5, 6),
        };
        let mut pack = Pack {
            time: Time::new(1, 2),
            kept: Vec::new(),
            gone: vec![gone(2), gone(1)],
            replaced: vec![SnapshotId([3; 20])],
        };
        let text = pack.encode();
        pack.gone.reverse();
        assert_eq!(Pack::parse(&text, pack.time).unwrap(), pack);
        assert_eq!(Pack::parse(b"", pack.time).unwrap().gone, []);
        assert!(Pack::parse(b"{}\n", pack.time).is_err());
        assert!(Pack::parse(&text[..text.len() - 1], pack.time).is_err());
    }
}
