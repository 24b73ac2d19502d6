//! Plans that somebody has put together: what is said in one field, and what it leads to. Refused (5, or 4 where another
//! root is named) before the first write, in one line.

use serde_json::{Value, json};

use crate::support::{Canary, Sandbox, Told, Traces, plan_line};

/// A plan of one of each: record 1 is a directory's `t`, then `A` of a file, `M`, `D`, `R`, `T` and another name.
pub fn every() -> (Sandbox, Canary, Vec<Value>) {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.file("add", "added")
        .file("edit", "new text")
        .link("kind", "edit");
    src.file("twin/a", "twins").hard("twin/b", "twin/a");
    src.file("new name", "moved along, long enough").settle();
    let dst = s.tree("dst");
    dst.file("edit", "older")
        .file("gone", "g")
        .file("kind", "k");
    dst.file("old name", "moved along, long enough").settle();
    let canary = Canary::new(&s, "outside");
    let line = "fsync-diff --json --delete --renames src dst";
    let plan = s.run(line).code(0).records();
    let letters: String = plan.iter().filter_map(|r| r["status"].as_str()).collect();
    for letter in ['A', 'M', 'D', 'R', 'T'] {
        assert!(letters.contains(letter), "{letter} in {letters}");
    }
    (s, canary, plan)
}

/// The place of the change of a path.
pub fn at(plan: &[Value], path: &str) -> usize {
    let here = |r: &Value| r["type"] == "change" && r["path"] == path;
    plan.iter().position(here).expect("a change")
}

/// Every program that reads a plan refuses this one with that code in one line, and nothing was changed anywhere.
#[track_caller]
pub fn refused(s: &Sandbox, stream: &[u8], code: i32, what: &str) {
    let before = Traces::of(s.path("dst"));
    let told = s.feed("fsync-apply", stream);
    assert_eq!(
        told.get_output().status.code(),
        Some(code),
        "{what}: {told}"
    );
    let told = told.nothing().one_line("fsync-apply", &[]);
    assert!(
        told.complaint().len() < 11_000,
        "a line, not a book: {what}"
    );
    before.assert_untouched(s.path("dst"));
    // It may hand on what only the whole plan tells: recording what is there harms nobody.
    let told = s.feed("fsync-snap --through", stream);
    let said = told.get_output().status.code();
    assert!(matches!(said, Some(5 | 0)), "through, {what}: {told}");
    if said != Some(0) {
        let out = told.bytes();
        assert!(
            !out.windows(12).any(|w| w == b"\"type\":\"end\""),
            "no end goes on: {what}"
        );
        before.assert_untouched(s.path("dst"));
    }
}

fn with(plan: &[Value], path: &str, field: &str, value: Value) -> Vec<u8> {
    let mut forged = plan.to_vec();
    forged[at(plan, path)][field] = value;
    plan_line(&forged)
}

#[test]
fn paths_that_are_none() {
    let (s, canary, plan) = every();
    let long = "x".repeat(1 << 20);
    let deep = ["d"; 8193].join("/");
    let odd = [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../outside/f",
        "a/..",
        "a/../../outside/f",
        "a//b",
        "a/",
        "./a",
        "a/./b",
        "a\0",
        ".fsync-backup",
        ".fsync-tmp-1-1-1",
        "a/.fsync-tmp-1-1-1",
        &deep,
        &long,
    ];
    for path in odd {
        let short: String = path.chars().take(40).collect();
        for (of, field) in [
            ("add", "path"),
            ("gone", "path"),
            ("new name", "from"),
            ("twin/b", "link_to"),
        ] {
            let stream = with(&plan, of, field, path.into());
            // A name of 1 MiB is a line that is too long.
            refused(&s, &stream, 5, &format!("{field} {short:?}"));
            let mut forged = plan.clone();
            let change = forged[at(&plan, of)].as_object_mut().expect("an object");
            change.remove(field);
            change.insert(format!("{field}_hex"), hex::encode(path).into());
            refused(
                &s,
                &plan_line(&forged),
                5,
                &format!("{field}_hex {short:?}"),
            );
        }
    }
    for (field, value) in [
        ("path_hex", "616464"),
        ("path_hex", "zz"),
        ("path_hex", "6"),
        ("from_hex", "61"),
    ] {
        refused(
            &s,
            &with(&plan, "add", field, value.into()),
            5,
            "both, or no hex",
        );
    }
    canary.assert_sings();
}

