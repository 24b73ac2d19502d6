//! Draws a history as `git log --graph` does, in ASCII: a column for each line of snapshots, newest first.

use std::collections::{BinaryHeap, HashMap};

use crate::model::{SnapshotId, Time};

/// One snapshot of a history, drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Which of the snapshots that were given.
    pub at: usize,
    /// What stands in front of it.
    pub mark: String,
    /// What stands in front of more lines about it.
    pub more: String,
    /// A line behind it, where a branch joins another or ends.
    pub join: Option<String>,
}

/// Draws snapshots: each with its id, its parent and its time. A parent that is not among them is none.
pub fn draw(snapshots: &[(SnapshotId, Option<SnapshotId>, Time)]) -> Vec<Row> {
    let numbers: HashMap<SnapshotId, usize> = snapshots
        .iter()
        .enumerate()
        .map(|(at, snapshot)| (snapshot.0, at))
        .collect();
    let parent = |at: usize| snapshots[at].1.and_then(|id| numbers.get(&id).copied());
    // Which snapshot each column leads down to.
    let mut columns: Vec<usize> = Vec::new();
    order(snapshots, parent)
        .into_iter()
        .map(|at| row(at, parent(at), &mut columns))
        .collect()
}

/// Newest first, but none before all of its children: clocks may have been set back.
fn order(
    snapshots: &[(SnapshotId, Option<SnapshotId>, Time)],
    parent: impl Fn(usize) -> Option<usize>,
) -> Vec<usize> {
    let mut children = vec![0; snapshots.len()];
    (0..snapshots.len())
        .filter_map(&parent)
        .for_each(|at| children[at] += 1);
    let key = |at: usize| (snapshots[at].2, snapshots[at].0, at);
    let mut ready: BinaryHeap<_> = (0..snapshots.len())
        .filter(|at| children[*at] == 0)
        .map(key)
        .collect();
    let mut order = Vec::with_capacity(snapshots.len());
    while let Some((_, _, at)) = ready.pop() {
        order.push(at);
        if let Some(above) = parent(at) {
            children[above] -= 1;
            if children[above] == 0 {
                ready.push(key(above));
            }
        }
    }
    order
}

/// Draws one snapshot, and leads its column on to its parent.
fn row(at: usize, parent: Option<usize>, columns: &mut Vec<usize>) -> Row {
    let own = columns.iter().position(|c| *c == at).unwrap_or_else(|| {
        columns.push(at);
        columns.len() - 1
    });
    let bars = |own_mark: char| {
        let marks = (0..columns.len()).map(|c| if c == own { own_mark } else { '|' });
        marks.map(String::from).collect::<Vec<_>>().join(" ")
    };
    let mut row = Row {
        at,
        mark: bars('*'),
        more: bars(if parent.is_some() { '|' } else { ' ' }),
        join: None,
    };
    let Some(parent) = parent else {
        if own + 1 < columns.len() {
            row.join = Some(joined(own, own, columns.len(), ' '));
        }
        columns.remove(own);
        return row;
    };
    match columns.iter().position(|c| *c == parent) {
        Some(other) => {
            let (low, high) = (other.min(own), other.max(own));
            row.join = Some(joined(low, high, columns.len(), '|'));
            columns[low] = parent;
            columns.remove(high);
        }
        None => columns[own] = parent,
    }
    row
}

/// The line in which column `high` joins `low` and those to the right of it move up; `mark` stands in `low`.
fn joined(low: usize, high: usize, count: usize, mark: char) -> String {
    let mut line = vec![' '; 2 * count];
    for column in 0..count {
        if column < high || column == low {
            line[2 * column] = '|';
        } else {
            line[2 * column - 1] = '/';
        }
        // The way to a column that is not the next one goes behind those between.
        if (low..high).contains(&column) && column + 1 < high {
            line[2 * column + 1] = '_';
        }
    }
    line[2 * low] = mark;
    let line: String = line.into_iter().collect();
    line.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws snapshots given as (number, parent); their time is their number.
    fn drawn(snapshots: &[(u8, u8)]) -> String {
        let id = |n: u8| SnapshotId([n; 20]);
        let list: Vec<_> = snapshots
            .iter()
            .map(|(n, p)| (id(*n), (*p > 0).then(|| id(*p)), Time::new((*n).into(), 0)))
            .collect();
        let mut text = String::new();
        for row in draw(&list) {
            text += &format!("{} {}\n", row.mark, snapshots[row.at].0);
            if let Some(join) = row.join {
                text += &format!("{join}\n");
            }
        }
        text
    }

    #[test]
    fn a_chain_is_a_line() {
        assert_eq!(drawn(&[(1, 0), (2, 1), (3, 2)]), "* 3\n* 2\n* 1\n");
    }

    #[test]
    fn a_branch_joins_its_parent() {
        let expected = "* 4\n| * 3\n|/\n* 2\n* 1\n";
        assert_eq!(drawn(&[(1, 0), (2, 1), (3, 2), (4, 2)]), expected);
    }

    #[test]
    fn a_branch_passes_behind_another() {
        // 6 and 4 come from 1, 5 from 2, and 2 from 1.
        let text = drawn(&[(1, 0), (2, 1), (4, 1), (5, 2), (6, 1)]);
        assert_eq!(text, "* 6\n| * 5\n| | * 4\n|_|/\n| * 2\n|/\n* 1\n");
    }

    #[test]
    fn those_to_the_right_move_up() {
        let text = drawn(&[(1, 0), (2, 1), (3, 1), (4, 2), (5, 1), (6, 3)]);
        assert_eq!(text, "* 6\n| * 5\n| | * 4\n* | | 3\n|/ /\n| * 2\n|/\n* 1\n");
    }

    #[test]
    fn a_second_beginning_stands_apart() {
        assert_eq!(drawn(&[(1, 0), (2, 0), (3, 1)]), "* 3\n| * 2\n* 1\n");
        assert_eq!(
            drawn(&[(1, 0), (2, 0), (3, 1), (4, 2)]),
            "* 4\n| * 3\n* | 2\n /\n* 1\n"
        );
    }

    #[test]
    fn children_come_first_whatever_the_clocks_say() {
        let id = |n: u8| SnapshotId([n; 20]);
        let list = [
            (id(1), None, Time::new(9, 0)),
            (id(2), Some(id(1)), Time::new(3, 0)),
        ];
        let order: Vec<usize> = draw(&list).into_iter().map(|row| row.at).collect();
        assert_eq!(order, [1, 0]);
    }
}
