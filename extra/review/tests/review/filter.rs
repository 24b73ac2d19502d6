//! What comes out of the filter, and what does not; how the terminal is left.

use std::fs;

use crate::support::{Sandbox, Told, records};

/// What is on the screen when it is ready for keys.
const READY: &str = "? keys";

/// Puts a plan into `plan`: something of everything.
fn plan(s: &Sandbox) -> Vec<u8> {
    s.tree("src")
        .file("a.txt", "one\ntwo\n")
        .file("new/deep/file", "12345")
        .file("new/other", "1")
        .file("same", "same")
        .settle();
    s.tree("dst")
        .file("a.txt", "one\n2\n")
        .file("old/x", "x")
        .file("old/y", "yy")
        .file("same", "same")
        .settle();
    let plan = s.run("fsync-diff --json --delete src dst").code(0).bytes();
    fs::write(s.path("plan"), &plan).unwrap();
    plan
}

/// Lets somebody type; what came out, and the exit code.
fn typed(s: &Sandbox, keys: &str) -> (Vec<u8>, i64, String) {
    let line = "sh -c 'fsync-review <plan >out 2>said; exit $?'";
    let seen = s.terminal(80, line, &[(READY, keys)]);
    let said = fs::read_to_string(s.path("said")).unwrap();
    assert!(seen.raw.contains("\u{1b}[?1049h"), "{:?}", seen.raw);
    given_back(&seen.raw);
    (fs::read(s.path("out")).unwrap(), seen.code, said)
}

/// The last that the terminal is told is to be as it was.
fn given_back(raw: &str) {
    let left = raw
        .rfind("\u{1b}[?1049l")
        .expect("the other screen is left");
    assert!(left > raw.rfind("\u{1b}[?1049h").unwrap(), "{raw:?}");
    assert!(
        raw.rfind("\u{1b}[?25h") > raw.rfind("\u{1b}[?25l"),
        "{raw:?}"
    );
}

fn paths(plan: &[u8]) -> Vec<String> {
    let all = records(plan);
    let changes = all.iter().filter(|r| r["type"] == "change");
    changes
        .map(|r| r["path"].as_str().unwrap().to_string())
        .collect()
}

#[test]
fn all_that_is_chosen_goes_on_as_it_came() {
    let s = Sandbox::new();
    let plan = plan(&s);
    let (out, code, said) = typed(&s, "\r");
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        String::from_utf8(plan).unwrap()
    );
}

#[test]
fn what_was_typed_ahead_decides_nothing() {
    let s = Sandbox::new();
    plan(&s);
    // The plan waits until an Enter is there to be read.
    fs::write(
        s.path("script"),
        "echo type >/dev/tty; until read -t 0 </dev/tty; do :; done; fsync-review <plan >out 2>said",
    )
    .unwrap();
    let seen = s.terminal(80, "bash script", &[("type", "\r"), (READY, "q")]);
    assert_eq!(seen.code, 4, "{}", seen.raw);
    assert_eq!(fs::read(s.path("out")).unwrap(), b"");
}

#[test]
fn whoever_leaves_passes_nothing_on() {
    let s = Sandbox::new();
    plan(&s);
    for keys in ["q", "\u{1b}", "\u{3}", "n+q", "/x\u{1b}q", "?xq"] {
        let (out, code, said) = typed(&s, keys);
        assert_eq!((out.len(), code), (0, 4), "{keys:?}: {said}");
        assert_eq!(
            said,
            "fsync-review: left without a choice; nothing was passed on\n"
        );
    }
}

