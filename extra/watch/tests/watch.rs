//! Directories that change while they are watched.

#[allow(dead_code, unused_imports)]
#[path = "../../../tests/suite/support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;
use support::{Oracle, Person, Sandbox, Told, example, long};

/// How long anything may take before a test gives up on it.
const PATIENCE: Timespec = Timespec {
    tv_sec: 120,
    tv_nsec: 0,
};

/// The next line; empty at the end.
#[track_caller]
fn next_line(from: &mut BufReader<impl Read + AsFd>) -> String {
    if from.buffer().is_empty() {
        let mut fds = [PollFd::new(from.get_ref(), PollFlags::IN)];
        let ready = poll(&mut fds, Some(&PATIENCE)).unwrap();
        assert_eq!(ready, 1, "nothing is said any more");
    }
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}

/// A watcher that a test cannot leave behind.
struct Watcher {
    child: Child,
    told: BufReader<ChildStdout>,
    said: BufReader<ChildStderr>,
}

impl Watcher {
    fn new(s: &Sandbox, args: &[&str]) -> Watcher {
        Watcher::of(s.lasting("fsync-watch"), args)
    }

    /// One whose programs are those in `bin` first.
    fn with_programs(s: &Sandbox, args: &[&str]) -> Watcher {
        let mut command = s.lasting("fsync-watch");
        command.env("FSYNC_EXEC_PATH", s.path("bin"));
        Watcher::of(command, args)
    }

