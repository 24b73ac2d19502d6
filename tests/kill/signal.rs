//! Signals to a run: its code is 128+n, nobody and nothing is left behind, and one line names the way back.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

use rustix::process::{Signal, kill_process};

use crate::held::{Held, RENAMES, brake, wait_for};
use crate::support::{Oracle, Sandbox, Told, assert_same, strace};
use crate::world::{World, leftovers};

const COPY: &str = "fsync cp --delete --max-delete 100% src dst";

/// One line that begins with the program's name, nothing on standard output; the line.
#[track_caller]
fn one_line(output: &Output) -> String {
    assert_eq!(output.stdout, b"", "standard output");
    let said = without_count(&String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().count(), 1, "one line: {said:?}");
    assert!(said.starts_with("fsync: "), "{said:?}");
    said
}

/// What was said, but for how far a revert came that was asked to stop.
fn without_count(said: &str) -> String {
    // strace(1) remarks on a process that dies while it is being slowed.
    let ours = said
        .split_inclusive('\n')
        .filter(|l| !l.starts_with("strace: "));
    let said = &ours.collect::<String>();
    let Some((before, rest)) = said.split_once("fsync-revert: interrupted: ") else {
        return said.into();
    };
    let (count, after) = rest.split_once('\n').unwrap_or((rest, ""));
    assert!(
        count
            .trim_end()
            .ends_with("changes were made; run it again to go on"),
        "{said}"
    );
    format!("{before}{after}")
}

/// A moment of a run, and what is said when a signal comes then.
struct Moment {
    line: &'static str,
    stage: &'static str,
    calls: &'static str,
    nth: usize,
    said: &'static str,
}

/// While comparing, while recording, while changing, while taking back.
const MOMENTS: [Moment; 4] = [
    Moment {
        line: COPY,
        stage: "fsync-diff",
        calls: "getdents64",
        nth: 2,
        said: "nothing was changed",
    },
    Moment {
        line: COPY,
        stage: "fsync-snap",
        calls: "fsync,fdatasync",
        nth: 1,
        said: "nothing was changed",
    },
    Moment {
        line: COPY,
        stage: "fsync-apply",
        calls: RENAMES,
        nth: 2,
        said: "fsync rv -d dst takes back what was done",
    },
    Moment {
        line: "fsync rv -d dst -t first",
        stage: "fsync-revert",
        calls: RENAMES,
        nth: 4,
        said: "fsync rv -d dst takes back what was done",
    },
];

const SIGNALS: [(Signal, &str); 4] = [
    (Signal::INT, "SIGINT"),
    (Signal::TERM, "SIGTERM"),
    (Signal::HUP, "SIGHUP"),
    (Signal::QUIT, "SIGQUIT"),
];

/// A world whose directory was changed since it was last recorded.
fn changed() -> (World, Oracle) {
    let w = World::new();
    w.s.tree("dst").edit("stays", "edited and not yet recorded");
    w.keep();
    let before = Oracle::of(w.s.path("dst"));
    (w, before)
}

#[track_caller]
fn nothing_left_and_back(w: &World, before: &Oracle, said: &str) {
    w.nothing_left();
    if said.contains("rv -d dst") {
        w.s.run("fsync -q rv -d dst").code(0).stderr("");
    }
    before.assert_is(w.s.path("dst"));
    w.holds();
}

#[test]
fn signals_to_one_and_to_all_at_every_stage() {
    if !strace() {
        return;
    }
    let (w, before) = changed();
    for moment in MOMENTS {
        for (signal, name) in SIGNALS {
            for alone in [true, false] {
                w.reset();
                let m = &moment;
                let held = Held::start(&w.s, m.line, m.stage, m.calls, m.nth);
                match alone {
                    true => kill_process(held.porcelain(), signal).expect("a signal"),
                    false => held.to_all(signal),
                }
                held.reached(signal);
                held.go_on();
                let output = held.end();
                let said = one_line(&output);
                let expected = format!("fsync: {} was ended by {name}; {}\n", m.stage, m.said);
                assert_eq!(said, expected, "alone: {alone}");
                assert_eq!(output.status.code(), Some(128 + signal.as_raw()));
                nothing_left_and_back(&w, &before, &said);
            }
        }
    }
}

#[test]
fn a_stage_that_is_killed_alone() {
    if !strace() {
        return;
    }
    let (w, before) = changed();
    for m in MOMENTS {
        w.reset();
        let held = Held::start(&w.s, m.line, m.stage, m.calls, m.nth);
        kill_process(held.stage, Signal::KILL).expect("a signal");
        let output = held.end();
        let said = one_line(&output);
        let expected = format!("fsync: {} was ended by SIGKILL; {}\n", m.stage, m.said);
        assert_eq!(said, expected);
        assert_eq!(output.status.code(), Some(137));
        nothing_left_and_back(&w, &before, &said);
    }
}

