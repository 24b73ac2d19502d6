//! Bad and cut input: exit 5 before the first write.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Sandbox, Told, Traces, plan_line};

/// A small plan: one file added, one edited, one deleted.
fn small() -> (Sandbox, Vec<Value>) {
    let s = Sandbox::new();
    s.tree("src").file("add", "a").file("edit", "new").settle();
    s.tree("dst")
        .file("edit", "older")
        .file("gone", "")
        .settle();
    s.tree("outside").file("precious", "kept");
    let plan = s
        .run("fsync-diff --json --delete src dst")
        .code(0)
        .records();
    (s, plan)
}

/// Feeds a stream to a program; its exit code.
fn code(mut command: Command, stream: &[u8]) -> i32 {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    // A program that has seen enough may be gone before all is written.
    let _ = child.stdin.take().expect("its stdin").write_all(stream);
    child.wait().expect("it ends").code().expect("no signal")
}

/// Every program that changes something refuses this stream, and nothing has changed.
#[track_caller]
fn refused(s: &Sandbox, stream: &[u8], what: &str) {
    let before = Traces::of(s.path("dst"));
    let told = s.feed("fsync-apply", stream);
    assert_eq!(told.get_output().status.code(), Some(5), "{what}: {told}");
    told.nothing().one_line("fsync-apply", &[]);
    let told = s.feed("fsync-snap --through", stream);
    assert_eq!(
        told.get_output().status.code(),
        Some(5),
        "through, {what}: {told}"
    );
    assert!(
        !told.bytes().windows(12).any(|w| w == b"\"type\":\"end\""),
        "no end goes on: {what}"
    );
    before.assert_untouched(s.path("dst"));
    assert!(s.archives().is_empty(), "no snapshot: {what}");
}

#[test]
fn a_cut_stream_through_snap_makes_no_snapshot() {
    let (s, plan) = small();
    let stream = plan_line(&plan);
    let mut through = s.plain("fsync-snap");
    through.arg("--through");
    for at in (0..stream.len()).step_by(29).chain([stream.len() - 1]) {
        let mut through = s.plain("fsync-snap");
        through.arg("--through");
        assert_eq!(code(through, &stream[..at]), 5, "cut at byte {at}");
    }
    assert!(s.archives().is_empty() && s.head("dst").is_none());
}

#[test]
fn lines_cut_inside_are_refused() {
    let (s, _) = small();
    for stdin in ["A\tadd\nM\tedi", "A", "A\t", "A\tadd", "A\tadd\nD\tgone"] {
        let before = Traces::of(s.path("dst"));
        s.feed("fsync-apply src dst", stdin)
            .code(5)
            .nothing()
            .one_line("fsync-apply", &["cut"]);
        before.assert_untouched(s.path("dst"));
    }
}

#[test]
fn malformed_lines_are_refused() {
    let (s, _) = small();
    for stdin in [
        "A add\n",
        "X\tadd\n",
        "A\t../outside/precious\n",
        "A\t/etc/passwd\n",
        "A\t\n",
        "\n",
        "R\ta\n",
        "D\ta/../gone\n",
        "A\tadd\0A\t../x\0",
        "A\t\"bad \\9 quote\"\n",
        "A\t\"\\000\"\n",
        "garbage\n",
        "A\tadd\n{\"type\":\"end\"}\n",
        "D\t.\n",
    ] {
        let before = Traces::of(s.path("dst"));
        let told = s.feed("fsync-apply src dst", stdin);
        assert_eq!(
            told.get_output().status.code(),
            Some(5),
            "{stdin:?}: {told}"
        );
        told.nothing().one_line("fsync-apply", &[]);
        before.assert_untouched(s.path("dst"));
    }
}

#[test]
fn paths_that_leave_the_root_are_refused() {
    let (s, plan) = small();
    let bad = [
        "../outside/precious",
        "/etc/passwd",
        "",
        "a/../../outside/x",
        "a//b",
        "./a",
        "a/.",
        "a/",
        "..",
        "a\0b",
        "a/..",
    ];
    for path in bad {
        for at in 1..=3 {
            let mut forged = plan.clone();
            forged[at]["path"] = path.into();
            refused(&s, &plan_line(&forged), &format!("{path:?} in record {at}"));
        }
    }
    let mut hexed = plan.clone();
    let change = hexed[1].as_object_mut().expect("an object");
    change.remove("path");
    change.insert("path_hex".into(), hex::encode("../x").into());
    refused(&s, &plan_line(&hexed), "path_hex");
    for field in ["link_to", "from"] {
        let mut forged = plan.clone();
        forged[1][field] = "../outside/precious".into();
        forged[1]["from_old"] = forged[2]["old"].clone();
        refused(&s, &plan_line(&forged), field);
    }
}

