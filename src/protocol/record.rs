//! Every record type of the protocol, in one place. `man/fsync-records.5` documents them for people.
//!
//! Each record is one JSON object on one line, `type` first. Inside the library a record is a plain
//! value of [`crate::model`]; the `Wire…` types here are its form on the wire. Byte strings are
//! `name` when they are UTF-8 and `name_hex` otherwise, never both. Readers ignore unknown fields.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::name;
use crate::model::quote::escape_json;
use crate::model::{
    Address, Change, Counts, Inode, Kind, Outcome, Problem, RelPath, Rule, Skip, SnapshotId,
    SourceRule, State, Status, Time, Why,
};
use crate::repo::text::{Text, split as fields};

/// The protocol's number; it rises with whatever changes what must be done. `tests/sample` pins what it means.
pub const PROTOCOL: u32 = 1;

/// One record.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// `header`: the first record of a plan.
    Header(Header),
    /// `change`: one step.
    Change(Change),
    /// `skip`: something passed over.
    Skip(Skip),
    /// `error`: something that went wrong with one entry.
    Error(Problem),
    /// `snapshot`: the destination's state before the plan is durable under this id.
    Snapshot(SnapshotRecord),
    /// `result`: what became of one change.
    Result(ResultRecord),
    /// `progress`: for people waiting; no program acts on it, so it passes as it came ([`crate::protocol::progress`]).
    Progress(Box<str>),
    /// `end`: the plan is complete.
    End(End),
    /// `x-…`: somebody else's, passed through as it came.
    Foreign(Box<str>),
}

/// A root: a directory, or a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Root {
    /// An absolute path.
    Directory(Box<[u8]>),
    /// A snapshot in the repository.
    Snapshot(SnapshotId),
    /// A directory on another machine.
    Far(Address),
}

/// The record `header`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The protocol that the stream speaks.
    pub protocol: u32,
    /// Who wrote it: `fsync-diff 0.1.0`.
    pub tool: String,
    /// What is laid over each other, later ones winning.
    pub sources: Vec<Root>,
    /// What is to change.
    pub destination: Root,
    /// The options that matter to whoever performs the plan.
    pub options: Options,
}

/// The options in a header.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Entries that no source has are deleted.
    pub delete: bool,
    /// Excluded entries of the destination are deleted too.
    pub delete_excluded: bool,
    /// Contents were compared whenever sizes were equal.
    pub checksum: bool,
    /// Equal sizes were taken for equal contents.
    pub size_only: bool,
    /// Owners were compared and are set.
    pub owner: bool,
    /// Extended attributes were compared.
    pub xattrs: bool,
    /// Owners count for nothing: they were not compared and are not set.
    #[serde(skip_serializing_if = "is_false")]
    pub no_owner: bool,
    /// Nor do permission bits.
    #[serde(skip_serializing_if = "is_false")]
    pub no_perms: bool,
    /// Nor do modification times.
    #[serde(skip_serializing_if = "is_false")]
    pub no_times: bool,
    /// Times closer than this, in nanoseconds, were taken for equal.
    pub modify_window_ns: u64,
    /// Mount points were not entered, so they need not be recorded.
    #[serde(skip_serializing_if = "is_false")]
    pub one_file_system: bool,
    /// The filter's rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// The rules of single sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_rules: Vec<SourceRule>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The record `snapshot`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRecord {
    /// Its id.
    pub id: SnapshotId,
    /// The directory that it records, absolute.
    pub directory: Box<[u8]>,
    /// Whether an archive was made for it, or one that existed says the same.
    pub new: bool,
}

/// The record `result`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultRecord {
    /// The change's path.
    pub path: RelPath,
    /// The change's status.
    pub status: Status,
    /// What became of it.
    pub outcome: Outcome,
    /// The reason, where it was not done.
    pub message: Option<String>,
}

/// The record `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct End {
    /// What was planned.
    pub counts: Counts,
    /// How many `error` records were written.
    pub errors: u64,
    /// How many `skip` records with a cause were written.
    pub skipped: u64,
}

