//! Checks a repository: archives, log and catalog, how they hang together, and what of each snapshot can be
//! restored. Each damage is said once, where it is; and once for each snapshot, what it costs there.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use crate::model::meter::{self, Phase, Total};
use crate::model::{ContentId, Result, SnapshotId};
use crate::repo::audit;
use crate::repo::chain::{self, Lost, Standing};
use crate::repo::check::{self, Checked};
use crate::repo::finding::{Finding, Subject};
use crate::repo::holdings::Holdings;
use crate::repo::info::Info;
use crate::repo::needs::{Loss, Need, Needs};
use crate::repo::salvage::Salvage;
use crate::repo::sample;
use crate::repo::store::Repo;
use crate::repo::text::PathText;

/// What was checked, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many archives there are.
    pub archives: usize,
    /// How many snapshots.
    pub snapshots: usize,
    /// How many bytes of contents and nodes were read, and of how many.
    pub read: Option<(u64, u64)>,
}

/// Checks everything; with `read`, reads so many per cent of the contents too.
///
/// # Errors
/// When the repository cannot be read at all; damage is not an error here.
pub fn verify(repo: &Repo, read: Option<u8>) -> Result<Verified> {
    // Whoever made one of them may not have entered it yet.
    repo.catch_up()?;
    let ids = repo.living_archives()?;
    meter::begin(Phase::Checking, Some(Total::files(ids.len())));
    let check = |id: &SnapshotId| {
        let checked = check::archive(repo, *id);
        meter::files(1);
        checked
    };
    let checked: Vec<Checked> = ids.par_iter().map(check).collect();
    let mut done = Verified {
        archives: ids.len(),
        ..Verified::default()
    };
    done.findings.extend(chain::log(repo, ids.len())?);
    done.findings.extend(catalog(repo, &checked)?);
    let bad = checked.iter().filter(|c| c.damage.is_some());
    let damaged: HashSet<SnapshotId> = bad.map(|c| c.id).collect();
    let mut rotten = Vec::new();
    if let Some(percent) = read {
        let reading = sample::read(repo, percent, &damaged)?;
        done.read = Some((reading.bytes, reading.of));
        rotten = reading.rotten;
    }
    let salvaged = salvage(repo, &damaged);
    let told: Vec<Info> = salvaged.iter().flat_map(Salvage::told).cloned().collect();
    let standing = Standing::new(repo, &told)?;
    done.snapshots = standing.there.len();
    let wrong = rotten.iter().map(|(id, _)| *id).collect();
    let mut holdings = Holdings::new(repo, damaged, wrong);
    salvaged.into_iter().for_each(|s| holdings.add(s));
    let costs = costs(repo, &standing, &holdings, read == Some(100))?;
    let of_archives = of_archives(&checked, &rotten, costs.is_empty());
    done.findings.extend(of_archives);
    done.findings.extend(standing.lost.iter().map(gone));
    done.findings.extend(unpacked(standing.unpacked));
    done.findings.extend(repo.claims()?.iter().map(claimed));
    done.findings.extend(costs);
    standing.parents(&mut done.findings);
    standing.heads(repo, &mut done.findings)?;
    standing.tags(repo, &mut done.findings)?;
    Ok(done)
}

/// What is still whole in damaged archives.
fn salvage(repo: &Repo, damaged: &HashSet<SnapshotId>) -> Vec<Salvage> {
    let mut ids: Vec<_> = damaged.iter().collect();
    ids.sort();
    ids.into_iter()
        .filter_map(|id| repo.salvage(*id).ok())
        .collect()
}

/// Whether the catalog was wrong. Then it is made anew, so that it is no further trouble.
fn catalog(repo: &Repo, checked: &[Checked]) -> Result<Vec<Finding>> {
    let mut why = Vec::new();
    if !audit::catalog(repo, checked)? {
        repo.refresh_catalog()?;
        why.push("it did not say what archives and log say, and was made again".to_string());
    }
    why.splice(0..0, repo.healed());
    Ok(why
        .into_iter()
        .map(|why| Finding::new(Subject::Catalog, why))
        .collect())
}