#[test]
fn what_is_chosen_brings_along_what_it_needs() {
    let s = Sandbox::new();
    plan(&s);
    let cases = [
        // By pattern.
        ("n//new/deep/file\r+\r", ". new new/deep new/deep/file"),
        ("n/*.txt\r+\r", ". a.txt"),
        ("/new\r-\r", ". a.txt old old/x old/y"),
        // By letter: a deleted directory, and all in it.
        ("nD\r", "old old/x old/y"),
        ("A\r", ". a.txt old old/x old/y"),
        ("nM\r", "a.txt"),
        // Given up: what is in the directory, so the directory.
        ("n/old\r+\u{7f}/x\r-\r", "old/y"),
        ("n\r", ""),
    ];
    for (keys, expected) in cases {
        let (out, code, said) = typed(&s, keys);
        assert_eq!(code, 0, "{keys:?}: {said}");
        let root = |path: &String| path != "." || expected.starts_with('.');
        let left: Vec<String> = paths(&out).into_iter().filter(root).collect();
        let expected: Vec<&str> = expected
            .split_whitespace()
            .filter(|p| *p != "." || left.contains(&".".to_string()))
            .collect();
        assert_eq!(left, expected, "{keys:?}");
        let told = records(&out);
        assert_eq!(
            (
                told[0]["type"].as_str(),
                told.last().unwrap()["type"].as_str()
            ),
            (Some("header"), Some("end"))
        );
    }
}

#[test]
fn the_end_counts_what_is_left() {
    let s = Sandbox::new();
    plan(&s);
    let (out, ..) = typed(&s, "n/new\r+/old/x\r+\r");
    let told = records(&out);
    let end = told.last().unwrap();
    assert_eq!(end["counts"]["added"], 4, "{end}");
    assert_eq!(end["counts"]["deleted"], 1, "{end}");
    assert_eq!(end["counts"]["modified"], 0, "{end}");
    assert_eq!(end["content_bytes"], 6, "{end}");
}

