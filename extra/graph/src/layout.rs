//! Where things are drawn: a column for each snapshot, a lane for each branch, and above them a track for each
//! snapshot that was gone back to.
//!
//! The branch that the head is on has the first lane. Another one lies below the one that it leaves; the way to it runs
//! above its lane, so that branches that leave the same snapshot share a lane where they are not there at once.

use crate::story::Story;

/// Places.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    /// The lane of each snapshot, from the top.
    pub lanes: Vec<usize>,
    /// The track of each revert and redo, from the lanes upwards.
    pub tracks: Vec<usize>,
}

impl Layout {
    /// Of a history.
    pub fn new(story: &Story) -> Self {
        let parents: Vec<_> = story.nodes.iter().map(|n| n.origin.parent()).collect();
        let head = story.nodes.iter().position(|n| n.history.head);
        let backs: Vec<_> = story
            .backs
            .iter()
            .map(|b| (b.from, b.to, b.is_redo()))
            .collect();
        Layout {
            lanes: lanes(&parents, head),
            tracks: tracks(&backs),
        }
    }
}

/// Snapshots in one lane, one from the other.
struct Branch {
    /// Where it leaves another one.
    fork: Option<usize>,
    nodes: Vec<usize>,
}

impl Branch {
    fn span(&self) -> (usize, usize) {
        let first = self.nodes.first().copied().unwrap_or_default();
        (first, self.nodes.last().copied().unwrap_or(first))
    }
}

/// What a lane holds: snapshots from one column to another, and ways to them, with the column where they begin.
#[derive(Default)]
struct Lane {
    spans: Vec<(usize, usize)>,
    ways: Vec<(usize, usize)>,
}

impl Lane {
    fn takes(&self, branch: &Branch) -> bool {
        let (first, last) = branch.span();
        let apart = |&(a, b): &(usize, usize)| b < first || last < a;
        let clear = |&(a, b): &(usize, usize)| {
            branch
                .fork
                .is_none_or(|fork| fork == a || b <= fork || first <= a)
        };
        self.spans.iter().all(apart) && self.ways.iter().all(clear)
    }

    fn put(&mut self, branch: &Branch) {
        let (first, last) = branch.span();
        self.spans.push((first, last));
        self.ways.extend(branch.fork.map(|fork| (fork, first)));
    }
}

/// A lane for each snapshot; parents stand before their children.
fn lanes(parents: &[Option<usize>], head: Option<usize>) -> Vec<usize> {
    let mut lanes = vec![0; parents.len()];
    let mut taken: Vec<Lane> = Vec::new();
    for branch in branches(parents, head) {
        let from = branch.fork.map_or(0, |fork| lanes[fork] + 1);
        let free = (from..taken.len()).find(|at| taken[*at].takes(&branch));
        let at = free.unwrap_or_else(|| from.max(taken.len()));
        while taken.len() <= at {
            taken.push(Lane::default());
        }
        taken[at].put(&branch);
        branch.nodes.iter().for_each(|node| lanes[*node] = at);
    }
    lanes
}

/// The branches, each behind the one that it leaves; that of the head first.
fn branches(parents: &[Option<usize>], head: Option<usize>) -> Vec<Branch> {
    let heirs = heirs(parents, head);
    let own = |at: usize| parents[at].is_none_or(|parent| heirs[parent] != Some(at));
    let mut all: Vec<Branch> = (0..parents.len())
        .filter(|at| own(*at))
        .map(|at| Branch {
            fork: parents[at],
            nodes: std::iter::successors(Some(at), |at| heirs[*at]).collect(),
        })
        .collect();
    // Stable: the others stay in order of their beginning, so a branch comes behind what it leaves.
    all.sort_by_key(|b| b.fork.is_some() || !head.is_some_and(|head| b.nodes.contains(&head)));
    all
}