/// Joins the two possible fields of a byte string; `None` when both are missing.
fn bytes(
    name: &str,
    text: Option<Text<'_>>,
    hexed: Option<Text<'_>>,
) -> Result<Option<Box<[u8]>>, String> {
    match (text, hexed) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(text.into_owned().into_bytes().into_boxed_slice())),
        (None, Some(hexed)) => {
            let raw = hex::decode(hexed.as_bytes()).map_err(|e| format!("{name}_hex: {e}"))?;
            Ok(Some(raw.into_boxed_slice()))
        }
        (Some(_), Some(_)) => Err(format!("{name} and {name}_hex exclude each other")),
    }
}

fn rel_path(
    name: &str,
    text: Option<Text<'_>>,
    hexed: Option<Text<'_>>,
) -> Result<Option<RelPath>, String> {
    bytes(name, text, hexed)?
        .map(|raw| RelPath::parse(&raw).map_err(|e| format!("{name}: {e}")))
        .transpose()
}

fn need<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{name} is missing"))
}

#[derive(Serialize, Deserialize)]
struct WireHeader<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    protocol: u32,
    #[serde(borrow)]
    tool: Text<'a>,
    #[serde(borrow)]
    sources: Vec<WireRoot<'a>>,
    destination: WireRoot<'a>,
    #[serde(default)]
    options: Options,
}

#[derive(Serialize, Deserialize)]
struct WireRoot<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<SnapshotId>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireOwner {
    uid: u32,
    gid: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireState<'a> {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    mtime: Time,
    /// Octal, four digits: `"0644"`.
    #[serde(borrow)]
    mode: Text<'a>,
    owner: WireOwner,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    target: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    target_hex: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    rdev: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    dev: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    ino: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ctime: Option<Time>,
}

#[derive(Serialize, Deserialize)]
struct WireChange<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    status: char,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Text<'a>>,
    kind: Kind,
    #[serde(default)]
    source: u32,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    from: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    from_hex: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    from_old: Option<WireState<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    link_to: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    link_to_hex: Option<Text<'a>>,
    #[serde(default, borrow)]
    why: Vec<Text<'a>>,
    #[serde(default, borrow)]
    old: Option<WireState<'a>>,
    #[serde(default, borrow)]
    new: Option<WireState<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireSkip<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<u32>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    #[serde(default)]
    cause: bool,
}

#[derive(Serialize, Deserialize)]
struct WireError<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Text<'a>>,
    #[serde(borrow)]
    operation: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct WireSnapshot<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    id: SnapshotId,
    #[serde(borrow)]
    directory: WireRoot<'a>,
    #[serde(default)]
    new: bool,
}

#[derive(Serialize, Deserialize)]
struct WireResult<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    status: char,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Text<'a>>,
    outcome: Outcome,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireCounts {
    added: u64,
    modified: u64,
    type_changed: u64,
    deleted: u64,
    renamed: u64,
    touched: u64,
}

#[derive(Serialize, Deserialize)]
struct WireEnd<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(default)]
    counts: WireCounts,
    #[serde(default)]
    content_bytes: u64,
    #[serde(default)]
    errors: u64,
    #[serde(default)]
    skipped: u64,
}

impl<'a> From<&'a Root> for WireRoot<'a> {
    fn from(root: &'a Root) -> Self {
        let (path, path_hex, snapshot) = match root {
            Root::Directory(raw) => {
                let (path, path_hex) = fields(raw);
                (path, path_hex, None)
            }
            Root::Snapshot(id) => (None, None, Some(*id)),
            Root::Far(address) => {
                let url = address.url();
                let (path, path_hex) = fields(&url);
                let own = |text: Option<Text<'_>>| text.map(|t| Text::Owned(t.into_owned()));
                (own(path), own(path_hex), None)
            }
        };
        WireRoot {
            path,
            path_hex,
            snapshot,
        }
    }
}

