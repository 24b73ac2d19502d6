//! A place that can be put back before every case, and what must hold after each.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};

use crate::support::{Oracle, Sandbox, Told, Tree};

/// What a file, link or directory is: old and new must be one or the other.
pub type Look = BTreeMap<String, String>;

/// A source, a destination with a history, a repository; as they are, and as they were.
pub struct Ground {
    pub s: Sandbox,
    /// What must come back exactly, whatever happened.
    announced: Vec<(String, Oracle)>,
    source: Oracle,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub said: String,
    /// The calls that were made to fail.
    pub injected: Vec<String>,
    /// Of those the syncs that are SQLite's, of the folder of a catalog that it has just synced. It does not mind.
    pub catalog: Vec<String>,
}

impl Ground {
    /// Builds it; `more` prepares what a program needs besides.
    pub fn new(more: &str) -> Ground {
        let s = Sandbox::new();
        let (src, dst) = (s.tree("src"), s.tree("dst"));
        source(&src);
        dst.file("same", "same")
            .file("changed", "first")
            .file("sub/gone", "first gone");
        dst.file("of another kind", "file")
            .file("d/touched", "touched")
            .settle();
        let one = (s.snap("dst"), Oracle::of(dst.root()));
        s.run("fsync-tag create first -d dst").code(0);
        dst.edit("changed", "second state")
            .file("sub/large", noise(1, 150_000))
            .settle();
        let two = (s.snap("dst"), Oracle::of(dst.root()));
        dst.edit("changed", "what it is now")
            .file("sub/late", "late")
            .hard("d/twin", "same")
            .settle();
        s.sh(more).code(0);
        let announced = vec![one, two];
        let source = Oracle::of(src.root());
        s.sh("mkdir kept && cp -a src dst home kept/ && { test ! -d repo || cp -a repo kept/; }")
            .code(0);
        Ground {
            s,
            announced,
            source,
        }
    }

    /// Puts everything back.
    pub fn reset(&self) {
        self.s
            .sh("rm -rf src dst repo home out* plan second told elsewhere; cp -a kept/. .")
            .code(0);
    }

    /// Runs a script of which one command line is `strace`d with faults: the word FAULTY stands for that.
    pub fn run(&self, script: &str, inject: &str) -> Ended {
        let log = self.s.path("trace");
        let _ = fs::remove_file(&log);
        let calls = inject.split(':').next().unwrap_or_default();
        let strace = match inject {
            "" => String::new(),
            _ => format!("strace -f -y --seccomp-bpf -o trace -e trace={calls} -e inject={inject}"),
        };
        let script = script.replace("FAULTY", &strace);
        let mut shell = Command::new("timeout");
        let plain = self.s.plain("sh");
        shell
            .args(["-k", "1", "100", "sh", "-c", &script])
            .current_dir(self.s.path("."));
        shell.env_clear();
        for (name, value) in plain.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        let output: Output = shell
            .stdin(std::process::Stdio::null())
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let trace = fs::read(&log).map(|t| text(&t)).unwrap_or_default();
        let failed = |line: &&str| line.contains("(INJECTED)");
        // Other processes speak between the two: their calls and ends stand there, and the first may stand there in halves.
        let process = |line: &str| line.split(' ').next().map(String::from);
        let follows = |(nth, line): &(usize, &str)| {
            let speaks = |l: &&str| {
                ![" resumed>", " --- SIG", " +++ "]
                    .iter()
                    .any(|w| l.contains(w))
            };
            let own = trace
                .lines()
                .take(*nth)
                .filter(|l| process(l) == process(line));
            let before = own.filter(speaks).last();
            before.is_some_and(|l| l.contains("catalog.db"))
        };
        let catalog = (trace.lines().enumerate())
            .filter(|(_, line)| failed(line))
            .filter(follows);
        Ended {
            code: output.status.code().unwrap_or(-1),
            said: text(&output.stderr),
            injected: trace.lines().filter(failed).map(String::from).collect(),
            catalog: catalog.map(|(_, line)| line.into()).collect(),
        }
    }

    /// What must hold whatever failed: nothing lost, nothing half, nothing left.
    pub fn judge(&self, ended: &Ended, new: &Look, faults: &mut Vec<String>) {
        if !self
            .source
            .differences(&Oracle::of(self.s.path("src")))
            .is_empty()
        {
            faults.push("the source was touched".into());
        }
        let (now, old) = (
            look(&self.s.tree("dst")),
            look(&Tree::new(self.s.path("kept/dst"))),
        );
        for path in now.keys().chain(old.keys()).chain(new.keys()) {
            let is = now.get(path);
            if is != old.get(path) && is != new.get(path) {
                faults.push(format!("{path} is neither old nor new: {is:?}"));
            }
        }
        voice(ended, faults);
    }