/// Of each snapshot, the one of those made from it that goes on in its lane: on the way to the head, or else to what is newest.
fn heirs(parents: &[Option<usize>], head: Option<usize>) -> Vec<Option<usize>> {
    let mut rank: Vec<(bool, usize)> = (0..parents.len()).map(|at| (false, at)).collect();
    let mut on_way = head;
    while let Some(at) = on_way {
        rank[at].0 = true;
        on_way = parents[at];
    }
    let mut heirs: Vec<Option<usize>> = vec![None; parents.len()];
    for at in (0..parents.len()).rev() {
        let Some(parent) = parents[at] else { continue };
        if heirs[parent].is_none_or(|heir| rank[heir] < rank[at]) {
            heirs[parent] = Some(at);
        }
        rank[parent].1 = rank[parent].1.max(rank[at].1);
    }
    heirs
}

/// A track for each way back. Those to the same snapshot share one; short ones lie lowest.
fn tracks(backs: &[(usize, usize, bool)]) -> Vec<usize> {
    let mut groups: Vec<((usize, bool), (usize, usize))> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for &(from, to, redo) in backs {
        let at = *places.entry((to, redo)).or_insert(groups.len());
        if at == groups.len() {
            groups.push(((to, redo), (to, to)));
        }
        let span = &mut groups[at].1;
        *span = (span.0.min(from), span.1.max(from));
    }
    groups.sort_by_key(|(key, span)| (span.1 - span.0, *span, *key));
    let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut track = std::collections::HashMap::new();
    for (key, span) in groups {
        let apart = |other: &(usize, usize)| other.1 <= span.0 || span.1 <= other.0;
        let free = taken.iter().position(|spans| spans.iter().all(apart));
        let at = free.unwrap_or_else(|| {
            taken.push(Vec::new());
            taken.len() - 1
        });
        taken[at].push(span);
        track.insert(key, at);
    }
    backs
        .iter()
        .map(|(_, to, redo)| track.get(&(*to, *redo)).copied().unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_is_one_lane() {
        assert_eq!(lanes(&[None, Some(0), Some(1)], Some(1)), [0, 0, 0]);
    }

    #[test]
    fn the_head_has_the_first_lane() {
        assert_eq!(lanes(&[None, Some(0), Some(0)], Some(1)), [0, 0, 1]);
        assert_eq!(lanes(&[None, Some(0), Some(0)], Some(2)), [0, 1, 0]);
        assert_eq!(lanes(&[None, None, Some(1)], Some(2)), [0, 0, 0]);
        assert_eq!(lanes(&[None, None, Some(0)], Some(1)), [1, 0, 1]);
    }

    #[test]
    fn many_tries_from_one_snapshot_share_a_lane() {
        let mut parents = vec![None];
        parents.extend([Some(0); 500]);
        let lanes = lanes(&parents, Some(500));
        assert_eq!(lanes.iter().max(), Some(&1));
    }

    #[test]
    fn ways_from_two_snapshots_do_not_run_into_one() {
        // 3 leaves 0 and 4 leaves 1, while 2 and 5 go on.
        let lanes = lanes(
            &[None, Some(0), Some(1), Some(0), Some(1), Some(2)],
            Some(5),
        );
        assert_eq!(lanes, [0, 0, 0, 1, 2, 0]);
    }

    #[test]
    fn ways_back_lie_over_each_other() {
        assert_eq!(tracks(&[(1, 0, false), (2, 1, false)]), [0, 0]);
        assert_eq!(tracks(&[(3, 0, false), (2, 1, false)]), [1, 0]);
        assert_eq!(
            tracks(&[(1, 0, false), (2, 0, false), (3, 0, false)]),
            [0; 3]
        );
        assert_eq!(tracks(&[(1, 0, false), (0, 1, true)]), [0, 1]);
    }

    proptest! {
        #[test]
        fn nothing_lies_on_something_else(choices in proptest::collection::vec((any::<bool>(), any::<usize>()), 1..60), head in any::<usize>()) {
            let parents: Vec<Option<usize>> = choices
                .iter()
                .enumerate()
                .map(|(at, (root, n))| (at > 0 && !root).then(|| n % at.max(1)))
                .collect();
            let lanes = lanes(&parents, Some(head % parents.len()));
            for (at, parent) in parents.iter().enumerate() {
                let Some(parent) = *parent else { continue };
                prop_assert!(lanes[parent] <= lanes[at]);
                if lanes[parent] == lanes[at] {
                    // The line between them meets no other snapshot.
                    prop_assert!((parent + 1..at).all(|other| lanes[other] != lanes[at]));
                }
            }
        }
    }
}