impl WireRoot<'_> {
    fn value(self) -> Result<Root, String> {
        match (bytes("path", self.path, self.path_hex)?, self.snapshot) {
            (None, Some(id)) => Ok(Root::Snapshot(id)),
            (Some(raw), None) if raw.starts_with(b"/") && !raw.contains(&0) => {
                Ok(Root::Directory(raw))
            }
            (Some(raw), None) if raw.starts_with(b"ssh://") || raw.starts_with(b"near://") => {
                let address = Address::parse(&raw).map_err(|e| e.cause())?;
                address.map(Root::Far).ok_or_else(|| "is no address".into())
            }
            (Some(_), None) => Err("a root must be an absolute path".into()),
            _ => Err("a root is either a path or a snapshot".into()),
        }
    }
}

impl<'a> From<&'a State> for WireState<'a> {
    fn from(state: &'a State) -> Self {
        let (target, target_hex) = match &state.target {
            Some(raw) => fields(raw),
            None => (None, None),
        };
        let number = |n: u64| Some(Cow::Owned(n.to_string()));
        WireState {
            kind: state.kind,
            size_bytes: (state.kind == Kind::File).then_some(state.size),
            mtime: state.mtime,
            mode: Cow::Owned(format!("{:04o}", state.mode)),
            owner: WireOwner {
                uid: state.uid,
                gid: state.gid,
            },
            target,
            target_hex,
            rdev: state
                .kind
                .is_device()
                .then(|| Cow::Owned(state.rdev.to_string())),
            dev: state.inode.and_then(|i| number(i.dev)),
            ino: state.inode.and_then(|i| number(i.ino)),
            ctime: state.inode.map(|i| i.ctime),
        }
    }
}

impl WireState<'_> {
    fn value(self) -> Result<State, String> {
        let number = |name: &str, text: &str| {
            text.parse::<u64>()
                .map_err(|_| format!("{name}: not a number in quotes"))
        };
        let inode = match (&self.dev, &self.ino, self.ctime) {
            (Some(dev), Some(ino), Some(ctime)) => Some(Inode {
                dev: number("dev", dev)?,
                ino: number("ino", ino)?,
                ctime,
            }),
            (None, None, None) => None,
            _ => return Err("dev, ino and ctime go together".into()),
        };
        let mode = u32::from_str_radix(&self.mode, 8)
            .ok()
            .filter(|m| *m <= 0o7777)
            .ok_or("mode: not an octal number up to 7777 in quotes")?;
        let target = bytes("target", self.target, self.target_hex)?;
        if (self.kind == Kind::Symlink) != target.is_some() {
            return Err("a symlink, and nothing else, has a target".into());
        }
        if target
            .as_ref()
            .is_some_and(|t| t.is_empty() || t.contains(&0))
        {
            return Err("target: empty, or holds a NUL byte".into());
        }
        let times = [Some(self.mtime), self.ctime];
        if times.iter().flatten().any(|t| t.nanos > 999_999_999) {
            return Err("mtime or ctime: nanos above 999999999".into());
        }
        // To the system that number means: leave it as it is (chown(2)).
        if self.owner.uid == u32::MAX || self.owner.gid == u32::MAX {
            return Err("owner: nobody can have that number".into());
        }
        Ok(State {
            kind: self.kind,
            mode,
            uid: self.owner.uid,
            gid: self.owner.gid,
            size: self.size_bytes.unwrap_or(0),
            mtime: self.mtime,
            rdev: self.rdev.map_or(Ok(0), |n| number("rdev", &n))?,
            target,
            inode,
        })
    }
}

impl<'a> From<&'a Change> for WireChange<'a> {
    fn from(change: &'a Change) -> Self {
        let (path, path_hex) = fields(change.path.as_bytes());
        let from = change.from.as_deref();
        let (from_path, from_hex) = from.map_or((None, None), |(p, _)| fields(p.as_bytes()));
        let link = change.link_to.as_ref();
        let (link_to, link_to_hex) = link.map_or((None, None), |p| fields(p.as_bytes()));
        WireChange {
            r#type: Cow::Borrowed("change"),
            status: change.status.letter(),
            path,
            path_hex,
            kind: change.kind,
            source: change.source,
            from: from_path,
            from_hex,
            from_old: from.map(|(_, state)| state.into()),
            link_to,
            link_to_hex,
            why: change.why.words().map(Cow::Borrowed).collect(),
            old: change.old.as_deref().map(Into::into),
            new: change.new.as_deref().map(Into::into),
        }
    }
}

