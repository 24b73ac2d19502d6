//! Many machines write to one bucket at once, and every second one of them is killed, with all that it has started, and
//! goes on; some have lost their folder by then. What they were told of is there in the end, and nothing else.
//!
//! `FSYNC_LONG=1 cargo test -p fsync-store-s3 --test store writers -- --nocapture`: sixteen, for two minutes.
//! `FSYNC_SEED=n` repeats the same choices; the timing is another each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::ceph;
use crate::dialogue::{Place, noise};
use crate::emulator::emulator;
use crate::server::Server;
use crate::support::{Oracle, Sandbox, long, quick_or_long};

/// What each machine keeps of a directory when it prunes.
const KEEP: &str = "--keep-last 3";
/// What nobody should ever have to read.
const FORBIDDEN: [&str; 4] = ["panicked", "sqlite", "SQL", "unwrap"];

/// What runs for a machine.
#[derive(Default)]
struct Running {
    group: Option<Pid>,
    killed: bool,
}

/// What all share.
struct Crowd {
    s: Sandbox,
    place: Place,
    seed: u64,
    stop: AtomicBool,
    running: Vec<Mutex<Running>>,
    /// What somebody was told of, to be read by others.
    ids: Mutex<Vec<String>>,
    codes: Mutex<BTreeMap<(String, Option<i32>), usize>>,
}

/// A snapshot that its machine was told of.
struct Known {
    dir: String,
    /// What the directory was.
    state: Oracle,
    /// A prune that was killed may have taken it away.
    may_go: bool,
}

/// A machine.
struct Writer<'c> {
    crowd: &'c Crowd,
    number: usize,
    dice: StdRng,
    known: BTreeMap<String, Known>,
    /// By directory and name, what a tag may name.
    tags: BTreeMap<(String, String), BTreeSet<String>>,
    killed: usize,
    lost: usize,
}

