//! How people name snapshots.
//!
//! | name | means |
//! |---|---|
//! | 40 hex digits | that snapshot |
//! | a tag | where it points; first of the directory at hand, then of any if only one has it |
//! | at least 4 hex digits | the one snapshot whose id begins so |
//! | `@`, `DIR@` | the head of the directory at hand, or of DIR |
//! | `DIR@{2}`, `@{2}` | what DIR held before its second-last operation |
//! | `DIR@{TIME}` | what DIR held at TIME: its newest snapshot up to then |
//! | `NAME~2` | the parent of the parent of NAME |
//! | `snap:NAME` | NAME, and no directory of that name |

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::params;

use crate::model::near;
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result, SnapshotId, Time};
use crate::repo::catalog::snapshot_id;
use crate::repo::history::directory_at;
use crate::repo::store::Repo;
use crate::tree::local::Local;

/// The shortest prefix of an id that is looked up.
const SHORTEST: usize = 4;

fn missing(spec: &[u8], why: impl Into<String>) -> Error {
    Error::at(ErrorKind::NotFound, spec, why)
}

/// The absolute path of a directory, links resolved; of one that is gone, as far as it can be told.
pub fn absolute(dir: &Path) -> PathBuf {
    dir.canonicalize()
        .or_else(|_| std::path::absolute(dir))
        .unwrap_or_else(|_| dir.to_path_buf())
}

impl Repo {
    /// The snapshot that `spec` names; `dir` is the directory at hand.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, or several.
    pub fn resolve(&self, spec: &[u8], dir: Option<&Path>) -> Result<SnapshotId> {
        let name = spec.strip_prefix(b"snap:").unwrap_or(spec);
        let (base, up) = climb(name);
        let dir = dir.map(absolute);
        let named = self.base(spec, base, dir.as_deref())?;
        let mut id = self.issued(named)?;
        if self.find(id)?.is_none() && self.gone(id)?.is_some() {
            let error = self.snapshot(id).err().map(|e| e.cause());
            return Err(missing(spec, error.unwrap_or_default()));
        }
        for _ in 0..up {
            id = self.parent(&self.snapshot(id)?)?.ok_or_else(|| {
                missing(
                    spec,
                    format!("snapshot {id} has no parent: the chain begins there"),
                )
            })?;
        }
        match up {
            0 => Ok(id),
            _ => self.snapshot(id).map(|info| info.id),
        }
    }

    fn base(&self, spec: &[u8], base: &[u8], dir: Option<&Path>) -> Result<SnapshotId> {
        let here =
            || dir.ok_or_else(|| missing(spec, "needs a directory: put its path before the @"));
        if let Some(named) = base.strip_suffix(b"@") {
            return match named {
                b"" => self.head_at(spec, here()?),
                path => self.head_at(spec, &absolute(Path::new(OsStr::from_bytes(path)))),
            };
        }
        if let Some((at, inner)) = selector(base) {
            let named = match at {
                b"" => here()?.to_path_buf(),
                path => absolute(Path::new(OsStr::from_bytes(path))),
            };
            return self.past(spec, &named, inner);
        }
        let text = std::str::from_utf8(base).map_err(|_| missing(spec, "names no snapshot"))?;
        if let Ok(id) = text.parse() {
            return match self.gone(id)? {
                Some(_) => Ok(id),
                None => self.snapshot(id).map(|info| info.id),
            };
        }
        if let Some(id) = self.tagged(spec, text, dir)? {
            return Ok(id);
        }
        self.prefixed(spec, text)
    }

    /// The head of a directory, which may be gone.
    fn head_at(&self, spec: &[u8], dir: &Path) -> Result<SnapshotId> {
        let head = match Local::open(dir) {
            Ok(local) => {
                let head = self.head(&local)?;
                if let Some(foreign) = head.foreign {
                    let message = format!(
                        ".fsync-backup names snapshot {foreign}, which this repository does not have"
                    );
                    return Err(missing(dir.as_os_str().as_bytes(), message));
                }
                head.id
            }
            Err(_) => self.logged_head(&directory_at(dir))?,
        };
        head.ok_or_else(|| {
            missing(
                spec,
                format!("{} has no head", quote(dir.as_os_str().as_bytes())),
            )
        })
    }

    /// `@{…}` of a directory.
    fn past(&self, spec: &[u8], dir: &Path, inner: &[u8]) -> Result<SnapshotId> {
        let text =
            std::str::from_utf8(inner).map_err(|_| missing(spec, "is no number and no time"))?;
        if let Ok(n) = text.parse::<usize>() {
            let operations = self.operations(dir)?;
            let operation = n.checked_sub(1).and_then(|n| operations.get(n));
            let operation = operation.ok_or_else(|| {
                missing(
                    spec,
                    format!(
                        "the log has {} operations of that directory, counted from 1",
                        operations.len()
                    ),
                )
            })?;
            return operation
                .begun
                .before
                .ok_or_else(|| missing(spec, "no snapshot was made before that operation"));
        }
        let time = parse_time(text)
            .ok_or_else(|| missing(spec, "is no number and no time such as 2026-11-22T19:30"))?;
        let all = self.snapshots(Some(dir))?;
        let newest = all
            .iter()
            .rev()
            .find(|info| info.time <= time && info.imported.is_none());
        newest
            .map(|info| info.id)
            .ok_or_else(|| missing(spec, "the directory has no snapshot that old"))
    }