    fn of(mut command: Command, args: &[&str]) -> Watcher {
        let mut child = command
            .args(["--json", "--quiet-period", "100ms"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Watcher {
            told: BufReader::new(child.stdout.take().unwrap()),
            said: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The record of the next round.
    #[track_caller]
    fn round(&mut self) -> Value {
        let line = next_line(&mut self.told);
        if line.is_empty() {
            let mut said = String::new();
            self.said.read_to_string(&mut said).unwrap();
            panic!("it has ended: {said}");
        }
        serde_json::from_str(&line).unwrap()
    }

    /// Rounds until one satisfies.
    #[track_caller]
    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        let mut rounds = Vec::new();
        while start.elapsed().as_secs() < PATIENCE.tv_sec as u64 {
            let round = self.round();
            if is_it(&round) {
                return round;
            }
            rounds.push(round);
        }
        panic!("none of {rounds:?}");
    }

    /// The next line on standard error that has `text` in it.
    #[track_caller]
    fn line(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line = next_line(&mut self.said);
            assert!(!line.is_empty(), "no {text}");
        }
    }

    /// Does something that it sees in one piece, however slow the machine is.
    fn at_once(&self, work: impl FnOnce()) {
        self.signal(Signal::STOP);
        let pid = Some(Pid::from_child(&self.child));
        let status = waitpid(pid, WaitOptions::UNTRACED).unwrap();
        assert!(status.unwrap().1.stopped());
        work();
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }

    /// The most memory that it ever had, in KiB.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Watcher {
    /// For how long it was on the CPU, and the programs of its rounds, in hundredths of a second.
    fn ticks(&self) -> [u64; 2] {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = fs::read_to_string(path).unwrap();
        let fields: Vec<u64> = text
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .skip(11)
            .take(4)
            .map(|field| field.parse().unwrap())
            .collect();
        [fields[0] + fields[1], fields[2] + fields[3]]
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a snapshot holds, by way of tar.
fn unpacked(s: &Sandbox, id: &str) -> Oracle {
    let _ = fs::remove_dir_all(s.path("unpacked"));
    s.sh(&format!(
        "mkdir unpacked && fsync export --tar {id} | tar -xp --xattrs --xattrs-include='*' -C unpacked"
    ))
    .code(0);
    Oracle::of(s.path("unpacked"))
}

/// Whether a snapshot has a path.
fn has(s: &Sandbox, round: &Value, path: &str) -> bool {
    let id = round["snapshot"].as_str().unwrap();
    let told = s.sh(&format!("fsync ls {id} {path} >/dev/null 2>&1"));
    told.get_output().status.success()
}

#[test]
fn each_quiet_period_is_one_snapshot_of_what_changed() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a").file("d/b", "b");
    let mut watcher = Watcher::new(&s, &["--snap", "live"]);
    let first = watcher.round();
    assert_eq!(
        (&first["why"], &first["new"]),
        (&"start".into(), &true.into())
    );
    watcher.at_once(|| drop(live.edit("a", "other").edit("d/c", "new").at("")));
    let second = watcher.round();
    assert_eq!(second["why"], "changes");
    assert_eq!(second["paths"], 2);
    unpacked(&s, second["snapshot"].as_str().unwrap()).assert_is(s.path("live"));
    // Nothing of its own doing makes another round: the next one is of the next change.
    fs::remove_file(live.at("d/c")).unwrap();
    let third = watcher.round();
    assert_eq!(
        (&third["why"], &third["paths"]),
        (&"changes".into(), &1.into())
    );
    assert_eq!(s.archives().len(), 3);
    assert_eq!(watcher.end().0, Some(0));
}

#[test]
fn directories_that_come_move_and_go_are_followed() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    s.tree("outside/x/y").file("z", "z");
    let mut watcher = Watcher::new(&s, &["--snap", "live"]);
    watcher.round();
    let mut check = |work: &dyn Fn()| {
        watcher.at_once(work);
        let round = watcher.round();
        unpacked(&s, round["snapshot"].as_str().unwrap()).assert_is(s.path("live"));
    };
    let write = |name: &str, text: &str| drop(live.edit(name, text).at(name));
    check(&|| write("deep/er/est/f", "f"));
    check(&|| write("deep/er/est/f", "g"));
    check(&|| fs::rename(live.at("deep"), live.at("moved")).unwrap());
    check(&|| write("moved/er/est/f", "h"));
    check(&|| fs::rename(s.path("outside/x"), live.at("in")).unwrap());
    check(&|| write("in/y/z", "changed"));
    check(&|| fs::rename(live.at("in"), s.path("outside/x")).unwrap());
    check(&|| fs::hard_link(live.at("a"), live.at("second")).unwrap());
    check(&|| write("second", "by its other name"));
    check(&|| fs::set_permissions(live.at("moved"), PermissionsExt::from_mode(0o700)).unwrap());
}

#[test]
fn a_thousand_changes_a_second_and_nothing_is_missed() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    let mut watcher = Watcher::new(
        &s,
        &["--snap", "--at-most", "2s", "--keep-last", "3", "live"],
    );
    watcher.round();
    let seconds = if long() { 60 } else { 3 };
    let start = Instant::now();
    let mut n = 0_u32;
    while start.elapsed() < Duration::from_secs(seconds) {
        // At most a thousand a second, paced by the clock.
        while f64::from(n) < start.elapsed().as_secs_f64() * 1000.0 {
            let dir = format!("d{}/e{}", n % 37, n / 500);
            match n % 7 {
                0..=3 => drop(live.edit(format!("{dir}/f{}", n % 11), n.to_string())),
                4 => drop(fs::remove_file(live.at(format!("{dir}/f{}", n % 11)))),
                5 => drop(fs::rename(
                    live.at(format!("d{}", n % 37)),
                    live.at(format!("m{}", n % 5)),
                )),
                _ => drop(fs::remove_dir_all(live.at(format!("m{}", n % 5)))),
            }
            n += 1;
        }
        std::thread::yield_now();
    }
    live.edit("the-end", "");
    let last = watcher.until(|round| round["exit"] == 0 && has(&s, round, "the-end"));
    let id = last["snapshot"].as_str().unwrap();
    unpacked(&s, id).assert_is(s.path("live"));
    let (memory, ticks) = (watcher.memory(), watcher.ticks());
    eprintln!(
        "{n} changes in {seconds} s; {memory} KiB at most; ticks of the CPU, own and of rounds: {ticks:?}"
    );
    assert!(n >= seconds as u32 * 900, "{n}");
    assert!(memory < 64 << 10, "{memory} KiB");
    assert_eq!(watcher.end().0, Some(0));
    s.run("fsync verify").code(0);
}

#[test]
fn a_queue_that_ran_over_is_made_good() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    let mut watcher = Watcher::new(&s, &["--snap", "live"]);
    watcher.round();
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    if most > 100_000 {
        eprintln!("skipped: the queue is too long to be filled");
        return;
    }
    watcher.signal(Signal::STOP);
    for n in 0..=most {
        fs::write(live.at(format!("x{}", n % 50)), n.to_string()).unwrap();
    }
    live.file("behind/the/end", "unseen");
    watcher.signal(Signal::CONT);
    let round = watcher.until(|round| has(&s, round, "behind/the/end"));
    assert_eq!(round["why"], "overflow");
    live.edit("behind/the/end", "seen");
    let round = watcher.until(|round| round["why"] == "changes");
    unpacked(&s, round["snapshot"].as_str().unwrap()).assert_is(s.path("live"));
}