#[test]
fn long_paths_that_no_system_has_are_an_entrys_own_trouble() {
    let (s, canary, plan) = every();
    let deep = ["d"; 8192].join("/");
    let longest = format!("{}/{}", "p".repeat(255), "q".repeat(3841));
    for path in [deep.as_str(), longest.as_str(), &"n".repeat(4097)] {
        let mut forged = plan.clone();
        forged.retain(|r| r["type"] != "change" || r["path"] == "add");
        let here = at(&forged, "add");
        forged[here]["path"] = path.into();
        let told = s.feed("fsync-apply", plan_line(&forged)).code(3);
        told.nothing().one_line("fsync-apply", &[]);
        assert!(!s.tree("dst").has("add"));
    }
    canary.assert_sings();
}

#[test]
fn values_that_are_none() {
    let (s, canary, plan) = every();
    let new = |field: &str, value: Value| {
        let mut state = plan[at(&plan, "add")]["new"].clone();
        state[field] = value;
        with(&plan, "add", "new", state)
    };
    let raw = |from: &str, to: &str| {
        let text = String::from_utf8(plan_line(&plan)).expect("UTF-8");
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let time = |secs: Value, nanos: Value| json!({ "secs": secs, "nanos": nanos });
    let size = plan[at(&plan, "add")]["new"]["size_bytes"].to_string();
    let size = format!("\"size_bytes\":{size}");
    let table = [
        ("2^64", raw(&size, "\"size_bytes\":18446744073709551616")),
        ("1e400", raw(&size, "\"size_bytes\":1e400")),
        ("NaN", raw(&size, "\"size_bytes\":NaN")),
        ("a size below nought", new("size_bytes", json!(-1))),
        (
            "a size that is no whole number",
            new("size_bytes", json!(1.5)),
        ),
        ("a size in quotes", new("size_bytes", json!("1"))),
        (
            "nanos 2e9",
            new("mtime", time(json!(1), json!(2_000_000_000u32))),
        ),
        (
            "nanos 2e9 of ctime",
            new("ctime", time(json!(1), json!(2_000_000_000u32))),
        ),
        (
            "nanos below nought",
            new("mtime", time(json!(1), json!(-1))),
        ),
        ("secs 2^63", new("mtime", time(json!(1u64 << 63), json!(0)))),
        ("no nanos", new("mtime", json!({ "secs": 1 }))),
        ("mode 7777777", new("mode", json!("7777777"))),
        ("mode -1", new("mode", json!("-1"))),
        ("mode +644", new("mode", json!("0o644"))),
        ("a mode that is no text", new("mode", json!(420))),
        ("uid -1", new("owner", json!({ "uid": -1, "gid": 0 }))),
        (
            "uid 2^32-1",
            new("owner", json!({ "uid": u32::MAX, "gid": 0 })),
        ),
        (
            "gid 2^32-1",
            new("owner", json!({ "uid": 0, "gid": u32::MAX })),
        ),
        (
            "uid 2^32",
            new("owner", json!({ "uid": 1u64 << 32, "gid": 0 })),
        ),
        ("a target of a file", new("target", json!("x"))),
        ("rdev that is no number", new("rdev", json!("x"))),
        ("ino alone", new("ino", Value::Null)),
        ("ino 2^64", new("ino", json!("18446744073709551616"))),
        ("another kind inside", new("kind", json!("fifo"))),
        ("an unknown kind", new("kind", json!("door"))),
        ("a list for a state", with(&plan, "add", "new", json!([]))),
        ("two letters", with(&plan, "add", "status", json!("AA"))),
        ("no letter", with(&plan, "add", "status", json!(""))),
        ("source -1", with(&plan, "add", "source", json!(-1))),
        (
            "source 2^32",
            with(&plan, "add", "source", json!(1u64 << 32)),
        ),
        ("source 1", with(&plan, "add", "source", json!(1))),
        ("why in words", with(&plan, "add", "why", json!("size"))),
        (
            "an empty target",
            with(&plan, "kind", "new", {
                let mut state = plan[at(&plan, "kind")]["new"].clone();
                state["target"] = "".into();
                state
            }),
        ),
        ("path is a number", with(&plan, "add", "path", json!(7))),
        ("the root is a file", with(&plan, "add", "path", json!("."))),
        (
            "a rename onto itself",
            with(&plan, "new name", "from", json!("new name")),
        ),
        (
            "a rename into itself",
            with(&plan, "new name", "from", json!("new name/below")),
        ),
        (
            "another name of itself",
            with(&plan, "twin/b", "link_to", json!("twin/b")),
        ),
        (
            "another name of the root",
            with(&plan, "twin/b", "link_to", json!(".")),
        ),
    ];
    for (what, stream) in &table {
        refused(&s, stream, 5, what);
    }
    canary.assert_sings();
}

#[test]
fn keys_given_twice() {
    let (s, canary, plan) = every();
    let text = String::from_utf8(plan_line(&plan)).expect("UTF-8");
    for (from, to) in [
        (
            "\"path\":\"add\"",
            "\"path\":\"add\",\"path\":\"../outside/f\"",
        ),
        (
            "\"path\":\"add\"",
            "\"path\":\"../outside/f\",\"path\":\"add\"",
        ),
        (
            "\"path\":\"add\"",
            "\"path\":\"add\",\"pat\\u0068\":\"other\"",
        ),
        ("\"status\":\"D\"", "\"status\":\"D\",\"status\":\"A\""),
        ("\"type\":\"end\"", "\"type\":\"end\",\"type\":\"x-end\""),
        (
            "\"type\":\"change\",",
            "\"type\":\"x-a\",\"type\":\"change\",",
        ),
        (
            "\"destination\":",
            "\"destination\":{\"path\":\"/etc\"},\"destination\":",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        refused(&s, text.replacen(from, to, 1).as_bytes(), 5, to);
    }
    canary.assert_sings();
}

#[test]
fn streams_that_are_none() {
    let (s, canary, plan) = every();
    let whole = plan_line(&plan);
    let text = String::from_utf8(whole.clone()).expect("UTF-8");
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let last = plan.len() - 1;
    let table = [
        ("UTF-16", [b"\xff\xfe".to_vec(), utf16].concat()),
        (
            "a UTF-8 mark",
            [b"\xef\xbb\xbf".to_vec(), whole.clone()].concat(),
        ),
        ("two plans", [whole.clone(), whole.clone()].concat()),
        (
            "a header after the end",
            [whole.clone(), plan_line(&plan[..1])].concat(),
        ),
        (
            "a change after the end",
            [whole.clone(), plan_line(&plan[1..2])].concat(),
        ),
        (
            "two ends",
            [whole.clone(), plan_line(&plan[last..])].concat(),
        ),
        (
            "a header twice",
            [plan_line(&plan[..1]), whole.clone()].concat(),
        ),
        ("no header", plan_line(&plan[1..])),
        ("no end", plan_line(&plan[..last])),
        (
            "the end first",
            plan_line(&[&plan[last..], &plan[..last]].concat()),
        ),
        (
            "a bad byte",
            text.replacen("added", "add", 1)
                .replacen("\"add\"", "\"a\u{0}\"", 1)
                .into_bytes(),
        ),
        ("not UTF-8", [&whole[..20], b"\xff", &whole[20..]].concat()),
        ("a list", b"[]\n".to_vec()),
        ("an open brace", b"{\n".to_vec()),
        ("a NUL", [whole.clone(), b"\0".to_vec()].concat()),
        (
            "a line form behind",
            [whole.clone(), b"D\tgone\n".to_vec()].concat(),
        ),
        ("a patch", b"diff --git a/f b/f\n".to_vec()),
    ];
    for (what, stream) in &table {
        refused(&s, stream, 5, what);
    }
    // Windows' ends of lines are white space to JSON, and mean nothing else.
    let crlf = text.replace('\n', "\r\n");
    s.feed("fsync-apply --dry-run", crlf).code(0);
    canary.assert_sings();
}

#[test]
fn lines_that_are_none() {
    let (s, canary, _) = every();
    let before = Traces::of(s.path("dst"));
    let long = format!("A\t{}\n", "a/".repeat(600_000));
    for stdin in [
        "A\t../outside/f\n",
        "A\t/etc/passwd\n",
        "A\t\"../outside/f\"\n",
        "A\t\"..\\057outside\"\n",
        "A\t\"a\\000b\"\n",
        "A\tadd\r\nA\t../x\r\n",
        "\u{feff}A\tadd\n",
        "A\tadd\nA\tadd\n",
        "D\t.\n",
        "T\t.\n",
        "R\t../outside/f\tx\n",
        "A\tx\0D\t../outside/f\0",
        "A\tadd\0A\tb\n",
        "A\t\0",
        "A\t.fsync-backup\n",
        "D\ta/.fsync-tmp-1\n",
        "R\tgone\n",
        "R\tgone\0",
        "Ax\tadd\n",
        "\n\n",
        "\0\0",
        &long,
    ] {
        let told = s.feed("fsync-apply src dst", stdin);
        let short: String = stdin.chars().take(30).collect();
        assert_eq!(
            told.get_output().status.code(),
            Some(5),
            "{short:?}: {told}"
        );
        told.nothing().one_line("fsync-apply", &[]);
    }
    before.assert_untouched(s.path("dst"));
    canary.assert_sings();
}

#[test]
fn control_characters_of_a_plan_reach_no_terminal() {
    let (s, _canary, plan) = every();
    let escape = "\u{1b}]0;owned\u{7}\n\u{9b}31m";
    let mut forged = plan.clone();
    forged[at(&plan, "add")]["kind"] = escape.into();
    let mut skip = plan.clone();
    skip.insert(1, json!({ "type": escape }));
    for stream in [
        plan_line(&forged),
        plan_line(&skip),
        with(&plan, "add", "why", json!([escape])),
    ] {
        let said = s.feed("fsync-apply", &stream).code(5).complaint();
        let odd = said.trim_end_matches('\n').chars().any(char::is_control);
        assert!(!odd, "{said:?}");
    }
}

#[test]
fn roots_that_are_others() {
    let (s, canary, plan) = every();
    let header = |field: &str, value: Value| {
        let mut forged = plan.clone();
        forged[0][field] = value;
        plan_line(&forged)
    };
    let outside = s.path("outside").display().to_string();
    let before = Traces::of(s.path("dst"));
    let elsewhere = header("destination", json!({ "path": outside }));
    let others = header("sources", json!([{ "path": outside }]));
    let two = header(
        "sources",
        json!([plan[0]["sources"][0], { "path": outside }]),
    );
    for stream in [&elsewhere, &others, &two] {
        s.feed("fsync-apply src dst", stream)
            .code(4)
            .nothing()
            .one_line("fsync-apply", &["roots"]);
    }
    for (what, value) in [
        ("relative", json!({ "path": "dst" })),
        ("empty", json!({ "path": "" })),
        ("with a NUL", json!({ "path": "/a\0b" })),
        ("both", json!({ "path": "/a", "snapshot": "0".repeat(40) })),
        ("neither", json!({})),
        ("text", json!("/a")),
    ] {
        refused(&s, &header("destination", value.clone()), 5, what);
        refused(&s, &header("sources", json!([value])), 5, what);
    }
    for value in [
        json!({ "path": plan[0]["sources"][0]["path"] }),
        json!({ "snapshot": "0".repeat(40) }),
    ] {
        s.feed("fsync-apply", header("destination", value))
            .code(4)
            .nothing();
    }
    before.assert_untouched(s.path("dst"));
    canary.assert_sings();
}

#[test]
fn a_plan_that_lies_about_what_is_there_is_stale() {
    let (s, canary, plan) = every();
    let before = Traces::of(s.path("dst"));
    let mut forged = plan.clone();
    for record in forged
        .iter_mut()
        .filter(|r| r["type"] == "change" && r["path"] != ".")
    {
        for state in ["old", "new", "from_old"] {
            if record[state].is_object() {
                record[state]["mtime"] = json!({ "secs": i64::MIN, "nanos": 999_999_999 });
                record[state]["mode"] = json!("7777");
                record[state]["ctime"] = json!({ "secs": i64::MAX, "nanos": 0 });
                record[state]["ino"] = json!(u64::MAX.to_string());
                record[state]["dev"] = json!(u64::MAX.to_string());
            }
        }
    }
    // Directories on the way to what is stale are made; they are the source's.
    let twin = |r: &Value| r["path"].as_str().is_some_and(|p| p.starts_with("twin"));
    forged.retain(|r| r["path"] != "." && !twin(r));
    let told = s.feed("fsync-apply --json", plan_line(&forged)).code(3);
    for result in told.records().iter().filter(|r| r["type"] == "result") {
        assert!(
            matches!(result["outcome"].as_str(), Some("stale" | "failed")),
            "{result}"
        );
    }
    // The directory that they lie in was opened for them, and its time set back.
    before.assert_untouched(s.path("dst"));
    canary.assert_sings();
}

#[test]
fn counts_in_the_end_are_only_counts() {
    let (s, canary, mut plan) = every();
    let last = plan.len() - 1;
    for key in ["added", "modified", "deleted", "touched"] {
        plan[last]["counts"][key] = json!(u64::MAX);
    }
    plan[last]["content_bytes"] = json!(u64::MAX);
    s.feed("fsync-apply", plan_line(&plan)).code(0).nothing();
    assert_eq!(s.tree("dst").read("edit"), b"new text");
    canary.assert_sings();
}