impl WireChange<'_> {
    fn value(self) -> Result<Change, String> {
        let mut why = Why::NONE;
        for word in &self.why {
            why = why.with(Why::from_word(word).ok_or_else(|| format!("why: unknown {word:?}"))?);
        }
        let path = need("path", rel_path("path", self.path, self.path_hex)?)?;
        let from = rel_path("from", self.from, self.from_hex)?;
        let from = match (from, self.from_old) {
            (Some(path), Some(state)) => Some(Box::new((path, state.value()?))),
            (None, None) => None,
            _ => return Err("from and from_old go together".into()),
        };
        let change = Change {
            status: Status::from_letter(self.status).ok_or("status: unknown letter")?,
            path,
            kind: self.kind,
            source: self.source,
            old: self.old.map(WireState::value).transpose()?.map(Box::new),
            new: self.new.map(WireState::value).transpose()?.map(Box::new),
            why,
            from,
            link_to: rel_path("link_to", self.link_to, self.link_to_hex)?,
        };
        coherent(&change)?;
        Ok(change)
    }
}

/// Whether a change's fields fit its status.
fn coherent(change: &Change) -> Result<(), String> {
    let (old, new) = (change.old.as_ref(), change.new.as_ref());
    let fits = match change.status {
        Status::Added => old.is_none() && new.is_some(),
        Status::Modified | Status::Touched => {
            matches!((old, new), (Some(o), Some(n)) if o.kind == n.kind)
        }
        Status::TypeChanged => matches!((old, new), (Some(o), Some(n)) if o.kind != n.kind),
        Status::Deleted => old.is_some() && new.is_none(),
        // Only a file may be renamed onto something, which is a file as well.
        Status::Renamed => {
            new.is_some_and(|n| old.is_none_or(|o| o.kind == Kind::File && n.kind == Kind::File))
        }
    };
    if !fits {
        return Err("old and new do not fit the status".into());
    }
    if change.from.is_some() != (change.status == Status::Renamed) {
        return Err("a rename, and nothing else, has from".into());
    }
    let kind = new.or(old).map(|s| s.kind);
    if kind != Some(change.kind) {
        return Err("kind is not that of new and old".into());
    }
    if change.path.is_root() && !matches!(change.status, Status::Touched | Status::Added) {
        return Err("the root can only be added or touched".into());
    }
    if change.path.is_root() && change.kind != Kind::Directory {
        return Err("the root is a directory".into());
    }
    if change
        .link_to
        .as_ref()
        .is_some_and(|l| l.is_root() || *l == change.path)
    {
        return Err("link_to: not another entry".into());
    }
    let makes = matches!(
        change.status,
        Status::Added | Status::Modified | Status::TypeChanged
    );
    if change.link_to.is_some() && (!makes || change.kind == Kind::Directory) {
        return Err("link_to: only what is made, and no directory, is another name".into());
    }
    if change.status == Status::Modified && change.kind == Kind::Directory {
        return Err("a directory cannot be modified".into());
    }
    if let Some((from, old)) = change.from.as_deref() {
        if from.is_within(&change.path) || change.path.is_within(from) {
            return Err("from: holds the path, or lies inside it".into());
        }
        if old.kind != change.kind {
            return Err("from_old is of another kind".into());
        }
    }
    let mut named = [
        Some(&change.path),
        change.from.as_deref().map(|f| &f.0),
        change.link_to.as_ref(),
    ]
    .into_iter()
    .flatten();
    match named.any(is_ours) {
        true => Err("BACKUP and temporaries are never part of a plan".into()),
        false => Ok(()),
    }
}

/// Whether a path is one that fsync keeps for itself.
pub fn is_ours(path: &RelPath) -> bool {
    path.as_bytes() == name::BACKUP || path.components().any(name::is_temporary)
}

