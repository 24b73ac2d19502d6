//! What differs at one path, in lines that a terminal may be shown. It is read on a thread of its own: whatever a plan
//! names, the keys go on working.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use fsync::cli::human;
use fsync::cli::option::Common;
use fsync::cli::place::{Place, Places};
use fsync::cli::talk::shown;
use fsync::model::quote::quote;
use fsync::model::{Change, Kind, Result, State, Status};
use fsync::ops::patch::Patch;
use fsync::protocol::Header;
use fsync::tree::Tree;

/// So many lines are kept, and so many bytes of each.
const LINES: usize = 10_000;
const LONGEST: usize = 4_000;
/// A tab reaches to the next of these columns.
const TAB: usize = 8;

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// About the change.
    About,
    /// Of both sides.
    Both,
    /// Only of the destination.
    Old,
    /// Only of the source.
    New,
    /// Where a part begins.
    Mark,
}

/// Lines about a change.
pub type Lines = Vec<(Tone, String)>;

/// Asks for texts, and gets them.
pub struct Texts {
    ask: Sender<(usize, Change)>,
    answers: Receiver<(usize, Lines)>,
}

impl Texts {
    /// Of a plan with that header.
    pub fn new(common: Common, header: &Header) -> Self {
        let (ask, asked) = channel::<(usize, Change)>();
        let (answer, answers) = channel();
        let sources: Vec<Place> = header.sources.iter().map(Place::of).collect();
        let destination = Place::of(&header.destination);
        let work = move || {
            let mut trees = Trees::new(common, sources, destination);
            while let Ok(mut wanted) = asked.recv() {
                // Only the last is still waited for.
                while let Ok(later) = asked.try_recv() {
                    wanted = later;
                }
                let (number, change) = wanted;
                if answer.send((number, trees.lines(&change))).is_err() {
                    return;
                }
            }
        };
        // Without a thread there is no text; everything else works.
        let _ = thread::Builder::new().spawn(work);
        Texts { ask, answers }
    }

    /// Asks for the text of a change; whether somebody heard it.
    pub fn ask(&self, number: usize, change: &Change) -> bool {
        self.ask.send((number, change.clone())).is_ok()
    }

    /// What has come since.
    pub fn come(&self) -> Option<(usize, Lines)> {
        self.answers.try_iter().last()
    }
}

/// The trees of a plan, opened when they are needed.
struct Trees {
    common: Common,
    sources: Vec<(Place, Option<Box<dyn Tree>>)>,
    destination: (Place, Option<Box<dyn Tree>>),
    places: Option<Places>,
}

impl Trees {
    fn new(common: Common, sources: Vec<Place>, destination: Place) -> Self {
        Trees {
            common,
            sources: sources.into_iter().map(|s| (s, None)).collect(),
            destination: (destination, None),
            places: None,
        }
    }

    /// All that is said of a change.
    fn lines(&mut self, change: &Change) -> Lines {
        let mut lines = about(change);
        if change.kind == Kind::Directory && change.status != Status::TypeChanged {
            return lines;
        }
        if change.status == Status::Renamed {
            lines.push((Tone::About, "its contents stay".into()));
            return lines;
        }
        match self.patch(change) {
            Ok(text) => put(&text, &mut lines),
            Err(error) => lines.push((Tone::About, shown(&error.cause()))),
        }
        lines
    }

    fn patch(&mut self, change: &Change) -> Result<Vec<u8>> {
        let places = match self.places.take() {
            Some(places) => places,
            None => Places::new(&self.common)?,
        };
        let places = self.places.insert(places);
        if change.old.is_some() && self.destination.1.is_none() {
            self.destination.1 = Some(places.open(&self.destination.0)?);
        }
        let destination = self.destination.1.as_deref();
        let source = match self.sources.get_mut(change.source as usize) {
            Some((place, tree)) if change.new.is_some() => {
                if tree.is_none() {
                    *tree = Some(places.open(place)?);
                }
                tree.as_deref()
            }
            // It is not looked at.
            _ => destination,
        };
        match source {
            Some(source) => Patch::new(source, destination).of(change),
            None => Ok(Vec::new()),
        }
    }
}

/// What the plan itself says.
fn about(change: &Change) -> Lines {
    let status = match change.status {
        Status::Added => "is added",
        Status::Modified => "is modified",
        Status::TypeChanged => "becomes something else",
        Status::Deleted => "is deleted",
        Status::Renamed => "is renamed",
        Status::Touched => "gets new metadata",
    };
    let mut first = format!("{} {status}", change.kind.word());
    if let Some((from, _)) = change.from.as_deref() {
        first += &format!(" from {from}");
    }
    let words: Vec<&str> = change.why.words().collect();
    if !words.is_empty() {
        first += &format!(": {}", words.join(", "));
    }
    let linked = change
        .link_to
        .as_ref()
        .map(|first| format!("another name of {first}"));
    let said = [first].into_iter().chain(linked).chain(states(change));
    said.map(|s| (Tone::About, shown(&s))).collect()
}

