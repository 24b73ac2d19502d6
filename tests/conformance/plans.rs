//! Cases 76 to 90, but for 79: plans, what is said of them, and runs that are cut short.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use predicates::prelude::*;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::support::{
    Oracle, Person, Sandbox, Told, Traces, Tree, assert_same, outcomes, plan_line, quick_or_long,
    records, trees,
};
use crate::table::case;
use crate::way::{Way, nothing_left, settled};

/// `letter path` of every change or result.
fn steps(records: &[Value], kind: &str) -> Vec<String> {
    let word = |v: &Value| v.as_str().unwrap_or("?").to_string();
    let mine = records.iter().filter(|r| r["type"] == kind);
    let mut all: Vec<String> = mine
        .map(|r| format!("{} {}", word(&r["status"]), word(&r["path"])))
        .collect();
    all.sort();
    all
}

/// Two trees that differ in every way.
fn busy(src: &Tree, dst: &Tree) {
    src.menagerie()
        .file("d/a", "new a")
        .file("kind", "a file")
        .file("to", "what moved");
    dst.file("plain", "other")
        .file("gone/x/y", "")
        .link("empty", "x")
        .file("kind/in", "");
    dst.file("big", vec![7; 300_000])
        .file("from", "what moved")
        .dir("d")
        .mode("d", 0o700);
    dst.mtime("big", 5, 5);
    src.settle();
    dst.settle();
}

#[test]
fn case_76_a_dry_run_says_what_the_run_reports() {
    let _case = case(76);
    for options in ["", "--delete", "--delete --renames --xattrs -c"] {
        for p in Person::everyone() {
            trees(&p, busy);
            let free = "--max-delete 100%";
            let dry = p.sh(&format!("fsync cp -n {options} src dst"));
            let code = dry.get_output().status.code().expect("no signal");
            let dry = dry.text();
            let plan = p
                .sh(&format!(
                    "fsync-diff --json {options} src dst >plan; cat plan"
                ))
                .records();
            let planned = steps(&plan, "change");
            // The three dry runs agree.
            let mut lines: Vec<String> = dry
                .lines()
                .map(|l| {
                    let mut parts = l.split('\t');
                    let letter = parts.next().expect("a letter");
                    format!("{letter} {}", parts.next_back().expect("a path"))
                })
                .collect();
            lines.sort();
            assert_eq!(lines, planned, "{options}");
            let rehearsed = p
                .sh(&format!("fsync-apply --dry-run --json {free} <plan"))
                .records();
            assert_eq!(steps(&rehearsed, "result"), planned);
            assert!(
                outcomes(&rehearsed).iter().all(|o| o.ends_with(" done")),
                "{rehearsed:#?}"
            );
            // And the run reports the same, path by path.
            let told = p.sh(&format!("fsync-apply --json {free} <plan")).records();
            assert_eq!(steps(&told, "result"), planned, "{options}");
            assert_eq!(outcomes(&told), outcomes(&rehearsed));
            let wrong = if code == 3 { 3 } else { 0 };
            p.sh(&format!("fsync cp -q {options} {free} src dst"))
                .code(wrong);
        }
    }
}

#[test]
fn case_78_a_dry_run_into_deep_missing_directories() {
    let _case = case(78);
    let s = Sandbox::new();
    s.tree("src").file("a/b/c/d/e", "").file("f", "").settle();
    let all = "A\t.\nA\ta\nA\ta/b\nA\ta/b/c\nA\ta/b/c/d\nA\ta/b/c/d/e\nA\tf\n";
    for options in ["", "--delete", "--delete --renames"] {
        s.run(&format!("fsync cp -n --parents {options} src no/such/dst"))
            .code(0)
            .stdout(all)
            .stderr("");
        s.sh(&format!(
            "fsync-diff --json {options} src no/such/dst | fsync-apply -n --json --parents"
        ))
        .code(0);
        s.sh(&format!(
            "fsync-diff {options} src no/such/dst | fsync-apply -n --parents src no/such/dst"
        ))
        .code(0);
    }
    assert!(!s.path("no").exists() && s.archives().is_empty());
    // The destination is there, what is deep in it is not; deletions are listed.
    let dst = s.tree("dst");
    dst.file("a/x/y", "").file("gone/deep/er", "").settle();
    let before = Traces::of(dst.root());
    s.run("fsync cp -n --delete src dst").code(0).stdout(
        "A\ta/b\nA\ta/b/c\nA\ta/b/c/d\nA\ta/b/c/d/e\nD\ta/x\nD\ta/x/y\nA\tf\nD\tgone\nD\tgone/deep\nD\tgone/deep/er\n",
    );
    let told = s
        .sh("fsync-diff --json --delete src dst | fsync-apply -n --json")
        .code(0)
        .records();
    assert_eq!(steps(&told, "result").len(), 10);
    before.assert_untouched(dst.root());
}