    fn tagged(&self, spec: &[u8], name: &str, dir: Option<&Path>) -> Result<Option<SnapshotId>> {
        let mut tags = self.tags(None)?;
        tags.retain(|tag| tag.name == name);
        let own = dir.map(directory_at);
        if let Some(tag) = tags.iter().find(|tag| Some(&tag.directory) == own.as_ref()) {
            return Ok(tag.id);
        }
        match &tags[..] {
            [] => Ok(None),
            [tag] => Ok(tag.id),
            several => {
                let names: Vec<_> = several.iter().map(|tag| quote(&tag.directory.0)).collect();
                let message = format!(
                    "several directories have that tag: {}; choose with -d",
                    names.join(", ")
                );
                Err(missing(spec, message))
            }
        }
    }

    /// What somebody may have meant: a tag, or an id with other digits.
    fn meant(&self, text: &str, is_hex: bool) -> Result<String> {
        let mut names: Vec<String> = self.tags(None)?.into_iter().map(|t| t.name).collect();
        if is_hex && text.len() >= SHORTEST {
            let ids = self.snapshots(None)?;
            let start = |id: String| id[..text.len().min(id.len())].to_string();
            names.extend(ids.iter().map(|info| start(info.id.to_string())));
        }
        let names = names.iter().map(String::as_str);
        Ok(near::hint(
            text,
            names,
            "`fsync th DIR` and `fsync log DIR` list them",
        ))
    }

    fn prefixed(&self, spec: &[u8], text: &str) -> Result<SnapshotId> {
        let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let found: Vec<SnapshotId> = match is_hex && (SHORTEST..40).contains(&text.len()) {
            true => self.ask(|c| {
                let sql = "SELECT id FROM snapshots WHERE substr(lower(hex(id)), 1, ?2) = ?1";
                c.db.prepare_cached(sql)?
                    .query_map(params![text, text.len() as i64], |r| {
                        r.get(0).map(snapshot_id)
                    })?
                    .collect()
            })?,
            false => Vec::new(),
        };
        match &found[..] {
            [id] => Ok(*id),
            [] => Err(missing(
                spec,
                format!("is no snapshot and no tag; {}", self.meant(text, is_hex)?),
            )),
            _ => Err(missing(
                spec,
                format!("{} snapshots begin so; give more digits", found.len()),
            )),
        }
    }
}