/// What is, or becomes other.
fn states(change: &Change) -> Vec<String> {
    match (change.old.as_deref(), change.new.as_deref()) {
        (Some(old), Some(new)) => {
            let both = facts(old).into_iter().zip(facts(new));
            let differ = both
                .filter(|((_, old), (_, new))| old != new && !old.is_empty() && !new.is_empty());
            differ
                .map(|((what, old), (_, new))| format!("{what} {old} -> {new}"))
                .collect()
        }
        (Some(one), None) | (None, Some(one)) => {
            let all = facts(one).into_iter().skip(1);
            let all = all.filter(|(_, value)| !value.is_empty());
            let all: Vec<String> = all.map(|(what, value)| format!("{what} {value}")).collect();
            vec![all.join(", ")]
        }
        (None, None) => Vec::new(),
    }
}

fn facts(state: &State) -> [(&'static str, String); 6] {
    let size = match state.kind {
        Kind::File => human::size(state.size),
        _ => String::new(),
    };
    let target = state.target.as_deref().map(quote).unwrap_or_default();
    [
        ("kind", state.kind.word().to_string()),
        ("size", size),
        ("mode", format!("{:04o}", state.mode)),
        ("owner", format!("{}:{}", state.uid, state.gid)),
        ("time", human::time(state.mtime)),
        ("target", target),
    ]
}

/// How the lines of a patch begin that only name what it is about.
const NAMES: [&[u8]; 4] = [b"diff ", b"index ", b"--- ", b"+++ "];

/// A patch in lines.
fn put(text: &[u8], lines: &mut Lines) {
    let mut body = false;
    let all = text.split_inclusive(|b| *b == b'\n');
    let count = all.clone().count();
    for line in all.take(LINES) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        body = match line {
            [b'd', b'i', b'f', b'f', b' ', ..] => false,
            [b'@', b'@', b' ', ..] => true,
            _ => body,
        };
        let tone = match line.first() {
            // The path is seen elsewhere, and room is dear.
            _ if !body && NAMES.iter().any(|name| line.starts_with(name)) => continue,
            Some(b'@') if line.starts_with(b"@@ ") => Tone::Mark,
            _ if !body => Tone::Mark,
            Some(b'+') => Tone::New,
            Some(b'-') => Tone::Old,
            _ => Tone::Both,
        };
        lines.push((tone, safe(line)));
    }
    if count > LINES {
        let more = human::number((count - LINES) as u64);
        lines.push((Tone::About, format!("... and {more} more lines")));
    }
}

/// A line of a file as a terminal may have it: no byte of it does anything but be seen.
fn safe(line: &[u8]) -> String {
    let (line, cut) = match line.len() > LONGEST {
        true => (&line[..LONGEST], " [...]"),
        false => (line, ""),
    };
    let mut out = String::new();
    for c in String::from_utf8_lossy(line).chars() {
        match c {
            // The first column is the patch's.
            '\t' => {
                let at = out.chars().count().saturating_sub(1);
                out.extend(std::iter::repeat_n(' ', TAB - at % TAB));
            }
            c => out.push_str(&shown(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out + cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_file_reaches_the_terminal_raw() {
        let line = safe(b"+\ta\x1b[2J\xff\r\xe2\x80\xae");
        assert_eq!(line, "+        a\\u{1b}[2J\u{fffd}\\r\\u{202e}");
        assert!(safe(&[b'x'; 100_000]).len() < LONGEST + 10);
    }

    #[test]
    fn lines_have_tones_and_an_end() {
        let mut lines = Lines::new();
        put(
            b"diff --git a/x b/x\nold mode 1\nindex 1..2\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n c\n--- d\n",
            &mut lines,
        );
        let tones: Vec<Tone> = lines.iter().map(|(tone, _)| *tone).collect();
        assert_eq!(
            tones[..2],
            [Tone::Mark; 2],
            "the mode, and where the part begins"
        );
        assert_eq!(tones[2..], [Tone::Old, Tone::New, Tone::Both, Tone::Old]);
        let mut lines = Lines::new();
        put(&b"+x\n".repeat(LINES + 5), &mut lines);
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines[LINES].1, "... and 5 more lines");
    }
}
