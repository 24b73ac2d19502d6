//! Archives that a run has put into the store and never named in its log, since it was killed or the line broke.
//!
//! Nobody but the machine that made it can know whether a run is still about to name it, so an archive says
//! in its comment who made it, and that machine removes it: when it prunes, for then it does nothing else.

use crate::model::{Result, SnapshotId};
use crate::repo::info::Comment;
use crate::repo::log::Line;
use crate::repo::news::known_archives;
use crate::repo::shared::mirror::Shared;
use crate::repo::shared::{Store, list_all, name};
use crate::repo::store::Repo;

/// The end of a zip's directory, before its comment.
const END: usize = 22;
/// The longest comment that is looked for, in bytes; ours are much shorter.
const LONGEST: u64 = 4096;

impl Repo {
    /// Removes what runs of this machine have left of `archives`, and of trying the store out; how many archives
    /// these were, and how many bytes. To be called while nobody else uses the folder.
    pub(super) fn sweep_unnamed(
        &self,
        shared: &Shared,
        store: &dyn Store,
        archives: &[(String, u64)],
    ) -> Result<(u64, u64)> {
        for (key, _) in list_all(store, name::PROBES, "")? {
            if name::is_probe(&key) {
                store.delete(&key)?;
            }
        }
        let (mut count, mut bytes) = (0, 0);
        let known = self.ask(|c| known_archives(&c.db))?;
        let named = |(key, size): &(String, u64)| Some((name::archive_id(key)?, *size));
        let mut left: Vec<(SnapshotId, u64)> = archives.iter().filter_map(named).collect();
        left.retain(|(id, _)| !known.contains(id));
        if left.is_empty() || shared.machine().is_none() {
            return Ok((count, bytes));
        }
        let lines = self.log().read(0)?.lines;
        let own = |id: &SnapshotId| {
            let is_it =
                |line: &Line| matches!(line, Line::Stored { id: stored, .. } if stored == id);
            lines.iter().any(|(_, line)| is_it(line))
        };
        for (id, size) in left.into_iter().filter(|(id, _)| !own(id)) {
            let key = name::archive(id);
            let from = size.saturating_sub(LONGEST);
            let end = store.get(&key, from, LONGEST)?.unwrap_or_default();
            if maker(&end).as_deref() == shared.machine() {
                store.delete(&key)?;
                count += 1;
                bytes += size;
            }
        }
        Ok((count, bytes))
    }
}

/// Who made the archive that ends so.
fn maker(end: &[u8]) -> Option<String> {
    let length = |at: usize| {
        Some(u16::from_le_bytes(
            end.get(at + 20..at + END)?.try_into().ok()?,
        ))
    };
    let is_end = |at: &usize| {
        end[*at..].starts_with(b"PK\x05\x06")
            && length(*at).is_some_and(|n| at + END + usize::from(n) == end.len())
    };
    let at = (0..end.len()).rev().find(is_end)?;
    let comment: Comment = serde_json::from_slice(&end[at + END..]).ok()?;
    comment.machine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_who_made_it() {
        let comment = br#"{"fsync":1,"folder":".fsync","time":{"secs":1,"nanos":0},"extent":"pack","machine":"m.0123456789abcdef"}"#;
        let mut end = b"PK\x05\x06 and what is no end, PK\x05\x06".to_vec();
        end.extend([0; 16]);
        end.extend((comment.len() as u16).to_le_bytes());
        end.extend(comment);
        assert_eq!(maker(&end).as_deref(), Some("m.0123456789abcdef"));
        for cut in 0..end.len() {
            assert_eq!(maker(&end[..cut]), None);
        }
    }
}