/// Takes `~N` off the end, as often as it is there; how many parents up in all.
fn climb(name: &[u8]) -> (&[u8], u64) {
    let (mut base, mut up) = (name, 0u64);
    while let Some(at) = base.iter().rposition(|b| *b == b'~') {
        let digits = std::str::from_utf8(&base[at + 1..]).unwrap_or("-");
        let n = match digits {
            "" => Some(1),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        match (n, at) {
            (Some(n), 1..) => {
                up = up.saturating_add(n);
                base = &base[..at];
            }
            _ => break,
        }
    }
    (base, up)
}

/// The `DIR` of `DIR@` and `DIR@{…}`, with or without `~N`; `None` for any other name.
pub fn directory_in(spec: &[u8]) -> Option<&[u8]> {
    let (base, _) = climb(spec);
    let named = base.strip_suffix(b"@");
    named.or_else(|| selector(base).map(|(dir, _)| dir))
}

/// Splits `DIR@{inner}`.
fn selector(base: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = base.strip_suffix(b"}")?;
    let at = body.windows(2).rposition(|w| w == b"@{")?;
    Some((&body[..at], &body[at + 2..]))
}

/// A time with an offset, or a local time or date.
pub fn parse_time(text: &str) -> Option<Time> {
    let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::system()).ok()?;
        Some(zoned.timestamp())
    })?;
    // Printed times have no fractions: what is named by its second includes all of it.
    let whole = stamp.subsec_nanosecond() == 0;
    let nanos = if whole {
        999_999_999
    } else {
        stamp.subsec_nanosecond()
    };
    Some(Time::new(stamp.as_second(), nanos.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeId;
    use crate::repo::info::{Counts, FORMAT};
    use crate::repo::{Begin, Extent, Info, PathText, Work};

    #[test]
    fn takes_names_apart() {
        assert_eq!(climb(b"@~2"), (&b"@"[..], 2));
        assert_eq!(climb(b"a~1~"), (&b"a"[..], 2));
        assert_eq!(climb(b"a~b"), (&b"a~b"[..], 0));
        assert_eq!(selector(b"/x@{3}"), Some((&b"/x"[..], &b"3"[..])));
        assert_eq!(selector(b"@"), None);
        assert_eq!(directory_in(b"/x@{3}~2"), Some(&b"/x"[..]));
        assert_eq!(directory_in(b"@~"), Some(&b""[..]));
        assert_eq!(directory_in(b"/a@b/c"), None);
        assert_eq!(
            parse_time("1970-01-01T00:00:05Z"),
            Some(Time::new(5, 999_999_999))
        );
        assert!(parse_time("2026-11-22").is_some() && parse_time("2026-11-22 10:00").is_some());
        assert_eq!(parse_time("soon"), None);
    }

    /// A repository whose catalog knows a chain of three snapshots of `/d`. (Their archives need not be there.)
    fn chain() -> (tempfile::TempDir, Repo, Vec<SnapshotId>) {
        let base = tempfile::tempdir().unwrap();
        let repo = Repo::create(base.path()).unwrap();
        let mut ids: Vec<SnapshotId> = Vec::new();
        for n in 1..=3u8 {
            let info = Info {
                format: FORMAT,
                id: SnapshotId([n * 17; 20]),
                tree: NodeId([n; 32]),
                parent: ids.last().copied(),
                foreign_parent: None,
                directory: PathText(b"/d".to_vec()),
                host: String::new(),
                time: Time::new(i64::from(n) * 100, 0),
                extent: Extent::Thin,
                tag: None,
                rules: Vec::new(),
                counts: Counts::default(),
                unstable: Vec::new(),
                unreadable: Vec::new(),
                imported: None,
                forgotten: Vec::new(),
            };
            ids.push(info.id);
            let index = crate::repo::index::Index {
                id: info.id,
                what: crate::repo::index::What::Snapshot(Box::new(info)),
                places: Vec::new(),
                items: Vec::new(),
                folder: String::new(),
                pieces: Vec::new(),
            };
            repo.change_catalog(|tx| crate::repo::enter::enter(tx, &index))
                .unwrap();
        }
        (base, repo, ids)
    }

    #[test]
    fn finds_by_every_name() {
        let (_base, repo, ids) = chain();
        let d = Path::new("/d");
        let find = |spec: &str| repo.resolve(spec.as_bytes(), Some(d));
        assert_eq!(find(&ids[1].to_string()).unwrap(), ids[1]);
        assert_eq!(find("snap:2222").unwrap(), ids[1]);
        assert_eq!(find("3333~2").unwrap(), ids[0]);
        assert_eq!(find("/d@{1970-01-01T00:04:00Z}").unwrap(), ids[1]);
        for bad in ["222", "4444", "3333~3", "@", "@{1}", "/d@{soon}", "nothing"] {
            assert_eq!(find(bad).unwrap_err().kind(), ErrorKind::NotFound, "{bad}");
        }
        // Straight into the catalog: catching up would find that the archives are not there.
        let tx_tag = |dir: &[u8], id| {
            repo.change_catalog(|tx| {
                let line = crate::repo::tag::tag_line(&PathText(dir.to_vec()), "t", Some(id));
                crate::repo::replay::apply(tx, 0, &line)
            })
            .unwrap();
        };
        tx_tag(b"/e", ids[2]);
        assert_eq!(find("t").unwrap(), ids[2]);
        tx_tag(b"/d", ids[0]);
        assert_eq!(find("t").unwrap(), ids[0]);
        let error = repo.resolve(b"t", None).unwrap_err().to_string();
        assert!(
            error.contains("\"/d\"") && error.contains("\"/e\""),
            "{error}"
        );
    }

    #[test]
    fn operations_stack_up_and_redo_takes_them_off() {
        let base = tempfile::tempdir().unwrap();
        let repo = Repo::create(base.path()).unwrap();
        let d = Path::new("/d");
        let before = |n: u8| SnapshotId([n; 20]);
        let run = |work, n: u8| {
            let op = repo.begin(Begin {
                directory: PathText(b"/d".to_vec()),
                work,
                before: Some(before(n)),
                target: None,
                sources: Vec::new(),
                pid: 1,
                time: Time::now(),
            });
            let op = op.unwrap();
            repo.finish(op, true, None).unwrap();
            op
        };
        run(Work::Apply, 1);
        let first = run(Work::Revert, 2);
        let second = run(Work::Revert, 3);
        assert_eq!(repo.redo(d).unwrap(), Some((second, before(3))));
        run(Work::Redo, 4);
        assert_eq!(repo.redo(d).unwrap(), Some((first, before(2))));
        assert_eq!(repo.resolve(b"@{1}", Some(d)).unwrap(), before(4));
        assert_eq!(repo.resolve(b"/d@{4}", None).unwrap(), before(1));
        run(Work::Apply, 5);
        assert_eq!(repo.redo(d).unwrap(), None);
        assert_eq!(repo.operations(d).unwrap().len(), 5);
        assert!(repo.operations(d).unwrap()[0].finished.is_some());
    }
}
