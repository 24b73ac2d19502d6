//! In which order snapshots were made: that of the log, whatever clocks said.

use std::collections::HashMap;

use crate::model::{Result, SnapshotId};
use crate::repo::info::Info;
use crate::repo::log::Line;
use crate::repo::store::Repo;

/// Where a snapshot stands: the place of its line in the log, or of its nearest ancestor's that has one, and how far
/// it is from that.
type Rank = (Option<u64>, usize);

impl Repo {
    /// Sorts snapshots, the oldest first: as the log has them. One that the log does not know stands behind its
    /// parent, and before all others if that is not known either; only then their times decide.
    ///
    /// # Errors
    /// When the log or the catalog cannot be read.
    pub fn in_order(&self, mut snapshots: Vec<Info>) -> Result<Vec<Info>> {
        let mut logged: HashMap<SnapshotId, u64> = HashMap::new();
        for (at, line) in self.log().read(0)?.lines {
            if let Line::Snapshot { id, .. } = line {
                logged.entry(self.issued(id)?).or_insert(at);
            }
        }
        let parents: HashMap<SnapshotId, Option<SnapshotId>> =
            snapshots.iter().map(|i| (i.id, i.parent)).collect();
        let rank = |id: SnapshotId| -> Rank {
            let (mut at, mut steps) = (Some(id), 0);
            // No chain is longer than there are snapshots, unless it goes round in a circle.
            while let Some(id) = at
                && steps <= parents.len()
            {
                if let Some(place) = logged.get(&id) {
                    return (Some(*place), steps);
                }
                at = parents.get(&id).copied().flatten();
                steps += 1;
            }
            (None, steps)
        };
        let ranks: HashMap<SnapshotId, Rank> =
            snapshots.iter().map(|i| (i.id, rank(i.id))).collect();
        snapshots.sort_by_key(|info| (ranks[&info.id], info.time, info.id));
        Ok(snapshots)
    }
}
