//! How far the work has come: records, a line on a terminal, an answer to a signal.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Sandbox, Told, records, strace};

fn trees(s: &Sandbox) {
    let src = s.tree("src");
    for n in 0..40 {
        src.file(format!("d{}/f{n}", n % 4), vec![b'x'; 1000 + n]);
    }
    src.file("large", vec![b'y'; 9 << 20]).settle();
    s.tree("dst").file("old", "o").settle();
}

/// The records on standard error; every other line is somebody's word.
fn told(stderr: &str) -> (Vec<Value>, Vec<String>) {
    let (records_of, words): (Vec<&str>, Vec<&str>) =
        stderr.lines().partition(|l| l.starts_with('{'));
    let text: String = records_of.iter().map(|l| format!("{l}\n")).collect();
    (
        records(text.as_bytes()),
        words.iter().map(|w| w.to_string()).collect(),
    )
}

/// Of each program's phases, nothing goes back, and the last record says that it is over.
#[track_caller]
fn forward(all: &[Value]) {
    let mut last: std::collections::HashMap<(String, u64), &Value> =
        std::collections::HashMap::new();
    for record in all {
        assert_eq!(record["type"], "progress");
        let number = |v: &Value, name: &str| v[name].as_u64().unwrap_or(0);
        let key = (record["program"].to_string(), number(record, "round"));
        for name in ["files", "bytes", "elapsed_ms"] {
            let before = last.get(&key).map_or(0, |r| number(r, name));
            assert!(number(record, name) >= before, "{name} went back: {record}");
        }
        for (done, total) in [("files", "total_files"), ("bytes", "total_bytes")] {
            if let Some(total) = record[total].as_u64() {
                assert!(number(record, done) <= total, "{record}");
            }
        }
        last.insert(key, record);
    }
    for record in last.values() {
        assert_eq!(record["over"], true, "{record}");
    }
}

fn last<'a>(all: &'a [Value], program: &str, phase: &str) -> &'a Value {
    let mut of = all
        .iter()
        .filter(|r| r["program"] == program && r["phase"] == phase);
    of.next_back()
        .unwrap_or_else(|| panic!("no {phase} of {program}: {all:#?}"))
}

#[test]
fn records_of_every_program() {
    let s = Sandbox::new();
    trees(&s);
    let bytes: u64 = (0..40).map(|n| 1000 + n).sum::<u64>() + (9 << 20);
    let diff = s.run("fsync-diff --progress=json --json src dst").code(0);
    let (all, words) = told(&diff.complaint());
    forward(&all);
    assert_eq!(words, Vec::<String>::new());
    assert_eq!(last(&all, "fsync-diff", "comparing")["files"], 46);

    let plan = diff.bytes();
    let (all, _) = told(
        &s.feed("fsync-apply --progress=json", plan)
            .code(0)
            .complaint(),
    );
    forward(&all);
    let changing = last(&all, "fsync-apply", "changing");
    assert_eq!(changing["files"], changing["total_files"]);
    assert_eq!(changing["total_files"], 45);
    assert_eq!(changing["bytes"], bytes);
    assert_eq!(changing["total_bytes"], bytes);
    assert_eq!(changing["unit"], "changes");

    let (all, _) = told(&s.run("fsync-snap --progress=json src").code(0).complaint());
    forward(&all);
    assert_eq!(last(&all, "fsync-snap", "recording")["bytes"], bytes);
    assert_eq!(last(&all, "fsync-snap", "recording")["files"], 45);

    let id = s.snap("dst");
    s.tree("dst").edit("old", "edited").remove("large").settle();
    let (all, _) = told(
        &s.run(&format!("fsync-revert --progress=json dst {id}"))
            .code(0)
            .complaint(),
    );
    forward(&all);
    assert_eq!(
        last(&all, "fsync-revert", "changing")["total_bytes"],
        (9 << 20) + 1
    );
    let (all, _) = told(
        &s.run("fsync --progress=json verify --read-data")
            .code(0)
            .complaint(),
    );
    forward(&all);
    let checking = last(&all, "fsync", "checking");
    assert_eq!(checking["files"], checking["total_files"]);
    let (all, _) = told(
        &s.run(&format!("fsync-revert --progress=json dst {id} --to out"))
            .code(0)
            .complaint(),
    );
    assert_eq!(last(&all, "fsync-revert", "restoring")["bytes"], bytes + 1);
}

#[test]
fn the_porcelain_hands_on_the_records_of_its_stages() {
    let s = Sandbox::new();
    trees(&s);
    let ran = s.run("fsync --progress=json cp src dst").code(0);
    let (all, words) = told(&ran.complaint());
    forward(&all);
    for (program, phase) in [
        ("fsync-diff", "comparing"),
        ("fsync-snap", "recording"),
        ("fsync-apply", "changing"),
    ] {
        last(&all, program, phase);
    }
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words.iter().all(|w| w.starts_with("fsync: ")), "{words:?}");
    // Of a single stage too.
    let (all, _) = told(&s.run("fsync --progress=json rv -d dst").code(0).complaint());
    last(&all, "fsync-revert", "changing");
}

