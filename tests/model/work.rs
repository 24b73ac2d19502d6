//! Steps forward: editing, recording, copying, syncing, plans that were thinned out.

use crate::edit::{Editor, quote};
use crate::past::{Backup, Op};
use crate::plan::{Change, How, Plan, overlay, perform, plan};
use crate::state::{Name, SYNC, State, order, show};
use crate::world::{DIRS, Foretold, Res, World, hold, is_id, text};

pub const TAGS: [&str; 4] = ["t1", "t2", "v1", "odd name"];
pub const FREE: &str = "--max-delete 100% --allow-empty-source";

impl World {
    pub fn any_dir(&mut self) -> &'static str {
        DIRS[self.dice.below(DIRS.len())]
    }

    /// Rather a destination than a source.
    pub fn some_dir(&mut self) -> &'static str {
        self.dice.weighed(&[(1, "a"), (1, "b"), (5, "x"), (3, "y")])
    }

    fn some_tag(&mut self, one_in: usize) -> Option<String> {
        self.dice
            .once_in(one_in)
            .then(|| self.dice.one(&TAGS).to_string())
    }
}

/// A few edits of a directory.
pub fn edit(w: &mut World) -> Res {
    let dir = w.any_dir();
    edit_in(w, dir)
}

fn edit_in(w: &mut World, dir: &'static str) -> Res {
    for _ in 0..1 + w.dice.below(3) {
        let script = Editor {
            dice: &mut w.dice,
            dir,
            state: &w.trees[dir],
            root: w.root,
        }
        .edits();
        w.run(script, 0)?;
        w.edited(dir);
    }
    Ok(())
}

/// Somebody meddles with a BACKUP file.
pub fn meddle(w: &mut World) -> Res {
    let dir = w.some_dir();
    let path = w.path(dir);
    let all = w.past.order.clone();
    let backup = match w.dice.below(6) {
        0..=2 => Backup::Missing,
        3 => Backup::Bad,
        4 => w.dice.pick(&all).map_or(Backup::Missing, Backup::Names),
        _ => Backup::Names(format!("{:040x}", w.dice.roll())),
    };
    let script = match &backup {
        Backup::Missing => format!("rm -f {dir}/.fsync-backup"),
        Backup::Bad => format!("echo nonsense > {dir}/.fsync-backup"),
        Backup::Names(id) => format!("echo {id} > {dir}/.fsync-backup"),
    };
    w.run(script, 0)?;
    w.past.dir(&path).backup = backup;
    w.edited(dir);
    Ok(())
}

/// Records a directory.
pub fn snap(w: &mut World) -> Res {
    let dir = w.any_dir();
    let path = w.path(dir);
    let full = w.dice.once_in(6);
    let rules: Vec<String> = match w.dice.below(10) {
        0 => vec!["*.o".into()],
        1 => vec!["skip".into()],
        _ => Vec::new(),
    };
    let tag = w.some_tag(3);
    let mut line = w
        .dice
        .weighed(&[(4, "exec fsync-snap -q"), (1, "exec fsync snap -q")])
        .to_string();
    if full {
        line += " --full";
    }
    for rule in &rules {
        line += &format!(" --exclude '{rule}'");
    }
    if let Some(tag) = &tag {
        line += &format!(" -t '{tag}'");
    }
    line += &format!(" {dir}");
    let told = match w.foretell(dir, &rules, full) {
        Err(code) => return w.run(line, code).map(drop),
        Ok(told) => told,
    };
    let id = w.run(line, 0)?.text.trim_end().to_string();
    w.recorded(told, &id)?;
    w.past.move_head(&path, Some(id.clone()));
    if let Some(tag) = tag {
        w.past.tag(&path, &tag, Some(id));
    }
    Ok(())
}

/// How a copy is made, and the options that say so.
pub fn how(w: &mut World) -> (How, String) {
    let mut how = How {
        delete: w.dice.once_in(2),
        checksum: w.dice.once_in(4),
        xattrs: w.dice.once_in(2),
        owner: w.root,
        ..How::default()
    };
    let mut words = String::new();
    let mut say = |given: bool, word: &str| {
        if given {
            words += " ";
            words += word;
        }
    };
    say(how.delete, "--delete");
    say(how.checksum, "--checksum");
    say(how.xattrs, "--xattrs");
    if w.dice.once_in(6) {
        let rule = w.dice.one(&["*.o", "skip"]);
        how.exclude.push(rule.to_string());
        say(true, &format!("--exclude '{rule}'"));
    }
    let renames = how.delete && how.exclude.is_empty() && w.dice.once_in(3);
    say(renames, "--renames");
    (how, words)
}

