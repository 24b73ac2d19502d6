//! Machines in a sandbox, each with a home of its own, and one store: a directory behind the program of the manual page.

use std::fs;
use std::path::Path;

use assert_cmd::assert::Assert;

use crate::support::{Sandbox, Told};

/// Notes what is asked of the store, and by whom, and hands it on. `bad` is a script that may stand in its place.
const NOTED: &str = r#"#!/bin/sh
top=${0%/*}/..
[ -e "$top/bad" ] && exec sh "$top/bad" "$top/bin/real"
tee "$HOME/said.$$" | "$top/bin/real"
"#;

/// The program of the manual page with a trap: `WHEN VERB KEY` in `trap`, KEY a regular expression. `before` and `after`
/// kill it at such a request, undone or done; `join` joins all pieces of a log behind its back, once.
const TRAPPED: &str = r#"
import os, re, sys, threading
alone = threading.Lock()
top = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[1])))
WHEN, WHAT, WHERE = open(top + "/trap").read().split()
def is_meant(work, words):
    keys = [w.decode() for w in words if isinstance(w, bytes) and b"/" in w]
    return work.__name__ == WHAT and any(re.search(WHERE, key) for key in keys)
def join(key):
    folder = os.path.dirname(path(key))
    names = sorted(os.listdir(folder))
    if len(names) == 1: return
    text = b"".join(open(os.path.join(folder, n), "rb").read() for n in names)
    whole = b"%s/%016x-%016x" % (folder, int(names[0][:16], 16), int(names[0][:16], 16) + len(text))
    open(whole, "wb").write(text)
    for name in names: os.unlink(os.path.join(folder, name))
    open(top + "/sprung", "w").close()
def spring(work, words):
    if not is_meant(work, words): return
    if WHEN == "join":
        with alone: return join(words[2])
    if WHEN == "after": work(*words)
    open(top + "/sprung", "w").close()
    os._exit(1)
source = open(sys.argv[1]).read()
head = "def serve(n, work, words):\n"
assert head in source
exec(source.replace(head, head + "    spring(work, words)\n"))
"#;

/// A sandbox with an empty store.
pub fn world() -> Sandbox {
    let s = Sandbox::new();
    let example =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("extra/store-s3/tests/fsync-store-dir");
    s.tree("store");
    s.tree("bin")
        .file("fsync-store-dir", NOTED)
        .mode("fsync-store-dir", 0o755)
        .file("real", fs::read(example).unwrap())
        .mode("real", 0o755);
    s
}

/// Runs a script on the machine `machine`.
pub fn on(s: &Sandbox, machine: &str, script: &str) -> Assert {
    s.tree(machine);
    let top = s.path("");
    let top = top.display();
    s.sh(&format!(
        "export HOME={top}/{machine} FSYNC_MACHINE={machine} FSYNC_EXEC_PATH={top}/bin \
         FSYNC_REPO=dir://{top}/store; {script}"
    ))
}

/// Records a directory; the id.
pub fn snap(s: &Sandbox, machine: &str, dir: &str) -> String {
    on(s, machine, &format!("fsync-snap {dir}")).code(0).text()
}

/// Runs a script on a machine whose store falls into a trap, and makes sure that it did.
pub fn trapped(s: &Sandbox, machine: &str, trap: &str, script: &str) -> Assert {
    fs::write(s.path("trap"), trap).unwrap();
    fs::write(s.path("trap.py"), TRAPPED).unwrap();
    fs::write(s.path("bad"), "exec python3 \"${1%/*}/../trap.py\" \"$1\"").unwrap();
    let told = on(s, machine, script);
    for name in ["bad", "trap"] {
        fs::remove_file(s.path(name)).unwrap();
    }
    fs::remove_file(s.path("sprung")).unwrap_or_else(|e| panic!("{trap}: {e}"));
    told
}

/// What a machine has asked of the store since it was asked last: verbs with keys, without numbers.
pub fn asked(s: &Sandbox, machine: &str) -> Vec<String> {
    let mut all = Vec::new();
    s.tree(machine);
    for entry in fs::read_dir(s.path(machine)).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with("said.") {
            continue;
        }
        let said = fs::read(entry.path()).unwrap();
        fs::remove_file(entry.path()).unwrap();
        all.extend(requests(&said));
    }
    all
}

/// The requests in what was said to a helper: a put is followed by as many bytes as it says.
fn requests(mut said: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(end) = said.iter().position(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(&said[..end]).into_owned();
        said = &said[end + 1..];
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "fsync-store" {
            continue;
        }
        if words[1] == "put" {
            said = &said[words[2].parse::<usize>().unwrap()..];
        }
        found.push(words[1..].join(" "));
    }
    found
}

/// How many of them begin so.
pub fn count(asked: &[String], verb: &str) -> usize {
    asked.iter().filter(|a| a.starts_with(verb)).count()
}

/// The objects in the store whose names begin so, sorted.
pub fn objects(s: &Sandbox, folder: &str) -> Vec<String> {
    let mut all: Vec<String> = walkdir::WalkDir::new(s.path("store").join(folder))
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    all.sort();
    all
}
