//! Reads contents, all or some, and compares them with their digests.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};

use rayon::prelude::*;

use crate::model::meter::{self, Phase, Total};
use crate::model::{Result, SnapshotId};
use crate::repo::catalog::{Form, Place, snapshot_id};
use crate::repo::place::{self, Checked, WHOLE};
use crate::repo::store::Repo;

/// What reading gave.
#[derive(Default)]
pub(super) struct Reading {
    /// How many bytes were read, as they lie in the archives.
    pub bytes: u64,
    /// How many there are.
    pub of: u64,
    /// What is not what its id says, and where it lies.
    pub rotten: Vec<([u8; 32], SnapshotId)>,
}

/// Reads `percent` of what lies in archives that are not `damaged`, another part each time.
pub(super) fn read(repo: &Repo, percent: u8, damaged: &HashSet<SnapshotId>) -> Result<Reading> {
    let rows: Vec<([u8; 32], u64)> = repo
        .ask(|c| {
            c.db.prepare(
                "SELECT p.id, p.packed, a.id FROM places p JOIN archives a ON a.n = p.archive",
            )?
            .query_map([], |row| {
                let archive: SnapshotId = snapshot_id(row.get(2)?);
                Ok((
                    row.get::<_, [u8; 32]>(0)?,
                    row.get::<_, i64>(1)? as u64,
                    archive,
                ))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
        })?
        .into_iter()
        .filter(|(_, _, archive)| !damaged.contains(archive))
        .map(|(id, packed, _)| (id, packed))
        .collect();
    let mut done = Reading {
        of: rows.iter().map(|(_, packed)| packed).sum(),
        ..Reading::default()
    };
    let chosen = choose(rows, percent, done.of)?;
    done.bytes = chosen.iter().map(|(_, packed)| packed).sum();
    let total = Total {
        files: chosen.len() as u64,
        bytes: done.bytes,
    };
    meter::begin(Phase::Reading, Some(total));
    let wrong: Result<Vec<Option<_>>> = chosen
        .into_par_iter()
        .map(|(id, packed)| {
            let place = repo.place(&id)?;
            meter::files(1);
            meter::bytes(packed);
            Ok((!is_right(repo, &id, &place)).then_some((id, place.archive)))
        })
        .collect();
    done.rotten = wrong?.into_iter().flatten().collect();
    Ok(done)
}

/// Some of the rows, by chance, until they are the wanted part of all bytes.
fn choose(mut rows: Vec<([u8; 32], u64)>, percent: u8, all: u64) -> Result<Vec<([u8; 32], u64)>> {
    if percent >= 100 {
        return Ok(rows);
    }
    let wanted = (u128::from(all) * u128::from(percent)).div_ceil(100);
    let mut random = random()?;
    let mut taken = 0u128;
    let mut count = 0;
    while count < rows.len() && taken < wanted {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = count + (random % (rows.len() - count) as u64) as usize;
        rows.swap(count, other);
        taken += u128::from(rows[count].1);
        count += 1;
    }
    rows.truncate(count);
    Ok(rows)
}

/// A number by chance, not nought.
fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| crate::model::Error::io("cannot read", "/dev/urandom", e))?;
    Ok(u64::from_le_bytes(bytes) | 1)
}

/// Whether what lies at a place is what its id says.
fn is_right(repo: &Repo, id: &[u8; 32], place: &Place) -> bool {
    if place.size <= WHOLE || place.form == Form::Piece {
        return repo.bytes_at(place, id).is_ok();
    }
    let Ok(file) = repo.archive(place.archive) else {
        return false;
    };
    let mut stream = Checked::new(place::stream(file, place), *id, place.size);
    io::copy(&mut stream, &mut io::sink()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_part_of_the_bytes() {
        let rows: Vec<([u8; 32], u64)> = (0..200).map(|n| ([n as u8; 32], 10)).collect();
        let some = choose(rows.clone(), 10, 2000).unwrap();
        assert_eq!(some.len(), 20);
        assert_ne!(some, choose(rows.clone(), 10, 2000).unwrap());
        assert_eq!(choose(rows.clone(), 100, 2000).unwrap().len(), 200);
        assert_eq!(choose(rows, 0, 2000).unwrap().len(), 0);
    }
}