/// Sources for a destination: directories, or now and then a snapshot; their names, and what they come to.
pub fn sources(w: &mut World, dst: &str) -> (String, State) {
    let whole = |id: &&String| {
        let snap = &w.past.snaps[*id];
        snap.rules.is_empty() && !snap.state.nodes.values().any(|n| n.forgotten)
    };
    let snapshots: Vec<String> = w.past.order.iter().filter(whole).cloned().collect();
    let mut names = Vec::new();
    let mut layers: Vec<State> = Vec::new();
    for _ in 0..w.dice.weighed(&[(4, 1), (2, 2), (1, 3)]) {
        let snapshot = w.dice.once_in(6).then(|| w.dice.pick(&snapshots)).flatten();
        if let Some(id) = snapshot {
            layers.push(w.past.snaps[&id].state.without(|_| false));
            names.push(id);
            continue;
        }
        let others: Vec<&'static str> = DIRS
            .into_iter()
            .filter(|d| *d != dst && !names.iter().any(|n| n == d))
            .collect();
        if let Some(dir) = w.dice.pick(&others) {
            layers.push(w.trees[dir].clone());
            names.push(dir.to_string());
        }
    }
    (names.join(" "), overlay(&layers.iter().collect::<Vec<_>>()))
}

/// What a plan comes to on a destination.
pub struct Goal {
    pub dst: &'static str,
    pub line: String,
    pub tag: Option<String>,
    pub plan: Plan,
    pub wanted: State,
}

impl World {
    pub fn goal(&mut self, dst: &'static str, src: &State, how: &How, line: String) -> Res<Goal> {
        let plan = plan(src, &self.trees[dst], how);
        let (wanted, whole) = perform(src, &self.trees[dst], &plan.changes, how);
        hold(whole, || format!("the model cannot do: {line}"))?;
        Ok(Goal {
            dst,
            line,
            tag: None,
            plan,
            wanted,
        })
    }

    /// Runs a whole copy and holds it against what was foretold.
    pub fn copy(&mut self, goal: Goal) -> Res {
        let Goal {
            dst,
            line,
            tag,
            plan,
            wanted,
        } = goal;
        let code = if plan.skips > 0 { 3 } else { 0 };
        if plan.changes.is_empty() {
            return self.run(line, code).map(drop);
        }
        let told = match self.foretell(dst, &[], false) {
            Err(code) => return self.run(line, code).map(drop),
            Ok(told) => told,
        };
        self.run(line, code)?;
        self.operated(dst, told, tag)?;
        self.must_be(dst, &wanted, false)
    }

    /// A plan was performed on a directory after it was recorded.
    fn operated(&mut self, dst: &'static str, told: Foretold, tag: Option<String>) -> Res {
        let path = self.path(dst);
        let Backup::Names(id) = self.backup(dst) else {
            return Err(format!("{dst} has no BACKUP"));
        };
        hold(is_id(&id), || "no id".into())?;
        self.recorded(told, &id)?;
        self.past.move_head(&path, Some(id.clone()));
        if let Some(tag) = tag {
            self.past.tag(&path, &tag, Some(id.clone()));
        }
        self.past.dir(&path).redo.clear();
        self.past.dir(&path).ops.push(Op {
            work: "apply",
            before: id,
            target: None,
            outcome: "done",
        });
        Ok(())
    }
}

/// `fsync cp`.
pub fn cp(w: &mut World) -> Res {
    let dst = w.some_dir();
    let (names, src) = sources(w, dst);
    let (how, words) = how(w);
    let tag = w.some_tag(4);
    let tagged = tag.as_ref().map_or(String::new(), |t| format!(" -t '{t}'"));
    let line = format!("exec fsync -q cp{words}{tagged} {FREE} {names} {dst}");
    let goal = w.goal(dst, &src, &how, line)?;
    w.copy(Goal { tag, ..goal })
}

/// `fsync sync`.
pub fn sync(w: &mut World) -> Res {
    let dst = w.some_dir();
    let (how, words) = how(w);
    let tag = w.some_tag(4);
    let tagged = tag.as_ref().map_or(String::new(), |t| format!(" -t '{t}'"));
    let line = format!("exec fsync -q sync{words}{tagged} {FREE} {dst}");
    let named = match w.sources(dst) {
        Err(code) => return w.run(line, code).map(drop),
        Ok(named) => named,
    };
    let mut layers = Vec::new();
    for name in &named {
        match DIRS.into_iter().find(|d| w.path(d) == *name && *d != dst) {
            Some(dir) => layers.push(w.trees[dir].clone()),
            // Itself, or one that is missing.
            None => return w.run(line, 4).map(drop),
        }
    }
    let src = overlay(&layers.iter().collect::<Vec<_>>());
    let goal = w.goal(dst, &src, &how, line)?;
    w.copy(Goal { tag, ..goal })
}