impl Record {
    /// Appends the record and its newline.
    pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let from = out.len();
        match self {
            Record::Header(header) => serde_json::to_writer(&mut *out, &wire_header(header))?,
            Record::Change(change) => return write_change(change, out),
            Record::Skip(skip) => serde_json::to_writer(&mut *out, &wire_skip(skip))?,
            Record::Error(problem) => serde_json::to_writer(&mut *out, &wire_error(problem))?,
            Record::Snapshot(snapshot) => {
                serde_json::to_writer(&mut *out, &wire_snapshot(snapshot))?
            }
            Record::Result(result) => serde_json::to_writer(&mut *out, &wire_result(result))?,
            Record::End(end) => serde_json::to_writer(&mut *out, &wire_end(end))?,
            Record::Progress(line) | Record::Foreign(line) => {
                out.extend_from_slice(line.as_bytes())
            }
        }
        escape_json(out, from);
        out.push(b'\n');
        Ok(())
    }

    /// Reads one line without its newline.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: &[u8]) -> Result<Record, String> {
        #[derive(Deserialize)]
        struct Tag<'a> {
            #[serde(borrow)]
            r#type: Text<'a>,
        }
        let text = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
        if text.starts_with("{\"type\":\"change\",") {
            return Ok(Record::Change(json::<WireChange>(text)?.value()?));
        }
        let tag: Tag = json(text)?;
        match &*tag.r#type {
            "change" => Ok(Record::Change(json::<WireChange>(text)?.value()?)),
            "header" => parse_header(json(text)?),
            "skip" => parse_skip(json(text)?),
            "error" => parse_error(json(text)?),
            "snapshot" => parse_snapshot(json(text)?),
            "result" => parse_result(json(text)?),
            "progress" => Ok(Record::Progress(Box::from(text))),
            "end" => Ok(Record::End(end_value(&json(text)?))),
            other if other.starts_with("x-") => Ok(Record::Foreign(Box::from(text))),
            other => Err(format!("unknown record type {other:?}")),
        }
    }
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// Appends a `change` record and its newline, without cloning the change into a [`Record`].
pub fn write_change(change: &Change, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let from = out.len();
    serde_json::to_writer(&mut *out, &WireChange::from(change))?;
    escape_json(out, from);
    out.push(b'\n');
    Ok(())
}

fn wire_header(header: &Header) -> WireHeader<'_> {
    WireHeader {
        r#type: Cow::Borrowed("header"),
        protocol: header.protocol,
        tool: Cow::Borrowed(&header.tool),
        sources: header.sources.iter().map(Into::into).collect(),
        destination: (&header.destination).into(),
        options: header.options.clone(),
    }
}

fn parse_header(wire: WireHeader<'_>) -> Result<Record, String> {
    if wire.protocol > PROTOCOL {
        return Err(format!(
            "protocol {} is newer than this program's {PROTOCOL}; update fsync",
            wire.protocol
        ));
    }
    let roots: Result<Vec<_>, _> = wire.sources.into_iter().map(WireRoot::value).collect();
    Ok(Record::Header(Header {
        protocol: wire.protocol,
        tool: wire.tool.into_owned(),
        sources: roots?,
        destination: wire.destination.value()?,
        options: wire.options,
    }))
}

fn wire_skip(skip: &Skip) -> WireSkip<'_> {
    let (path, path_hex) = fields(skip.path.as_bytes());
    WireSkip {
        r#type: Cow::Borrowed("skip"),
        path,
        path_hex,
        source: skip.source,
        reason: Cow::Borrowed(&skip.reason),
        rule: skip.rule.clone(),
        cause: skip.cause,
    }
}

fn parse_skip(wire: WireSkip<'_>) -> Result<Record, String> {
    Ok(Record::Skip(Skip {
        path: need("path", rel_path("path", wire.path, wire.path_hex)?)?,
        source: wire.source,
        reason: wire.reason.into_owned(),
        rule: wire.rule,
        cause: wire.cause,
        asked: false,
    }))
}