#[test]
fn a_run_without_a_snapshot_says_that_there_is_no_way_back() {
    if !strace() {
        return;
    }
    let w = World::new();
    let line = format!("{COPY} --no-snapshot");
    let held = Held::start(&w.s, &line, "fsync-apply", RENAMES, 2);
    held.to_all(Signal::INT);
    held.go_on();
    let output = held.end();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().expect("a line");
    assert_eq!(
        last,
        "fsync: fsync-apply was ended by SIGINT; \"dst\" may have changed, and there is no snapshot of its state before"
    );
    w.nothing_left();
}

#[test]
fn a_run_without_stages_says_that_it_can_be_run_again() {
    if !strace() {
        return;
    }
    let w = World::new();
    w.s.mirror("src", "dst").code(0);
    let last = w.s.snap("dst");
    w.keep();
    let sync = "fsync,fdatasync";
    let cases = [
        ("prune", "fsync prune --prune-tagged --keep-last 1"),
        ("forget", "fsync forget -d dst edit"),
        ("the copy", "fsync repo copy second"),
    ];
    for (what, line) in cases {
        for (signal, name) in SIGNALS {
            w.reset();
            let held = Held::start_alone(&w.s, line, sync, 1);
            held.to_all(signal);
            held.go_on();
            let output = held.end();
            let said = one_line(&output);
            let expected =
                format!("fsync: {what} was ended by {name}; the same command again completes it\n");
            assert_eq!(said, expected);
            assert_eq!(output.status.signal(), Some(signal.as_raw()));
            w.nothing_left();
            w.s.run("fsync -q verify --read-data").code(0).stderr("");
            w.s.run(line).code(0);
            w.s.run(&format!("fsync-revert dst {last} --to out"));
            w.s.sh("rm -rf out").success();
        }
    }
}

#[test]
fn a_run_that_is_stopped_goes_on() {
    if !strace() {
        return;
    }
    let w = World::new();
    let held = Held::start(&w.s, COPY, "fsync-apply", RENAMES, 2);
    held.to_all(Signal::STOP);
    held.to_all(Signal::CONT);
    let output = held.end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_same(w.s.path("src"), w.s.path("dst"));
    w.nothing_left();
}

#[test]
fn a_job_is_suspended_and_brought_back() {
    if !strace() {
        return;
    }
    let w = World::new();
    brake(&w.s, "fsync-apply", RENAMES, 2);
    let script = format!(
        "set -m
        export FSYNC_EXEC_PATH=$PWD/exec RAYON_NUM_THREADS=1
        {COPY} &
        until grep -q 'stopped by SIGSTOP' exec/log 2>/dev/null; do sleep 0.01; done
        kill -TSTP %1
        until jobs %1 | grep -q Stopped; do sleep 0.01; done
        (while kill -CONT $(cat exec/pid) 2>/dev/null; do sleep 0.05; done) &
        fg %1 >/dev/null"
    );
    w.s.cmd("bash")
        .args(["-c", &script])
        .timeout(std::time::Duration::from_secs(60))
        .assert()
        .code(0)
        .stdout("");
    assert_same(w.s.path("src"), w.s.path("dst"));
    w.nothing_left();
}

#[test]
fn what_is_ignored_stays_ignored() {
    if !strace() {
        return;
    }
    let w = World::new();
    w.keep();
    let cases = [
        (format!("nohup {COPY}"), Signal::HUP),
        (format!("sh -c '{COPY} & wait $!'"), Signal::INT),
        (format!("sh -c '{COPY} & wait $!'"), Signal::QUIT),
    ];
    for (line, signal) in cases {
        for alone in [true, false] {
            w.reset();
            let held = Held::start(&w.s, &line, "fsync-apply", RENAMES, 2);
            match alone {
                // The shell that waits would end by it; what it has started must not.
                true => {
                    let porcelain = parent(held.stage);
                    kill_process(porcelain, signal).expect("a signal");
                }
                false => {
                    kill_process(parent(held.stage), signal).expect("a signal");
                    kill_process(held.stage, signal).expect("a signal");
                }
            }
            held.go_on();
            let output = held.end();
            assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
            assert_same(w.s.path("src"), w.s.path("dst"));
        }
    }
}

/// The parent of a process.
fn parent(pid: rustix::process::Pid) -> rustix::process::Pid {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = fs::read_to_string(path).expect("a status");
    let line = status.lines().find_map(|l| l.strip_prefix("PPid:"));
    let number = line.expect("a parent").trim().parse().expect("a number");
    rustix::process::Pid::from_raw(number).expect("a process")
}