/// What came of a command.
struct Ended {
    code: Option<i32>,
    told: String,
    said: String,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Crowd {
    fn new(place: Place, count: usize) -> Crowd {
        let given = std::env::var("FSYNC_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("writers: FSYNC_SEED={seed}");
        let s = Sandbox::new();
        for n in 0..3u64 {
            let src = s.tree(&format!("src{n}"));
            for f in 0..8 {
                let name = format!("d{}/f{f}", (f + n) % 3);
                src.file(name, noise(n * 8 + f, 300 << f));
            }
            src.file("same", "in all").link("link", format!("d{n}"));
            src.settle();
        }
        Crowd {
            s,
            place,
            seed,
            stop: AtomicBool::new(false),
            running: (0..count).map(|_| Mutex::default()).collect(),
            ids: Mutex::default(),
            codes: Mutex::default(),
        }
    }

    /// A program as a machine runs it.
    fn command(&self, machine: &str, program: &str) -> Command {
        let home = self.s.path(machine);
        fs::create_dir_all(&home).unwrap();
        let mut command = self.s.plain(program);
        command
            .envs(self.place.environment.iter().cloned())
            .env("FSYNC_EXEC_PATH", self.place.program.parent().unwrap())
            .env("HOME", home)
            .env("FSYNC_MACHINE", machine)
            .env("FSYNC_REPO", self.place.below("writers"));
        command
    }

    /// Runs a line on a machine that nobody kills, and that must come to an end in `codes`.
    #[track_caller]
    fn run(&self, machine: &str, line: &str, codes: &[i32]) -> Ended {
        let mut words = line.split_whitespace();
        let mut command = self.command(machine, words.next().unwrap());
        let output = command.args(words).stdin(Stdio::null()).output().unwrap();
        let ended = Ended {
            code: output.status.code(),
            told: String::from_utf8(output.stdout).unwrap(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        let expected = ended.code.is_some_and(|code| codes.contains(&code));
        let seed = self.seed;
        assert!(
            expected,
            "{machine}: {line}: {:?}: {} (FSYNC_SEED={seed})",
            ended.code, ended.said
        );
        ended
    }

    /// Kills one of those that run, with all that it has started.
    fn kill(&self, dice: &mut StdRng) {
        let first = dice.random_range(0..self.running.len());
        for at in 0..self.running.len() {
            let mut running = hold(&self.running[(first + at) % self.running.len()]);
            if let Some(group) = running.group.filter(|_| !running.killed) {
                running.killed = kill_process_group(group, Signal::KILL).is_ok();
                return;
            }
        }
    }

    /// Lets them work for a while; the machines as they are then.
    fn go(&self, time: Duration) -> Vec<Writer<'_>> {
        let end = Instant::now() + time;
        std::thread::scope(|scope| {
            let crew: Vec<_> = (0..self.running.len())
                .map(|n| scope.spawn(move || Writer::new(self, n).work()))
                .collect();
            let mut dice = StdRng::seed_from_u64(self.seed);
            while Instant::now() < end && crew.iter().all(|c| !c.is_finished()) {
                std::thread::sleep(Duration::from_secs(1));
                self.kill(&mut dice);
            }
            self.stop.store(true, Ordering::Relaxed);
            let ended = crew.into_iter().map(|c| c.join());
            ended
                .map(|writer| writer.unwrap_or_else(|e| std::panic::resume_unwind(e)))
                .collect()
        })
    }
}

impl<'c> Writer<'c> {
    fn new(crowd: &'c Crowd, number: usize) -> Self {
        let mut writer = Writer {
            crowd,
            number,
            dice: StdRng::seed_from_u64(crowd.seed ^ (number as u64 + 1) << 32),
            known: BTreeMap::new(),
            tags: BTreeMap::new(),
            killed: 0,
            lost: 0,
        };
        for dir in writer.dirs() {
            crowd
                .s
                .tree(&dir)
                .file("own", writer.name())
                .dir("none")
                .settle();
        }
        // The first one comes with nothing at all: all of them make the repository.
        writer.snap("a");
        writer
    }

    fn name(&self) -> String {
        format!("w{}", self.number)
    }

    fn dir(&self, which: &str) -> String {
        format!("{}-{which}", self.name())
    }

    fn dirs(&self) -> [String; 2] {
        [self.dir("a"), self.dir("b")]
    }

    fn path(&self, dir: &str) -> PathBuf {
        self.crowd.s.path(dir)
    }

    /// How others call one of its directories.
    fn outside(&self, dir: &str) -> String {
        format!("//{}{}", self.name(), self.path(dir).display())
    }

    /// Runs a line; somebody may kill it.
    fn run(&mut self, line: &str) -> Ended {
        let crowd = self.crowd;
        let mut words = line.split_whitespace();
        let mut child = crowd
            .command(&self.name(), words.next().unwrap())
            .args(words)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let group = Pid::from_child(&child);
        hold(&crowd.running[self.number]).group = Some(group);
        let mut pipe = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = pipe.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        let mut told = String::new();
        let _ = child.stdout.take().unwrap().read_to_string(&mut told);
        let said = reader.join().unwrap();
        // Before it is waited for: until then its number is nobody else's.
        let killed = std::mem::take(&mut *hold(&crowd.running[self.number])).killed;
        let code = child.wait().unwrap().code();
        if killed {
            self.end_of(group);
        }
        let expected = killed || matches!(code, Some(0 | 6 | 7));
        let name = self.name();
        assert!(
            expected && FORBIDDEN.iter().all(|word| !said.contains(word)),
            "{name}: {line}: {code:?}: {said} (FSYNC_SEED={})",
            crowd.seed
        );
        let command = line
            .split_whitespace()
            .filter(|w| !w.starts_with('-'))
            .take(2);
        let command: Vec<_> = command.filter(|w| !w.contains(&name)).collect();
        let key = (command.join(" "), code);
        *hold(&crowd.codes).entry(key).or_default() += 1;
        Ended { code, told, said }
    }

    /// After a kill: waits until all have ended. Sometimes the machine loses its folder, too.
    fn end_of(&mut self, group: Pid) {
        while test_kill_process_group(group) != Err(Errno::SRCH) {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.killed += 1;
        if self.dice.random_range(0..3) == 0 {
            let cache = self.path(&self.name()).join(".cache");
            let _ = fs::remove_dir_all(cache);
            self.lost += 1;
        }
        // What a killed program was writing is no part of a tree.
        for dir in self.dirs() {
            for entry in walkdir::WalkDir::new(self.path(&dir)).into_iter().flatten() {
                if entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with(".fsync-tmp-")
                {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
    }

    fn work(mut self) -> Self {
        while !self.crowd.stop.load(Ordering::Relaxed) {
            let which = ["a", "b"][self.dice.random_range(0..2)];
            match self.dice.random_range(0..20) {
                0..=6 => {
                    self.edit(which);
                    self.snap(which);
                }
                7..=11 => self.copy(which),
                12..=13 => {
                    let dir = self.dir(which);
                    let redo = ["", " --redo"][self.dice.random_range(0..2)];
                    self.run(&format!("fsync -q rv -d {dir}{redo}"));
                }
                14..=15 => self.tag(which),
                // Not in the quick form: what is pruned while others record can be what they are just about to rely on
                // (README, limits), which the long form has met once.
                16..=17 if long() => self.prune(which),
                16..=17 => self.read(),
                18 => self.read(),
                _ => drop(self.run("fsync -q repo list")),
            }
        }
        self
    }

    /// Some of what is written is what others have, too.
    fn edit(&mut self, which: &str) {
        let dir = self.path(&self.dir(which));
        for _ in 0..self.dice.random_range(1..6) {
            let name = format!(
                "e{}/f{}",
                self.dice.random_range(0..3),
                self.dice.random_range(0..6)
            );
            let file = dir.join(name);
            let _ = fs::create_dir(file.parent().unwrap());
            let seed = self.dice.random_range(0..40);
            match self.dice.random_range(0..6) {
                0 => drop(fs::remove_file(&file)),
                // None that is linked must be written through.
                1..=3 => {
                    let _ = fs::remove_file(&file);
                    fs::write(&file, noise(seed, 1 << (seed % 18))).unwrap();
                }
                4 => {
                    let _ = fs::remove_file(&file);
                    let _ = fs::hard_link(dir.join("own"), &file);
                }
                _ => drop(xattr::set(&file, "user.seed", seed.to_string().as_bytes())),
            }
        }
    }

    fn snap(&mut self, which: &str) {
        let dir = self.dir(which);
        let state = Oracle::of(self.path(&dir));
        let ended = self.run(&format!("fsync-snap {dir}"));
        if ended.code == Some(0) {
            self.know(ended.told.trim(), &dir, state);
        }
    }

    fn know(&mut self, id: &str, dir: &str, state: Oracle) {
        assert!(id.len() >= 12, "{id:?}");
        hold(&self.crowd.ids).push(id.to_string());
        let dir = dir.to_string();
        let known = Known {
            dir,
            state,
            may_go: false,
        };
        self.known.insert(id.to_string(), known);
    }

    /// Makes a directory like another, which records what it was.
    fn copy(&mut self, which: &str) {
        let dir = self.dir(which);
        let state = Oracle::of(self.path(&dir));
        let (src, name) = (self.dice.random_range(0..3), self.fresh_tag());
        let how = "--delete --max-delete 100% --allow-empty-source";
        let ended = self.run(&format!("fsync cp {how} -t {name} src{src} {dir}"));
        let before = ended.said.split("the state before is snapshot ").nth(1);
        let id = before.and_then(|rest| rest.split(';').next());
        if let (Some(0), Some(id)) = (ended.code, id) {
            let id = id.to_string();
            // It may be one that was told of in full before.
            let whole = self.known.keys().find(|k| k.starts_with(&id)).cloned();
            let id = whole.unwrap_or(id);
            self.know(&id, &dir, state);
            self.tags.insert((dir, name), [id].into());
        }
    }

    fn fresh_tag(&mut self) -> String {
        format!("t{}", self.dice.random_range(0..1u64 << 40))
    }

    /// Gives a snapshot a name, or another one's name.
    fn tag(&mut self, which: &str) {
        let dir = self.dir(which);
        let mine: Vec<String> = self.of(&dir).map(|(id, _)| id.clone()).collect();
        if mine.is_empty() {
            return;
        }
        let id = mine[self.dice.random_range(0..mine.len())].clone();
        let there: Vec<_> = self.tags.keys().filter(|(d, _)| *d == dir).collect();
        let (verb, name) = match there.len() {
            n if n > 0 && self.dice.random_range(0..2) == 0 => {
                ("move", there[self.dice.random_range(0..n)].1.clone())
            }
            _ => ("create", self.fresh_tag()),
        };
        let ended = self.run(&format!("fsync-tag {verb} {name} {id} -d {dir}"));
        let ids = self.tags.entry((dir, name)).or_default();
        match ended.code {
            Some(0) => *ids = [id].into(),
            // It may have been done or not.
            None if verb == "move" => drop(ids.insert(id)),
            _ => {}
        }
        self.tags.retain(|_, ids| !ids.is_empty());
    }

    fn of(&self, dir: &str) -> impl Iterator<Item = (&String, &Known)> {
        self.known.iter().filter(move |(_, k)| k.dir == dir)
    }

    fn prune(&mut self, which: &str) {
        let dir = self.dir(which);
        let line = format!("fsync -q prune {KEEP} -d {dir}");
        let ended = self.run(&line);
        if ended.code == Some(0) {
            self.gone(&ended.told);
        } else {
            let tagged: BTreeSet<String> = self.tags.values().flatten().cloned().collect();
            for (id, known) in &mut self.known {
                known.may_go |= known.dir == dir && !tagged.contains(id);
            }
        }
    }

    /// Snapshots that a prune says are gone.
    fn gone(&mut self, told: &str) {
        for id in told.lines().filter_map(|line| line.split('\t').nth(1)) {
            self.known.retain(|known, _| !id.starts_with(known));
        }
    }

    /// Restores what another machine has recorded, unless it is pruned meanwhile.
    fn read(&mut self) {
        let id = {
            let ids = hold(&self.crowd.ids);
            ids.get(self.dice.random_range(0..ids.len().max(1)))
                .cloned()
        };
        let out = format!("{}-out", self.name());
        if let Some(id) = id {
            self.run(&format!(
                "fsync -q cp --no-snapshot --delete --max-delete 100% --allow-empty-source snap:{id} {out}"
            ));
        }
    }
}

/// All that was told of is there, for a machine that has seen nothing, and nothing else is.
fn judge(crowd: &Crowd, writers: &mut [Writer<'_>]) {
    settle(crowd, writers);
    let seed = crowd.seed;
    let said = crowd.run("judge", "fsync -q verify --read-data", &[0]).said;
    assert_eq!(said, "", "(FSYNC_SEED={seed})");
    let (mut back, mut went) = (0, 0);
    for writer in writers {
        for (id, known) in &writer.known {
            let outside = writer.outside(&known.dir);
            let line = format!("fsync-revert -q {outside} {id} --to out");
            let codes: &[i32] = if known.may_go { &[0, 6] } else { &[0] };
            if crowd.run("judge", &line, codes).code == Some(6) {
                went += 1;
                continue;
            }
            let differs = known.state.differences(&Oracle::of(crowd.s.path("out")));
            assert!(
                differs.is_empty(),
                "{id} of {outside} (FSYNC_SEED={seed}):\n{differs}"
            );
            fs::remove_dir_all(crowd.s.path("out")).unwrap();
            back += 1;
        }
        tags(crowd, writer);
    }
    assert!(back > 0, "no snapshot was left to go back to");
    eprintln!(
        "writers: {back} snapshots restored exactly, {went} went with a prune that was killed"
    );
    nothing_else(crowd);
}

/// Everybody takes away what it keeps no more, reads that others have, and takes away what nobody waits for.
fn settle(crowd: &Crowd, writers: &mut [Writer<'_>]) {
    for writer in &mut *writers {
        for which in ["a", "b"] {
            writer.snap(which);
            let dir = writer.dir(which);
            let line = format!("fsync -q prune {KEEP} -d {dir}");
            let told = crowd.run(&writer.name(), &line, &[0, 6]).told;
            writer.gone(&told);
        }
    }
    for writer in &*writers {
        crowd.run(&writer.name(), "fsync -q repo list", &[0]);
    }
    let one = &writers[0];
    let line = format!("fsync prune {KEEP} -d {}", one.dir("a"));
    let said = crowd.run(&one.name(), &line, &[0]).said;
    assert!(
        !said.contains("in the store until"),
        "{said} (FSYNC_SEED={})",
        crowd.seed
    );
}

/// The tags that a machine was told of name what they should.
fn tags(crowd: &Crowd, writer: &Writer<'_>) {
    let mut told = BTreeMap::new();
    for dir in writer.dirs() {
        let outside = writer.outside(&dir);
        let listed = crowd.run("judge", &format!("fsync th {outside}"), &[0, 6]);
        for line in listed.told.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            told.insert((dir.clone(), words[1].to_string()), words[2].to_string());
        }
    }
    for ((dir, tag), ids) in &writer.tags {
        let found = told.get(&(dir.clone(), tag.clone()));
        let right = found.is_some_and(|found| ids.iter().any(|id| found.starts_with(id)));
        assert!(
            right,
            "{tag} of {dir}: {found:?}, not {ids:?} (FSYNC_SEED={})",
            crowd.seed
        );
    }
}

/// Every archive in the store is one that counts, every machine is there once, and nothing is left of what was begun.
fn nothing_else(crowd: &Crowd) {
    let seed = crowd.seed;
    let dialogue = crowd.place.open("writers");
    let (mut archives, mut machines) = (BTreeSet::new(), Vec::new());
    for (_, key) in dialogue.all("-") {
        match key.split_once('/') {
            Some(("archive", name)) => drop(archives.insert(name.to_string())),
            Some(("machine", name)) => {
                let (whole, word) = name.split_once('/').unwrap();
                let (short, _) = whole.rsplit_once('.').unwrap();
                // The first word of each, and where its log ends; nobody was retired.
                match u64::from_str_radix(word, 16) {
                    Ok(0) => machines.push(short.to_string()),
                    Ok(_) => {}
                    Err(_) => panic!("{key} (FSYNC_SEED={seed})"),
                }
            }
            Some(("log", _)) => {}
            None if key == "repository" => {}
            _ => panic!("{key} (FSYNC_SEED={seed})"),
        }
    }
    let mut expected: Vec<String> = (0..crowd.running.len()).map(|n| format!("w{n}")).collect();
    expected.sort();
    assert_eq!(machines, expected, "(FSYNC_SEED={seed})");
    let counted: BTreeSet<String> = walkdir::WalkDir::new(crowd.s.path("judge/.cache"))
        .into_iter()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "zip"))
        .collect();
    let more: Vec<_> = archives.difference(&counted).collect();
    assert!(
        more.is_empty(),
        "nobody knows of {more:?} (FSYNC_SEED={seed})"
    );
    eprintln!(
        "writers: {} archives are left, and all count",
        archives.len()
    );
}

/// Ceph, or what there is.
fn place() -> Option<(Place, Option<&'static Server>, Option<Server>)> {
    if !Sandbox::programs().join("fsync").exists() {
        eprintln!("skipped: fsync itself is not built");
        return None;
    }
    if let Some(server) = ceph::cluster() {
        return Some((server.place("bucket"), Some(server), None));
    }
    let server = emulator()?;
    Some((server.place("bucket"), None, Some(server)))
}

#[test]
fn writers_are_killed_and_what_they_were_told_of_is_there() {
    let Some((place, cluster, _server)) = place() else {
        return;
    };
    let crowd = Crowd::new(place, quick_or_long(4, 16));
    let before = cluster.map(ceph::requests);
    let begun = Instant::now();
    let mut writers = crowd.go(Duration::from_secs(quick_or_long(6, 120) as u64));
    let (time, after) = (begun.elapsed(), cluster.map(ceph::requests));
    let killed: usize = writers.iter().map(|w| w.killed).sum();
    let lost: usize = writers.iter().map(|w| w.lost).sum();
    let codes = hold(&crowd.codes);
    let all: usize = codes.values().sum();
    eprintln!(
        "writers: {} machines ran {all} commands in {time:.1?}; {killed} were killed, {lost} lost their folder too",
        writers.len()
    );
    if let (Some(Some(before)), Some(Some(after))) = (before, after) {
        eprintln!("writers: {} requests", after - before);
    }
    eprintln!("writers: {codes:?}");
    drop(codes);
    assert!(killed > 0, "nobody was killed");
    let begun = Instant::now();
    judge(&crowd, &mut writers);
    eprintln!("writers: judged in {:.1?}", begun.elapsed());
}
