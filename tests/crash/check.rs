//! What must hold after a crash, wherever it came.

use std::process::Output;

use crate::case::{Case, Crash, Recorded, Run, alike, chosen, entries, record};
use crate::image::{Image, Kind, remove};
use crate::model::Body;
use crate::support::{Oracle, Sandbox, long};

/// How many crashes of one command are tried in the quick form.
const FEW: usize = 20;
/// How many failures are listed.
const LISTED: usize = 12;

/// Runs a command, and tries what its crashes leave.
pub fn every_crash(case: &Case<'_>) {
    let run = record(case);
    let root = case.s.path(".").canonicalize().expect("the sandbox");
    let tried = chosen(&run.crashes, FEW);
    assert!(!tried.is_empty(), "nothing to try");
    let mut failures = Vec::new();
    for crash in &tried {
        crash.image.put(&root);
        if let Err(why) = holds(case, &run, crash) {
            let Crash {
                after, kind, call, ..
            } = crash;
            failures.push(format!("{after}{kind:?}, after {call}:\n{why}"));
        }
    }
    run.after.put(&root);
    eprintln!(
        "{}: {} of {} images",
        case.line,
        tried.len(),
        run.crashes.len()
    );
    let count = failures.len();
    failures.truncate(LISTED);
    assert!(
        count == 0,
        "{}: {count} of {} images failed (FSYNC_CRASH_AT=… tries one again):\n{}",
        case.line,
        tried.len(),
        failures.join("\n\n")
    );
}

/// A command of a person, and how it ended.
fn sh(s: &Sandbox, line: &str) -> Output {
    s.plain("sh").args(["-c", line]).output().expect("a shell")
}

fn code(out: &Output) -> i32 {
    out.status.code().unwrap_or(-1)
}

