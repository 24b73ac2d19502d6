//! The corpus of the fuzz targets (`fuzz/`), fed to the programs themselves: so it is of use where cargo-fuzz is not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::forged::every;
use crate::support::{Told, Traces};

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let Ok(list) = fs::read_dir(&folder) else {
        // A package leaves it out.
        eprintln!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let mut all: Vec<_> = list.map(|item| item.expect("an item").path()).collect();
    all.sort();
    all.into_iter()
        .map(|path| (path.clone(), fs::read(&path).expect("a file")))
        .collect()
}

/// Feeds a file to a program that can only refuse it, or find it stale.
fn feed(target: &str, line: &str) {
    let (s, canary, _) = every();
    for (path, bytes) in corpus(target) {
        let before = Traces::of(s.path("dst"));
        let told = s.feed(line, &bytes);
        let code = told.get_output().status.code();
        assert!(
            matches!(code, Some(0 | 2..=6 | 8)),
            "{}: {told}",
            path.display()
        );
        assert!(
            !told.complaint().contains("panicked"),
            "{}: {told}",
            path.display()
        );
        let odd = |c: char| c.is_control() && c != '\n';
        assert!(
            !told.complaint().chars().any(odd),
            "{}: {told}",
            path.display()
        );
        if code != Some(0) && code != Some(3) {
            before.assert_untouched(s.path("dst"));
        }
    }
    canary.assert_sings();
}

#[test]
fn of_plans() {
    feed("stream", "fsync-apply src dst");
    feed("record", "fsync-apply src dst");
}

#[test]
fn of_lines() {
    feed("line", "fsync-apply --dry-run src dst");
}

#[test]
fn of_archives() {
    let (s, canary, _) = every();
    for (path, bytes) in corpus("archive") {
        fs::write(s.path("some.zip"), &bytes).expect("a file");
        for line in [
            "fsync import -q -d elsewhere some.zip",
            "fsync-revert -q dst @ --to out",
        ] {
            let told = s.run(line);
            let code = told.get_output().status.code();
            assert!(
                matches!(code, Some(0 | 2..=6 | 8)),
                "{}: {told}",
                path.display()
            );
        }
        s.sh("rm -rf repo out").success();
    }
    canary.assert_sings();
}

#[test]
fn of_marks() {
    let (s, canary, _) = every();
    for (path, bytes) in corpus("mark") {
        for (name, line) in [
            (".fsync-sync", "fsync status dst"),
            (".fsync-backup", "fsync-tag dst"),
        ] {
            fs::write(s.path("dst").join(name), &bytes).expect("a file");
            let told = s.run(line);
            let code = told.get_output().status.code();
            assert!(
                matches!(code, Some(0 | 2..=6 | 8 | 9)),
                "{}: {told}",
                path.display()
            );
            assert!(
                !told.complaint().contains("panicked"),
                "{}: {told}",
                path.display()
            );
            fs::remove_file(s.path("dst").join(name)).expect("it");
        }
    }
    canary.assert_sings();
}

#[test]
fn of_logs() {
    let (s, canary, _) = every();
    s.snap("dst");
    for (path, bytes) in corpus("log") {
        fs::write(s.path("repo/log.ndjson"), &bytes).expect("a file");
        let told = s.run("fsync verify -q");
        let code = told.get_output().status.code();
        assert!(
            matches!(code, Some(0 | 2..=6 | 8 | 9)),
            "{}: {told}",
            path.display()
        );
        assert!(
            !told.complaint().contains("panicked"),
            "{}: {told}",
            path.display()
        );
    }
    canary.assert_sings();
}

#[test]
fn of_rules() {
    let (s, canary, _) = every();
    for (path, bytes) in corpus("rule") {
        fs::write(s.path("rules"), &bytes).expect("a file");
        let told = s.run("fsync-diff --exclude-from rules src dst");
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(0 | 2)), "{}: {told}", path.display());
    }
    canary.assert_sings();
}

#[test]
fn of_connections() {
    let (s, canary, _) = every();
    for (path, bytes) in corpus("wire") {
        let stream = bytes.strip_prefix(b"s").unwrap_or(&bytes);
        let whole = [b"fsync-link 1 0\n", stream].concat();
        for serve in [
            "fsync serve --restrict src --read-only",
            "fsync serve --restrict src",
        ] {
            let told = s.feed(serve, &whole);
            let code = told.get_output().status.code();
            assert_eq!(code, Some(0), "{}: {told}", path.display());
            assert_eq!(told.complaint(), "", "{}", path.display());
        }
    }
    canary.assert_sings();
}
