//! The list of cases, held against the tests; and what became of each, printed when the last test has ended.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Mutex;

/// The list: it is written once, where people read it.
const LIST: &str = include_str!("README.md");

/// The files with the tests, each with the heading of its section in the list.
const FILES: [(&str, &str, &str); 10] = [
    ("basics", "Basics", include_str!("basics.rs")),
    ("comparing", "Comparing", include_str!("comparing.rs")),
    ("deleting", "Deleting", include_str!("deleting.rs")),
    ("filters", "Filters", include_str!("filters.rs")),
    ("links", "Links and special files", include_str!("links.rs")),
    (
        "writing",
        "Writing, races, interruption",
        include_str!("writing.rs"),
    ),
    ("names", "Names", include_str!("names.rs")),
    (
        "history",
        "Renames, history, snapshots",
        include_str!("history.rs"),
    ),
    ("plans", "Plans and output", include_str!("plans.rs")),
    (
        "situations",
        "Plans and output",
        include_str!("situations.rs"),
    ),
];

/// What became of one test, and what of it could not be had here.
struct Outcome {
    number: u32,
    failed: bool,
    ran: bool,
    lacks: Vec<String>,
}

static OUTCOMES: Mutex<Vec<Outcome>> = Mutex::new(Vec::new());

/// A test of a case; what became of it is noted when it ends.
pub struct Case {
    number: u32,
    ran: Cell<bool>,
    lacks: RefCell<Vec<String>>,
}

/// Begins a test of a case.
pub fn case(number: u32) -> Case {
    Case {
        number,
        ran: Cell::new(true),
        lacks: RefCell::default(),
    }
}

impl Case {
    /// The whole test cannot be had here.
    pub fn cannot(&self, why: &str) {
        self.ran.set(false);
        self.without(why);
    }

    /// Part of the test cannot be had here.
    pub fn without(&self, why: &str) {
        eprintln!("skipped: {why}");
        self.lacks.borrow_mut().push(why.to_string());
    }

    /// Whether the tests run as root; a test that needs it cannot be had otherwise.
    pub fn as_root(&self) -> bool {
        let root = rustix::process::geteuid().is_root();
        if !root {
            self.cannot("only root can set this up");
        }
        root
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let mut all = OUTCOMES.lock().unwrap_or_else(|e| e.into_inner());
        all.push(Outcome {
            number: self.number,
            failed: std::thread::panicking(),
            ran: self.ran.get(),
            lacks: self.lacks.take(),
        });
        if all.len() == tests().len() {
            print(&all);
        }
    }
}

/// Writes the table past the capture of the test harness, and into a file.
fn print(all: &[Outcome]) {
    let mut text = String::from("\nConformance, case by case:\n");
    for (number, (_, title)) in list() {
        let mine: Vec<_> = all.iter().filter(|o| o.number == number).collect();
        let mut lacks: Vec<&str> = Vec::new();
        for why in mine.iter().flat_map(|o| &o.lacks) {
            if !lacks.contains(&why.as_str()) {
                lacks.push(why);
            }
        }
        let why = lacks.join("; ");
        let state = match mine.iter().any(|o| o.ran) {
            _ if mine.iter().any(|o| o.failed) => "FAILED".to_string(),
            false => format!("does not apply: {why}"),
            true if why.is_empty() => "held".to_string(),
            true => format!("held, but not tried here: {why}"),
        };
        text += &format!("{number:>3}  {state:<4}  {title}\n");
    }
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.txt");
    let _ = std::fs::write(file, &text);
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The cases of the list: number, section and title.
fn list() -> BTreeMap<u32, (&'static str, &'static str)> {
    let mut cases = BTreeMap::new();
    let mut section = "";
    for line in LIST.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        }
        let cells: Vec<&str> = line.split(" | ").collect();
        let number = cells[0].trim_start_matches("| ").parse();
        if let (Ok(number), [_, title, learned]) = (number, &cells[..]) {
            assert!(learned.len() > 2, "{number}: learned from nobody");
            let twice = cases.insert(number, (section, *title)).is_some();
            assert!(!twice, "{number} is in the list twice");
        }
    }
    cases
}

/// The tests: number, heading of the file's section, and name.
fn tests() -> Vec<(u32, &'static str, String)> {
    let mut tests = Vec::new();
    for (_, heading, text) in FILES {
        let lines: Vec<&str> = text.lines().collect();
        for at in (0..lines.len()).filter(|at| lines[*at] == "#[test]") {
            let name = lines[at + 1].trim_start_matches("fn ");
            let name = name.split('(').next().unwrap_or(name);
            let number = name
                .strip_prefix("case_")
                .and_then(|rest| rest.get(..2))
                .and_then(|digits| digits.parse().ok());
            let number = number.unwrap_or_else(|| panic!("{name} has no number"));
            let begin = format!("case({number});");
            assert!(lines[at + 2].ends_with(&begin), "{name}: not {begin}");
            tests.push((number, heading, name.to_string()));
        }
    }
    tests
}

#[test]
fn every_case_has_a_test_and_every_test_a_case() {
    let (list, tests) = (list(), tests());
    assert_eq!(list.len(), 62, "cases in the list");
    let tested: BTreeSet<u32> = tests.iter().map(|(number, ..)| *number).collect();
    let listed: BTreeSet<u32> = list.keys().copied().collect();
    let untested: Vec<_> = listed.difference(&tested).collect();
    let unlisted: Vec<_> = tested.difference(&listed).collect();
    assert!(
        untested.is_empty() && unlisted.is_empty(),
        "cases without a test: {untested:?}; tests of no case: {unlisted:?}"
    );
    for (number, heading, name) in &tests {
        assert_eq!(list[number].0, *heading, "{name} is in the wrong file");
    }
    // A number has one home.
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite");
    for item in std::fs::read_dir(suite).expect("the other tests") {
        let path = item.expect("an item").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(!text.contains("fn conformance_"), "{}", path.display());
    }
}