/// Two trees that differ in `a` and `b` (edited), `gone` (deleted), `new` (added) and `l` (a link); the plan is kept.
fn planned() -> Sandbox {
    let s = Sandbox::new();
    s.tree("src")
        .file("a", "new a")
        .file("b", "new b")
        .file("new", "n")
        .link("l", "new")
        .file("same", "")
        .settle();
    s.tree("dst")
        .file("a", "a")
        .file("b", "b")
        .file("gone", "g")
        .link("l", "old")
        .file("same", "")
        .settle();
    s.sh("fsync-diff --json --delete src dst >plan; fsync-diff --delete src dst >lines")
        .code(0);
    s
}

#[test]
fn case_80_of_yesterdays_plan_only_what_changed_is_refused() {
    let _case = case(80);
    for edit in [
        "echo longer than it was >src/b",
        "printf 'NEW B' >src/b; touch -d @1600000000.123456789 src/b",
        "touch src/b",
        "rm src/b; mkdir src/b",
        "ln -sf new src/b",
    ] {
        for through in ["", "fsync-snap --through | "] {
            let s = planned();
            s.sh(&format!("rm src/a; {edit}")).success();
            let told = s
                .sh(&format!("cat plan | {through} fsync-apply --json"))
                .code(3);
            assert_eq!(
                outcomes(&told.records()),
                ["a stale", "b stale", "gone done", "l done", "new done"],
                "{edit}"
            );
            let said = told.complaint();
            assert!(
                said.contains("\"a\": stale: ") && said.contains("\"b\": stale: "),
                "{said}"
            );
            let dst = s.tree("dst");
            assert_eq!(
                (dst.read("a"), dst.read("b")),
                (b"a".to_vec(), b"b".to_vec())
            );
            assert!(dst.has("new") && !dst.has("gone"));
        }
    }
    // The line form: what is gone is refused; what was edited is looked up again and copied as it is now.
    let s = planned();
    s.sh("rm src/a; echo as it is now >src/b").success();
    let told = s.sh("fsync-apply --json src dst <lines").code(3);
    let words = outcomes(&told.records());
    assert!(
        words.contains(&"a stale".into()) && words.contains(&"b done".into()),
        "{words:?}"
    );
    assert_eq!(s.tree("dst").read("b"), b"as it is now\n");
}

#[test]
fn case_81_a_thinned_plan_does_exactly_what_is_left() {
    let _case = case(81);
    let keep = |records: &[Value], drop: usize| -> Vec<u8> {
        let changes: Vec<usize> = (0..records.len())
            .filter(|at| records[*at]["type"] == "change")
            .collect();
        let mut rest = records.to_vec();
        rest.remove(changes[drop]);
        plan_line(&rest)
    };
    // Each line deleted by hand, in turn: all others are done, and that one is not.
    let count = steps(&planned().run("cat plan").records(), "change").len();
    for drop in 0..count {
        let s = planned();
        let plan = s.run("cat plan").records();
        let changes: Vec<&Value> = plan.iter().filter(|r| r["type"] == "change").collect();
        let path = changes[drop]["path"].as_str().expect("a path").to_string();
        let before = Oracle::of(s.path("dst"));
        let told = s
            .feed("fsync-apply --json", keep(&plan, drop))
            .code(0)
            .records();
        assert_eq!(outcomes(&told).len(), count - 1);
        s.run("fsync-diff --delete src dst").code(0).stdout(
            predicate::function(|t: &str| t.lines().filter(|l| !l.ends_with("\t.")).count() == 1)
                .and(predicate::str::contains(format!("\t{path}\n"))),
        );
        let same = |o: &Oracle| -> String {
            // Only that one entry is as it was.
            ["a", "b", "gone", "l", "new", "."]
                .iter()
                .filter(|n| **n != path)
                .fold(o.clone(), |o, n| o.without(n))
                .differences(
                    &["a", "b", "gone", "l", "new", "."]
                        .iter()
                        .filter(|n| **n != path)
                        .fold(before.clone(), |o, n| o.without(n)),
                )
        };
        assert_eq!(same(&Oracle::of(s.path("dst"))), "", "{path}");
    }
}