/// Writes, spoils or removes a SYNC file.
pub fn mksync(w: &mut World) -> Res {
    let dst = w.some_dir();
    let path = w.path(dst);
    if w.dice.once_in(4) {
        let script = match w.dice.below(3) {
            0 => format!("rm -f {dst}/.fsync-sync"),
            1 => format!("echo nonsense > {dst}/.fsync-sync"),
            _ => format!("printf '# none\\n%s\\n' \"$PWD/a\" \"$PWD/missing\" > {dst}/.fsync-sync"),
        };
        w.run(script, 0)?;
        w.edited(dst);
        return Ok(());
    }
    let others: Vec<&str> = DIRS.into_iter().filter(|d| *d != dst).collect();
    let sources: Vec<&str> = (0..1 + w.dice.below(3))
        .filter_map(|_| w.dice.pick(&others))
        .collect();
    let force = w.dice.once_in(2);
    let word = if force { " --force" } else { "" };
    let line = format!("exec fsync -q mksync{word} {dst} {}", sources.join(" "));
    let there = w.trees[dst].get(SYNC).is_some();
    if there && !force {
        return w.run(line, 4).map(drop);
    }
    if there {
        let told = match w.foretell(dst, &[], false) {
            Err(code) => return w.run(line, code).map(drop),
            Ok(told) => told,
        };
        w.run(line, 0)?;
        let Backup::Names(id) = w.backup(dst) else {
            return Err(format!("{dst} has no BACKUP"));
        };
        w.recorded(told, &id)?;
        w.past.move_head(&path, Some(id));
    } else {
        w.run(line, 0)?;
    }
    let before = w.trees[dst].clone();
    w.edited(dst);
    let all: String = sources.iter().map(|d| format!("{}\n", w.path(d))).collect();
    let now = &w.trees[dst];
    let wrote = now.get(SYNC).map(|n| n.inside.clone());
    hold(wrote == Some(all.clone().into_bytes()), || {
        format!("SYNC of {dst}: not {all:?}")
    })?;
    let mut rest = now.without(|n| n == SYNC);
    let old = before.without(|n| n == SYNC);
    // Whoever writes into a directory moves its time.
    let time = old.get(b".").expect("a root").mtime;
    rest.get_mut(b".").expect("a root").mtime = time;
    let found = old.differences(&rest);
    hold(found.is_empty(), || {
        format!("mksync changed more than the SYNC file:\n{found}")
    })
}

/// A plan of which some changes are taken out before it is performed.
pub fn thin(w: &mut World) -> Res {
    let dst = w.some_dir();
    let (names, src) = sources(w, dst);
    let (how, words) = how(w);
    let words = words.replace(" --renames", "");
    let out = w.sh(format!("fsync-diff --json{words} {names} {dst} > plan"));
    let stream = std::fs::read_to_string(w.s.path("plan")).expect("a plan");
    let full = plan(&src, &w.trees[dst], &how);
    hold(out.code == 0 || out.code == 3 && full.skips > 0, || {
        format!("fsync-diff: {}: {}", out.code, out.err)
    })?;
    let lines = planned(&stream)?;
    let mine: Vec<(char, Name)> = full
        .changes
        .iter()
        .map(|c| (c.status, c.path.clone()))
        .collect();
    let real: Vec<(char, Name)> = lines.iter().map(|(_, s, p)| (*s, p.clone())).collect();
    hold(mine == real, || {
        format!("the plan: {} foretold, {} real", say(&mine), say(&real))
    })?;
    let firsts = [src.firsts(), w.trees[dst].firsts()]
        .map(|f| f.keys().map(|n| n.to_vec()).collect::<Vec<Name>>());
    let mut dropped = Vec::new();
    let mut left: Vec<Change> = Vec::new();
    for (change, (at, ..)) in full.changes.iter().zip(&lines) {
        let linked = firsts.iter().any(|f| f.contains(&change.path));
        match !linked && w.dice.once_in(3) {
            true => dropped.push(format!("{at}d")),
            false => left.push(change.clone()),
        }
    }
    let (wanted, whole) = perform(&src, &w.trees[dst], &left, &how);
    let code = if whole && full.skips == 0 { 0 } else { 3 };
    w.run(format!("sed -i '{}' plan", dropped.join(";")), 0)?;
    let told = match (left.is_empty(), w.foretell(dst, &[], false)) {
        (false, Err(code)) => {
            return w
                .run("exec fsync-snap -q --through < plan > plan2", code)
                .map(drop);
        }
        (_, told) => told,
    };
    w.run("exec fsync-snap -q --through < plan > plan2", 0)?;
    w.run(
        format!("exec fsync-apply -q --require-snapshot {FREE} < plan2"),
        code,
    )?;
    if let (false, Ok(told)) = (left.is_empty(), told) {
        w.operated(dst, told, None)?;
        let path = w.path(dst);
        w.past.dir(&path).ops.last_mut().expect("it").outcome = outcome(whole);
    }
    if left.iter().any(|c| c.link_to.is_some()) && !whole {
        // What becomes of a name whose first name could not be made is not foretold.
        w.edited(dst);
        return Ok(());
    }
    w.must_be(dst, &wanted, false)
}

