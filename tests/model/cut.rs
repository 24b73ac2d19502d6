//! Runs that are killed at any moment, and the run after that.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::back::{back, foretold, plain};
use crate::keep::{all_known, verify, went};
use crate::past::{Backup, Id, Op};
use crate::plan::{How, overlay, perform};
use crate::state::State;
use crate::work::FREE;
use crate::world::{Foretold, Res, World, hold, text};

/// Kills something, and lets the next run finish it.
pub fn kill(w: &mut World) -> Res {
    let kind = w.dice.below(6);
    match kind {
        0 => killed_snap(w),
        1 | 2 => killed_cp(w),
        3 | 4 => killed_revert(w),
        _ => killed_prune(w),
    }?;
    all_known(w)
}

/// Runs a line in a group of its own and kills all of it after a while; returns when everybody is gone.
fn killed(w: &mut World, line: &str) {
    let after = Duration::from_micros(w.dice.roll() % 60_000);
    let mut shell = w.shell(format!("exec 9>&1; {line}"));
    *w.script.last_mut().expect("it") =
        format!("timeout -s KILL {:.6} sh -c '{line}'", after.as_secs_f64()).into_bytes();
    // Whoever lives on holds the pipe.
    shell
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = shell.spawn().expect("a shell");
    std::thread::sleep(after);
    // Everybody may be gone already.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let mut rest = Vec::new();
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_end(&mut rest)
        .expect("its end");
    child.wait().expect("it ends");
}

/// Every name stands for what it was, or for what it was to be.
fn between(w: &World, dir: &str, old: &State, new: &State) -> Res {
    let real = State::of(&w.s.path(dir));
    for name in real.names.keys() {
        let now = real.get(name).expect("it");
        let like = |state: &State| {
            state
                .get(name)
                .is_some_and(|n| (n.kind, &n.inside, n.size) == (now.kind, &now.inside, now.size))
        };
        // Directories lead to what was to be made below them.
        hold(like(old) || like(new), || {
            format!(
                "{dir}: {} is neither old nor new: {now:?}",
                name.escape_ascii()
            )
        })?;
    }
    for name in old.names.keys().filter(|n| {
        new.get(n)
            .is_some_and(|new| new.kind == old.get(n).expect("it").kind)
    }) {
        hold(real.get(name).is_some(), || {
            format!("{dir}: {} is gone", name.escape_ascii())
        })?;
    }
    Ok(())
}

/// Takes over how far a killed run came: at most one snapshot, of the state before; at most one operation.
fn adopt(
    w: &mut World,
    dir: &'static str,
    told: &Foretold,
    work: &'static str,
    target: Option<Id>,
) -> Res {
    let path = w.path(dir);
    let rows = w.log(dir)?;
    let ids: Vec<Id> = rows.iter().map(|r| text(&r["id"])).collect();
    for id in w.past.of(&path) {
        hold(ids.contains(&id), || {
            format!("snapshot {id} of {dir} is lost")
        })?;
    }
    let new: Vec<Id> = ids
        .iter()
        .filter(|id| !w.past.snaps.contains_key(*id))
        .cloned()
        .collect();
    hold(new.len() <= usize::from(told.known.is_empty()), || {
        format!("killed, and made {new:?}")
    })?;
    for id in &new {
        w.past.enter(id, told.snap.clone());
    }
    let count = |w: &mut World| w.past.dir(&path).ops.len();
    let mine = count(w);
    let visible = |ops: &serde_json::Value| ops.as_array().map_or(0, Vec::len);
    let shown: usize = rows.iter().map(|r| visible(&r["operations"])).sum();
    let ops = w.past.dir(&path).ops.clone();
    let still = ops
        .iter()
        .filter(|op| w.past.snaps.contains_key(&w.past.issued(&op.before)))
        .count();
    if shown > still {
        let newest = |r: &&serde_json::Value| {
            r["operations"]
                .as_array()
                .is_some_and(|o| o.iter().any(|o| o["n"] == 1))
        };
        let row = rows.iter().find(newest).ok_or("no newest operation")?;
        let op = row["operations"]
            .as_array()
            .and_then(|o| o.iter().find(|o| o["n"] == 1))
            .cloned()
            .unwrap_or_default();
        let outcome = match text(&op["outcome"]).as_str() {
            "done" => "done",
            "partial" => "partial",
            _ => "-",
        };
        hold(text(&op["work"]) == work, || {
            format!("the newest operation is {op}")
        })?;
        let before = text(&row["id"]);
        w.past.dir(&path).ops.push(Op {
            work,
            before,
            target: target.clone(),
            outcome,
        });
        hold(count(w) == mine + 1, || "operations".into())?;
    }
    let backup = w.backup(dir);
    let after = target
        .and_then(|t| w.past.parent(&t))
        .map_or(Backup::Missing, Backup::Names);
    let was = w.past.dir(&path).backup.clone();
    let made = |b: &Backup| match b {
        Backup::Names(id) => new.contains(id) || told.known.contains(id),
        _ => false,
    };
    hold(backup == was || backup == after || made(&backup), || {
        format!("killed, and BACKUP is {backup:?}")
    })?;
    if backup != was {
        w.past.dir(&path).logged = match &backup {
            Backup::Names(id) => Some(id.clone()),
            _ => None,
        };
    }
    w.past.dir(&path).backup = backup;
    w.edited(dir);
    Ok(())
}