#[test]
fn case_81_thinned_by_grep_sed_and_jq() {
    let _case = case(81);
    let s = Sandbox::new();
    s.tree("src")
        .file("a.rs", "a")
        .file("b.c", "b")
        .file("d/e.rs", "e")
        .mode("d", 0o750)
        .settle();
    s.tree("expected")
        .file("a.rs", "a")
        .file("d/e.rs", "e")
        .mode("d", 0o750)
        .settle();
    for (dst, script) in [
        (
            "one",
            r"fsync-diff src one | grep '\.rs$' | fsync-apply src one",
        ),
        (
            "two",
            r"fsync-diff -z src two | grep -z '\.rs$' | fsync-apply src two",
        ),
        (
            "three",
            r#"fsync-diff --json src three | grep -v '"path":"[bd]"\|b.c' | fsync-apply"#,
        ),
        (
            "four",
            r#"fsync-diff --json src four | jq -c 'select(.type != "change" or (.path | test("rs$")))' | fsync-snap --through | fsync-apply --require-snapshot"#,
        ),
        (
            "five",
            r"fsync-diff --json src five | sed '/b\.c/d' | fsync-apply",
        ),
    ] {
        s.tree(dst).settle();
        s.sh(script).code(0).nothing();
        s.tree(dst).mtime(".", 1_600_000_000, 123_456_789);
        assert_same(s.path("expected"), s.path(dst));
    }
    // Thinned to nothing: nothing.
    s.tree("six").settle();
    let before = Traces::of(s.path("six"));
    s.sh("fsync-diff --json src six | grep -v '\"change\"' | fsync-apply")
        .code(0)
        .nothing();
    s.sh("fsync-diff src six | grep nothing | fsync-apply src six")
        .code(0)
        .nothing();
    before.assert_untouched(s.path("six"));
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

#[test]
fn case_82_a_stream_cut_at_any_byte() {
    let _case = case(82);
    let s = planned();
    s.tree("src").remove("l").remove("same").settle();
    s.tree("dst").remove("l").remove("same").settle();
    let stream = s.run("fsync-diff --json --delete src dst").code(0).bytes();
    let before = Traces::of(s.path("dst"));
    // The last newline alone makes it whole; every cut before is one.
    for at in 0..stream.len() {
        assert_eq!(
            code(s.plain("fsync-apply"), &stream[..at]),
            5,
            "cut at byte {at}"
        );
    }
    for at in (0..stream.len())
        .step_by(quick_or_long(23, 1))
        .chain([stream.len() - 1])
    {
        let mut through = s.plain("fsync-snap");
        through.arg("--through");
        assert_eq!(code(through, &stream[..at]), 5, "cut at byte {at}");
    }
    before.assert_untouched(s.path("dst"));
    assert!(s.archives().is_empty() && s.head("dst").is_none());
    // Lines: a cut in the middle of one cannot be told from a path but by its missing end.
    let lines = s.run("fsync-diff --delete src dst").code(0).bytes();
    for at in (1..lines.len()).filter(|at| lines[at - 1] != b'\n') {
        let mut apply = s.plain("fsync-apply");
        apply.args(["src", "dst"]);
        assert_eq!(code(apply, &lines[..at]), 5, "lines cut at byte {at}");
    }
    before.assert_untouched(s.path("dst"));
    assert_eq!(code(s.plain("fsync-apply"), &stream), 0);
}

/// Refused with 5 by what applies and by what records; nothing is touched.
#[track_caller]
fn refused(s: &Sandbox, stream: &[u8], what: &str) {
    let before = (Traces::of(s.path("dst")), Traces::of(s.path("outside")));
    for line in [
        "fsync-apply",
        "fsync-apply src dst",
        "fsync-apply -n",
        "fsync-snap --through",
    ] {
        let told = s.feed(line, stream);
        assert_eq!(
            told.get_output().status.code(),
            Some(5),
            "{line}, {what}: {told}"
        );
        let program = line.split(' ').next().expect("a word");
        assert!(
            !told.bytes().windows(12).any(|w| w == b"\"type\":\"end\""),
            "no end goes on: {what}"
        );
        told.one_line(program, &[]);
    }
    before.0.assert_untouched(s.path("dst"));
    before.1.assert_untouched(s.path("outside"));
    assert!(s.archives().is_empty(), "no snapshot: {what}");
}

#[test]
fn case_82_malformed_newer_and_escaping_input() {
    let _case = case(82);
    let s = planned();
    s.tree("outside").file("precious", "kept");
    let plan = s.run("cat plan").records();
    let whole = plan_line(&plan);
    let last = plan.len() - 1;
    refused(&s, &plan_line(&plan[..last]), "no end");
    refused(
        &s,
        &whole[..whole.len() - 1],
        "a last line without its newline",
    );
    refused(&s, &plan_line(&plan[1..]), "no header");
    // A malformed line anywhere, the last one included.
    for at in 1..=last {
        for bad in [
            "{\"type\":\"change\"",
            "not json",
            "{}",
            "[]",
            "null",
            "{\"type\":\"news\"}",
        ] {
            let mut lines: Vec<String> = plan.iter().map(Value::to_string).collect();
            lines.insert(at, bad.into());
            refused(
                &s,
                (lines.join("\n") + "\n").as_bytes(),
                &format!("{bad} before line {at}"),
            );
        }
    }
    for protocol in [json!(2), json!(99), json!("1"), Value::Null] {
        let mut newer = plan.clone();
        newer[0]["protocol"] = protocol.clone();
        refused(&s, &plan_line(&newer), &format!("protocol {protocol}"));
    }
    for path in [
        "../outside/precious",
        "/etc/passwd",
        "a/../../outside/x",
        "..",
        "a/..",
        ".",
        "",
        "a//b",
        "./a",
    ] {
        for at in 1..last {
            let mut forged = plan.clone();
            forged[at]["path"] = path.into();
            if path == "." && forged[at]["status"] == "A" {
                continue;
            }
            refused(&s, &plan_line(&forged), &format!("{path:?} in record {at}"));
            for field in ["link_to", "from"] {
                let mut forged = plan.clone();
                forged[at][field] = path.into();
                refused(
                    &s,
                    &plan_line(&forged),
                    &format!("{field} {path:?} in record {at}"),
                );
            }
        }
    }
    for line in [
        "A\t../outside/x\n",
        "A\t/etc/x\n",
        "M\ta\nD\ta/../../outside/precious\n",
        "X\ta\n",
        "A\n",
        "M\ta\nb\n",
    ] {
        let before = Traces::of(s.path("dst"));
        s.feed("fsync-apply src dst", line)
            .code(5)
            .one_line("fsync-apply", &[]);
        before.assert_untouched(s.path("dst"));
    }
}

#[test]
fn case_84_a_plan_made_for_a_done_on_b() {
    let _case = case(84);
    for p in Person::everyone() {
        trees(&p, busy);
        p.sh("cp -a dst b; fsync-diff --json --delete --xattrs src dst >plan; fsync-diff --delete src dst >lines")
            .success();
        let before = Oracle::of(p.s.path("dst"));
        // An identical copy in the place of A: other inodes, other change times.
        p.sh("mv dst a; mv b dst; fsync-apply --max-delete 100% <plan")
            .code(0)
            .stdout("");
        p.copied("src").assert_is(p.s.path("dst"));
        // The same plan, said to be B's, as jq would.
        p.sh("rm -rf dst; cp -a a b; jq -c --arg b \"$PWD/b\" 'if .type == \"header\" then .destination.path = $b else . end' <plan \
              | fsync-apply --max-delete 100%")
            .code(0)
            .stdout("");
        p.copied("src").assert_is(p.s.path("b"));
        assert_eq!(
            before.differences(&Oracle::of(p.s.path("a"))),
            "",
            "A is as it was"
        );
        // In the line form the roots are arguments.
        p.sh("cp -a a c; fsync-apply --max-delete 100% src c <lines; fsync-diff --json src c | fsync-apply").code(0);
        p.copied("src").assert_is(p.s.path("c"));
        settled(&p, "src", "c");
    }
}

#[test]
fn case_84_on_a_different_b_it_is_stale() {
    let _case = case(84);
    let s = planned();
    s.sh("rm -r dst; mkdir dst").success();
    let dst = s.tree("dst");
    dst.file("a", "quite different")
        .mtime("a", 3, 3)
        .link("b", "elsewhere")
        .dir("l")
        .file("new", "first come");
    let before = Oracle::of(dst.root());
    let told = s.sh("fsync-apply --json <plan").code(3).records();
    assert_eq!(
        outcomes(&told),
        ["a stale", "b stale", "gone already", "l stale", "new stale"]
    );
    before.assert_is(dst.root());
    // Roots given as arguments pin the plan.
    s.tree("other");
    s.sh("fsync-apply src other <plan").code(4).nothing();
    assert_eq!(Oracle::of(s.path("other")).len(), 0);
}

/// A hash of all that lies in the repository, the catalog included, and where and when it was last touched.
fn hashed(s: &Sandbox) -> String {
    let script = "find repo dst -print0 | LC_ALL=C sort -z | xargs -0 stat -c '%n %i %s %a %u %g %.9Y %.9Z'; \
                  find repo dst -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
    // A reader's own book-keeping beside the catalog is no change of it.
    let text = s.sh(script).code(0).text();
    let mine = |line: &&str| !line.contains("catalog.db-") && !line.starts_with("repo ");
    text.lines().filter(mine).collect::<Vec<_>>().join("\n")
}

#[test]
fn case_85_a_dry_run_changes_nothing_at_all() {
    let _case = case(85);
    let s = Sandbox::new();
    busy(&s.tree("src"), &s.tree("dst"));
    s.tree("dst")
        .file(".fsync-sync", format!("{}\n", s.path("src").display()));
    s.run("fsync-snap dst -t one").code(0);
    s.tree("dst").file("later", "x");
    let two = s.snap("dst");
    s.tree("dst").file("later still", "x").settle();
    let lines = [
        "fsync cp -n --delete --renames src dst",
        "fsync cp -n -t name --delete src dst",
        "fsync cp -n --parents src dst/no/such",
        "fsync sync -n --delete dst",
        "fsync status --delete dst",
        "fsync rv -n -d dst",
        "fsync rv -n -d dst -t one",
        "fsync-revert --dry-run --json dst one",
        "fsync-diff --json --delete src dst | fsync-apply -n --max-delete 100%",
        "fsync-diff --json --delete src dst | fsync-apply -n --json --max-delete 100%",
        "fsync-diff --delete src dst | fsync-apply -n --max-delete 100% src dst",
        "fsync-diff --json two dst",
        "fsync prune -n --keep-last 1",
        "fsync prune -n --json --keep-last 1 -d dst",
    ];
    let before = hashed(&s);
    assert!(
        before.contains("repo/catalog.db") && before.contains("repo/log.ndjson"),
        "{before}"
    );
    for line in lines {
        let line = line.replace("two", &two);
        let told = s.sh(&line);
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(0 | 3)), "{line}: {told}");
        assert_eq!(hashed(&s), before, "{line}");
    }
    assert!(s.run("ls repo/tmp").get_output().stdout.is_empty());
}

