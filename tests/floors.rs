//! The shape of the sources: floors whose imports only go down, small mains, files with one job.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first; `src/lib.rs` has the same table for people.
const FLOORS: [&str; 8] = [
    "model",
    "tree",
    "disk",
    "repo",
    "ops",
    "protocol",
    "cli",
    "porcelain",
];

/// The most lines of a file, its unit tests not counted: one that has more has two jobs.
const MOST: usize = 400;

/// Files above [`MOST`], and how long each may be; one that has been split comes off the list.
/// The protocol's records are one file on purpose.
const LONG: [(&str, usize); 1] = [("protocol/record.rs", 820)];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below `src`, by its path from there, with its text.
fn files() -> Vec<(String, String)> {
    let files = files_below(&source(), &source());
    assert!(files.len() > FLOORS.len());
    files
}

/// Those of the programs in `extra`, by their paths from the root: `extra/watch/src/eye.rs`.
fn extra() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("extra")).unwrap();
    let sources = crates.map(|entry| entry.unwrap().path().join("src"));
    let files: Vec<_> = sources
        .flat_map(|source| files_below(&source, root))
        .collect();
    assert!(files.iter().any(|(name, _)| name.ends_with("src/main.rs")));
    files
}

fn files_below(folder: &Path, from: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|e| e == "rs") {
            let name = entry.path().strip_prefix(from).unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            files.push((name.to_str().unwrap().to_string(), text));
        }
    }
    files
}

fn height(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|f| *f == floor)
}

/// Code without its comments, so that a doc link is no import.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("//") {
        Some(at) => &line[..at],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The first names of every path that begins with `crate::`, also of `crate::{a, b::c}`.
fn imports(text: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        let is_word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_word).collect()
    };
    let mut names = Vec::new();
    for part in code(text).split("crate::").skip(1) {
        let Some(group) = part.strip_prefix('{') else {
            names.push(word(part));
            continue;
        };
        let (mut depth, mut from) = (0, 0);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                '}' | ',' if depth == 0 => {
                    names.push(word(&group[from..at]));
                    from = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn imports_are_found() {
    let text = "use crate::model::{A, B};\nuse crate::{cli, disk::{x, y}};\n// crate::porcelain\nf(crate::repo::g)";
    assert_eq!(imports(text), ["model", "cli", "disk", "repo"]);
}

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for (name, text) in files() {
        let Some((floor, _)) = name.split_once('/') else {
            continue;
        };
        let Some(own) = height(floor) else {
            assert_eq!(floor, "bin", "{name} is on no floor");
            continue;
        };
        for import in imports(&text) {
            match height(&import) {
                Some(other) if other <= own => {}
                Some(_) => wrong.push(format!("{name} imports {import}, which is above it")),
                None => wrong.push(format!("{name} imports crate::{import}, which is no floor")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_is_complete() {
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    let rows: Vec<_> = FLOORS
        .map(|floor| map.find(&format!("| [`{floor}`] |")))
        .into();
    assert!(
        rows.iter().all(Option::is_some) && rows.is_sorted(),
        "{rows:?}"
    );
}

#[test]
fn mains_are_five_lines() {
    for (name, text) in files().into_iter().chain(extra()) {
        if name.starts_with("bin/") || name.ends_with("/src/main.rs") {
            let code = code(&text);
            let lines = code.lines().filter(|l| !l.trim().is_empty()).count();
            assert!(lines <= 5, "{name} has {lines} lines of code");
        }
    }
}

#[test]
fn files_are_short() {
    for (name, text) in files().into_iter().chain(extra()) {
        let lines = text.lines().take_while(|l| *l != "#[cfg(test)]").count();
        match LONG.iter().find(|(long, _)| *long == name) {
            Some((_, most)) => {
                assert!(
                    lines <= *most,
                    "{name} has grown to {lines} lines: split it"
                );
                assert!(
                    lines > MOST,
                    "{name} has only {lines} lines: take it off the list"
                );
            }
            None => assert!(
                lines <= MOST,
                "{name} has {lines} lines, the most is {MOST}: split it"
            ),
        }
    }
}
