//! `fsync verify`: checks the repository, mends it, rehearses a restore.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::progress;
use crate::cli::trust::location;
use crate::model::quote::quote;
use crate::model::{Exit, Result};
use crate::ops::rehearse::{self, Rehearsed};
use crate::ops::repair::{Repaired, repair};
use crate::porcelain::history::json;
use crate::porcelain::session::Session;
use crate::porcelain::signal::farewell;
use crate::protocol::Writer;
use crate::protocol::verdict::{FindingRecord, RehearsedRecord, RepairedRecord, VerifiedRecord};
use crate::repo::Repo;
use crate::repo::finding::{Finding, Subject};
use crate::repo::verify::{Verified, verify};

/// How many lost paths a line names.
const NAMED: usize = 3;

/// Arguments of `fsync verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// Read contents too, and compare them with their digests: all of them, or N% of the bytes, another part each time [default: none are read; without N all]
    #[arg(long, value_name = "N%|all", num_args = 0..=1, default_missing_value = "all", value_parser = percent)]
    pub read_data: Option<u8>,
    /// Mend what can be mended: damaged archives are moved to damaged/ in the repository, and what they held is saved from
    /// them, from other archives and from the recorded directories
    #[arg(long)]
    pub repair: bool,
    /// Restore the newest snapshot of each directory into scratch space, or N snapshots by chance; compare, and remove it again [default: nothing is restored]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "0")]
    pub restore: Option<usize>,
    /// Where to restore to [default: the directory for temporary files]
    #[arg(long, value_name = "DIR", requires = "restore")]
    pub scratch: Option<PathBuf>,
    /// Print JSON, one object a line: each finding with all its paths, and what was done
    #[arg(long)]
    pub json: bool,
}

/// A part, in per cent.
fn percent(text: &str) -> Result<u8, String> {
    if text == "all" {
        return Ok(100);
    }
    let number = text.strip_suffix('%').and_then(|n| n.parse().ok());
    number
        .filter(|n| (1..=100).contains(n))
        .ok_or_else(|| "is neither \"all\" nor a part like 10%".into())
}

impl Verify {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When the repository cannot be read at all.
    pub fn run(self, session: &Session) -> Result<u8> {
        let at = location(&session.repository()?);
        let repo = match self.repair {
            true => Repo::open_alone(at)?,
            false => Repo::open(at)?,
        };
        let mut out = Out {
            session,
            json: self.json,
            out: Writer::new(std::io::stdout().lock()),
        };
        if self.repair {
            farewell(session.talk, "the repair", repo.path().to_path_buf())?;
            out.repaired(&repair(&repo)?)?;
        }
        let mut done = verify(&repo, self.read_data)?;
        // What was mended on opening is no notice but a finding.
        let healed = repo.healed();
        for notice in repo.notices().iter().filter(|n| !healed.contains(n)) {
            if !done.findings.iter().any(|f| mentions(notice, f)) {
                session.talk.note(notice);
            }
        }
        if self.repair {
            done.findings.retain(|f| f.subject != Subject::Catalog);
        }
        if let Some(count) = self.restore {
            self.rehearse(&repo, count, &mut done, &mut out)?;
        }
        progress::done();
        for finding in &done.findings {
            out.finding(finding)?;
        }
        out.end(&repo, &done)
    }

    fn rehearse(
        &self,
        repo: &Repo,
        count: usize,
        done: &mut Verified,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        for info in rehearse::choose(repo, count)? {
            match rehearse::rehearse(repo, &info, &scratch)? {
                Ok(rehearsed) => out.rehearsed(&rehearsed)?,
                Err(finding) => done.findings.push(finding),
            }
        }
        Ok(())
    }
}

/// Whether a notice is about what a finding says already: an archive that cannot be read.
fn mentions(notice: &str, finding: &Finding) -> bool {
    finding
        .archive
        .is_some_and(|id| notice.contains(&id.to_string()))
}

/// Where results go.
struct Out<'s> {
    session: &'s Session,
    json: bool,
    out: Writer<std::io::StdoutLock<'static>>,
}