#[test]
fn case_85_without_a_repository_none_is_made() {
    let _case = case(85);
    let s = Sandbox::new();
    s.tree("src").menagerie();
    for line in [
        "fsync cp -n --delete src dst",
        "fsync-diff --json src dst | fsync-apply -n",
        "fsync-diff src dst | fsync-apply -n src dst",
    ] {
        s.sh(line).code(0);
        assert!(
            !s.path("dst").exists() && !s.path("repo").exists(),
            "{line}"
        );
    }
}

#[test]
fn case_85_a_rehearsed_revert_prints_its_plan() {
    let _case = case(85);
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "a").file("b", "b").settle();
    s.snap("dst");
    dst.file("a", "edited").file("new", "").remove("b").settle();
    let before = hashed(&s);
    for line in ["fsync-revert --dry-run dst", "fsync rv -n -d dst"] {
        s.run(line).code(0).stdout("M\ta\nA\tb\nD\tnew\n");
    }
    let told = s.run("fsync-revert -n --json dst").code(0).records();
    assert_eq!(steps(&told, "change"), ["A b", "D new", "M a"]);
    assert_eq!(hashed(&s), before);
}

#[test]
fn case_87_exit_codes_of_a_comparison() {
    let _case = case(87);
    let s = Sandbox::new();
    for side in ["src", "dst"] {
        s.tree(side).file("f", "12345678").settle();
    }
    for options in [
        "",
        "--json",
        "-q",
        "-z",
        "--stat",
        "--patch",
        "--delete -c --xattrs",
    ] {
        s.run(&format!("fsync-diff --exit-code {options} src dst"))
            .code(0);
        s.run(&format!("fsync diff --exit-code {options} src dst"))
            .code(0);
    }
    // Each sort of difference is one; without the option none is.
    type Make = for<'t> fn(&'t Tree) -> &'t Tree;
    let differences: [(Make, &str); 5] = [
        (|t| t.file("g", "").settle(), ""),
        (|t| t.edit("f", "other").settle(), ""),
        (|t| t.mode("f", 0o600), ""),
        (|t| t.remove("f").settle(), "--delete"),
        (|t| t.remove("f").dir("f").settle(), ""),
    ];
    for (make, needs) in differences {
        s.sh("rm -rf src; cp -a dst src").success();
        make(&s.tree("src"));
        for options in ["", "--json", "-q", "-z", "--stat", "--patch"] {
            s.run(&format!("fsync-diff --exit-code {needs} {options} src dst"))
                .code(1)
                .stderr("");
            s.run(&format!("fsync-diff {needs} {options} src dst"))
                .code(0);
        }
    }
    // What only --delete would plan is no difference without it.
    s.sh("rm -rf src; cp -a dst src; touch dst/extra; touch -r src dst")
        .success();
    s.run("fsync-diff --exit-code src dst").code(0).nothing();
    s.run("fsync-diff --exit-code --delete src dst").code(1);
    // Trouble is never 0 or 1.
    s.run("fsync-diff --exit-code --size-only -c src dst")
        .code(2)
        .nothing();
    s.run("fsync-diff --exit-code src").code(2).nothing();
    s.run("fsync-diff --exit-code ./nosuch dst")
        .code(4)
        .nothing()
        .one_line("fsync-diff", &["nosuch\""]);
    s.run("fsync-diff --exit-code nosuch dst").code(6).nothing();
    s.sh("fsync-diff --exit-code --json src dst >/dev/full")
        .code(9);
    s.tree("src").file("d", "a file").settle();
    s.tree("dst").file("d/in", "").settle();
    s.run("fsync-diff --exit-code src dst")
        .code(3)
        .stderr(predicate::str::contains("\"d\""));
    let n = Person::nobody();
    n.s.tree("src").file("closed/f", "").file("g", "");
    n.own();
    n.s.tree("src").mode("closed", 0);
    n.sh("fsync-diff --exit-code src dst")
        .code(if n.is_root() { 1 } else { 3 });
    n.s.tree("src").mode("closed", 0o755);
}