/// Makes certain what can be redone, and what the log has for a head: a new state is recorded.
fn certain(w: &mut World, dir: &'static str) -> Res {
    w.count += 1;
    let moment = 1_100_000_000 + w.count;
    w.run(format!("touch -d @{moment} {dir}"), 0)?;
    w.edited(dir);
    let told = w
        .foretell(dir, &[], false)
        .map_err(|c| format!("foretell: {c}"))?;
    let id = w
        .run(format!("exec fsync-snap -q {dir}"), 0)?
        .text
        .trim_end()
        .to_string();
    w.recorded(told, &id)?;
    let path = w.path(dir);
    w.past.move_head(&path, Some(id));
    Ok(())
}

/// What a killed run left under a name of its own is gone after the next.
fn swept(w: &mut World, dir: &str) -> Res {
    let left = w
        .run(format!("exec find {dir} -name '.fsync-tmp-*'"), 0)?
        .text;
    hold(left.is_empty(), || format!("left behind: {left}"))
}

fn killed_snap(w: &mut World) -> Res {
    let dir = w.some_dir();
    // Without one it cannot be told how far the log came.
    if !matches!(w.backup(dir), Backup::Names(_)) {
        return Ok(());
    }
    let Ok(told) = w.foretell(dir, &[], false) else {
        return Ok(());
    };
    killed(w, &format!("exec fsync-snap -q {dir}"));
    let tree = w.trees[dir].clone();
    between(w, dir, &tree, &tree)?;
    adopt(w, dir, &told, "", None)?;
    let told = w
        .foretell(dir, &[], false)
        .map_err(|c| format!("foretell: {c}"))?;
    let id = w
        .run(format!("exec fsync-snap -q {dir}"), 0)?
        .text
        .trim_end()
        .to_string();
    w.recorded(told, &id)?;
    let path = w.path(dir);
    w.past.move_head(&path, Some(id));
    w.check_trees()?;
    certain(w, dir)
}

fn killed_cp(w: &mut World) -> Res {
    let dst = w.some_dir();
    // Without one it cannot be told how far the log came.
    if !matches!(w.backup(dst), Backup::Names(_)) {
        return Ok(());
    }
    let src = if dst == "a" { "b" } else { "a" };
    let how = How {
        delete: true,
        xattrs: true,
        owner: w.root,
        ..How::default()
    };
    let line = format!("exec fsync -q cp --delete --xattrs {FREE} {src} {dst}");
    let tree = overlay(&[&w.trees[src]]);
    let goal = w.goal(dst, &tree, &how, line.clone())?;
    let Ok(told) = w.foretell(dst, &[], false) else {
        return Ok(());
    };
    let old = w.trees[dst].clone();
    killed(w, &line);
    between(w, dst, &old, &goal.wanted)?;
    adopt(w, dst, &told, "apply", None)?;
    if w.dice.once_in(3) {
        verify(w)?;
    }
    let again = w.goal(dst, &tree, &how, line)?;
    let nothing = again.plan.changes.is_empty();
    w.copy(again)?;
    w.must_be(dst, &goal.wanted, false)?;
    if !nothing {
        swept(w, dst)?;
    }
    certain(w, dst)
}

fn killed_revert(w: &mut World) -> Res {
    let dir = w.some_dir();
    // Without one it cannot be told how far the log came.
    if !matches!(w.backup(dir), Backup::Names(_)) {
        return Ok(());
    }
    let path = w.path(dir);
    let own = w.past.of(&path);
    let Some(target) = w.dice.pick(&own) else {
        return Ok(());
    };
    let to = w.past.snaps[&target].clone();
    let Ok(told) = w.foretell(dir, &to.rules, false) else {
        return Ok(());
    };
    let line = format!("exec fsync-revert -q {dir} {target}");
    let old = w.trees[dir].clone();
    let (plan, how) = foretold(&old, &to.state, &to.rules, &[], w.root);
    let (wanted, whole) = perform(&to.state, &old, &plan.changes, &how);
    if !whole {
        return Ok(());
    }
    killed(w, &line);
    between(w, dir, &old, &wanted)?;
    adopt(w, dir, &told, "revert", Some(target.clone()))?;
    back(w, plain(dir, target, line))?;
    w.must_be(dir, &wanted, false)?;
    swept(w, dir)?;
    certain(w, dir)
}

fn killed_prune(w: &mut World) -> Res {
    let dir = w.some_dir();
    let path = w.path(dir);
    let all = w.past.of(&path);
    if all.is_empty() {
        return Ok(());
    }
    let keep = 1 + w.dice.below(4);
    let heads = w.past.heads();
    let goes = |id: &&Id| !heads.contains(*id) && w.past.tags_of(id).is_empty();
    let going: Vec<Id> = all[..all.len().saturating_sub(keep)]
        .iter()
        .filter(goes)
        .cloned()
        .collect();
    let line = format!("exec fsync -q prune --keep-last {keep} -d {dir}");
    killed(w, &line);
    let out = w.run(line, 0)?;
    let said: Vec<&str> = out
        .text
        .lines()
        .filter_map(|l| l.split('\t').nth(1))
        .collect();
    // Whatever went went at once, in the one run or in the other.
    hold(said.is_empty() || said.len() == going.len(), || {
        format!("{going:?} foretold, {said:?} in the second run")
    })?;
    went(w, &going);
    verify(w)
}
