//! Hooks: when they run, what they are given, and what comes of their failing.

use std::fs;

use crate::desk::Desk;
use crate::support::{Told, records};

/// Trees, and hooks that write down what they were given.
fn desk() -> Desk {
    let d = Desk::with(
        "[hooks]\nbefore = \"cat >before; env >before.env; pwd >before.cwd; ls d >before.ls; echo talk\"\n\
         after = \"cat >after; env >after.env\"\n",
    );
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    d
}

fn read(d: &Desk, name: &str) -> String {
    fs::read_to_string(d.s.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn variable(d: &Desk, file: &str, name: &str) -> Option<String> {
    let text = read(d, file);
    let start = format!("{name}=");
    let mut lines = text.lines().filter_map(|l| l.strip_prefix(&start));
    lines.next().map(str::to_string)
}

fn ran(d: &Desk) -> (bool, bool) {
    let there = |name: &str| fs::remove_file(d.s.path(name)).is_ok();
    (there("before"), there("after"))
}

#[test]
fn they_are_given_the_plan_and_know_where_they_are() {
    let d = desk();
    let said = d.run("cp a d").code(0).nothing().complaint();
    assert!(
        said.starts_with("talk\n"),
        "what a hook prints is talk: {said}"
    );
    for name in ["before", "after"] {
        let plan = records(read(&d, name).as_bytes());
        let types: Vec<_> = plan.iter().map(|r| r["type"].as_str().unwrap()).collect();
        assert_eq!((types[0], *types.last().unwrap()), ("header", "end"));
        assert!(plan.iter().any(|r| r["status"] == "A" && r["path"] == "x"));
        let env = format!("{name}.env");
        assert_eq!(variable(&d, &env, "FSYNC_HOOK").unwrap(), name);
        assert_eq!(variable(&d, &env, "FSYNC_COMMAND").unwrap(), "cp");
        assert_eq!(
            variable(&d, &env, "FSYNC_DIR").unwrap(),
            d.s.path("d").display().to_string()
        );
        let repo = d.s.path("home/.local/share/fsync").display().to_string();
        assert_eq!(variable(&d, &env, "FSYNC_REPO").unwrap(), repo);
    }
    assert_eq!(
        read(&d, "before.ls"),
        "y\n",
        "nothing is changed, and nothing recorded, when it runs"
    );
    assert_eq!(
        read(&d, "before.cwd").trim(),
        d.s.path("").display().to_string().trim_end_matches('/')
    );
    assert_eq!(variable(&d, "before.env", "FSYNC_SNAPSHOT"), None);
    let snapshot = variable(&d, "after.env", "FSYNC_SNAPSHOT").unwrap();
    assert_eq!(snapshot, d.s.head("d").unwrap());
    assert_eq!(variable(&d, "after.env", "FSYNC_EXIT").unwrap(), "0");
}

#[test]
fn they_run_for_cp_sync_and_rv_and_only_for_changes() {
    let d = desk();
    d.run("cp -n a d").code(0);
    assert_eq!(ran(&d), (false, false), "a dry run");
    d.run("cp a d").code(0);
    assert_eq!(ran(&d), (true, true));
    d.run("cp a d").code(0).stderr("fsync: nothing to do\n");
    assert_eq!(ran(&d), (false, false), "a plan of nothing");
    d.run("rv -n -d d").code(0);
    assert_eq!(ran(&d), (false, false), "a dry rv");
    d.run("rv --to new -d d").code(0);
    assert_eq!(ran(&d), (false, false), "the directory stays as it is");
    d.run("rv -d d --verify").code(0);
    assert_eq!(variable(&d, "after.env", "FSYNC_COMMAND").unwrap(), "rv");
    assert_eq!(
        variable(&d, "after.env", "FSYNC_SNAPSHOT").unwrap().len(),
        40
    );
    let plan = read(&d, "after");
    assert!(
        records(plan.as_bytes())
            .iter()
            .any(|r| r["status"] == "D" && r["path"] == "x")
    );
    assert_eq!(ran(&d), (true, true));
    d.run("rv -d d --redo").code(0);
    assert_eq!(ran(&d), (true, true));
    d.run("mksync d a").code(0);
    d.run("status d").code(0);
    assert_eq!(ran(&d), (false, false));
    d.s.tree("a").file("z", "1");
    d.run("sync -t tagged d").code(0);
    assert_eq!(variable(&d, "before.env", "FSYNC_COMMAND").unwrap(), "sync");
    assert_eq!(ran(&d), (true, true));
    d.run("rv -t tagged").code(0);
    assert_eq!(
        ran(&d),
        (true, true),
        "of the directory that the tag belongs to"
    );
    d.run("--no-config rv -d d --redo").code(0);
    assert_eq!(ran(&d), (false, false));
}

#[test]
fn a_failing_one_before_stops_the_run() {
    let d = Desk::with("hooks = { before = \"exit 7\", after = \"touch after\" }\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    let stopped = |line: &str, how: &str| {
        let parts = [
            "/d\": the hook hooks.before (",
            how,
            "; nothing was changed",
        ];
        d.run(line).code(4).nothing().one_line("fsync", &parts);
        assert!(!d.s.path("d/x").exists() && !d.s.path("after").exists());
        assert_eq!(
            (d.snapshots("home/.local/share/fsync"), d.s.head("d")),
            (0, None)
        );
    };
    stopped("cp a d", "(exit 7) failed with exit code 7");
    d.set("hooks.before = \"kill -TERM $$\"\n");
    stopped("cp a d", "was ended by SIGTERM");
    stopped("-q cp --no-snapshot a d", "was ended by SIGTERM");
    d.set("hooks.before = \"no-such-command-at-all 2>/dev/null\"\n");
    stopped("cp a d", "failed with exit code 127");
    d.set("");
    d.run("cp a d").code(0);
    d.set("hooks.before = \"exit 3\"\n");
    d.run("rv -d d")
        .code(4)
        .nothing()
        .one_line("fsync", &["hooks.before", "exit code 3"]);
    assert!(d.s.path("d/x").exists());
    assert_eq!(d.snapshots("home/.local/share/fsync"), 1);
}

#[test]
fn a_signal_while_one_runs_reaches_it_and_stops_the_run() {
    let d = Desk::with("hooks.before = \"kill -INT $PPID; exec sleep 60\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    d.run("cp a d")
        .code(4)
        .one_line("fsync", &["was ended by SIGINT; nothing was changed"]);
    assert!(!d.s.path("d/x").exists());
}

#[test]
fn a_failing_one_after_is_said() {
    let d = Desk::with("hooks.after = \"exit 9\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    let said = d.run("cp a d").code(3).complaint();
    let last = said.lines().last().unwrap();
    assert!(
        last.contains(
            "the hook hooks.after (exit 9) failed with exit code 9; what was done stays done"
        ),
        "{said}"
    );
    assert!(d.s.path("d/x").exists());
    // What failed before it counts for more; it runs nevertheless, for what the one before has begun.
    d.set("hooks = { before = \"true\", after = \"echo $FSYNC_EXIT >code; exit 9\" }\n");
    d.sh("echo 2 >a/x; mkdir d/.fsync-backup-not; rm -r d/.fsync-backup; mkdir d/.fsync-backup")
        .code(0);
    let code = d.run("cp a d").get_output().status.code().unwrap();
    assert!(code > 3, "{code}");
    assert_eq!(read(&d, "code"), format!("{code}\n"));
}

#[test]
fn one_that_does_not_read_is_fine_and_one_that_changes_things_is_seen() {
    let d = Desk::with("hooks = { before = \"exec <&-; true\", after = \"true\" }\n");
    d.s.tree("a");
    d.s.tree("d");
    d.sh("for n in $(seq 2000); do echo $n >a/$n; done").code(0);
    d.run("cp a d").code(0);
    d.set("hooks.before = \"echo other >d/1; echo plan >&0 || true\"\n");
    d.sh("echo new >a/1; echo new >a/2").code(0);
    let said = d.run("cp a d").code(3).complaint();
    assert!(said.contains("\"1\": stale"), "{said}");
    assert_eq!(
        (read(&d, "d/1").trim(), read(&d, "d/2").trim()),
        ("other", "new")
    );
}

#[test]
fn one_that_changes_its_own_directory_ends() {
    let d = Desk::with("hooks.before = \"echo once >>count; fsync cp b d >&2\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("b").file("z", "1");
    d.s.tree("d");
    d.run("cp a d").code(0);
    assert_eq!(read(&d, "count"), "once\n");
    assert!(d.s.path("d/x").exists() && d.s.path("d/z").exists());
}

#[test]
fn a_section_has_its_own_and_an_empty_one_is_none() {
    let d = Desk::with(
        "hooks.before = \"touch top\"\n[directory.\"@/d\"]\nhooks = { before = \"\" }\n",
    );
    d.s.tree("a").file("x", "1");
    d.run("cp a d").code(0);
    assert!(!d.s.path("top").exists());
    d.run("cp a e").code(0);
    assert!(d.s.path("top").exists());
}

#[test]
fn trace_prints_what_can_be_typed() {
    let d = desk();
    d.s.tree("a").file("it's", "1");
    let said = d.run("--trace cp a d").code(0).complaint();
    let lines: Vec<&str> = said
        .lines()
        .filter(|l| l.contains("fsync-") || l.contains("sh -c"))
        .collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert_eq!(
        lines[0],
        "plan=$(mktemp) && fsync-diff --json a d >\"$plan\""
    );
    assert!(
        lines[1].starts_with("(cd ") && lines[1].ends_with("<\"$plan\" >&2"),
        "{said}"
    );
    let third = "fsync-snap --through --guard <\"$plan\" | fsync-apply --require-snapshot --json";
    assert_eq!(lines[2], third);
    let script = lines.join("\n");
    d.run("rv -d d").code(0);
    ran(&d);
    d.sh(&format!("{script} >/dev/null")).code(0);
    assert!(d.s.path("d/it's").exists());
    assert_eq!(ran(&d), (true, true));
}
