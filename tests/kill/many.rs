//! Eight at once, over directories of their own and shared ones, in one repository; and some of them are killed.
//!
//! `FSYNC_SEED=n` repeats the same choices; the timing is another each time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use crate::held::wait_for;
use crate::support::{Oracle, Sandbox, Told, quick_or_long};
use crate::world::leftovers;

const WORKERS: usize = 8;
const COPY: &str = "fsync -q cp --delete --max-delete 100% --allow-empty-source";

/// Words of SQLite and of Rust that nobody should have to read.
const FORBIDDEN: [&str; 9] = [
    "database",
    "SQL",
    "sqlite",
    "constraint",
    "malformed",
    "disk I/O",
    "panicked",
    "unwrap",
    "catalog was",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What all share.
struct Crowd {
    s: Sandbox,
    seed: u64,
    stop: AtomicBool,
    /// Programs are killed, so one may end in any way.
    deadly: bool,
    running: Mutex<Vec<Option<Pid>>>,
    /// The process groups of each, which may go on when their first was killed alone.
    groups: Mutex<Vec<Vec<Pid>>>,
    /// What a directory of one's own was when it was recorded, by id.
    known: Mutex<BTreeMap<String, (String, Oracle)>>,
    codes: Mutex<BTreeMap<(String, Option<i32>), usize>>,
}

impl Crowd {
    fn new(deadly: bool) -> Self {
        let given = std::env::var("FSYNC_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        let s = Sandbox::new();
        for n in 0..3 {
            let src = s.tree(&format!("src{n}"));
            for f in 0..12 {
                src.file(
                    format!("d{}/f{f}", (f + n) % 3),
                    format!("{n} {f} ").repeat(50 * f),
                );
            }
            src.file("same", "in all").link("link", format!("d{n}"));
        }
        for name in (0..WORKERS)
            .map(|n| format!("own{n}"))
            .chain(["shared0".into(), "shared1".into()])
        {
            s.tree(&name).file("secret", format!("the key of {name}"));
            s.snap(&name);
        }
        Crowd {
            s,
            seed,
            stop: AtomicBool::new(false),
            deadly,
            running: Mutex::new(vec![None; WORKERS]),
            groups: Mutex::new(vec![Vec::new(); WORKERS]),
            known: Mutex::default(),
            codes: Mutex::default(),
        }
    }

    /// Runs a line; its code and what it printed.
    fn run(&self, worker: usize, line: &str) -> (Option<i32>, String) {
        let mut words = line.split_whitespace();
        let mut command = self.s.plain(words.next().expect("a program"));
        let mut child = command
            .args(words)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let pid = Pid::from_child(&child);
        self.running.lock().expect("a list")[worker] = Some(pid);
        self.groups.lock().expect("a list")[worker].push(pid);
        let mut said = child.stderr.take().expect("a pipe");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut said, &mut text).map(|_| text)
        });
        let mut told = String::new();
        let mut out = child.stdout.take().expect("a pipe");
        std::io::Read::read_to_string(&mut out, &mut told).expect("UTF-8");
        let said = reader.join().expect("a thread").expect("UTF-8");
        self.running.lock().expect("a list")[worker] = None;
        let code = child.wait().expect("it ends").code();
        let killed = self.deadly && matches!(code, None | Some(137));
        let allowed = killed || matches!(code, Some(0 | 3 | 4 | 6 | 7));
        assert!(
            allowed,
            "{line}: {code:?}: {said} (FSYNC_SEED={})",
            self.seed
        );
        for word in FORBIDDEN {
            assert!(
                !said.contains(word),
                "{line}: {said} (FSYNC_SEED={})",
                self.seed
            );
        }
        let name = line
            .split_whitespace()
            .take(3)
            .filter(|w| !w.starts_with('-'))
            .take(2);
        let key = (name.collect::<Vec<_>>().join(" "), code);
        *self.codes.lock().expect("a map").entry(key).or_default() += 1;
        (code, told)
    }

    /// One of eight, until it is enough.
    fn work(&self, worker: usize) {
        let mut dice = Dice(self.seed.wrapping_add(worker as u64 * 77));
        let own = format!("own{worker}");
        while !self.stop.load(Ordering::Relaxed) {
            let is_own = dice.roll(2) == 0;
            let dir = match is_own {
                true => own.clone(),
                false => format!("shared{}", dice.roll(2)),
            };
            let src = dice.roll(3);
            match dice.roll(40) {
                0..=9 => self.snap(worker, &dir, is_own, &mut dice),
                10..=18 => drop(self.run(worker, &format!("{COPY} src{src} {dir}"))),
                19..=24 => drop(self.run(worker, &format!("fsync -q rv -d {dir}"))),
                25..=26 => drop(self.run(worker, &format!("fsync -q rv -d {dir} --redo"))),
                27..=30 => {
                    let (word, n) = (["create", "move"][dice.roll(2) as usize], dice.roll(3));
                    self.run(worker, &format!("fsync-tag {word} t{n} -d {dir}"));
                }
                31..=33 => drop(self.run(worker, "fsync -q prune --keep-last 4")),
                34 => drop(self.run(
                    worker,
                    "fsync -q prune --keep-last 4 --prune-tagged -d shared0",
                )),
                35 => drop(self.run(worker, "fsync -q forget -d shared1 secret")),
                36 => drop(self.run(worker, "fsync -q verify --read-data")),
                37 => drop(self.run(worker, "fsync -q repo copy second")),
                38 => drop(self.run(worker, &format!("fsync log {dir}"))),
                _ => drop(self.run(worker, &format!("fsync diff {dir} src{src}"))),
            }
        }
    }

    fn snap(&self, worker: usize, dir: &str, is_own: bool, dice: &mut Dice) {
        let name = format!("{dir}/edit{}", dice.roll(4));
        fs::write(self.s.path(&name), format!("{}", dice.roll(1 << 30))).expect("an edit");
        let now = is_own.then(|| {
            self.alone(worker);
            Oracle::of(self.s.path(dir))
        });
        let (code, id) = self.run(worker, &format!("fsync-snap {dir}"));
        if let (Some(0), Some(now)) = (code, now) {
            let known = (dir.to_string(), now);
            self.known
                .lock()
                .expect("a map")
                .insert(id.trim().into(), known);
        }
    }

    /// Waits until all that one has started has ended: the stages of a porcelain that was killed alone go on.
    fn alone(&self, worker: usize) {
        let groups = std::mem::take(&mut self.groups.lock().expect("a list")[worker]);
        for group in groups {
            wait_for("the end of all", || {
                (test_kill_process_group(group) == Err(Errno::SRCH)).then_some(())
            });
        }
    }

    /// Ends somebody, alone or with all that it has started.
    fn kill(&self, dice: &mut Dice) {
        let running = self.running.lock().expect("a list");
        if let Some(pid) = running[dice.roll(WORKERS as u64) as usize] {
            let _ = match dice.roll(2) {
                0 => kill_process(pid, Signal::KILL),
                _ => kill_process_group(pid, Signal::KILL),
            };
        }
    }

    /// Lets them work for a while.
    fn go(&self, time: Duration) {
        let end = Instant::now() + time;
        std::thread::scope(|scope| {
            let crew: Vec<_> = (0..WORKERS)
                .map(|n| scope.spawn(move || self.work(n)))
                .collect();
            let mut dice = Dice(self.seed);
            while Instant::now() < end && crew.iter().all(|c| !c.is_finished()) {
                std::thread::sleep(Duration::from_millis(100));
                if self.deadly {
                    self.kill(&mut dice);
                }
            }
            self.stop.store(true, Ordering::Relaxed);
        });
        (0..WORKERS).for_each(|worker| self.alone(worker));
    }

    /// All that was announced is there, and nothing else.
    fn judge(&self) {
        let s = &self.s;
        eprintln!("{:?}", self.codes.lock().expect("a map"));
        s.run("fsync -q verify --read-data").code(0).stderr("");
        let mut back = 0;
        for (id, (dir, oracle)) in self.known.lock().expect("a map").iter() {
            let told = s.run(&format!("fsync-revert -q {dir} {id} --to out"));
            if told.get_output().status.code() == Some(6) {
                continue;
            }
            told.code(0).stderr("");
            let differs = crate::world::nearly(oracle, &Oracle::of(s.path("out")));
            let seed = self.seed;
            assert!(
                differs.is_empty(),
                "{id} of {dir} (FSYNC_SEED={seed}):\n{differs}"
            );
            fs::remove_dir_all(s.path("out")).expect("gone");
            back += 1;
        }
        assert!(back > 0, "no snapshot was left to go back to");
        for dir in (0..WORKERS)
            .map(|n| format!("own{n}"))
            .chain(["shared0".into(), "shared1".into()])
        {
            let log = s.run(&format!("fsync log {dir}")).code(0).text();
            for id in log.lines().filter_map(|line| line.split('\t').nth(2)) {
                // It says on standard error what was forgotten.
                let line = format!("fsync-revert -q {dir} {id} --to out --verify");
                let told = s.run(&line);
                let code = told.get_output().status.code();
                let forgotten = told.complaint().contains("secret");
                assert!(code == Some(0) || forgotten, "{told}");
                fs::remove_dir_all(s.path("out")).expect("gone");
            }
            let line = format!("{COPY} src0 {dir}");
            s.run(&line).code(0);
            s.run(&format!("fsync -q rv -d {dir}")).code(0);
        }
        s.run("fsync -q repo copy second").code(0);
        s.run("fsync -q --repo second verify --read-data").code(0);
        assert_eq!(leftovers(&s.path(".")), Vec::<std::path::PathBuf>::new());
        s.sh("rm -f repo/catalog.db*").success();
        s.run("fsync -q verify --read-data").code(0);
    }
}

#[test]
fn eight_at_once() {
    let crowd = Crowd::new(false);
    crowd.go(Duration::from_secs(quick_or_long(5, 60) as u64));
    crowd.judge();
}

#[test]
fn eight_at_once_and_one_is_killed_ten_times_a_second() {
    let crowd = Crowd::new(true);
    crowd.go(Duration::from_secs(quick_or_long(5, 60) as u64));
    crowd.judge();
}