#[test]
fn what_goes_away_is_waited_for() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    let mut watcher = Watcher::new(&s, &["--snap", "live"]);
    watcher.round();
    fs::rename(s.path("live"), s.path("away")).unwrap();
    watcher.line("is gone; waiting");
    fs::write(s.path("away/b"), "b").unwrap();
    fs::rename(s.path("away"), s.path("live")).unwrap();
    watcher.line("there again");
    let round = watcher.round();
    assert_eq!(round["why"], "back");
    assert!(has(&s, &round, "b"));
    live.edit("c", "c");
    assert!(has(&s, &watcher.round(), "c"));
}

#[test]
fn sources_are_followed_and_their_list_too() {
    let s = Sandbox::new();
    let (one, two) = (s.tree("one"), s.tree("two"));
    one.file("a", "a");
    two.file("b", "b");
    s.tree("dst");
    s.run("fsync -q mksync dst one").code(0);
    let mut watcher = Watcher::new(&s, &["dst"]);
    assert_eq!(watcher.round()["exit"], 0);
    assert_eq!(s.tree("dst").read("a"), b"a");
    watcher.at_once(|| drop(one.file("sub/c", "c").at("")));
    assert_eq!(watcher.round()["exit"], 0);
    assert_eq!(s.tree("dst").read("sub/c"), b"c");
    s.sh(&format!(
        "printf '%s\\n' {} {} >dst/.fsync-sync",
        s.path("one").display(),
        s.path("two").display()
    ))
    .code(0);
    watcher.until(|_| s.tree("dst").has("b"));
    two.edit("b", "later");
    watcher.until(|_| s.tree("dst").read("b") == b"later");
    assert_eq!(watcher.end().0, Some(0));
}

#[test]
fn a_source_that_goes_away_is_waited_for_and_nothing_is_deleted() {
    let s = Sandbox::new();
    s.tree("one").file("a", "a");
    s.tree("dst");
    s.run("fsync -q mksync dst one").code(0);
    let mut watcher = Watcher::new(&s, &["dst", "--", "--delete"]);
    assert_eq!(watcher.round()["exit"], 0);
    fs::rename(s.path("one"), s.path("away")).unwrap();
    watcher.line("one\": is gone; waiting");
    s.tree("away").edit("b", "b");
    assert_eq!(s.tree("dst").read("a"), b"a");
    fs::rename(s.path("away"), s.path("one")).unwrap();
    watcher.line("there again");
    let round = watcher.round();
    assert_eq!((&round["why"], &round["exit"]), (&"back".into(), &0.into()));
    assert_eq!(s.tree("dst").read("b"), b"b");
    s.tree("one").edit("c", "c");
    watcher.until(|_| s.tree("dst").has("c"));
}

#[test]
fn what_sources_leave_out_starts_no_round() {
    let s = Sandbox::new();
    let one = s.tree("one");
    one.file("a", "a").file("cache/x", "x");
    s.tree("dst");
    s.run("fsync -q config exclude *.tmp").code(0);
    s.run("fsync -q mksync dst one").code(0);
    s.sh("echo --exclude=/cache/ >>dst/.fsync-sync").code(0);
    let mut watcher = Watcher::new(&s, &["dst", "--exclude", "*.o"]);
    assert_eq!(watcher.round()["exit"], 0);
    assert!(!s.tree("dst").has("cache"));
    for name in ["cache/x", "x.o", "x.tmp"] {
        one.edit(name, "changed");
        // Long enough for a round to begin, if it did.
        std::thread::sleep(Duration::from_millis(250));
    }
    watcher.at_once(|| drop(one.edit("a", "changed").at("a")));
    // The first round since then is that of this change.
    watcher.round();
    assert_eq!(s.tree("dst").read("a"), b"changed");
    assert!(!s.tree("dst").has("x.o") && !s.tree("dst").has("x.tmp"));
}

