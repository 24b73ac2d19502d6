//! SIGKILL at any moment: nothing older is lost, nothing is half, the next run finishes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Oracle, Sandbox, Told, Tree, assert_same};

/// Pseudo-random numbers; what varies between runs is the timing anyway.
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
        span.mul_f64((self.roll() % 1100) as f64 / 1000.0)
    }
}

/// Runs a program and kills it after a while; whether the kill came before its end.
fn killed(mut command: Command, input: Option<&Path>, after: Duration) -> bool {
    let stdin = input.map_or(Stdio::null(), |p| {
        fs::File::open(p).expect("the plan").into()
    });
    let quiet = command
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = quiet.spawn().expect("it starts");
    std::thread::sleep(after);
    child.kill().expect("a signal");
    child.wait().expect("it ends").code().is_none()
}

/// How long something takes.
fn span(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What lies in the repository besides what belongs there.
fn strangers(s: &Sandbox) -> Vec<String> {
    let known = |name: &str| {
        name.len() == 44 && name.ends_with(".zip")
            || name == "log.ndjson"
            || name == "tmp"
            || name.starts_with("catalog.db")
    };
    fs::read_dir(s.path("repo"))
        .expect("a repository")
        .map(|item| {
            item.expect("an item")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !known(name) && !name.contains("lock"))
        .collect()
}

fn unfinished(s: &Sandbox) -> usize {
    fs::read_dir(s.path("repo/tmp")).map_or(0, Iterator::count)
}

#[test]
fn holds_8_fsync_snap_killed_50_times() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let mut dice = Dice(7);
    for n in 0..150 {
        dst.file(format!("d{}/f{n}", n % 10), dice.bytes(2000));
    }
    let mut recorded = vec![(s.snap("dst"), Oracle::of(s.path("dst")))];
    let (mut kills, mut left) = (0, 0);
    let mut whole = Duration::ZERO;
    for round in 0..50 {
        dst.edit(format!("d{}/f{round}", round % 10), dice.bytes(30_000));
        let full: &[&str] = if round % 3 == 0 { &["--full"] } else { &[] };
        if round < 3 {
            whole = whole.max(span(|| drop(s.snap("dst"))));
            dst.edit("d0/again", dice.bytes(30_000));
        }
        let mut snap = s.plain("fsync-snap");
        snap.args(full).arg("dst");
        kills += usize::from(killed(snap, None, dice.moment(whole)));
        left += unfinished(&s);
        assert_eq!(strangers(&s), Vec::<String>::new(), "round {round}");
        if round % 5 == 0 {
            s.run("fsync verify").code(0);
        }
        let id = s
            .run(&format!("fsync-snap dst {}", full.join(" ")))
            .code(0)
            .text();
        assert_eq!(unfinished(&s), 0, "the next run sweeps, round {round}");
        recorded.push((id, Oracle::of(s.path("dst"))));
    }
    assert!(
        kills >= 10,
        "only {kills} of 50 kills came in time ({left} left something)"
    );
    s.run("fsync verify").code(0);
    for (n, (id, oracle)) in recorded.iter().enumerate() {
        let to = format!("out{n}");
        s.run(&format!("fsync-revert dst {id} --to {to}")).code(0);
        oracle.assert_is(s.path(&to));
        fs::remove_dir_all(s.path(&to)).expect("gone");
    }
}

/// Every file under its own name is wholly the old or wholly the new one.
#[track_caller]
fn assert_none_is_half(dst: &Tree, old: &Tree, new: &Tree, round: usize) {
    // What a killed run leaves under a name of its own is never part of a tree, nor is what lies in it.
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
        if !item.file_type().is_file() {
            continue;
        }
        let bytes = dst.read(name);
        let is = |tree: &Tree| tree.at(name).is_file() && tree.read(name) == bytes;
        assert!(
            is(old) || is(new),
            "{name} is half written in round {round}"
        );
    }
}