fn said(out: &Output) -> String {
    let both = [&out.stdout[..], &out.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn must(s: &Sandbox, line: &str, wanted: &[i32]) -> Result<Output, String> {
    let out = sh(s, line);
    match wanted.contains(&code(&out)) {
        true => Ok(out),
        false => Err(format!("{line}: exit code {}: {}", code(&out), said(&out))),
    }
}

/// All that must hold after one crash.
fn holds(case: &Case<'_>, run: &Run, crash: &Crash) -> Result<(), String> {
    for directory in &case.changes {
        old_or_new(run, crash, directory)?;
    }
    let is_there = is_repository(&crash.image);
    let relied = !crash.said.is_empty() || case.there.iter().any(|r| !r.may_go);
    if relied || is_there {
        verified(case, crash, !relied)?;
    }
    for recorded in &case.there {
        comes_back(case, recorded)?;
    }
    if let Some((directory, state)) = &case.records {
        for id in &crash.said {
            let recorded = Recorded {
                directory: (*directory).into(),
                id: id.clone(),
                states: vec![state.clone()],
                may_go: false,
            };
            comes_back(case, &recorded)?;
        }
    }
    if crash.ended {
        told(case, run, "when it had ended")?;
    }
    must(case.s, case.again, &[0])?;
    finished(case, run, crash)
}

/// The repository verifies, or does when one more command has seen it.
fn verified(case: &Case<'_>, crash: &Crash, may_be_none: bool) -> Result<(), String> {
    let wanted: &[i32] = match (case.damaged, may_be_none) {
        (true, _) => &[0, 8],
        (_, true) => &[0, 6],
        _ => &[0],
    };
    if must(case.s, "fsync verify", wanted).is_ok() {
        return Ok(());
    }
    // Of several lines that were appended at once a later page may have come, and the earlier one not. What is whole of them
    // cannot be told from lines that were said to be written, so it is not cut off; a repair takes the other one out.
    let word = match crash.kind {
        Kind::SyncedBack if crash.call.contains("log.ndjson") => "fsync verify --repair",
        _ => "fsync-tag",
    };
    sh(case.s, word);
    must(case.s, "fsync verify", wanted).map(drop)
}

fn is_repository(image: &Image) -> bool {
    let log = image.find("repo/log.ndjson").and_then(|n| n.data());
    log.is_some_and(|data| data.contains(&b'\n'))
}

/// At every path is what was there, or what shall be there.
pub fn old_or_new(run: &Run, crash: &Crash, directory: &str) -> Result<(), String> {
    let [old, new, now] = [&run.before, &run.after, &crash.image].map(|i| entries(i, directory));
    let paths = old.keys().chain(new.keys()).chain(now.keys());
    for path in paths {
        let [old, new, now] = [old.get(path), new.get(path), now.get(path)];
        let shown = path.escape_ascii();
        let is = |wanted: Option<&&crate::model::Node>| match (wanted, now) {
            (None, None) => true,
            (Some(a), Some(b)) => alike(a, b),
            _ => false,
        };
        if is(old) || is(new) {
            continue;
        }
        // Metadata alone are changed in place, one after the other.
        if let (Some(old), Some(new), Some(now)) = (old, new, now) {
            let same = old.body == new.body && now.body == old.body;
            let one_of = |a: bool, b: bool| a || b;
            if same
                && one_of(now.mode == old.mode, now.mode == new.mode)
                && one_of(now.mtime == old.mtime, now.mtime == new.mtime)
                && one_of(now.owner == old.owner, now.owner == new.owner)
            {
                continue;
            }
        }
        let brief = |node: Option<&&crate::model::Node>| match node {
            None => "nothing".to_string(),
            Some(node) => {
                let body = match &node.body {
                    Body::File(data) => format!("file of {} bytes", data.len()),
                    Body::Directory(_) => "directory".into(),
                    other => format!("{other:?}"),
                };
                format!("{body}, {:o}, {:?}", node.mode, node.mtime)
            }
        };
        return Err(format!(
            "{directory}/{shown}: was {}, shall be {}, is {}",
            brief(old),
            brief(new),
            brief(now)
        ));
    }
    Ok(())
}

/// A snapshot brings back what it recorded.
fn comes_back(case: &Case<'_>, recorded: &Recorded) -> Result<(), String> {
    let Recorded {
        directory,
        id,
        states,
        may_go,
    } = recorded;
    let out = case.s.path("out");
    let line = format!("fsync-revert {directory} {id} --to out");
    let wanted: &[i32] = match (*may_go, case.damaged) {
        (false, false) => &[0],
        (true, false) => &[0, 6],
        (false, true) => &[0],
        (true, true) => &[0, 3, 6, 8],
    };
    let ended = must(case.s, &line, wanted)?;
    if code(&ended) == 0 {
        let found = Oracle::of(&out);
        let differences: Vec<String> = states.iter().map(|s| s.differences(&found)).collect();
        if !differences.iter().any(String::is_empty) {
            return Err(format!(
                "{line} brings back something else:\n{}",
                differences.join(" or\n")
            ));
        }
    }
    remove(&out);
    Ok(())
}

/// Commands say what they say after a run that nothing stopped.
fn told(case: &Case<'_>, run: &Run, when: &str) -> Result<(), String> {
    for (line, wanted) in case.tells.iter().zip(&run.told) {
        let out = must(case.s, line, &[0])?;
        let text = String::from_utf8_lossy(&out.stdout);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if text != wanted {
            return Err(format!("{when}: {line}: {text:?}, not {wanted:?}"));
        }
    }
    Ok(())
}

/// After the second run all is as if nothing had stopped the first.
fn finished(case: &Case<'_>, run: &Run, crash: &Crash) -> Result<(), String> {
    for (directory, wanted) in case.changes.iter().zip(&run.results) {
        let mut found = wanted.differences(&Oracle::of(case.s.path(directory)));
        let time = |image: &Image| image.find(directory).map(|n| n.mtime);
        // BACKUP was being written, which moves it for a moment; nobody knows afterwards what it was.
        if case.still && time(&crash.image) != time(&run.before) {
            found = found
                .lines()
                .filter(|l| !l.starts_with("  \".\" (1 bytes): mtime"))
                .collect();
        }
        if !found.is_empty() && !case.timed {
            return Err(format!(
                "after the second run {directory} is (right):\n{found}"
            ));
        }
    }
    told(case, run, "after the second run")?;
    let left = leftovers(case.s);
    if !left.is_empty() {
        return Err(format!("left after the second run: {left:?}"));
    }
    if run.after.find("repo").is_some() {
        must(case.s, "fsync verify", &[0])?;
    }
    if long() {
        for recorded in &case.there {
            comes_back(case, recorded)?;
        }
    }
    Ok(())
}

/// Temporaries, wherever they are.
fn leftovers(s: &Sandbox) -> Vec<String> {
    let all = walkdir::WalkDir::new(s.path(".")).into_iter().flatten();
    let names = all.map(|e| e.path().to_string_lossy().into_owned());
    let is_one = |n: &String| n.contains("/.fsync-tmp-") || n.contains("/tmp/");
    let inside = s.path(".").to_string_lossy().into_owned();
    names
        .filter_map(|n| n.strip_prefix(&inside).map(|n| format!("/{n}")))
        .filter(is_one)
        .collect()
}