/// Pseudo-random numbers from a seed; what varies between runs is the timing anyway.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll() as u8).collect()
    }

    /// A moment within a span, or a little after it.
    fn moment(&mut self, span: Duration) -> Duration {
        span.mul_f64((self.roll() % 1050) as f64 / 1000.0)
    }
}

/// Removes a tree, whatever the modes in it.
fn cleared(s: &Sandbox, name: &str) {
    s.sh(&format!(
        "[ ! -e {name} ] || chmod -R u+rwx {name}; rm -rf {name}"
    ))
    .success();
}

/// The source of a round: other contents, names and kinds each time.
fn turned(s: &Sandbox, dice: &mut Dice, round: usize) {
    cleared(s, "src");
    let src = s.tree("src");
    for n in 0..60 {
        src.file(
            format!("d{}/f{}", n % 7, (n + round) % 70),
            dice.bytes(3000),
        );
        src.file(format!("edit/f{n}"), dice.bytes(2900 + round));
    }
    src.file("huge", dice.bytes(1_000_000 + round))
        .link("link", format!("{round}"));
    src.hard("twin", "huge").dir(format!("hollow{round}"));
    match round % 2 {
        0 => src.file("kind", "a file"),
        _ => src.file("kind/in/it", "x"),
    };
    src.mode(
        "edit",
        if round.is_multiple_of(3) {
            0o555
        } else {
            0o755
        },
    )
    .settle();
}