fn wire_error(problem: &Problem) -> WireError<'_> {
    let (path, path_hex) = fields(problem.path.as_bytes());
    WireError {
        r#type: Cow::Borrowed("error"),
        path,
        path_hex,
        operation: Cow::Borrowed(&problem.operation),
        message: Cow::Borrowed(&problem.message),
    }
}

fn parse_error(wire: WireError<'_>) -> Result<Record, String> {
    Ok(Record::Error(Problem {
        path: need("path", rel_path("path", wire.path, wire.path_hex)?)?,
        operation: wire.operation.into_owned(),
        message: wire.message.into_owned(),
        damaged: false,
    }))
}

fn wire_snapshot(snapshot: &SnapshotRecord) -> WireSnapshot<'_> {
    let (path, path_hex) = fields(&snapshot.directory);
    WireSnapshot {
        r#type: Cow::Borrowed("snapshot"),
        id: snapshot.id,
        directory: WireRoot {
            path,
            path_hex,
            snapshot: None,
        },
        new: snapshot.new,
    }
}

fn parse_snapshot(wire: WireSnapshot<'_>) -> Result<Record, String> {
    match wire.directory.value()? {
        Root::Directory(directory) => Ok(Record::Snapshot(SnapshotRecord {
            id: wire.id,
            directory,
            new: wire.new,
        })),
        Root::Snapshot(_) | Root::Far(_) => Err("directory: not a path".into()),
    }
}

fn wire_result(result: &ResultRecord) -> WireResult<'_> {
    let (path, path_hex) = fields(result.path.as_bytes());
    WireResult {
        r#type: Cow::Borrowed("result"),
        status: result.status.letter(),
        path,
        path_hex,
        outcome: result.outcome,
        message: result.message.as_deref().map(Cow::Borrowed),
    }
}

fn parse_result(wire: WireResult<'_>) -> Result<Record, String> {
    Ok(Record::Result(ResultRecord {
        path: need("path", rel_path("path", wire.path, wire.path_hex)?)?,
        status: Status::from_letter(wire.status).ok_or("status: unknown letter")?,
        outcome: wire.outcome,
        message: wire.message.map(Cow::into_owned),
    }))
}

fn wire_end(end: &End) -> WireEnd<'static> {
    WireEnd {
        r#type: Cow::Borrowed("end"),
        counts: WireCounts {
            added: end.counts.of(Status::Added),
            modified: end.counts.of(Status::Modified),
            type_changed: end.counts.of(Status::TypeChanged),
            deleted: end.counts.of(Status::Deleted),
            renamed: end.counts.of(Status::Renamed),
            touched: end.counts.of(Status::Touched),
        },
        content_bytes: end.counts.bytes,
        errors: end.errors,
        skipped: end.skipped,
    }
}

