//! `fsync du`: what the repository holds, and what each snapshot alone costs.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::table::{Column, Table};
use crate::model::quote::quote_if_odd;
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::history::{json, open};
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::protocol::listing::CostRecord;
use crate::repo::cost::{Cost, Share, Sum, cost};
use crate::repo::directory_at;
use crate::repo::resolve::absolute;

/// What, how many, bytes, bytes alone, name.
const COLUMNS: [Column; 5] = [
    Column::Text,
    Column::Number,
    Column::Size,
    Column::Size,
    Column::Id,
];

/// Arguments of `fsync du`.
#[derive(Args, Debug)]
pub struct Du {
    /// Leave out the single snapshots
    #[arg(short, long)]
    pub summarize: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// Of directories and snapshots, only those of DIR [default: all]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

impl Du {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no repository, DIR has no snapshot, or part of a manifest is damaged.
    pub fn run(self, session: &Session) -> Result<u8> {
        let repo = open(session)?;
        let mut cost = cost(&repo)?;
        if let Some(dir) = &self.dir {
            let wanted = directory_at(&absolute(dir));
            cost.directories.retain(|(of, _)| *of == wanted);
            cost.snapshots.retain(|(info, _)| info.directory == wanted);
            if cost.directories.is_empty() {
                let message = "there is no snapshot of this directory in the repository";
                let name = dir.as_os_str().as_bytes();
                return Err(Error::at(ErrorKind::NotFound, name, message));
            }
        }
        if self.summarize {
            cost.snapshots.clear();
        }
        let mut out = Writer::new(std::io::stdout().lock());
        let mut table = Table::new(&COLUMNS);
        match self.json {
            true => records(&cost)?.iter().try_for_each(|r| out.raw(r))?,
            false => {
                for line in lines(&cost).split_inclusive(|b| *b == b'\n') {
                    table.line(&mut out, line)?;
                }
            }
        }
        table.end(&mut out).map(|()| 0)
    }
}

fn records(cost: &Cost) -> Result<Vec<Vec<u8>>> {
    let mut all = vec![json(&CostRecord::of_repository(cost))?];
    for (directory, share) in &cost.directories {
        all.push(json(&CostRecord::of_directory(directory, share))?);
    }
    for (info, share) in &cost.snapshots {
        all.push(json(&CostRecord::of_snapshot(info, share))?);
    }
    Ok(all)
}

/// What, how many, bytes, bytes alone and a name, separated by tabs; a dash where there is none.
fn lines(cost: &Cost) -> Vec<u8> {
    let own = cost.log_bytes.saturating_add(cost.catalog_bytes);
    let total = cost.archives.bytes.saturating_add(own);
    let unpacked = (Some(cost.contents.count), cost.content_bytes);
    let counted = |sum: Sum| (Some(sum.count), sum.bytes);
    let mut out = Vec::new();
    for (what, (count, bytes)) in [
        ("total", (None, total)),
        ("archives", counted(cost.archives)),
        ("contents", counted(cost.contents)),
        ("unpacked", unpacked),
        ("nodes", counted(cost.nodes)),
        ("log", (None, cost.log_bytes)),
        ("catalog", (None, cost.catalog_bytes)),
    ] {
        line(&mut out, what, count, bytes, None, b"-");
    }
    for (directory, share) in &cost.directories {
        shared(&mut out, "directory", share, &quote_if_odd(&directory.0));
    }
    for (info, share) in &cost.snapshots {
        shared(&mut out, "snapshot", share, info.id.to_string().as_bytes());
    }
    out
}

fn shared(out: &mut Vec<u8>, what: &str, share: &Share, name: &[u8]) {
    let (count, bytes) = (Some(share.archives.count), share.archives.bytes);
    line(out, what, count, bytes, Some(share.alone_bytes), name);
}

fn line(
    out: &mut Vec<u8>,
    what: &str,
    count: Option<u64>,
    bytes: u64,
    alone: Option<u64>,
    name: &[u8],
) {
    let some = |n: Option<u64>| n.map_or_else(|| "-".to_string(), |n| n.to_string());
    let (count, alone) = (some(count), some(alone));
    out.extend(format!("{what}\t{count}\t{bytes}\t{alone}\t").into_bytes());
    out.extend(name);
    out.push(b'\n');
}