/// A program in `bin` that runs instead of another.
fn instead(s: &Sandbox, name: &str, script: &str) {
    let _ = fs::create_dir(s.path("bin"));
    let path = s.path("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// The same program as it was built.
fn real(name: &str) -> String {
    format!("{}/{name}", Sandbox::programs().display())
}

#[test]
fn rounds_never_overlap() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    let (here, snap) = (s.path(".").display().to_string(), real("fsync-snap"));
    let script = format!(
        "mkdir {here}/at-work || echo overlap >{here}/overlap\n{snap} \"$@\"; code=$?\n\
         rmdir {here}/at-work; exit $code"
    );
    instead(&s, "fsync-snap", &script);
    let args = ["--snap", "--at-most", "0", "--keep-last", "2", "live"];
    let mut watcher = Watcher::with_programs(&s, &args);
    watcher.round();
    // Something is due at any time, also while a round is at work.
    for n in 0..8 {
        for m in 0..50 {
            live.edit(format!("f{m}"), format!("{n}"));
        }
        watcher.round();
    }
    assert!(!s.path("overlap").exists());
    assert_eq!(watcher.end().0, Some(0));
    assert!(!s.path("overlap").exists() && !s.path("at-work").exists());
}

#[test]
fn trouble_is_told_once_and_tried_again() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    let (broken, snap) = (s.path("broken"), real("fsync-snap"));
    let script = format!(
        "test -e {} && {{ echo 'fsync-snap: no luck' >&2; exit 9; }}\nexec {snap} \"$@\"",
        broken.display()
    );
    instead(&s, "fsync-snap", &script);
    let mut watcher = Watcher::with_programs(&s, &["--snap", "live"]);
    assert_eq!(watcher.round()["exit"], 0);
    fs::write(&broken, "").unwrap();
    live.edit("b", "b");
    assert_eq!(watcher.round()["exit"], 9);
    assert_eq!(watcher.round()["exit"], 9);
    fs::remove_file(&broken).unwrap();
    let round = watcher.until(|round| round["exit"] == 0);
    assert!(has(&s, &round, "b"));
    let (code, said) = watcher.end();
    let times = |text: &str| said.matches(text).count();
    assert_eq!(code, Some(0));
    assert_eq!(times("no luck"), 1, "{said}");
    assert_eq!(times("tried again in 1 s"), 1, "{said}");
    assert_eq!(times("it works again"), 1, "{said}");
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn an_ordinary_user_watches_too() {
    for person in Person::everyone() {
        person.build(|s| {
            s.tree("live").file("a", "a").file("d/b", "b");
        });
        person.own();
        let told = person.sh("fsync watch --once --json --snap --keep-last 3 live");
        let records = told.code(0).records();
        assert_eq!(records[0]["new"], true);
    }
}

#[test]
fn sync_hands_over_and_says_when_it_cannot() {
    let s = Sandbox::new();
    s.tree("one").file("a", "a").file("x.o", "o");
    s.tree("dst");
    s.run("fsync -q mksync dst one").code(0);
    let mut child = s
        .lasting("fsync")
        .args(["-v", "sync", "--watch", "--exclude", "*.o", "dst"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("all (start)") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    assert!(s.tree("dst").has("a") && !s.tree("dst").has("x.o"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    s.run("fsync sync --watch --exclude-from - dst")
        .code(2)
        .one_line("fsync-watch", &["standard input"]);
    s.run("fsync sync --watch -i dst").code(2);
    // Where it is not installed.
    fs::create_dir(s.path("bin")).unwrap();
    fs::copy(Sandbox::programs().join("fsync"), s.path("bin/fsync")).unwrap();
    let told = s
        .cmd("env")
        .args(["PATH=/usr/bin:/bin", "bin/fsync", "sync", "--watch", "dst"])
        .assert();
    told.code(2)
        .one_line("fsync", &["fsync-watch", "not installed"]);
}

#[test]
fn once_is_once_and_faults_at_the_start_end_it() {
    let s = Sandbox::new();
    s.tree("live").file("a", "a");
    let told = s.run("fsync-watch --once --json --snap live").code(0);
    assert_eq!(told.records().len(), 1);
    // What is said before the command's name holds for it, too.
    s.run("fsync -q watch --once --snap --keep-last 9 live")
        .code(0)
        .stdout("")
        .stderr("");
    s.run("fsync-watch live")
        .code(6)
        .one_line("fsync-watch", &[".fsync-sync"]);
    s.run("fsync-watch --snap --quiet-period 1w live").code(2);
}

#[test]
fn too_few_watches_are_said_and_done_without() {
    let s = Sandbox::new();
    for n in 0..9 {
        s.tree("live").file(format!("d{n}/f"), "f");
    }
    let script = "echo 3 >/proc/sys/user/max_inotify_watches || exit 99; exec fsync-watch --json --snap live";
    let told = s
        .cmd("unshare")
        .args(["-Ur", "sh", "-c", script])
        .timeout(Duration::from_secs(4))
        .assert();
    let said = told.complaint();
    if said.contains("watch") && told.get_output().status.code() != Some(99) {
        assert!(said.contains("fs.inotify.max_user_watches"), "{said}");
        assert_eq!(told.records().len(), 1, "{said}");
    } else {
        eprintln!("skipped: no namespace of users with a limit of its own: {said}");
    }
}

#[test]
fn old_snapshots_go_as_the_settings_say() {
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    s.run("fsync config keep.last 2").code(0);
    s.run("fsync config prune auto").code(0);
    let mut watcher = Watcher::new(&s, &["--snap", "live"]);
    watcher.round();
    for n in 0..4 {
        watcher.at_once(|| drop(live.edit("a", n.to_string()).at("a")));
        assert_eq!(watcher.round()["exit"], 0);
    }
    assert_eq!(s.run("fsync log live").code(0).text().lines().count(), 2);
}

#[test]
fn busy_is_tried_again_from_the_start() {
    let s = Sandbox::new();
    s.tree("live").file("a", "a");
    let (held, snap) = (s.path("held"), real("fsync-snap"));
    let script = format!("rmdir {} && exit 7\nexec {snap} \"$@\"", held.display());
    instead(&s, "fsync-snap", &script);
    fs::create_dir(held).unwrap();
    let mut watcher = Watcher::with_programs(&s, &["--snap", "live"]);
    assert_eq!(watcher.round()["exit"], 7);
    let round = watcher.round();
    assert_eq!(
        (&round["why"], &round["exit"]),
        (&"start".into(), &0.into())
    );
}

#[test]
fn a_directory_that_somebody_is_at_work_on_is_waited_for() {
    if !long() {
        eprintln!("skipped: it takes long (FSYNC_LONG=1)");
        return;
    }
    let s = Sandbox::new();
    let live = s.tree("live");
    live.file("a", "a");
    let mut watcher = Watcher::new(&s, &["--snap", "live"]);
    watcher.round();
    // Somebody is at work on the directory: locked until the pipe closes.
    let mut holder = s
        .plain("flock")
        .args(["live", "sh", "-c", "echo held; read x"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    live.edit("b", "b");
    assert_eq!(watcher.round()["exit"], 7);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(has(&s, &watcher.until(|r| r["exit"] == 0), "b"));
}

#[test]
fn the_examples_of_the_page_work() {
    let s = Sandbox::new();
    s.tree("copy").file("a", "a");
    s.sh(&example("fsync-watch.1", "fsync watch --once", "copy"))
        .code(0);
    assert!(s.head("copy").is_some());
    let unit = example("fsync-watch.1", "[Unit]", "WantedBy");
    let unit = unit.replace("/usr/bin/fsync-watch", "/bin/true");
    fs::write(s.path("fsync-watch.service"), unit).unwrap();
    fs::create_dir(s.path("run")).unwrap();
    let script = "command -v systemd-analyze >/dev/null || exit 99
        XDG_RUNTIME_DIR=$PWD/run systemd-analyze verify --user ./fsync-watch.service";
    let told = s.sh(script);
    match told.get_output().status.code() {
        Some(99) => eprintln!("skipped: no systemd-analyze"),
        _ => assert!(!told.code(0).complaint().contains("fsync-watch.service:")),
    }
}