#[test]
fn malformed_records_are_refused() {
    let (s, plan) = small();
    let with = |at: usize, field: &str, value: Value| {
        let mut forged = plan.clone();
        forged[at][field] = value;
        plan_line(&forged)
    };
    let table = [
        ("an unknown type", with(1, "type", json!("news"))),
        ("no type", with(1, "type", Value::Null)),
        ("a newer protocol", with(0, "protocol", json!(99))),
        (
            "a relative root",
            with(0, "destination", json!({ "path": "dst" })),
        ),
        ("no destination", with(0, "destination", Value::Null)),
        ("an unknown status", with(1, "status", json!("Q"))),
        ("a status that does not fit", with(1, "status", json!("D"))),
        ("an unknown kind", with(1, "kind", json!("blob"))),
        ("a source that there is not", with(1, "source", json!(7))),
        ("an unknown reason", with(2, "why", json!(["weather"]))),
        ("the root deleted", with(3, "path", json!("."))),
        ("states that are none", with(2, "old", json!("old"))),
        (
            "a mode that is none",
            with(1, "new", json!({ "mode": "9" })),
        ),
        ("counts that are none", with(4, "counts", json!(5))),
    ];
    for (what, stream) in &table {
        refused(&s, stream, what);
    }
}

#[test]
fn what_is_no_stream_is_refused() {
    let (s, plan) = small();
    let whole = plan_line(&plan);
    let text = String::from_utf8(whole.clone()).expect("UTF-8");
    refused(
        &s,
        text.replacen("}\n", "}\nnot json\n", 1).as_bytes(),
        "not json",
    );
    refused(
        &s,
        text.replacen("}\n", "}\n\n", 1).as_bytes(),
        "an empty line",
    );
    refused(
        &s,
        text.replacen("}\n", "}\n[]\n", 1).as_bytes(),
        "an array",
    );
    refused(&s, b"{", "one brace");
    refused(&s, &plan_line(&plan[1..]), "no header");
    refused(&s, &plan_line(&plan[..4]), "no end");
    let mut twice = plan.clone();
    twice.insert(2, plan[0].clone());
    refused(&s, &plan_line(&twice), "two headers");
    let mut raw = whole[..whole.len() - 1].to_vec();
    raw.splice(10..10, [0xff]);
    raw.push(b'\n');
    refused(&s, &raw, "not UTF-8");
    let long = format!(
        "{{\"type\":\"x-long\",\"a\":\"{}\"}}\n",
        "a".repeat(2 << 20)
    );
    refused(
        &s,
        &[whole.as_slice(), long.as_bytes()].concat(),
        "a line without bounds",
    );
}

#[test]
fn an_empty_stream_is_cut() {
    let (s, _) = small();
    let before = Traces::of(s.path("dst"));
    s.feed("fsync-apply", "")
        .code(5)
        .nothing()
        .one_line("fsync-apply", &[]);
    s.feed("fsync-snap --through", "")
        .code(5)
        .nothing()
        .one_line("fsync-snap", &[]);
    before.assert_untouched(s.path("dst"));
}

#[test]
fn no_lines_at_all_are_nothing_to_do() {
    let (s, _) = small();
    let before = Traces::of(s.path("dst"));
    s.sh("fsync-diff src dst | grep nothing | fsync-apply src dst")
        .code(0)
        .nothing();
    before.assert_untouched(s.path("dst"));
}

#[test]
fn foreign_records_and_unknown_fields_pass() {
    let (s, mut plan) = small();
    plan.insert(
        1,
        json!({ "type": "x-note", "by": "somebody", "a": { "b": [1] } }),
    );
    plan[2]["unheard_of"] = json!({ "field": true });
    plan.insert(3, json!({ "type": "progress", "done": 1 }));
    let through = s
        .feed("fsync-snap --through", plan_line(&plan))
        .code(0)
        .bytes();
    let notes = crate::support::records(&through);
    assert!(notes.contains(&plan[1]), "the note goes on: {notes:#?}");
    s.feed("fsync-apply", &through).code(0).nothing();
    assert_eq!(s.tree("dst").read("add"), b"a");
}