/// Plays a person at a terminal: starts a line, types a key when a stage stands still, and tells how it ended.
const TERMINAL: &str = r#"
import os, pty, signal, subprocess, sys, termios, time
line, key, log = sys.argv[1], sys.argv[2].encode().decode("unicode_escape").encode(), sys.argv[3]
master, slave = pty.openpty()
before = subprocess.run(["stty", "-a"], stdin=slave, capture_output=True).stdout
child = subprocess.Popen(["setsid", "-c", "sh", "-c", "exec " + line], stdin=slave, stdout=slave, stderr=slave)
def there():
    try: return "stopped by SIGSTOP" in open(log).read()
    except OSError: return False
for _ in range(6000):
    if there(): break
    time.sleep(0.01)
os.write(master, key)
stage = int(open(os.path.dirname(log) + "/pid").read())
def pending():
    return any(l.split()[1].strip("0") for l in open("/proc/%d/status" % stage) if l.startswith("ShdPnd"))
while not pending(): time.sleep(0.01)
os.kill(stage, signal.SIGCONT)
code = child.wait()
after = subprocess.run(["stty", "-a"], stdin=slave, capture_output=True).stdout
os.set_blocking(master, False)
said = b""
try:
    while True: said += os.read(master, 65536)
except OSError: pass
print(code)
print(before == after and b"speed" in before)
sys.stdout.flush()
os.write(1, said.replace(b"\r\n", b"\n"))
"#;

#[test]
fn keys_at_a_terminal() {
    if !strace() {
        return;
    }
    let (w, before) = changed();
    for m in MOMENTS {
        for (key, echo, code) in [("\\x03", "^C", 130), ("\\x1c", "^\\", 131)] {
            w.reset();
            brake(&w.s, m.stage, m.calls, m.nth);
            let mut python = w.s.cmd("python3");
            let told = python
                .args(["-c", TERMINAL, m.line, key])
                .arg(w.s.path("exec/log"))
                .env("FSYNC_EXEC_PATH", w.s.path("exec"))
                .env("RAYON_NUM_THREADS", "1")
                .assert()
                .code(0);
            let text = without_count(&told.text());
            let lines: Vec<&str> = text.lines().collect();
            let word = if code == 130 { "SIGINT" } else { "SIGQUIT" };
            let said = format!("{echo}fsync: {} was ended by {word}; {}", m.stage, m.said);
            assert_eq!(lines, [&code.to_string(), "True", &said]);
            nothing_left_and_back(&w, &before, &said);
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let s = Sandbox::new();
    let src = s.tree("src");
    for n in 0..4000 {
        src.file(
            format!("a rather long name of a file, so that pipes fill up {n}"),
            "x",
        );
    }
    s.tree("dst").file("f", "x");
    s.snap("src");
    for line in [
        "fsync cp -n src dst",
        "fsync diff src dst",
        "fsync diff --json src dst",
        "fsync ls snap:$(cat src/.fsync-backup)",
        "fsync export snap:$(cat src/.fsync-backup) --tar -o -",
        "fsync rv -n -d src -t none || fsync-revert -n --json src @",
    ] {
        let told = s.sh(&format!(
            "mkfifo pipe; ({line}; echo $? >code) >pipe 2>said & head -c 10 pipe >/dev/null; wait; rm pipe; cat code"
        ));
        let code = told.code(0).text();
        let said = fs::read_to_string(s.path("said")).expect("what was said");
        let said = said.replace("fsync-revert: \"none\"", "");
        assert!(
            matches!(code.as_str(), "0" | "141"),
            "{line}: {code} {said}"
        );
        assert!(
            said.lines().count() <= usize::from(line.contains("none")),
            "{line}: {said}"
        );
    }
    assert_eq!(leftovers(&s.path(".")).len(), 0);
}

#[test]
fn a_signal_while_the_stages_are_being_started() {
    let w = World::new();
    w.keep();
    let mut codes = std::collections::BTreeSet::new();
    for round in 0..crate::support::quick_or_long(25, 400) {
        w.reset();
        let before = Oracle::of(w.s.path("dst"));
        let mut copy = w.s.plain("fsync");
        copy.args(COPY.split(' ').skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = copy.spawn().expect("it starts");
        let pid = rustix::process::Pid::from_child(&child);
        // Not before it handles signals: then the first one simply ends it.
        wait_for("the handlers", || {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
            let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"))?;
            let mask = u64::from_str_radix(caught.trim(), 16).ok()?;
            (mask & 1 << 14 != 0 || status.contains("State:\tZ")).then_some(())
        });
        for _ in 0..round * 40 {
            std::hint::spin_loop();
        }
        let _ = kill_process(pid, Signal::TERM);
        let output = child.wait_with_output().expect("it ends");
        let code = output.status.code();
        codes.insert(code);
        if code == Some(0) {
            // It was over already.
            continue;
        }
        assert_eq!(code, Some(143), "{output:?}");
        let said = one_line(&output);
        nothing_left_and_back(&w, &before, &said);
    }
    assert!(codes.contains(&Some(143)), "{codes:?}");
}
