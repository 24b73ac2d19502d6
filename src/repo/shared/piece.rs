//! The log of a machine as it lies in the store: pieces that follow each other, or overlap where some were joined.
//!
//! Whoever reads takes at each byte the piece that reaches furthest. Joined pieces are put before those that they have
//! are deleted, so that one that is gone between the list and the look means: list again.

use std::ops::Range;

use crate::model::Result;
use crate::repo::shared::pool::several;
use crate::repo::shared::{MOST, Store, list_all, name};

/// How often is listed when pieces vanish.
const TRIES: usize = 5;
/// How many pieces are asked for by the names that they must have, before there is a list: that costs more.
const GUESSES: usize = 4;

/// A piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// Its name.
    pub key: String,
    /// Which bytes of the log it has.
    pub range: Range<u64>,
}

/// The pieces that a machine's log has, by where they begin.
///
/// # Errors
/// The store's.
pub(super) fn list(store: &dyn Store, machine: &str) -> Result<Vec<Piece>> {
    let there = list_all(store, &name::log(machine), "")?;
    let piece = |(key, size): (String, u64)| {
        let range = name::range(machine, &key, size)?;
        Some(Piece { key, range })
    };
    let mut pieces: Vec<Piece> = there.into_iter().filter_map(piece).collect();
    pieces.sort_by_key(|piece| piece.range.start);
    Ok(pieces)
}

/// The fewest pieces that have the bytes `wanted`, each with those that it is taken for; they end where none goes on.
/// `pieces` are sorted by where they begin.
pub(super) fn chain(pieces: &[Piece], wanted: Range<u64>) -> Vec<(&Piece, Range<u64>)> {
    let mut chain: Vec<(&Piece, Range<u64>)> = Vec::new();
    let mut at = wanted.start;
    let mut rest = pieces.iter().peekable();
    let mut best: Option<&Piece> = None;
    while at < wanted.end {
        while let Some(piece) = rest.next_if(|piece| piece.range.start <= at) {
            if best.is_none_or(|best| piece.range.end > best.range.end) {
                best = Some(piece);
            }
        }
        let Some(piece) = best.filter(|best| best.range.end > at) else {
            break;
        };
        let end = piece.range.end.min(wanted.end);
        chain.push((piece, at..end));
        at = end;
    }
    chain
}

/// What a machine's log has from byte `from` on: up to `until`, or to its end; less where pieces are missing.
///
/// # Errors
/// The store's.
pub(super) fn read(
    store: &dyn Store,
    machine: &str,
    from: u64,
    until: Option<u64>,
) -> Result<Vec<u8>> {
    let mut text = match until {
        Some(until) if from > 0 => guess(store, machine, from..until)?,
        _ => Vec::new(),
    };
    for _ in 0..TRIES {
        let at = from + text.len() as u64;
        if until.is_some_and(|until| at >= until) {
            break;
        }
        let there = list(store, machine)?;
        let end = there.iter().map(|p| p.range.end).max().unwrap_or(0);
        let parts = parts(&chain(&there, at..until.unwrap_or(end)));
        let get = |(key, from, length): (&str, u64, u64)| {
            let bytes = store.get(key, from, length)?;
            Ok(bytes.filter(|bytes| bytes.len() as u64 == length))
        };
        let read = several(parts, get)?;
        let all = read.iter().all(Option::is_some);
        read.into_iter()
            .map_while(|part| part)
            .for_each(|part| text.extend(part));
        if all && until.is_none() {
            break;
        }
    }
    Ok(text)
}

/// As a rule it is one piece that came since, and begins where the last one ended.
fn guess(store: &dyn Store, machine: &str, wanted: Range<u64>) -> Result<Vec<u8>> {
    let mut text: Vec<u8> = Vec::new();
    for _ in 0..GUESSES {
        let at = wanted.start + text.len() as u64;
        if at >= wanted.end {
            break;
        }
        match store.get(&name::piece(machine, at), 0, wanted.end - at)? {
            Some(part) if !part.is_empty() => text.extend(part),
            _ => break,
        }
    }
    Ok(text)
}

/// What to ask for: of which object, from which of its bytes on, and how many.
fn parts<'p>(chain: &[(&'p Piece, Range<u64>)]) -> Vec<(&'p str, u64, u64)> {
    let mut parts = Vec::new();
    for (piece, wanted) in chain {
        let mut at = wanted.start;
        while at < wanted.end {
            let length = (wanted.end - at).min(MOST);
            parts.push((&*piece.key, at - piece.range.start, length));
            at += length;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(ranges: &[Range<u64>]) -> Vec<Piece> {
        let piece = |range: &Range<u64>| Piece {
            key: format!("{range:?}"),
            range: range.clone(),
        };
        ranges.iter().map(piece).collect()
    }

    #[test]
    fn the_piece_that_reaches_furthest_is_taken() {
        let all = [0..10, 0..30, 10..20, 20..40, 40..50, 60..70];
        for (wanted, taken) in [
            (
                0..50,
                vec![("0..30", 0..30), ("20..40", 30..40), ("40..50", 40..50)],
            ),
            (0..5, vec![("0..30", 0..5)]),
            (
                12..50,
                vec![("0..30", 12..30), ("20..40", 30..40), ("40..50", 40..50)],
            ),
            (45..65, vec![("40..50", 45..50)]),
            (50..60, vec![]),
            (7..7, vec![]),
        ] {
            let all = pieces(&all);
            let chain = chain(&all, wanted.clone());
            let found: Vec<_> = chain.iter().map(|(p, r)| (&*p.key, r.clone())).collect();
            assert_eq!(found, taken, "{wanted:?}");
        }
    }

    #[test]
    fn what_is_long_is_asked_for_in_parts() {
        let all = pieces(&[0..3 * MOST, 0..1]);
        let chain = chain(&all, 5..2 * MOST + 6);
        let lengths: Vec<u64> = parts(&chain).iter().map(|part| part.2).collect();
        assert_eq!(lengths, [MOST, MOST, 1]);
        assert_eq!(parts(&chain)[1].1, MOST + 5);
    }
}