/// Every file under its own name is wholly of the state before, or wholly of the one that is to be.
#[track_caller]
fn assert_none_is_half(s: &Sandbox, round: usize) {
    let (old, new, dst) = (s.tree("before"), s.tree("src"), s.tree("dst"));
    let is_ours = |e: &walkdir::DirEntry| e.file_name().to_string_lossy().starts_with(".fsync-");
    let entries = walkdir::WalkDir::new(dst.root()).into_iter();
    for item in entries.filter_entry(|e| !is_ours(e)) {
        let item = item.expect("an entry");
        let name = item
            .path()
            .strip_prefix(dst.root())
            .expect("inside")
            .to_str()
            .expect("UTF-8");
        let kind = item.file_type();
        if kind.is_file() {
            let bytes = dst.read(name);
            let is = |tree: &Tree| tree.at(name).is_file() && tree.read(name) == bytes;
            assert!(
                is(&old) || is(&new),
                "{name} is half written in round {round}"
            );
        } else {
            let is = |tree: &Tree| {
                tree.at(name)
                    .symlink_metadata()
                    .is_ok_and(|m| m.file_type() == kind)
            };
            assert!(
                name.is_empty() || is(&old) || is(&new),
                "{name} is neither, in round {round}"
            );
        }
    }
}

#[test]
fn case_90_interrupted_twenty_times() {
    let _case = case(90);
    let mut dice = Dice(23);
    let s = Sandbox::new();
    turned(&s, &mut dice, 0);
    s.twin("src", "dst").file("gone/deep/er", "g").settle();
    let mut recorded: Vec<(String, Oracle)> = vec![(s.snap("dst"), Oracle::of(s.path("dst")))];
    let copy = "fsync cp -q --delete --max-delete 100% src dst";
    let (mut whole, mut kills) = (Duration::ZERO, 0);
    let wanted = quick_or_long(20, 120);
    let mut round = 0;
    while kills < wanted {
        round += 1;
        assert!(
            round < 8 * wanted,
            "only {kills} of {round} kills came in time"
        );
        turned(&s, &mut dice, round);
        cleared(&s, "before");
        s.sh("cp -a dst before").success();
        if round <= 2 {
            let start = Instant::now();
            s.run(copy).code(0);
            whole = whole.max(start.elapsed());
        } else {
            let script = match round % 3 {
                0 => Way::Records.script("--delete", "--max-delete 100%", "src", "dst"),
                _ => copy.to_string(),
            };
            let mut shell = s.plain("sh");
            let mut child = shell
                .args(["-c", &script])
                .process_group(0)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            std::thread::sleep(dice.moment(whole));
            let group = Pid::from_child(&child);
            let signal = [Signal::KILL, Signal::KILL, Signal::TERM, Signal::INT][round % 4];
            // Everybody may be gone already.
            let _ = kill_process_group(group, signal);
            let in_time = !child.wait().expect("it ends").success();
            kills += usize::from(in_time);
            // How long it takes varies with what else the machine does.
            whole = whole.mul_f64(if in_time { 1.05 } else { 0.8 });
            assert_none_is_half(&s, round);
        }
        // Run again, it converges.
        s.run(copy).code(0).nothing();
        assert_same(s.path("src"), s.path("dst"));
        s.run(copy).code(0).nothing();
        nothing_left(&s, "dst");
        if round > 2 && round % 4 == 0 {
            s.run("fsync verify -q").code(0);
        }
        recorded.push((s.snap("dst"), Oracle::of(s.path("dst"))));
    }
    s.run("fsync verify -q --read-data").code(0);
    for (n, (id, oracle)) in recorded.iter().enumerate() {
        let to = format!("out{n}");
        s.run(&format!("fsync-revert dst {id} --to {to}")).code(0);
        oracle.assert_is(s.path(&to));
        cleared(&s, &to);
    }
    // And those that the interrupted runs made themselves can be restored as well.
    let all = records(&s.run("fsync log --json dst").code(0).bytes());
    for id in all.iter().filter_map(|r| r["id"].as_str()) {
        s.run(&format!("fsync-revert dst {id} --to out")).code(0);
        cleared(&s, "out");
    }
    let odd = s
        .sh("ls -A repo | grep -v '^[0-9a-f]*\\.zip$' | grep -v '^catalog.db' | grep -v lock")
        .text();
    assert_eq!(
        odd, "log.ndjson\ntmp",
        "nothing else lies in the repository"
    );
}