#[test]
fn what_is_left_can_be_performed() {
    let s = Sandbox::new();
    plan(&s);
    let line = "sh -c 'fsync-review <plan | fsync-snap --through | fsync-apply --require-snapshot'";
    let seen = s.terminal(80, line, &[(READY, "n/new/other\r+\u{7f}/old\r+\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert!(s.path("dst/new/other").exists() && !s.path("dst/new/deep").exists());
    assert!(!s.path("dst/old").exists());
    assert_eq!(fs::read_to_string(s.path("dst/a.txt")).unwrap(), "one\n2\n");
}

#[test]
fn other_records_pass_as_they_came() {
    let s = Sandbox::new();
    let plan = String::from_utf8(plan(&s)).unwrap();
    let (head, rest) = plan.split_once('\n').unwrap();
    let strange = "{\"type\":\"x-mine\",\"a\" : 1}\n{\"type\":\"skip\",\"path\":\"a/b\",\"reason\":\"r\",\"cause\":true,\"new\":[]}\n\
                   {\"type\":\"error\",\"path\":\"c\",\"operation\":\"read\",\"message\":\"m\"}\n";
    fs::write(s.path("plan"), format!("{head}\n{strange}{rest}")).unwrap();
    let (out, code, _) = typed(&s, "n\r");
    assert_eq!(code, 0);
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.starts_with(&format!("{head}\n{strange}{{\"type\":\"end\"")),
        "{out}"
    );
}

#[test]
fn a_plan_of_nothing_needs_nobody() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").settle();
    s.twin("src", "dst");
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    assert_eq!(
        s.feed("setsid -w fsync-review", &plan).code(0).bytes(),
        plan
    );
}

#[test]
fn bad_input_is_refused_before_anything_is_shown() {
    let s = Sandbox::new();
    let plan = plan(&s);
    let cases: [(&[u8], &str); 5] = [
        (b"", "there is no plan"),
        (b"M\ta\n", "lines, where records are needed"),
        (&plan[..plan.len() - 20], "the input was cut"),
        (&plan[..plan.len() / 2], "the input was cut"),
        (b"{\"type\":\"change\"}\n", "line 1"),
    ];
    for (input, words) in cases {
        let ran = s.feed("setsid -w fsync-review", input);
        ran.code(5).nothing().one_line("fsync-review", &[words]);
    }
    let whole: Vec<&[u8]> = plan.split_inclusive(|b| *b == b'\n').collect();
    let no_end = whole[..whole.len() - 1].concat();
    let ran = s.feed("setsid -w fsync-review", no_end);
    ran.code(5).nothing().one_line("fsync-review", &["no end"]);
}

#[test]
fn without_a_terminal_nothing_goes_on() {
    let s = Sandbox::new();
    let plan = plan(&s);
    let ran = s.feed("setsid -w fsync-review", &plan);
    ran.code(4).nothing().one_line(
        "fsync-review",
        &["there is no terminal", "nothing was passed on"],
    );
    let line = "sh -c 'TERM=dumb fsync-review <plan >out 2>said; exit $?'";
    assert_eq!(s.terminal(80, line, &[]).code, 4);
    assert!(
        fs::read_to_string(s.path("said"))
            .unwrap()
            .contains("cannot move its cursor")
    );
    assert_eq!(fs::read(s.path("out")).unwrap(), b"");
    let seen = s.terminal(80, "fsync-review", &[]);
    assert_eq!(seen.code, 2);
    assert!(
        seen.left.contains("standard input is the terminal"),
        "{}",
        seen.left
    );
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    let s = Sandbox::new();
    plan(&s);
    for (signal, number) in [("TERM", 15), ("HUP", 1), ("INT", 2), ("QUIT", 3)] {
        let line = "fsync-review <plan >out";
        let seen = s.terminal(80, line, &[(READY, &format!("signal:{signal}"))]);
        assert_eq!(seen.code, -number, "{}", seen.raw);
        given_back(&seen.raw);
        assert_eq!(fs::read(s.path("out")).unwrap(), b"");
    }
}

#[test]
fn without_colours_there_are_none() {
    let s = Sandbox::new();
    plan(&s);
    let line = "fsync-review <plan >out";
    let coloured = |raw: &str| {
        let codes = raw
            .split("\u{1b}[")
            .skip(1)
            .filter_map(|part| part.split_once('m'));
        let codes = codes.filter(|(code, _)| code.chars().all(|c| c.is_ascii_digit() || c == ';'));
        let mut all =
            codes.flat_map(|(code, _)| code.split(';').map(String::from).collect::<Vec<_>>());
        all.any(|code| {
            matches!(
                code.parse::<u32>(),
                Ok(30..=37 | 38 | 40..=47 | 48 | 90..=97)
            )
        })
    };
    let seen = s.terminal(80, line, &[(READY, "q")]);
    assert!(coloured(&seen.raw), "{:?}", seen.raw);
    let seen = s.terminal_with(80, line, &[(READY, "q")], &[("NO_COLOR", "1")]);
    assert!(!coloured(&seen.raw), "{:?}", seen.raw);
    let line = "fsync-review --color never <plan >out";
    let seen = s.terminal(80, line, &[(READY, "q")]);
    assert!(!coloured(&seen.raw), "{:?}", seen.raw);
}

#[test]
fn hostile_names_and_contents_stay_text() {
    let s = Sandbox::new();
    let name = b"evil\x1b]0;owned\x07\x1b[2J\n\xff\xe2\x80\xae";
    let text = b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xae\r\n";
    s.tree("src").file(name, text).settle();
    s.tree("dst").settle();
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    fs::write(s.path("plan"), plan).unwrap();
    let line = "sh -c 'fsync-review <plan >out 2>said; exit $?'";
    // To the file, and its text; + is said when that is there.
    let seen = s.terminal(80, line, &[(READY, "Gd"), ("u{1b}]0;owned", "q")]);
    for bad in ["\u{1b}]0", "\u{7}", "\u{1b}[2Jx", "\u{202e}"] {
        assert!(!seen.raw.contains(bad), "{bad:?} in {:?}", seen.raw);
    }
    assert!(
        seen.raw
            .contains("evil\\033]0;owned\\a\\033[2J\\n\\377\\342\\200\\256"),
        "{:?}",
        seen.raw
    );
}

#[test]
fn a_fault_of_ours_leaves_the_terminal_as_it_was() {
    let s = Sandbox::new();
    let program = Sandbox::programs().join("examples/panic");
    let seen = s.terminal(80, program.to_str().unwrap(), &[]);
    assert_eq!(seen.code, 9, "{}", seen.raw);
    given_back(&seen.raw);
    let said = seen.raw.rsplit_once("\u{1b}[?25h").unwrap().1;
    assert!(
        said.contains("on purpose"),
        "said when it can be read: {said:?}"
    );
}
