//! Looks over a zip file that is not ours before anything of it is read: names, kinds, modes and times, as far as zip
//! says them.
//!
//! - A name is bytes when Unix made the entry, or when it is UTF-8; else code page 437. Only of entries that others than
//!   Unix made is a backslash a separator.
//! - `.` and empty components are passed over. `..`, absolute names and drive letters, NUL, a name twice, a name below
//!   a file or a symbolic link, entries that share bytes, that are encrypted or packed in a way that is neither stored nor
//!   deflate, that inflate to another length than they say or have another CRC: the file is refused.
//! - setuid, setgid and sticky bits are dropped, as unzip does. Devices, fifos and sockets are passed over, and so is what is
//!   called as fsync's own files are.
//! - The time is that of the extra field `UT`, else the DOS one, taken for UTC. A directory that has no entry gets mode
//!   0755 and the newest time below it.

use std::collections::BTreeMap;
use std::fs::File;

use zip::extra_fields::ExtraField;
use zip::read::{ZipArchive, ZipFile};
use zip::{CompressionMethod, System};

use crate::model::listed::tidy;
use crate::model::{Kind, Problem, RelPath, Result, State, Time, name};
use crate::ops::import::Zip;

/// The longest target of a symbolic link, in bytes.
pub(super) const LONGEST: u64 = 4095;
/// Deflate cannot shrink more than this: a length beyond is a lie.
const MOST: u64 = 1100;
/// The kinds in `st_mode`.
const KIND: u32 = 0o170_000;

/// One entry to take in.
pub(super) struct Item {
    /// Its number in the zip; `None` of a directory that has no entry.
    pub index: Option<usize>,
    pub state: State,
}

/// What a zip has, before anything of it is read.
pub(super) struct Survey {
    pub items: BTreeMap<RelPath, Item>,
    pub skipped: Vec<Problem>,
    /// The length of all contents, and of the longest.
    pub bytes: u64,
    pub largest: u64,
    owner: (u32, u32),
}

impl Survey {
    /// Looks at all entries.
    ///
    /// # Errors
    /// Whatever makes the file one that is refused.
    pub fn of(zip: &Zip, archive: &mut ZipArchive<File>, owner: (u32, u32)) -> Result<Survey> {
        if archive.has_duplicate_names() {
            return Err(zip.bad("two entries have the same name"));
        }
        if archive
            .has_overlapping_entries()
            .map_err(|e| zip.fault(e))?
        {
            return Err(zip.bad("entries share bytes, or are not where they are said to be"));
        }
        let mut survey = Survey {
            items: BTreeMap::new(),
            skipped: Vec::new(),
            bytes: 0,
            largest: 0,
            owner,
        };
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|e| zip.fault(e))?;
            survey.enter(zip, &entry, index)?;
        }
        survey.fill(zip)?;
        Ok(survey)
    }

    fn enter(&mut self, zip: &Zip, entry: &ZipFile<'_, File>, index: usize) -> Result<()> {
        let raw = entry.name_raw();
        let unix = matches!(entry.system(), System::Unix | System::OsDarwin);
        let text = decoded(raw, unix, || entry.name().ok().map(|n| n.into_owned()));
        let path = path_of(&text).map_err(|why| zip.bad_entry(raw, why))?;
        honest(entry).map_err(|why| zip.bad_entry(raw, why))?;
        let mode = match unix {
            true => entry.external_attributes() >> 16,
            false => 0,
        };
        let kind = kind_of(mode, text.ends_with(b"/"), entry.size());
        let kind = match kind.and_then(|kind| theirs(&path).map(|()| kind)) {
            Ok(kind) => kind,
            Err(why) => {
                self.skip(path, why);
                return Ok(());
            }
        };
        let size = entry.size();
        fitting(kind, size).map_err(|why| zip.bad_entry(raw, why))?;
        self.bytes = self.bytes.saturating_add(size);
        self.largest = self.largest.max(size);
        let mtime = time_of(entry).unwrap_or(zip.mtime);
        let state = State {
            size: if kind == Kind::File { size } else { 0 },
            ..self.state(kind, permissions(mode, kind), mtime)
        };
        let index = Some(index);
        match self.items.insert(path, Item { index, state }) {
            Some(_) => Err(zip.bad_entry(raw, "is there under this name already")),
            None => Ok(()),
        }
    }

    fn state(&self, kind: Kind, mode: u32, mtime: Time) -> State {
        State {
            kind,
            mode,
            uid: self.owner.0,
            gid: self.owner.1,
            size: 0,
            mtime,
            rdev: 0,
            target: None,
            inode: None,
        }
    }

    fn skip(&mut self, path: RelPath, why: &str) {
        self.skipped.push(Problem {
            path,
            operation: "import".into(),
            message: format!("skipped: {why}"),
            damaged: false,
        });
    }

    /// Adds the directories that have no entries; refuses what lies below something else.
    fn fill(&mut self, zip: &Zip) -> Result<()> {
        let mut implied: BTreeMap<RelPath, Time> = BTreeMap::new();
        for (path, item) in &self.items {
            let mut above = path.parent();
            while let Some(dir) = above {
                match self.items.get(&dir) {
                    Some(found) if found.state.kind == Kind::Directory => {}
                    Some(found) => {
                        let what = found.state.kind.word();
                        let why = format!("lies below {dir}, which is a {what}");
                        return Err(zip.bad_entry(path.as_bytes(), why));
                    }
                    None => {
                        let newest = implied.entry(dir.clone()).or_insert(item.state.mtime);
                        *newest = (*newest).max(item.state.mtime);
                    }
                }
                above = dir.parent();
            }
        }
        let root = self.items.get(&RelPath::root()).map(|i| i.state.kind);
        match root {
            Some(Kind::Directory) => {}
            Some(_) => return Err(zip.bad("its root is not a directory")),
            None => drop(implied.entry(RelPath::root()).or_insert(zip.mtime)),
        }
        for (path, mtime) in implied {
            let state = self.state(Kind::Directory, 0o755, mtime);
            self.items.insert(path, Item { index: None, state });
        }
        Ok(())
    }
}

