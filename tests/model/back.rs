//! Steps back: reverts of all kinds, and what they leave behind.

use crate::edit::quote;
use crate::past::{Id, Op};
use crate::plan::{Change, How, Plan, excluded, only, perform, plan};
use crate::state::{Name, ROOT, State, within};
use crate::work::{TAGS, outcome};
use crate::world::{DIRS, Foretold, Res, World, hold, text};

/// A revert that is to be run.
pub struct Back {
    pub dir: &'static str,
    pub target: Id,
    pub redo: bool,
    pub paths: Vec<Name>,
    pub line: Vec<u8>,
}

/// A name for a snapshot, and which one it is; an error is the exit code.
pub fn some_name(w: &mut World, dir: &str) -> (String, Result<Id, i32>) {
    let path = w.path(dir);
    let own = w.past.of(&path);
    let head = w.past.head(&path);
    match w.dice.below(9) {
        8 => at_time(w, dir),
        0 => {
            let n = w.dice.below(4);
            let mut at = head.and_then(|h| h.id.ok_or(6));
            for _ in 0..n {
                at = at.and_then(|id| w.past.parent(&id).ok_or(6));
            }
            (format!("@~{n}"), at)
        }
        1 | 2 => {
            let n = 1 + w.dice.below(5);
            let name = match w.dice.once_in(2) {
                true => format!("@{{{n}}}"),
                false => format!("{dir}@{{{n}}}"),
            };
            (name, w.past.before(&path, n).ok_or(6))
        }
        3 => {
            let tag = w.dice.one(&TAGS);
            let id = w.past.tagged(tag, Some(&path)).map(|id| w.past.issued(&id));
            (format!("snap:{tag}"), id.ok_or(6))
        }
        4 => match w.dice.pick(&w.past.order.clone()) {
            Some(id) => (id.clone(), Ok(id)),
            None => ("0".repeat(40), Err(6)),
        },
        5 => {
            let gone: Vec<Id> = w
                .past
                .gone
                .keys()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            match w.dice.pick(&gone) {
                Some(id) if !w.past.snaps.contains_key(&w.past.issued(&id)) => (id, Err(6)),
                _ => ("f".repeat(40), Err(6)),
            }
        }
        _ => match w.dice.pick(&own) {
            Some(id) => (id[..14].to_string(), Ok(id)),
            None => ("@~1".into(), Err(head.err().unwrap_or(6))),
        },
    }
}

/// `DIR@{TIME}`: the newest snapshot up to then, of those that the directory was recorded in.
fn at_time(w: &mut World, dir: &str) -> (String, Result<Id, i32>) {
    let path = w.path(dir);
    // Times are known from the log.
    if w.check_log(dir).is_err() {
        return ("no such name".into(), Err(6));
    }
    let mut all: Vec<((i64, u64), Id)> = Vec::new();
    for id in w.past.of(&path) {
        let snap = &w.past.snaps[&id];
        if !snap.imported {
            all.push((snap.time, id));
        }
    }
    all.sort();
    let Some((at, id)) = w.dice.pick(&all) else {
        return (format!("{dir}@{{2026-01-01T00:00:00Z}}"), Err(6));
    };
    let earlier = at.1 == 0 || w.dice.once_in(2);
    let (nanos, id) = match (earlier, all.iter().position(|(_, i)| *i == id)) {
        (false, Some(0)) => (at.1 - 1, Err(6)),
        (false, Some(n)) => (at.1 - 1, Ok(all[n - 1].1.clone())),
        _ => (at.1, Ok(id)),
    };
    let stamp = jiff::Timestamp::new(at.0, nanos as i32).expect("a time");
    // A time without a fraction means all of its second.
    match nanos {
        0 => ("no such name".into(), Err(6)),
        _ => (format!("{dir}@{{{stamp}}}"), id),
    }
}

/// `fsync rv -d DIR`: to its head.
pub fn rv(w: &mut World) -> Res {
    let dir = w.some_dir();
    let path = w.path(dir);
    let line = format!("exec fsync -q rv -d {dir}");
    match w.past.head(&path).and_then(|h| h.id.ok_or(6)) {
        Err(code) => nothing(w, line, code),
        Ok(target) => back(w, plain(dir, target, line)),
    }
}

