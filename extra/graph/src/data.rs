//! What the page is given: everything that it shows, as words and numbers.

use fsync::cli::human;
use fsync::model::{SnapshotId, Status};
use fsync::porcelain::history::words;
use fsync::porcelain::summary::short;
use fsync::protocol::report::Step;
use fsync::repo::{Extent, PathText};
use serde::Serialize;

use crate::changes::{Changes, Line};
use crate::layout::Layout;
use crate::story::{Node, Origin, Story};
use crate::text;

/// No more paths are named in a note.
const SOME: usize = 20;

/// All of it.
#[derive(Serialize)]
pub struct Data {
    program: &'static str,
    made: String,
    directory: String,
    left_out: usize,
    snapshots: Vec<Snapshot>,
    backs: Vec<Way>,
}

/// A snapshot, in its column.
#[derive(Serialize)]
struct Snapshot {
    id: String,
    time: String,
    lane: usize,
    /// The column of what it comes from.
    parent: Option<usize>,
    /// How many are gone in between.
    gone: usize,
    /// Where it comes from, when that is not drawn.
    origin: Option<String>,
    head: bool,
    tags: Vec<String>,
    imported: Option<String>,
    /// How many of its files were forgotten.
    forgotten: usize,
    host: String,
    extent: &'static str,
    archive_bytes: Option<u64>,
    content_bytes: u64,
    files: u64,
    directories: u64,
    others: u64,
    notes: Vec<String>,
    operations: Vec<Operation>,
    changes: Shown,
}

/// What was done after a snapshot.
#[derive(Serialize)]
struct Operation {
    words: String,
    time: String,
    /// The column of what it went to.
    to: Option<usize>,
}

/// A revert or a redo.
#[derive(Serialize)]
struct Way {
    from: usize,
    to: usize,
    track: usize,
    redo: bool,
    words: String,
    time: String,
}

/// What a snapshot changed.
#[derive(Serialize)]
struct Shown {
    since: Option<String>,
    /// A letter and a number for each status that there is.
    counts: Vec<(char, u64)>,
    /// Status, path, kind, size before, size after, what differs, where it was.
    list: Vec<Row>,
    rest: u64,
    unsure: u64,
    fault: Option<String>,
}

type Row = (
    char,
    String,
    &'static str,
    Option<u64>,
    Option<u64>,
    String,
    Option<String>,
);

impl Data {
    /// Of a history, and what each of its snapshots changed.
    pub fn new(story: &Story, changes: Vec<Changes>) -> Self {
        let layout = Layout::new(story);
        let snapshots = story.nodes.iter().zip(changes).enumerate();
        let backs = story.backs.iter().zip(&layout.tracks);
        Data {
            program: concat!("fsync-graph ", env!("CARGO_PKG_VERSION")),
            made: human::time(fsync::model::Time::now()),
            directory: text::path(&story.directory.0),
            left_out: story.left_out,
            snapshots: snapshots
                .map(|(at, (node, changes))| Snapshot {
                    operations: operations(story, at, node),
                    lane: layout.lanes[at],
                    ..snapshot(node, changes)
                })
                .collect(),
            backs: backs
                .map(|(back, track)| Way {
                    from: back.from,
                    to: back.to,
                    track: *track,
                    redo: back.is_redo(),
                    words: said(&back.step),
                    time: human::time(back.step.time),
                })
                .collect(),
        }
    }
}

fn snapshot(node: &Node, changes: Changes) -> Snapshot {
    let (info, history) = (&node.info, &node.history);
    let gone = match &node.origin {
        Origin::From { gone, .. } => *gone,
        _ => 0,
    };
    Snapshot {
        id: info.id.to_string(),
        time: human::time(info.time),
        lane: 0,
        parent: node.origin.parent(),
        gone,
        origin: origin(&node.origin),
        head: history.head,
        tags: history.tags.iter().map(|tag| text::word(tag)).collect(),
        imported: info.imported.as_ref().map(|zip| text::path(&zip.0)),
        forgotten: info.forgotten.len(),
        host: text::word(&info.host),
        extent: match info.extent {
            Extent::Full => "full",
            Extent::Thin => "thin",
            Extent::Pack => "pack",
        },
        archive_bytes: history.archive_bytes,
        content_bytes: info.counts.content_bytes,
        files: info.counts.files,
        directories: info.counts.directories,
        others: info.counts.others,
        notes: notes(node),
        operations: Vec::new(),
        changes: shown(changes),
    }
}

/// Where it comes from, when that is not drawn.
fn origin(origin: &Origin) -> Option<String> {
    let from = |id: &SnapshotId, why: &str| Some(format!("from {}, {why}", short(id)));
    match origin {
        Origin::Beginning | Origin::From { .. } => None,
        Origin::Gone(id) => from(id, "which is gone, and so is all before it"),
        Origin::Earlier(id) => from(id, "which is older than what is drawn"),
        Origin::Elsewhere(id, directory) => from(id, &format!("of {}", text::path(&directory.0))),
        Origin::Unknown(id) => from(id, "which this repository does not have"),
    }
}

/// What a person should know of it, a line each.
fn notes(node: &Node) -> Vec<String> {
    let info = &node.info;
    let forgotten = &info.forgotten;
    let unreadable: Vec<PathText> = info
        .unreadable
        .iter()
        .filter(|path| !forgotten.contains(path))
        .cloned()
        .collect();
    let rules: Vec<String> = info.rules.iter().map(|r| text::word(&r.pattern)).collect();
    let mut notes = Vec::new();
    let mut note = |what: &str, names: Vec<String>| {
        let more = names.len().saturating_sub(SOME);
        let mut line = names.into_iter().take(SOME).collect::<Vec<_>>().join(", ");
        if more > 0 {
            line += &format!(" and {more} more");
        }
        if !line.is_empty() {
            notes.push(format!("{what}: {line}"));
        }
    };
    let paths = |list: &[PathText]| list.iter().map(|p| text::path(&p.0)).collect();
    note("forgotten", paths(forgotten));
    note("could not be read", paths(&unreadable));
    note("changed while it was read", paths(&info.unstable));
    note("left out", rules);
    notes
}

fn operations(story: &Story, at: usize, node: &Node) -> Vec<Operation> {
    let steps = node.history.operations.iter();
    steps
        .map(|step| Operation {
            words: said(step),
            time: human::time(step.time),
            to: story
                .backs
                .iter()
                .find(|back| back.from == at && back.step.n == step.n)
                .map(|back| back.to),
        })
        .collect()
}

fn said(step: &Step) -> String {
    text::word(&words(step))
}

fn shown(changes: Changes) -> Shown {
    let counts = changes.counts;
    let all = Status::ALL.into_iter().map(|s| (s.letter(), counts.of(s)));
    Shown {
        since: changes.since.map(|id| short(&id)),
        counts: all.filter(|(_, count)| *count > 0).collect(),
        list: changes.lines.into_iter().map(row).collect(),
        rest: changes.rest,
        unsure: changes.unsure,
        fault: changes.fault,
    }
}

fn row(line: Line) -> Row {
    (
        line.status.letter(),
        line.path,
        line.kind,
        line.sizes.0,
        line.sizes.1,
        line.why,
        line.from,
    )
}
