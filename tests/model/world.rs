//! The sandbox, the model beside it, and what both are held against after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;

use crate::dice::Dice;
use crate::past::{Backup, Head, Id, Past, Snap};
use crate::plan::excluded;
use crate::state::{SYNC, State};
use crate::support::Sandbox;

/// How a step ends; an error is what differs from the model.
pub type Res<T = ()> = Result<T, String>;

/// The directories: sources and destinations, though each can be either.
pub const DIRS: [&str; 4] = ["a", "b", "x", "y"];

/// What a program told.
pub struct Out {
    pub code: i32,
    pub text: String,
    pub err: String,
}

/// What recording a directory would come to.
pub struct Foretold {
    pub snap: Snap,
    pub known: Vec<Id>,
}

pub struct World {
    pub s: Sandbox,
    pub dice: Dice,
    pub past: Past,
    pub trees: BTreeMap<&'static str, State>,
    /// All that was run, so that it can be run again.
    pub script: Vec<Vec<u8>>,
    /// The repository in use.
    pub repo: String,
    /// Numbers for new names.
    pub count: usize,
    /// Whether owners and devices can be made.
    pub root: bool,
}

/// Fails a step unless something holds.
pub fn hold(holds: bool, why: impl FnOnce() -> String) -> Res {
    match holds {
        true => Ok(()),
        false => Err(why()),
    }
}

impl World {
    pub fn new() -> World {
        let s = Sandbox::new();
        let mut trees = BTreeMap::new();
        for dir in DIRS {
            trees.insert(dir, State::of(s.tree(dir).root()));
        }
        World {
            s,
            dice: Dice::new(0),
            past: Past::default(),
            trees,
            script: vec![b"mkdir a b x y home; export FSYNC_REPO=$PWD/repo".to_vec()],
            repo: "repo".into(),
            count: 0,
            root: rustix::process::geteuid().is_root(),
        }
    }

    /// The absolute path of a directory, by which the repository knows it.
    pub fn path(&self, dir: &str) -> String {
        self.s.path(dir).display().to_string()
    }