    /// Whether the repository is whole.
    pub fn verify(&self, faults: &mut Vec<String>) {
        let verify = self.s.run("fsync verify --read-data");
        if verify.get_output().status.code() != Some(0) {
            faults.push(format!("verify: {}", verify.complaint() + &verify.text()));
        }
    }

    /// Whether the repository is whole and gives back what it was given.
    pub fn judge_repository(&self, faults: &mut Vec<String>) {
        self.verify(faults);
        for (n, (id, oracle)) in self.announced.iter().enumerate() {
            let told = self.s.run(&format!("fsync-revert dst {id} --to out{n}"));
            if told.get_output().status.code() != Some(0) {
                faults.push(format!("snapshot {n}: {}", told.complaint()));
                continue;
            }
            let found = oracle.differences(&Oracle::of(self.s.path(&format!("out{n}"))));
            if !found.is_empty() {
                faults.push(format!("snapshot {n} came back otherwise: {found}"));
            }
        }
    }

    /// Files that are only there while something is made.
    pub fn temporaries(&self) -> Vec<String> {
        let walk = |name: &str| walkdir::WalkDir::new(self.s.path(name)).min_depth(1);
        let in_trees = ["src", "dst"].map(walk).into_iter().flatten().flatten();
        let ours = in_trees.filter(|e| e.file_name().to_string_lossy().starts_with(".fsync-tmp-"));
        let in_tmp = walk("repo/tmp").into_iter().flatten();
        ours.chain(in_tmp)
            .map(|e| e.path().display().to_string())
            .collect()
    }
}

/// What a source holds that goes to the destination.
fn source(src: &Tree) {
    src.file("same", "same")
        .file("changed", "from the source")
        .file("new/a", "a")
        .file("new/large", noise(2, 200_000));
    src.link("of another kind", "same")
        .file("d/touched", "touched")
        .mode("d/touched", 0o600);
    src.sparse("holes", 400_000, 200_000, b"in the middle")
        .fifo("pipe")
        .file("x", "x")
        .hard("y", "x");
    src.xattr("x", "user.colour", b"blue").settle();
}

/// Bytes that do not compress.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut roll = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    (0..length).map(|_| roll()).collect()
}

/// Kind and contents by path, of what is ours to change.
pub fn look(tree: &Tree) -> Look {
    let mut found = Look::new();
    for item in walkdir::WalkDir::new(tree.root())
        .min_depth(1)
        .into_iter()
        .flatten()
    {
        let name = item
            .path()
            .strip_prefix(tree.root())
            .expect("inside")
            .display()
            .to_string();
        if name.starts_with(".fsync-backup") || name.contains(".fsync-tmp-") {
            continue;
        }
        let kind = item.file_type();
        let inside = match () {
            () if kind.is_file() => {
                let bytes = fs::read(item.path()).expect("a file");
                format!(
                    "file of {} bytes, {:08x}",
                    bytes.len(),
                    crc32fast::hash(&bytes)
                )
            }
            () if kind.is_symlink() => format!(
                "link to {:?}",
                fs::read_link(item.path()).expect("a target")
            ),
            () => format!("{:o}", item.metadata().expect("it").mode() & 0o170_000),
        };
        found.insert(name, inside);
    }
    found
}

/// One line says what is wrong, in our words.
pub fn voice(ended: &Ended, faults: &mut Vec<String>) {
    let said = &ended.said;
    // Perhaps it was what was to be said that could not be written; of a call that was interrupted the file is not known.
    let write = |line: &String| line.contains(" write(") || line.contains("write resumed");
    let mute = ended.injected.iter().any(write);
    if ended.code != 0 && said.is_empty() && !mute {
        faults.push("nothing was said".into());
    }
    for line in said.lines() {
        let ours = line.starts_with("fsync") && line.contains(": ");
        if !ours {
            faults.push(format!("not our voice: {line}"));
        }
        let foreign = [
            "database",
            "SQLite",
            "sqlite",
            "disk I/O",
            "unable to open",
            "no such table",
            "os error",
            "panicked",
            "unwrap",
            "RUST_BACKTRACE",
            "internal error",
            "Io(",
            "Kind",
            "memory allocation",
        ];
        for word in foreign
            .iter()
            .filter(|w| line.contains(**w) && !line.contains("made again"))
        {
            faults.push(format!("{word:?} in: {line}"));
        }
    }
}

impl Ground {
    /// The id of a snapshot of the past.
    pub fn snapshot(&self, n: usize) -> &str {
        &self.announced[n].0
    }
}
