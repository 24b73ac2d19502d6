//! The store that the page shows, written by somebody else, in another language.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::conformance;
use crate::dialogue::{Answer, Place, test_file};

const PROGRAM: &str = "fsync-store-dir";

/// A store in a directory; `None`, and a reason, where there is no Python.
fn place(directory: &std::path::Path) -> Option<Place> {
    let there = Command::new("/usr/bin/python3").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no /usr/bin/python3 here");
        return None;
    }
    fs::create_dir(directory.join("store")).unwrap();
    Some(Place {
        program: test_file(PROGRAM),
        address: format!("dir://{}/store", directory.display()),
        missing: format!("dir://{}/none", directory.display()),
        environment: vec![],
        directory: Some(directory.join("store")),
    })
}

#[test]
fn a_store_in_a_directory_conforms() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let Some(place) = place(directory.path()) else {
        return;
    };
    conformance::all(&place);
    // Of what was cut short nothing is left over.
    for entry in walk(directory.path()) {
        assert!(!entry.contains('~'), "{entry}");
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path()),
            false => vec![entry.path().display().to_string()],
        })
        .collect()
}

#[test]
fn a_store_in_a_directory_says_what_is_wrong() {
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        eprintln!("skipped: root may write everywhere");
        return;
    }
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let Some(place) = place(directory.path()) else {
        return;
    };
    let dialogue = place.open("denied");
    assert_eq!(dialogue.put("a", b"x"), Answer::Made);
    let folder = place.directory.as_ref().unwrap().join("denied/f");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o500)).unwrap();
    assert_eq!(dialogue.put("f/a", b"x").word(), "denied");
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(dialogue.put("f/a", b"x"), Answer::Made);
}

#[test]
fn the_page_shows_the_program_that_is_tested() {
    let page = fs::read_to_string(test_file("../../../man/fsync-store.7")).unwrap();
    let shown = page
        .split(".in 0\n")
        .nth(1)
        .unwrap()
        .split(".in\n")
        .next()
        .unwrap();
    let plain = [
        ("\\(aq", "'"),
        ("\\(ti", "~"),
        ("\\(ha", "^"),
        ("\\(ga", "`"),
        ("\\-", "-"),
        ("\\&", ""),
        ("\\e", "\\"),
    ];
    let shown = plain
        .iter()
        .fold(shown.to_string(), |text, (from, to)| text.replace(from, to));
    let file = fs::read_to_string(test_file(PROGRAM)).unwrap();
    assert!(shown == file, "{shown}");
    assert!(file.lines().count() <= 60);
    assert_eq!(
        fs::metadata(test_file(PROGRAM))
            .unwrap()
            .permissions()
            .mode()
            & 0o111,
        0o111
    );
}
