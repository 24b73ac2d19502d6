//! Joins the pieces of the own log, so that whoever reads all of it needs few requests.
//!
//! What is joined is put under a name of its own, and only then are the pieces deleted that it has: at no time is a byte
//! in none. Joined is only what others were told is there, so that the piece that comes next is never among it: two that
//! write under one name still meet there, or one of them reads that the log has grown without it.

use std::io::Cursor;
use std::ops::Range;

use crate::model::Result;
use crate::repo::log::Log;
use crate::repo::shared::piece::{self, Piece};
use crate::repo::shared::{MOST, Put, Store, name};

/// How many pieces may be there before they are joined.
pub(super) const MANY: usize = 32;

/// Joins the pieces of the log up to byte `end`; how many there are then, `None` when nothing was done.
///
/// # Errors
/// The store's.
pub(super) fn join(store: &dyn Store, machine: &str, log: &Log, end: u64) -> Result<Option<usize>> {
    let there = piece::list(store, machine)?;
    let chain = piece::chain(&there, 0..end);
    // What is damaged here must not take the place of what is whole there.
    let whole = chain.last().is_some_and(|(_, range)| range.end == end);
    if !whole || !log.read(0)?.damaged.is_empty() {
        return Ok(None);
    }
    let groups = groups(chain);
    for group in groups.iter().filter(|group| group.pieces > 1) {
        let text = log.bytes(group.range.start, group.range.end)?;
        let put = store.put(
            &group.key(machine),
            &mut Cursor::new(&text),
            text.len() as u64,
        )?;
        if put == Put::Exists && store.get(&group.key(machine), 0, MOST)?.as_deref() != Some(&text)
        {
            return Ok(None);
        }
    }
    for piece in spare(&there, &groups, machine) {
        store.delete(&piece.key)?;
    }
    Ok(Some(groups.len()))
}

/// Pieces that become one, or one that stays.
struct Group<'p> {
    first: &'p Piece,
    pieces: usize,
    range: Range<u64>,
}

impl Group<'_> {
    fn key(&self, machine: &str) -> String {
        match self.pieces {
            1 => self.first.key.clone(),
            _ => name::joined(machine, &self.range),
        }
    }
}

/// As many in each as one request can have.
fn groups<'p>(chain: Vec<(&'p Piece, Range<u64>)>) -> Vec<Group<'p>> {
    let mut groups: Vec<Group<'p>> = Vec::new();
    for (piece, range) in chain {
        match groups.last_mut() {
            Some(group) if range.end - group.range.start <= MOST => {
                group.range.end = range.end;
                group.pieces += 1;
            }
            _ => groups.push(Group {
                first: piece,
                pieces: 1,
                range,
            }),
        }
    }
    groups
}

/// Those pieces of which all is in another one that stays.
fn spare<'p>(there: &'p [Piece], groups: &[Group<'_>], machine: &str) -> Vec<&'p Piece> {
    let keys: Vec<String> = groups.iter().map(|group| group.key(machine)).collect();
    let within = |piece: &Piece| {
        let of = |group: &Group<'_>| {
            group.range.start <= piece.range.start && piece.range.end <= group.range.end
        };
        groups.iter().any(of) && !keys.contains(&piece.key)
    };
    there.iter().filter(|piece| within(piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(range: Range<u64>) -> Piece {
        let key = match range.start {
            0 if range.end > 40 => name::joined("m", &range),
            from => name::piece("m", from),
        };
        Piece { key, range }
    }

    #[test]
    fn what_is_joined_takes_the_place_of_its_pieces() {
        let there: Vec<Piece> = [0..50, 0..10, 10..30, 50..60, 60..MOST, MOST..MOST + 9]
            .map(piece)
            .into();
        let groups = groups(piece::chain(&there, 0..MOST + 9));
        let found: Vec<_> = groups.iter().map(|g| (g.pieces, g.range.clone())).collect();
        assert_eq!(found, [(3, 0..MOST), (1, MOST..MOST + 9)]);
        let gone = spare(&there, &groups, "m");
        assert_eq!(gone.len(), 5);
        assert!(gone.iter().all(|piece| piece.range.end <= MOST));
    }
}
