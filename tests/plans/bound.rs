//! Input without bounds: lines of 1 GB, brackets a million deep, a million records. Refused, or counted, in little memory.

use crate::forged::every;
use crate::support::{Told, Traces, plan_line, quick_or_long};

/// How much address space a reader gets, in KiB: far more than it needs, far less than what comes in.
const ROOM: u64 = 700_000;

#[test]
fn lines_of_a_gigabyte() {
    let (s, canary, plan) = every();
    std::fs::write(s.path("header"), plan_line(&plan[..1])).expect("a file");
    let before = Traces::of(s.path("dst"));
    let endless = [
        "printf '{\"type\":\"x-long\",\"a\":\"'; head -c 1G /dev/zero | tr '\\0' a",
        "cat header; printf '{\"type\":\"x-long\",\"a\":\"'; head -c 1G /dev/zero | tr '\\0' a",
        "cat header; head -c 1G /dev/zero",
        "cat header; head -c 1G /dev/zero | tr '\\0' ' '",
        "head -c 1G /dev/zero",
        "head -c 1G /dev/zero | tr '\\0' '\\n'",
        "printf 'A\\t'; head -c 1G /dev/zero | tr '\\0' a",
        "printf 'A\\t\"'; head -c 1G /dev/zero | tr '\\0' '\\\\'",
        "printf 'A\\tx\\0R\\t'; head -c 1G /dev/zero | tr '\\0' a",
        "printf 'A\\tx\\n'; head -c 1G /dev/zero",
    ];
    for input in endless {
        for program in [
            "fsync-apply src dst",
            "fsync-snap --through",
            "fsync-snap dst --stdin",
            "fsync-diff src dst --files-from -",
        ] {
            let lists = program.contains("--stdin") || program.contains("--files-from");
            // A list of a thousand million empty lines is only a wrong list.
            if lists && (input.contains("'\\n'") || input.contains("header")) {
                continue;
            }
            let told = s.sh(&format!(
                "{{ {input}; }} 2>/dev/null | {{ ulimit -v {ROOM}; {program}; }}"
            ));
            let code = told.get_output().status.code();
            let expected = if program.contains("--files-from") {
                2
            } else {
                5
            };
            assert_eq!(code, Some(expected), "{input} | {program}: {told}");
            let name = program.split(' ').next().expect("a name");
            let told = told.one_line(name, &[]);
            assert!(told.complaint().len() < 11_000, "{input} | {program}");
        }
    }
    s.sh("head -c 1G /dev/zero | tr '\\0' a | { ulimit -v 700000; fsync-diff src dst --exclude-from -; }")
        .code(2)
        .nothing()
        .one_line("fsync-diff", &["1 MiB"]);
    before.assert_untouched(s.path("dst"));
    canary.assert_sings();
}

#[test]
fn brackets_a_million_deep() {
    let (s, canary, plan) = every();
    // A line may have 1 MiB.
    let deep = "[".repeat(1_000_000);
    let closed = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let before = Traces::of(s.path("dst"));
    let end = plan_line(&plan[plan.len() - 1..]);
    for (record, harmless) in [
        (deep.clone(), false),
        (format!("{{\"type\":\"x-a\",\"a\":{deep}}}"), false),
        (format!("{{\"type\":\"progress\",\"a\":{closed}}}"), true),
        (format!("{{\"type\":{closed}}}"), false),
        (format!("{{\"type\":\"change\",\"a\":{closed}}}"), false),
        (
            format!("{{\"type\":\"skip\",\"path\":\"a\",\"reason\":\"b\",\"rule\":{closed}}}"),
            false,
        ),
        (format!("{{\"type\":\"x-a\",\"a\":{closed}}}"), true),
    ] {
        let stream = [
            plan_line(&plan[..1]),
            record.clone().into_bytes(),
            b"\n".to_vec(),
            end.clone(),
        ]
        .concat();
        for program in ["fsync-apply", "fsync-snap --through"] {
            let told = s.feed(program, &stream);
            let code = told.get_output().status.code();
            let fine = code == Some(5) || harmless && code == Some(0);
            assert!(fine, "{}: {told}", &record[..40]);
            assert!(told.complaint().len() < 11_000);
        }
    }
    before.assert_untouched(s.path("dst"));
    canary.assert_sings();
}

#[test]
fn a_million_records() {
    let (s, canary, plan) = every();
    std::fs::write(s.path("header"), plan_line(&plan[..1])).expect("a file");
    std::fs::write(s.path("end"), plan_line(&plan[plan.len() - 1..])).expect("a file");
    let count = quick_or_long(200_000, 1_000_000);
    for (record, code) in [
        (r#"{"type":"skip","path":"a","reason":"b","cause":true}"#, 3),
        (r#"{"type":"skip","path":"a","reason":"b"}"#, 0),
        (
            r#"{"type":"error","path":"a","operation":"read","message":"c"}"#,
            3,
        ),
        (r#"{"type":"progress"}"#, 0),
        (r#"{"type":"x-much","a":[1,2,3]}"#, 0),
    ] {
        let input = format!("cat header; yes '{record}' | head -n {count}; cat end");
        let told = s.sh(&format!(
            "{{ {input}; }} | {{ ulimit -v {ROOM}; fsync-apply src dst; }}"
        ));
        assert_eq!(
            told.get_output().status.code(),
            Some(code),
            "{record}: {told}"
        );
        assert!(told.complaint().lines().count() <= 1, "{record}: {told}");
    }
    // The end is not the end of the input.
    let input = format!("cat header end; yes '{{\"type\":\"x-much\"}}' | head -n {count}");
    s.sh(&format!(
        "{{ {input}; }} | {{ ulimit -v {ROOM}; fsync-snap --through; }} >/dev/null"
    ))
    .code(0);
    canary.assert_sings();
}