/// To a tag, of this directory or of whichever has it.
pub fn rv_tag(w: &mut World) -> Res {
    let tag = w.dice.one(&TAGS).to_string();
    if w.dice.once_in(3) {
        let line = format!("exec fsync -q rv -t '{tag}'");
        let Some(id) = w.past.tagged(&tag, None) else {
            return nothing(w, line, 6);
        };
        let home = w.past.snaps[&id].dir.clone();
        return match DIRS.into_iter().find(|d| w.path(d) == home) {
            Some(dir) => back(w, plain(dir, id, line)),
            None => Ok(()),
        };
    }
    let dir = w.some_dir();
    let path = w.path(dir);
    let line = format!("exec fsync -q rv -d {dir} -t '{tag}'");
    match w.past.dir(&path).tags.get(&tag).cloned() {
        None => nothing(w, line, 6),
        Some(id) => back(w, plain(dir, id, line)),
    }
}

/// To any snapshot, by any name.
pub fn rv_name(w: &mut World) -> Res {
    let dir = w.some_dir();
    let (name, id) = some_name(w, dir);
    let verify = if w.dice.once_in(4) { " --verify" } else { "" };
    let line = format!("exec fsync-revert -q{verify} {dir} '{name}'");
    match id {
        Err(code) => nothing(w, line, code),
        Ok(id) => back(w, plain(dir, id, line)),
    }
}

/// `--redo`.
pub fn redo(w: &mut World) -> Res {
    let dir = w.some_dir();
    let path = w.path(dir);
    let line = format!("exec fsync -q rv -d {dir} --redo");
    let target = w.past.dir(&path).redo.last().cloned();
    let target = target
        .map(|id| w.past.issued(&id))
        .filter(|id| w.past.snaps.contains_key(id));
    match target {
        None => nothing(w, line, 6),
        Some(target) => back(
            w,
            Back {
                redo: true,
                ..plain(dir, target, line)
            },
        ),
    }
}

/// Single paths of the head.
pub fn rv_paths(w: &mut World) -> Res {
    let dir = w.some_dir();
    let path = w.path(dir);
    let head = match w.past.head(&path).and_then(|h| h.id.ok_or(6)) {
        Err(code) => return nothing(w, format!("exec fsync -q rv -d {dir} -- f"), code),
        Ok(head) => head,
    };
    // One after the other they come from the same snapshot.
    let last = w.past.dir(&path).ops.last().cloned();
    let target = match last {
        Some(Op {
            work: "apply",
            before,
            target: Some(target),
            ..
        }) if w.past.issued(&before) == head => w.past.issued(&target),
        _ => head,
    };
    if !w.past.snaps.contains_key(&target) {
        return nothing(w, format!("exec fsync -q rv -d {dir} -- f"), 6);
    }
    let mut all: Vec<Name> = w.trees[dir].names.keys().cloned().collect();
    all.extend(w.past.snaps[&target].state.names.keys().cloned());
    all.retain(|n| n.as_slice() != ROOT);
    let mut paths: Vec<Name> = (0..1 + w.dice.below(3))
        .filter_map(|_| w.dice.pick(&all))
        .collect();
    if paths.is_empty() || w.dice.once_in(12) {
        paths.push(b"no such path".to_vec());
    }
    let mut line = format!("exec fsync -q rv -d {dir} --").into_bytes();
    for path in &paths {
        line.push(b' ');
        line.extend(quote(path));
    }
    let plain = plain(dir, target, "");
    back(
        w,
        Back {
            paths,
            line,
            ..plain
        },
    )
}

pub fn plain(dir: &'static str, target: Id, line: impl Into<Vec<u8>>) -> Back {
    Back {
        dir,
        target,
        redo: false,
        paths: Vec::new(),
        line: line.into(),
    }
}

/// A revert that is refused; without a repository that is so as well.
fn nothing(w: &mut World, line: String, code: i32) -> Res {
    w.run(line, code).map(drop)
}