/// A plan that waits while people go on working: what they changed meanwhile is theirs.
pub fn late(w: &mut World) -> Res {
    let dst = w.some_dir();
    let (names, src) = sources(w, dst);
    let (how, words) = how(w);
    let full = plan(&src, &w.trees[dst], &how);
    let out = w.sh(format!("fsync-diff --json{words} {names} {dst} > plan"));
    hold(matches!(out.code, 0 | 3), || {
        format!("fsync-diff: {}: {}", out.code, out.err)
    })?;
    let before = w.trees[dst].clone();
    // The clock that change times are read from ticks every few milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(12));
    edit_in(w, dst)?;
    let edited = w.trees[dst].clone();
    let told = match w.foretell(dst, &[], false) {
        Err(_) => return Ok(()),
        Ok(told) => told,
    };
    w.run("exec fsync-snap -q --through < plan > plan2", 0)?;
    let out = w.sh(format!(
        "exec fsync-apply -q --require-snapshot {FREE} < plan2"
    ));
    hold(matches!(out.code, 0 | 3), || {
        format!("fsync-apply: {}: {}", out.code, out.err)
    })?;
    if !full.changes.is_empty() {
        w.operated(dst, told, None)?;
        let rows = w.log(dst)?;
        let partial = rows.iter().any(|r| {
            let ops = r["operations"].as_array().cloned().unwrap_or_default();
            ops.iter().any(|o| o["n"] == 1 && o["outcome"] == "partial")
        });
        hold(!(partial && out.code == 0), || {
            "a partial run was called a success".into()
        })?;
        let path = w.path(dst);
        w.past.dir(&path).ops.last_mut().expect("it").outcome = outcome(!partial);
    }
    w.edited(dst);
    theirs(&before, &edited, &src, &w.trees[dst], &full)
}

/// Nothing that was edited after the plan was made is lost, and nothing is touched that was not planned.
fn theirs(before: &State, edited: &State, src: &State, now: &State, plan: &Plan) -> Res {
    let linked = [before.firsts(), edited.firsts(), src.firsts()];
    for name in edited.names.keys() {
        let (was, is) = (edited.get(name).expect("it"), now.get(name));
        if is == Some(was) || linked.iter().any(|f| f.contains_key(name)) {
            continue;
        }
        let planned = plan.changes.iter().any(|c| c.path == *name);
        hold(planned, || {
            format!("{} was changed, and not planned", show(name))
        })?;
        if was.kind == "directory" || is.is_none() && before.get(name) == Some(was) {
            continue;
        }
        // Only the very entry that the plan saw may go: one that looks like it in size, time and mode counts as it.
        let alike = before.get(name).is_some_and(|old| {
            (old.kind, old.size, old.mtime, old.mode) == (was.kind, was.size, was.mtime, was.mode)
        });
        hold(alike, || {
            format!(
                "{} was edited after the plan was made, and is lost",
                show(name)
            )
        })?;
    }
    Ok(())
}

/// The changes of a plan: line, status and path.
fn planned(stream: &str) -> Res<Vec<(usize, char, Name)>> {
    let mut all = Vec::new();
    for (at, line) in stream.lines().enumerate() {
        let row: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("{e}: {line}"))?;
        if row["type"] != "change" {
            continue;
        }
        let path = match row["path"].as_str() {
            Some(path) => path.as_bytes().to_vec(),
            None => unhex(row["path_hex"].as_str().unwrap_or_default()),
        };
        let status = text(&row["status"]).chars().next().unwrap_or('?');
        all.push((at + 1, status, path));
    }
    all.sort_by(|a, b| order(&a.2).cmp(&order(&b.2)));
    Ok(all)
}

pub fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default();
    (0..text.len() / 2).map(|n| byte(2 * n)).collect()
}

fn say(plan: &[(char, Name)]) -> String {
    let words = plan
        .iter()
        .map(|(s, p)| format!("{s} {}", String::from_utf8_lossy(&quote(p))));
    words.collect::<Vec<_>>().join(", ")
}

/// How the log says that an operation ended.
pub fn outcome(whole: bool) -> &'static str {
    if whole { "done" } else { "partial" }
}