fn end_value(wire: &WireEnd<'_>) -> End {
    let mut counts = Counts::default();
    counts.bytes = wire.content_bytes;
    counts.set(Status::Added, wire.counts.added);
    counts.set(Status::Modified, wire.counts.modified);
    counts.set(Status::TypeChanged, wire.counts.type_changed);
    counts.set(Status::Deleted, wire.counts.deleted);
    counts.set(Status::Renamed, wire.counts.renamed);
    counts.set(Status::Touched, wire.counts.touched);
    End {
        counts,
        errors: wire.errors,
        skipped: wire.skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams of protocol 1 are read as they were meant, and would be written again byte by byte.
    #[test]
    fn samples_come_back() {
        for sample in [
            &include_bytes!("../../tests/sample/protocol-1/plan.ndjson")[..],
            include_bytes!("../../tests/sample/protocol-1/through.ndjson"),
            include_bytes!("../../tests/sample/protocol-1/results.ndjson"),
        ] {
            let mut again = Vec::new();
            for line in sample.split_inclusive(|b| *b == b'\n') {
                let record = Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
                record.write(&mut again).unwrap();
            }
            assert_eq!(
                String::from_utf8(again).unwrap(),
                String::from_utf8(sample.to_vec()).unwrap()
            );
        }
    }

    fn state(kind: Kind) -> State {
        State {
            kind,
            mode: 0o4755,
            uid: 1,
            gid: 2,
            size: if kind == Kind::File { 7 } else { 0 },
            mtime: Time::new(-5, 6),
            rdev: 0,
            target: (kind == Kind::Symlink).then(|| Box::from(&b"\xff/x"[..])),
            inode: Some(Inode {
                dev: 1,
                ino: u64::MAX,
                ctime: Time::new(9, 9),
            }),
        }
    }

    fn back(record: &Record) -> Record {
        let mut line = Vec::new();
        record.write(&mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'));
        Record::parse(&line).unwrap()
    }

    #[test]
    fn every_record_comes_back() {
        let path = RelPath::parse(b"a/\xff\n").unwrap();
        let change = Change {
            path: path.clone(),
            status: Status::TypeChanged,
            kind: Kind::Symlink,
            source: 3,
            old: Some(Box::new(state(Kind::File))),
            new: Some(Box::new(state(Kind::Symlink))),
            why: Why::KIND.with(Why::MTIME),
            from: None,
            link_to: Some(RelPath::parse(b"b").unwrap()),
        };
        let mut counts = Counts::default();
        counts.add(&change);
        let rule = Rule {
            pattern: "*.o".into(),
            origin: "f".into(),
            line: 2,
        };
        let records = [
            Record::Header(Header {
                protocol: 0,
                tool: "t".into(),
                sources: vec![Root::Directory(Box::from(&b"/\xfe"[..]))],
                destination: Root::Snapshot(SnapshotId([1; 20])),
                options: Options {
                    delete: true,
                    rules: vec![rule.clone()],
                    ..Options::default()
                },
            }),
            Record::Change(change),
            Record::Skip(Skip {
                path: path.clone(),
                source: Some(1),
                reason: "r".into(),
                rule: Some(rule),
                cause: true,
                asked: false,
            }),
            Record::Error(Problem {
                path: path.clone(),
                operation: "o".into(),
                message: "m".into(),
                damaged: false,
            }),
            Record::Snapshot(SnapshotRecord {
                id: SnapshotId([2; 20]),
                directory: Box::from(&b"/d"[..]),
                new: true,
            }),
            Record::Result(ResultRecord {
                path,
                status: Status::Touched,
                outcome: Outcome::Torn,
                message: None,
            }),
            Record::End(End {
                counts,
                errors: 1,
                skipped: 2,
            }),
            Record::Foreign(Box::from("{\"type\":\"x-note\",\"a\":1}")),
        ];
        for record in records {
            assert_eq!(back(&record), record);
        }
    }

    #[test]
    fn key_order_does_not_matter() {
        let line = br#"{"b":1,"errors":4,"type":"end"}"#;
        assert!(matches!(
            Record::parse(line),
            Ok(Record::End(End { errors: 4, .. }))
        ));
    }

    #[test]
    fn refuses_what_is_not_a_record() {
        let state = r#"{"kind":"file","mtime":{"secs":0,"nanos":0},"mode":"0644","owner":{"uid":0,"gid":0}}"#;
        let add = |path: &str| {
            format!(
                r#"{{"type":"change","status":"A","path":{path:?},"kind":"file","new":{state}}}"#
            )
        };
        assert!(Record::parse(add("a").as_bytes()).is_ok());
        let bad = [
            add("../a"),
            add("/a"),
            add(""),
            add("a/./b"),
            add("."),
            add("a").replace("\"A\"", "\"M\""),
            add("a").replace("\"A\"", "\"X\""),
            add("a").replace("0644", "99"),
            add("a").replace("\"path\"", "\"path_hex\":\"61\",\"path\""),
            r#"{"type":"news"}"#.into(),
            r#"{"type":"header","protocol":99,"tool":"","sources":[],"destination":{"path":"/"}}"#
                .into(),
            "{\"type\":\"end\"".into(),
            "[]".into(),
        ];
        for line in bad {
            assert!(Record::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