/// A source and a destination that differ in every way; `before` is a twin of the destination.
fn ground(dice: &mut Dice) -> (Sandbox, Tree, Tree, Tree) {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    for n in 0..60 {
        src.file(format!("new/d{}/f{n}", n % 7), dice.bytes(3000));
        src.file(format!("edit/f{n}"), dice.bytes(3000));
        dst.file(format!("edit/f{n}"), dice.bytes(3100));
        dst.file(format!("gone/d{}/f{n}", n % 5), dice.bytes(100));
    }
    src.file("huge", dice.bytes(1_000_000))
        .file("kind", "file")
        .link("link", "huge")
        .hard("twin", "huge");
    dst.file("huge", dice.bytes(900_000))
        .file("kind/in", "x")
        .file("link", "file")
        .dir("new/d3");
    src.mode("new/d3", 0o500).mode("edit", 0o555).settle();
    dst.settle();
    let before = s.twin("dst", "before");
    (s, src, dst, before)
}

#[test]
fn holds_8_fsync_apply_killed_50_times() {
    let mut dice = Dice(11);
    let (s, src, dst, before) = ground(&mut dice);
    let plan = s.path("plan");
    let ready = || {
        s.sh("fsync-diff --json --delete src dst | fsync-snap --through > plan")
            .code(0);
    };
    ready();
    let whole = span(|| drop(s.sh("fsync-apply --max-delete 100% < plan").code(0)));
    s.run("fsync-revert dst").code(0);
    let mut kills = 0;
    for round in 0..50 {
        assert_same(before.root(), dst.root());
        ready();
        let mut apply = s.plain("fsync-apply");
        apply.args(["--require-snapshot", "--max-delete", "100%"]);
        kills += usize::from(killed(apply, Some(&plan), dice.moment(whole)));
        assert_none_is_half(&dst, &before, &src, round);
        let told = s.sh("fsync-apply --require-snapshot --max-delete 100% < plan");
        assert_eq!(
            told.get_output().status.code(),
            Some(0),
            "round {round}: {told}"
        );
        // What is left are times of directories that the plan did not need to name.
        let lines = s.run("fsync-diff --delete src dst").code(0).text();
        assert!(lines.lines().all(|l| l.starts_with("t\t")), "{lines}");
        s.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert_same(src.root(), dst.root());
        s.run("fsync-revert dst").code(0);
    }
    assert!(kills >= 10, "only {kills} of 50 kills came in time");
    s.run("fsync verify").code(0);
}

#[test]
fn a_killed_apply_can_be_taken_back_at_once() {
    let mut dice = Dice(13);
    let (s, src, dst, before) = ground(&mut dice);
    let whole = span(|| drop(s.mirror("src", "dst").code(0)));
    assert_same(src.root(), dst.root());
    s.run("fsync-revert dst").code(0);
    for round in 0..15 {
        s.sh("fsync-diff --json --delete src dst | fsync-snap --through > plan")
            .code(0);
        let mut apply = s.plain("fsync-apply");
        apply.args(["--require-snapshot", "--max-delete", "100%"]);
        killed(apply, Some(&s.path("plan")), dice.moment(whole));
        let told = s.run("fsync-revert dst");
        assert_eq!(
            told.get_output().status.code(),
            Some(0),
            "round {round}: {told}"
        );
        assert_same(before.root(), dst.root());
    }
}

#[test]
fn a_killed_revert_can_be_run_again() {
    let mut dice = Dice(17);
    let (s, src, dst, before) = ground(&mut dice);
    let id = s.snap("dst");
    s.mirror("src", "dst").code(0);
    let forward = s.snap("dst");
    let whole = span(|| drop(s.run(&format!("fsync-revert dst {id}")).code(0)));
    for round in 0..16 {
        let (target, tree) = if round % 2 == 0 {
            (&forward, &src)
        } else {
            (&id, &before)
        };
        let mut revert = s.plain("fsync-revert");
        revert.args(["dst", target]);
        killed(revert, None, dice.moment(whole));
        assert_none_is_half(&dst, &before, &src, round);
        s.run(&format!("fsync-revert dst {target}")).code(0);
        assert_same(tree.root(), dst.root());
    }
    s.run("fsync verify").code(0);
}