impl Out<'_> {
    fn record(&mut self, record: &impl Serialize) -> Result<()> {
        self.out.raw(&json(record)?)
    }

    fn repaired(&mut self, done: &Repaired) -> Result<()> {
        if self.json {
            return self.record(&RepairedRecord {
                set_aside: done.set_aside.clone(),
                pack: done.pack,
                kept: done.kept.clone(),
                saved: done.saved,
                found_alive: done.found_alive,
                log_lines: done.log_lines.clone(),
            });
        }
        let talk = self.session.talk;
        for id in &done.set_aside {
            talk.note(&format!("archive {id} was moved to damaged/"));
        }
        for at in &done.log_lines {
            talk.note(&format!(
                "log.ndjson: the line at byte {at} was set aside in damaged/"
            ));
        }
        if let Some(pack) = done.pack {
            talk.note(&format!(
                "{} contents and nodes were saved, {} of them from live directories; they are in the pack {pack}",
                done.saved, done.found_alive
            ));
        }
        for id in &done.kept {
            talk.detail(&format!("snapshot {id} is read from the pack from now on"));
        }
        talk.detail("the catalog was made again");
        Ok(())
    }

    fn rehearsed(&mut self, done: &Rehearsed) -> Result<()> {
        if self.json {
            return self.record(&RehearsedRecord {
                snapshot: done.snapshot,
                directory: done.directory.clone(),
                entries: done.entries,
                content_bytes: done.content_bytes,
            });
        }
        let (name, entries, bytes) = (quote(&done.directory.0), done.entries, done.content_bytes);
        self.session.talk.note(&format!(
            "snapshot {} of {name} was restored and is as recorded: {entries} entries, {bytes} bytes",
            done.snapshot
        ));
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> Result<()> {
        if self.json {
            return self.record(&FindingRecord::from(finding));
        }
        self.session.talk.error(&line(finding));
        for path in finding.lost.iter().skip(NAMED) {
            self.session.talk.detail(&format!("lost too: {path}"));
        }
        Ok(())
    }

    /// The last word; the exit code.
    fn end(&mut self, repo: &Repo, done: &Verified) -> Result<u8> {
        let name = quote(repo.path().as_os_str().as_bytes());
        let snapshots = counted(done.snapshots, "snapshot", "snapshots");
        let read = done.read.map_or(String::new(), |(read, of)| {
            format!("; {read} of {of} bytes were read")
        });
        let faults = done.findings.len();
        let talk = self.session.talk;
        match faults {
            0 => talk.note(&format!("{name}: {snapshots}, no damage{read}")),
            n => talk.error(&format!(
                "{name}: {} in {snapshots}{read}",
                counted(n, "fault", "faults")
            )),
        }
        if self.json {
            self.record(&VerifiedRecord {
                archives: done.archives,
                snapshots: done.snapshots,
                findings: faults,
                read_bytes: done.read.map(|(read, _)| read),
                held_bytes: done.read.map(|(_, of)| of),
            })?;
        }
        self.out.flush()?;
        Ok(match faults {
            0 => Exit::Done.code(),
            _ => Exit::Damaged.code(),
        })
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// A finding in a line, which names the first of the paths that are lost.
fn line(finding: &Finding) -> String {
    let directory = finding.directory.as_ref().map(|d| quote(&d.0));
    let of = directory
        .as_ref()
        .map_or(String::new(), |d| format!(" of {d}"));
    let what = match (finding.subject, &finding.archive, &finding.snapshot) {
        (Subject::Catalog, ..) => "catalog.db".to_string(),
        (Subject::Log, ..) => "log.ndjson".to_string(),
        (_, Some(id), _) => format!("archive {id}{of}"),
        (_, None, Some(id)) => format!("snapshot {id}{of}"),
        (..) => directory.unwrap_or_else(|| finding.subject.word().into()),
    };
    let mut text = format!("{what}: {}", finding.message);
    let named: Vec<String> = finding
        .lost
        .iter()
        .take(NAMED)
        .map(|path| quote(path.as_bytes()))
        .collect();
    if !named.is_empty() {
        text.push_str(&format!(": {}", named.join(", ")));
    }
    match finding.lost.len().saturating_sub(NAMED) {
        0 => {}
        more => text.push_str(&format!(" and {more} more")),
    }
    text
}