    pub fn fresh(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}{}", self.count)
    }

    /// Prepares a shell script, and remembers it.
    pub fn shell(&mut self, script: impl AsRef<[u8]>) -> std::process::Command {
        let script = script.as_ref();
        self.script.push(script.to_vec());
        let mut shell = self.s.plain("sh");
        shell
            .arg("-c")
            .arg(OsStr::from_bytes(script))
            .env("FSYNC_REPO", self.s.path(&self.repo))
            .stdin(Stdio::null());
        shell
    }

    pub fn sh(&mut self, script: impl AsRef<[u8]>) -> Out {
        let out = self.shell(script).output().expect("a shell");
        Out {
            code: out.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&out.stdout).into_owned(),
            err: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    /// Runs a script that must end with a code.
    pub fn run(&mut self, script: impl AsRef<[u8]>, code: i32) -> Res<Out> {
        let out = self.sh(script.as_ref());
        hold(out.code == code, || {
            let line = String::from_utf8_lossy(script.as_ref()).into_owned();
            format!("{line}\n  exit code {}, not {code}: {}", out.code, out.err)
        })?;
        Ok(out)
    }

    /// Reads a directory again after people edited it.
    pub fn edited(&mut self, dir: &'static str) {
        self.trees.insert(dir, State::of(&self.s.path(dir)));
    }

    /// A directory must be as foretold; `loose`: but for the structure of hard links.
    pub fn must_be(&mut self, dir: &'static str, wanted: &State, loose: bool) -> Res {
        let real = State::of(&self.s.path(dir));
        let mut found = wanted.differences(&real);
        if loose {
            let keep = |l: &&str| !l.contains(": linked to ");
            found = found
                .lines()
                .filter(keep)
                .map(|l| format!("{l}\n"))
                .collect();
        }
        self.trees.insert(dir, real);
        hold(found.is_empty(), || {
            format!("{dir}, foretold (left) and real (right):\n{found}")
        })
    }

    /// What BACKUP says.
    pub fn backup(&self, dir: &str) -> Backup {
        match fs::read(self.s.path(dir).join(".fsync-backup")) {
            Err(_) => Backup::Missing,
            Ok(text) => match std::str::from_utf8(&text)
                .ok()
                .and_then(|t| t.strip_suffix('\n'))
            {
                Some(id) if is_id(id) => Backup::Names(id.to_string()),
                _ => Backup::Bad,
            },
        }
    }

    /// Nothing but what the model says is in any directory.
    pub fn check_trees(&mut self) -> Res {
        for dir in DIRS {
            let wanted = self.trees[dir].clone();
            self.must_be(dir, &wanted, false)?;
            let path = self.path(dir);
            let (real, model) = (self.backup(dir), self.past.dir(&path).backup.clone());
            hold(real == model, || {
                format!("BACKUP of {dir}: {model:?} foretold, {real:?} real")
            })?;
        }
        Ok(())
    }

    /// What recording a directory would come to.
    pub fn foretell(
        &mut self,
        dir: &'static str,
        rules: &[String],
        full: bool,
    ) -> Result<Foretold, i32> {
        let path = self.path(dir);
        let head = self.past.head(&path)?;
        let rules = rules.to_vec();
        let snap = Snap {
            full: full || !self.past.was_recorded(&path),
            dir: path,
            parent: head.id.clone(),
            foreign: head.foreign.clone(),
            imported: false,
            time: (0, 0),
            state: Arc::new(self.trees[dir].without(|n| excluded(n, &rules))),
            rules,
        };
        let known = self.past.known(&snap, full, &head);
        Ok(Foretold { snap, known })
    }

    /// A directory was recorded: as one of those that were known, or as a new one.
    pub fn recorded(&mut self, told: Foretold, id: &str) -> Res {
        let Foretold { snap, known, .. } = told;
        hold(is_id(id), || format!("not an id: {id:?}"))?;
        match known.is_empty() {
            false => hold(known.iter().any(|k| k == id), || {
                format!("{id} was made, though {known:?} says the same")
            })?,
            true => {
                if let Some(known) = self.past.snaps.get(id) {
                    let found = known.state.differences(&snap.state);
                    return Err(format!(
                        "{id} is taken for what {} is, and is something else (parent {:?}, head {:?}):\n{found}",
                        snap.dir, known.parent, snap.parent
                    ));
                }

                self.past.enter(id, snap);
            }
        }
        Ok(())
    }

    /// The history of a directory as `fsync log` has it.
    pub fn log(&mut self, dir: &str) -> Res<Vec<Value>> {
        let path = self.path(dir);
        if self.past.dir(&path).backup == Backup::Bad {
            self.run(format!("exec fsync -q log --json {dir}"), 5)?;
            return Ok(Vec::new());
        }
        let out = self.sh(format!("exec fsync -q log --json {dir}"));
        // Of a directory that has no snapshot there is nothing to tell.
        let code = if out.text.is_empty() { 6 } else { 0 };
        hold(out.code == code, || {
            format!("fsync log {dir}: exit code {}: {}", out.code, out.err)
        })?;
        let parsed: Result<Vec<Value>, _> =
            out.text.lines().rev().map(serde_json::from_str).collect();
        parsed.map_err(|e| format!("fsync log: {e}"))
    }

    /// `fsync log` must say what the model says.
    pub fn check_log(&mut self, dir: &str) -> Res {
        let path = self.path(dir);
        let rows = self.log(dir)?;
        if self.past.dir(&path).backup == Backup::Bad {
            return Ok(());
        }
        let head = self.past.head(&path).map_err(|c| format!("head: {c}"))?;
        let ids: Vec<Id> = rows.iter().map(|r| text(&r["id"])).collect();
        let wanted = self.past.of(&path);
        hold(ids == wanted, || {
            format!("log of {dir}: {wanted:?} foretold, {ids:?} real")
        })?;
        for row in &rows {
            let id = text(&row["id"]);
            let time = (
                row["time"]["secs"].as_i64().unwrap_or_default(),
                row["time"]["nanos"].as_u64().unwrap_or_default(),
            );
            let snap = self.past.snaps.get_mut(&id).expect("it");
            hold(snap.time == (0, 0) || snap.time == time, || {
                format!("the time of {id} changed")
            })?;
            snap.time = time;
            let (real, model) = (self.told(row), self.foretold_row(&path, &id, &head));
            hold(real == model, || {
                format!("log of {dir}, {id}:\n  foretold {model}\n  real     {real}")
            })?;
        }
        Ok(())
    }

    fn told(&self, row: &Value) -> String {
        let words = |v: &Value, key: &str| -> Vec<String> {
            let list = v.as_array().cloned().unwrap_or_default();
            list.iter()
                .map(|x| text(if key.is_empty() { x } else { &x[key] }))
                .collect()
        };
        let ops = row["operations"].as_array().cloned().unwrap_or_default();
        let ops: Vec<String> = ops
            .iter()
            .map(|o| {
                let target = o["target"].as_str().unwrap_or("-");
                format!(
                    "@{} {} {target} {}",
                    o["n"],
                    text(&o["work"]),
                    text(&o["outcome"])
                )
            })
            .collect();
        let tags: BTreeSet<String> = words(&row["tags"], "").into_iter().collect();
        format!(
            "parent {} extent {} imported {} head {} rules {:?} tags {tags:?} operations {ops:?}",
            row["parent"].as_str().unwrap_or("-"),
            text(&row["extent"]),
            !row["imported"].is_null(),
            row["head"],
            words(&row["rules"], "pattern"),
        )
    }

    fn foretold_row(&mut self, path: &str, id: &str, head: &Head) -> String {
        let snap = self.past.snaps[id].clone();
        let at = self.past.dir(path).clone();
        let own = at.tags.iter().filter(|(_, to)| self.past.issued(to) == id);
        let tags: BTreeSet<String> = own.map(|(tag, _)| tag.clone()).collect();
        let count = at.ops.len();
        let ops: Vec<String> = (1..=count)
            .map(|n| (n, &at.ops[count - n]))
            .filter(|(_, op)| self.past.issued(&op.before) == id)
            .map(|(n, op)| {
                format!(
                    "@{n} {} {} {}",
                    op.work,
                    op.target.as_deref().unwrap_or("-"),
                    op.outcome
                )
            })
            .collect();
        format!(
            "parent {} extent {} imported {} head {} rules {:?} tags {tags:?} operations {ops:?}",
            snap.parent.as_deref().unwrap_or("-"),
            if snap.full { "full" } else { "thin" },
            snap.imported,
            head.id.as_deref() == Some(id),
            snap.rules,
        )
    }

    /// `fsync-tag` must say what the model says.
    pub fn check_tags(&mut self) -> Res {
        if self.past.order.is_empty() {
            return Ok(());
        }
        let out = self.run("exec fsync-tag --json", 0)?;
        let mut real: Vec<String> = out.text.lines().map(tag_line).collect::<Res<_>>()?;
        real.sort();
        let mut model: Vec<String> = Vec::new();
        for (dir, at) in &self.past.dirs {
            model.extend(at.tags.iter().map(|(tag, id)| format!("{dir} {tag} {id}")));
        }
        model.sort();
        hold(real == model, || {
            format!("tags: {model:?} foretold, {real:?} real")
        })?;
        let out = self.run("exec fsync-tag history --json", 0)?;
        let real: Vec<String> = out.text.lines().map(tag_line).collect::<Res<_>>()?;
        let word = |id: &Option<Id>| id.clone().unwrap_or("-".into());
        let all = self.past.history.iter();
        let model: Vec<String> = all
            .map(|(d, t, id)| format!("{d} {t} {}", word(id)))
            .collect();
        hold(real == model, || {
            format!("history of tags: {model:?} foretold, {real:?} real")
        })
    }

    /// Writes a snapshot to a new directory, by whatever name, and holds it against what was remembered.
    pub fn check_snapshot(&mut self, dir: &str, name: &str, id: &str) -> Res {
        let to = self.fresh("out");
        self.run(format!("exec fsync-revert -q {dir} '{name}' --to {to}"), 0)?;
        let real = State::of(&self.s.path(&to));
        let wanted = self.past.snaps[id].state.without(|_| false);
        let missing: Vec<Vec<u8>> = wanted
            .names
            .keys()
            .filter(|n| wanted.get(n).is_some_and(|n| n.forgotten))
            .cloned()
            .collect();
        let found = wanted
            .without(|n| missing.iter().any(|m| m == n))
            .differences(&real);
        self.run(format!("rm -rf {to}"), 0)?;
        hold(found.is_empty(), || {
            format!("{dir} {name} is {id}, remembered (left) and restored (right):\n{found}")
        })
    }

    /// The sources in a directory's SYNC file; an error is the exit code.
    pub fn sources(&self, dir: &str) -> Result<Vec<String>, i32> {
        let node = self.trees[dir].get(SYNC).ok_or(6)?;
        if node.kind != "file" {
            return Err(2);
        }
        let text = String::from_utf8_lossy(&node.inside).into_owned();
        let mut all = Vec::new();
        for line in text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            match line.starts_with('/') {
                true => all.push(line.to_string()),
                false => return Err(2),
            }
        }
        if all.is_empty() { Err(2) } else { Ok(all) }
    }
}

/// Whether text is 40 lower-case hex digits.
pub fn is_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A word of a record.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => match other["path"].as_str() {
            Some(path) => path.to_string(),
            None => other.to_string(),
        },
    }
}

fn tag_line(line: &str) -> Res<String> {
    let row: Value = serde_json::from_str(line).map_err(|e| format!("fsync-tag: {e}: {line}"))?;
    let (dir, tag, id) = (
        text(&row["directory"]),
        text(&row["tag"]),
        text(&row["snapshot"]),
    );
    Ok(format!("{dir} {tag} {id}"))
}