#[test]
fn nothing_without_a_terminal() {
    let s = Sandbox::new();
    trees(&s);
    for line in [
        "fsync cp src dst",
        "fsync --progress=auto rv -d dst",
        "fsync --progress=never rv -d dst --redo",
    ] {
        let said = s.run(line).code(0).complaint();
        assert!(said.lines().all(|l| l.starts_with("fsync")), "{said}");
        assert!(
            !said.contains("changing") && !said.contains('\x1b'),
            "{said}"
        );
    }
    s.run("fsync-diff src dst").code(0).nothing();
}

/// Puts a program in front of a stage's that is slow at its first change of a name.
fn slow(s: &Sandbox, stage: &str, seconds: u32) {
    let _ = fs::create_dir(s.path("exec"));
    let script = format!(
        "#!/bin/sh\necho $$ >'{0}/pid'\nexec strace -DDD -f -q -o '{0}/log' -e trace=rename,renameat,renameat2 \
         -e inject=rename,renameat,renameat2:delay_enter={1}:when=1 '{2}' \"$@\"\n",
        s.path("exec").display(),
        seconds * 1_000_000,
        Sandbox::programs().join(stage).display(),
    );
    let path = s.path("exec").join(stage);
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode");
}

#[test]
fn one_line_on_a_terminal_and_nothing_of_it_left() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    slow(&s, "fsync-apply", 3);
    let line = "fsync --color never --exec-path exec cp src dst";
    for columns in [40, 100] {
        let seen = s.terminal(columns, line, &[]);
        assert_eq!(seen.code, 0, "{}", seen.raw);
        let drawn: Vec<&str> = seen
            .raw
            .split(['\r', '\n', '\x1b'])
            .filter(|p| p.contains("changing"))
            .collect();
        assert!(!drawn.is_empty(), "{:?}", seen.raw);
        for part in drawn {
            let part = part.trim_start_matches("[2K");
            assert!(part.starts_with("fsync-apply: changing "), "{part:?}");
            assert!(part.chars().count() <= columns.into(), "{part:?}");
        }
        let left: Vec<&str> = seen.left.lines().collect();
        assert!(left[0].starts_with("fsync: \"dst\": "), "{left:?}");
        assert!(!seen.left.contains("changing"), "{}", seen.left);
        s.run("fsync -q rv -d dst").code(0);
    }
    let quiet = s.terminal(100, "fsync -q --exec-path exec cp src dst", &[]);
    assert_eq!((quiet.code, quiet.raw.as_str()), (0, ""));
}

#[test]
fn programs_joined_by_hand_do_not_write_over_each_other() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    slow(&s, "fsync-apply", 2);
    slow(&s, "fsync-snap", 2);
    let line = "sh -c 'fsync-diff --json src dst | exec/fsync-snap --through | exec/fsync-apply'";
    let seen = s.terminal(100, line, &[]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    for part in seen.raw.split(['\r', '\n', '\x1b']) {
        let part = part.trim_start_matches("[2K");
        let names = part.matches("fsync-").count();
        assert!(names <= 1, "two programs in one line: {part:?}");
    }
    assert!(seen.raw.contains("fsync-apply: changing"), "{:?}", seen.raw);
    assert_eq!(seen.left, "");
    s.run("fsync-diff src dst").code(0).nothing();
}

#[test]
fn a_signal_asks_at_any_time() {
    if !strace() {
        return;
    }
    for (line, wanted) in [
        ("exec/fsync-apply <plan", "fsync-apply: changing "),
        (
            "fsync --exec-path exec --progress=never cp src dst",
            "fsync-apply: changing ",
        ),
        (
            "fsync --exec-path exec -q cp src dst",
            "fsync-apply: changing ",
        ),
    ] {
        let s = Sandbox::new();
        trees(&s);
        s.sh("fsync-diff --json src dst >plan").code(0);
        slow(&s, "fsync-apply", 4);
        let script = format!(
            "{line} 2>said & until grep -q rename exec/log 2>/dev/null; do sleep 0.02; done
             kill -USR1 $!; until grep -q 'changing' said; do sleep 0.02; done; wait $!"
        );
        s.sh(&script).code(0);
        let said = fs::read_to_string(s.path("said")).expect("what was said");
        let answer = said
            .lines()
            .find(|l| l.contains("changing"))
            .expect("an answer");
        assert!(answer.starts_with(wanted), "{answer}");
        assert!(
            answer.contains(" of 45 changes") && answer.contains(" of 9.0 MiB"),
            "{answer}"
        );
        s.run("fsync-diff src dst").code(0).nothing();
    }
}