/// What a revert to a state comes to.
pub fn foretold(
    now: &State,
    target: &State,
    rules: &[String],
    paths: &[Name],
    root: bool,
) -> (Plan, How) {
    let how = How {
        delete: true,
        checksum: true,
        xattrs: true,
        owner: root,
        sync_file: true,
        exclude: rules.to_vec(),
        blind: true,
    };
    let mut plan = plan(target, now, &how);
    let forgotten: Vec<&Name> = target
        .names
        .keys()
        .filter(|n| target.get(n).is_some_and(|n| n.forgotten))
        .collect();
    let holding: Vec<&Name> = now.names.keys().filter(|n| excluded(n, rules)).collect();
    let stays = |c: &Change| {
        forgotten.iter().any(|f| within(&c.path, f))
            || c.status == 'D' && holding.iter().any(|h| within(h, &c.path))
    };
    plan.changes.retain(|c| !stays(c));
    if !paths.is_empty() {
        plan.changes = only(&plan.changes, paths);
    }
    (plan, how)
}

pub fn back(w: &mut World, back: Back) -> Res {
    let Back {
        dir,
        target,
        redo,
        paths,
        line,
    } = back;
    let path = w.path(dir);
    let to = w.past.snaps[&target].clone();
    let head = match w.past.head(&path) {
        Err(code) => return w.run(line, code).map(drop),
        Ok(head) => head,
    };
    let told = w
        .foretell(dir, &to.rules, false)
        .map_err(|c| format!("foretell: {c}"))?;
    let now = w.trees[dir].clone();
    let (plan, how) = foretold(&now, &to.state, &to.rules, &paths, w.root);
    if !paths.is_empty() && plan.changes.is_empty() {
        let seen = now.without(|n| excluded(n, &to.rules));
        let there = |p: &Name| seen.get(p).is_some() || to.state.get(p).is_some();
        let code = if paths.iter().all(there) { 0 } else { 6 };
        w.run(line, code)?;
        return untouched(w, dir, told, head.id);
    }
    let (wanted, whole) = perform(&to.state, &now, &plan.changes, &how);
    w.run(line, if whole { 0 } else { 3 })?;
    let before = last_before(w, dir)?;
    w.recorded(told, &before)?;
    let work = match (redo, paths.is_empty()) {
        (true, _) => "redo",
        (_, true) => "revert",
        _ => "apply",
    };
    let stack = &mut w.past.dir(&path).redo;
    match work {
        "redo" => drop(stack.pop()),
        "revert" => stack.push(before.clone()),
        _ => stack.clear(),
    }
    w.past.dir(&path).ops.push(Op {
        work,
        before: before.clone(),
        target: Some(target.clone()),
        outcome: outcome(whole),
    });
    let own = to.dir == path || head.id.as_ref() == Some(&target);
    let head = match whole && own && paths.is_empty() {
        true => w.past.parent(&target),
        false => Some(before),
    };
    w.past.move_head(&path, head);
    w.must_be(dir, &wanted, false)
}

/// Nothing had to change at the paths that were named: the head is as before, but the state was recorded.
fn untouched(w: &mut World, dir: &'static str, told: Foretold, head: Option<Id>) -> Res {
    let path = w.path(dir);
    if told.known.is_empty() {
        let rows = w.log(dir)?;
        let id = rows
            .iter()
            .map(|r| text(&r["id"]))
            .find(|id| !w.past.snaps.contains_key(id));
        let id = id.ok_or("the present state was not recorded")?;
        w.recorded(told, &id)?;
    }
    w.past.move_head(&path, head);
    Ok(())
}

/// The snapshot before the last operation on a directory.
fn last_before(w: &mut World, dir: &str) -> Res<Id> {
    let rows = w.log(dir)?;
    let newest = |row: &&serde_json::Value| {
        row["operations"]
            .as_array()
            .is_some_and(|ops| ops.iter().any(|o| o["n"] == 1))
    };
    let row = rows
        .iter()
        .find(newest)
        .ok_or("no snapshot is the state before the last operation")?;
    Ok(text(&row["id"]))
}

/// An older snapshot, by id, tag, place in the chain or number of operations, is what it was.
pub fn remember(w: &mut World) -> Res {
    let dir = w.any_dir();
    if w.past.order.is_empty() {
        return Ok(());
    }
    let (name, id) = some_name(w, dir);
    match id {
        Ok(id) => w.check_snapshot(dir, &name, &id),
        Err(code) => {
            w.run(
                format!("exec fsync-revert -q {dir} '{name}' --to none"),
                code,
            )?;
            hold(!w.s.path("none").exists(), || {
                "a refused --to made its directory".into()
            })
        }
    }
}