/// Whether an entry can be read, and be what it says.
fn honest(entry: &ZipFile<'_, File>) -> Result<(), &'static str> {
    if entry.encrypted() {
        return Err("is encrypted");
    }
    let (size, packed) = (entry.size(), entry.compressed_size());
    let possible = match entry.compression() {
        CompressionMethod::Stored => size == packed,
        CompressionMethod::Deflated => size / MOST <= packed,
        _ => return Err("is packed in a way other than stored or deflate"),
    };
    match possible {
        true => Ok(()),
        false => Err("says a length that it cannot have"),
    }
}

fn fitting(kind: Kind, size: u64) -> Result<(), &'static str> {
    match (kind, size) {
        (Kind::Directory, 1..) => Err("is a directory and has contents"),
        (Kind::Symlink, n) if n == 0 || n > LONGEST => {
            Err("is a symbolic link with an impossible target")
        }
        _ => Ok(()),
    }
}

/// The time of the extra field `UT`, else the DOS one.
fn time_of(entry: &ZipFile<'_, File>) -> Option<Time> {
    let exact = entry.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    // Seconds with a sign, whatever the reader takes them for.
    let exact = exact.map(|secs| Time::new(i64::from(secs as i32), 0));
    exact.or_else(|| entry.last_modified().and_then(dos))
}

/// The bytes of a name, `/` between components.
fn decoded(raw: &[u8], unix: bool, translated: impl Fn() -> Option<String>) -> Vec<u8> {
    let bytes = match unix || std::str::from_utf8(raw).is_ok() {
        true => raw.to_vec(),
        false => translated().map_or_else(|| raw.to_vec(), String::into_bytes),
    };
    match unix {
        true => bytes,
        false => bytes
            .into_iter()
            .map(|b| if b == b'\\' { b'/' } else { b })
            .collect(),
    }
}

fn path_of(name: &[u8]) -> Result<RelPath, String> {
    let drive = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.get(1) == Some(&b':')
        && matches!(name.get(2), None | Some(b'/' | b'\\'));
    match drive {
        true => Err("the name begins with a drive letter".into()),
        false => tidy(name).map_err(|fault| fault.to_string()),
    }
}

/// The kind that `st_mode` gives, or why it is passed over.
fn kind_of(mode: u32, slash: bool, size: u64) -> Result<Kind, &'static str> {
    match mode & KIND {
        0o120_000 if !slash => Ok(Kind::Symlink),
        0o040_000 => Ok(Kind::Directory),
        0 | 0o100_000 if slash => Ok(Kind::Directory),
        0 | 0o100_000 => Ok(Kind::File),
        // What was packed from a pipe is a file.
        0o010_000 if size > 0 => Ok(Kind::File),
        0o010_000 => Err("a fifo"),
        0o140_000 => Err("a socket"),
        0o020_000 | 0o060_000 => Err("a device"),
        _ => Err("of no kind that can be recorded"),
    }
}

fn permissions(mode: u32, kind: Kind) -> u32 {
    match (mode & 0o777, kind) {
        (_, Kind::Symlink) => 0o777,
        (0, Kind::Directory) => 0o755,
        (0, _) => 0o644,
        (bits, _) => bits,
    }
}

/// Names of fsync's own files are never part of a tree.
fn theirs(path: &RelPath) -> Result<(), &'static str> {
    let backup = path.components().next() == Some(name::BACKUP);
    match backup || path.components().any(name::is_temporary) {
        true => Err("has a name that only fsync's own files have"),
        false => Ok(()),
    }
}

fn dos(time: zip::DateTime) -> Option<Time> {
    let time = jiff::civil::DateTime::new(
        i16::try_from(time.year()).ok()?,
        i8::try_from(time.month()).ok()?,
        i8::try_from(time.day()).ok()?,
        i8::try_from(time.hour()).ok()?,
        i8::try_from(time.minute()).ok()?,
        i8::try_from(time.second()).ok()?,
        0,
    );
    let zoned = jiff::tz::TimeZone::UTC.to_timestamp(time.ok()?).ok()?;
    Some(Time::new(zoned.as_second(), 0))
}