/// What is wrong with archives. `harmless`: nothing of any snapshot is lost.
fn of_archives(
    checked: &[Checked],
    rotten: &[([u8; 32], SnapshotId)],
    harmless: bool,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for archive in checked {
        if let Some(damage) = &archive.damage {
            let cost = match harmless {
                true => "; all that is needed of it is still whole",
                false => "",
            };
            found.push(Finding::archive(archive.id, format!("{damage}{cost}")));
        }
    }
    let mut wrong: BTreeMap<SnapshotId, usize> = BTreeMap::new();
    for (_, archive) in rotten {
        *wrong.entry(*archive).or_default() += 1;
    }
    found.extend(wrong.into_iter().map(|(id, count)| {
        let what = match count {
            1 => "1 content in it is".to_string(),
            n => format!("{n} contents in it are"),
        };
        Finding::archive(id, format!("{what} not what the digest says"))
    }));
    found
}

/// An archive that is gone.
fn gone(lost: &Lost) -> Finding {
    let more = match lost.info {
        Some(_) => "",
        None => "; nothing more is known of it",
    };
    let message = format!(
        "is gone; it was recorded at {}, and nothing says that it was removed{more}",
        lost.time.rfc3339()
    );
    Finding::archive(lost.id, message).of(lost.id, &lost.directory)
}

/// A pack that is gone, which said that `count` snapshots were removed.
fn unpacked(count: usize) -> Option<Finding> {
    let message = format!(
        "a pack is gone, which said that {count} snapshots were removed; the catalog still knows"
    );
    (count > 0).then(|| Finding::new(Subject::Archive, message))
}

/// A pack that somebody else has put there.
fn claimed((pack, gone): &(SnapshotId, Vec<SnapshotId>)) -> Finding {
    let named: Vec<String> = gone.iter().take(3).map(SnapshotId::to_string).collect();
    let more = match gone.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "is a pack that the log does not name, and says that what is here is gone ({}{more}): that does not count. If \
         you do not know it, move it away",
        named.join(", ")
    );
    Finding::archive(*pack, message)
}

/// What cannot be restored of each snapshot.
fn costs(
    repo: &Repo,
    standing: &Standing,
    holdings: &Holdings<'_>,
    read_all: bool,
) -> Result<Vec<Finding>> {
    let mut needs = Needs::new(holdings);
    let mut found = Vec::new();
    for info in &standing.there {
        let mut joined = Vec::new();
        let loss = needs.of(info, &mut |need| {
            if let Need::Chunks {
                content,
                list,
                size,
                ..
            } = need
                && read_all
            {
                joined.push((content, list, size));
            }
        });
        found.extend(cost(info.id, &info.directory, loss, info));
        let wrong = joined
            .iter()
            .filter(|(id, list, size)| !joins(repo, *id, *list, *size));
        for (id, ..) in wrong {
            let message = format!("the chunks of content {id} do not make it up");
            found.push(Finding::new(Subject::Snapshot, message).of(info.id, &info.directory));
        }
    }
    for lost in &standing.lost {
        if let Some(info) = &lost.info {
            let loss = needs.of(info, &mut |_| {});
            found.extend(cost(lost.id, &lost.directory, loss, info));
        }
    }
    Ok(found)
}

/// Whether the chunks of a content make it up.
fn joins(repo: &Repo, id: ContentId, list: ContentId, size: u64) -> bool {
    repo.content(id, Some(list), size)
        .is_ok_and(|mut data| std::io::copy(&mut data, &mut std::io::sink()).is_ok())
}

fn cost(id: SnapshotId, directory: &PathText, loss: Loss, info: &Info) -> Option<Finding> {
    if loss.is_none() {
        return None;
    }
    let counts = info.counts;
    let all = counts.files + counts.directories + counts.others;
    let message = match (&loss.all, loss.paths.len()) {
        (Some(why), _) => format!("cannot be restored: {why}"),
        (None, n) => format!("{n} of {all} entries cannot be restored"),
    };
    Some(Finding {
        lost: loss.paths,
        ..Finding::new(Subject::Snapshot, message).of(id, directory)
    })
}
