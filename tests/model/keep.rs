//! Steps that concern the repository: tags, what goes and what stays, zips, copies of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::back::some_name;
use crate::past::{Backup, Id, Snap};
use crate::state::{Name, Node, ROOT, State, within};
use crate::work::TAGS;
use crate::world::{DIRS, Res, World, hold, is_id, text};

/// `fsync-tag` in all its ways.
pub fn tag(w: &mut World) -> Res {
    let dir = w.some_dir();
    let path = w.path(dir);
    let tag = w.dice.one(&TAGS).to_string();
    let there = w.past.dir(&path).tags.contains_key(&tag);
    if w.dice.once_in(4) {
        let line = format!("exec fsync-tag delete -d {dir} '{tag}'");
        w.run(line, if there { 0 } else { 6 })?;
        if there {
            w.past.tag(&path, &tag, None);
        }
        return Ok(());
    }
    let moves = w.dice.once_in(2);
    let (name, id) = match w.dice.once_in(3) {
        true => (
            String::new(),
            w.past.head(&path).and_then(|h| h.id.ok_or(6)),
        ),
        false => some_name(w, dir),
    };
    let verb = if moves { "move" } else { "create" };
    let spec = if name.is_empty() {
        name
    } else {
        format!(" '{name}'")
    };
    let line = format!("exec fsync-tag {verb} -d {dir} '{tag}'{spec}");
    let code = match (&id, there, moves) {
        (Err(code), ..) => *code,
        (_, true, false) => 4,
        (_, false, true) => 6,
        _ => 0,
    };
    w.run(line, code)?;
    if let (Ok(id), 0) = (id, code) {
        w.past.tag(&path, &tag, Some(id));
    }
    Ok(())
}

/// What a policy keeps.
#[derive(Default)]
struct Policy {
    last: Option<usize>,
    hourly: Option<usize>,
    within: bool,
    pattern: Option<&'static str>,
    tagged: bool,
    dir: Option<&'static str>,
}

impl Policy {
    fn some(w: &mut World) -> (Policy, String) {
        let mut policy = Policy::default();
        let mut words = String::new();
        match w.dice.below(8) {
            0 => policy.within = true,
            1 => policy.hourly = Some(1),
            _ => policy.last = Some(1 + w.dice.below(6)),
        }
        if w.dice.once_in(4) {
            policy.pattern = Some(w.dice.one(&["v*", "t?", "*"]));
        }
        policy.tagged = w.dice.once_in(3);
        if w.dice.once_in(2) {
            policy.dir = Some(w.any_dir());
        }
        let mut say = |word: Option<String>| words.extend(word.map(|w| format!(" {w}")));
        say(policy.last.map(|n| format!("--keep-last {n}")));
        say(policy.hourly.map(|n| format!("--keep-hourly {n}")));
        say(policy.within.then(|| "--keep-within 1h".into()));
        say(policy.pattern.map(|p| format!("--keep-tag '{p}'")));
        say(policy.tagged.then(|| "--prune-tagged".into()));
        say(policy.dir.map(|d| format!("-d {d}")));
        (policy, words)
    }

    /// Which of a directory's snapshots its rules keep; the oldest is the first.
    fn keeps(&self, w: &World, all: &[Id]) -> Vec<bool> {
        let time = |at: usize| w.past.snaps[&all[at]].time;
        let hour = |at: usize| time(at).0.div_euclid(3600);
        let mut kept = vec![false; all.len()];
        let mut hours: BTreeSet<i64> = BTreeSet::new();
        for at in (0..all.len()).rev() {
            let age = all.len() - 1 - at;
            kept[at] = self.last.is_some_and(|n| age < n) || self.within;
            if let Some(most) = self.hourly
                && hours.len() < most
                && hours.insert(hour(at))
            {
                kept[at] = true;
            }
            let tags = w.past.tags_of(&all[at]);
            kept[at] |= tags.iter().any(|(_, tag)| match self.pattern {
                Some("v*") => tag.starts_with('v'),
                Some("t?") => tag.starts_with('t') && tag.len() == 2,
                Some(_) => true,
                None => false,
            });
        }
        kept
    }

    /// What goes; an error is the exit code.
    fn judge(&self, w: &World) -> Result<Vec<Id>, i32> {
        let mut dirs: BTreeSet<String> = w.past.snaps.values().map(|s| s.dir.clone()).collect();
        if let Some(dir) = self.dir {
            let path = w.path(dir);
            if !dirs.contains(&path) {
                return Err(6);
            }
            dirs = BTreeSet::from([path]);
        }
        let heads = w.past.heads();
        let mut going = Vec::new();
        for dir in dirs {
            let all = w.past.of(&dir);
            let kept = self.keeps(w, &all);
            if !kept.contains(&true) {
                return Err(4);
            }
            for (id, kept) in all.into_iter().zip(kept) {
                let tagged = !self.tagged && !w.past.tags_of(&id).is_empty();
                if !kept && !tagged && !heads.contains(&id) {
                    going.push(id);
                }
            }
        }
        Ok(going)
    }
}

/// `fsync prune`.
pub fn prune(w: &mut World) -> Res {
    let (policy, words) = Policy::some(w);
    // Times are known from the log.
    for dir in DIRS {
        w.check_log(dir)?;
    }
    w.check_log("imp")?;
    let line = format!("exec fsync -q prune{words}");
    let going = match policy.judge(w) {
        Err(code) => return w.run(line, code).map(drop),
        Ok(going) => going,
    };
    let out = w.run(line, 0)?;
    let real: BTreeSet<&str> = out
        .text
        .lines()
        .filter_map(|l| l.split('\t').nth(1))
        .collect();
    let model: BTreeSet<&str> = going.iter().map(String::as_str).collect();
    hold(real == model, || {
        format!("prune: {model:?} foretold, {real:?} real")
    })?;
    went(w, &going);
    Ok(())
}

/// Snapshots are gone, and tags with them.
pub fn went(w: &mut World, going: &[Id]) {
    for (dir, tag) in in_order(w) {
        let id = w.past.dirs[&dir].tags[&tag].clone();
        if going.contains(&id) {
            w.past.tag(&dir, &tag, None);
        }
    }
    for id in going {
        if let Some(snap) = w.past.snaps.remove(id) {
            w.past.gone.insert(id.clone(), snap.parent);
        }
    }
    w.past.order.retain(|id| !going.contains(id));
}

/// All tags, the one that was set first at the beginning.
fn in_order(w: &World) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (dir, at) in &w.past.dirs {
        for tag in at.tags.keys() {
            let is_it = |(d, t, _): &(String, String, Option<Id>)| (d, t) == (dir, tag);
            all.push((
                w.past.history.iter().rposition(is_it),
                dir.clone(),
                tag.clone(),
            ));
        }
    }
    all.sort();
    all.into_iter().map(|(_, dir, tag)| (dir, tag)).collect()
}

/// `fsync forget`.
pub fn forget(w: &mut World) -> Res {
    if DIRS.iter().any(|d| w.backup(d) == Backup::Bad) {
        return Ok(());
    }
    let dir = w.some_dir();
    let path = w.path(dir);
    let is_file = |n: &Node| n.kind == "file" && n.size > 0 && !n.forgotten;
    let own: Vec<Id> = w.past.of(&path);
    let mut files: Vec<Name> = Vec::new();
    for id in &own {
        let state = &w.past.snaps[id].state;
        files.extend(
            state
                .names
                .keys()
                .filter(|n| state.get(n).is_some_and(is_file))
                .cloned(),
        );
    }
    files.retain(|n| {
        n.iter()
            .all(|b| b.is_ascii_alphanumeric() || b"/.".contains(b))
    });
    let Some(file) = w.dice.pick(&files) else {
        return Ok(());
    };
    let everywhere = !w.dice.once_in(4);
    let at = |state: &State, out: &mut BTreeSet<(u64, Vec<u8>)>, inside: bool| {
        for (name, number) in &state.names {
            let node = &state.nodes[number];
            if within(name, &file) == inside && is_file(node) {
                out.insert((node.size, node.inside.clone()));
            }
        }
    };
    let (mut contents, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (id, snap) in &w.past.snaps {
        match own.contains(id) {
            true => {
                at(&snap.state, &mut contents, true);
                at(&snap.state, &mut others, false);
            }
            // Of another directory, whatever the path.
            false => {
                at(&snap.state, &mut others, false);
                at(&snap.state, &mut others, true);
            }
        }
    }
    if contents.iter().any(|(size, _)| *size > 8 << 20) {
        return Ok(());
    }
    let word = if everywhere { " --everywhere" } else { "" };
    let name = String::from_utf8_lossy(&file).into_owned();
    let line = format!("exec fsync -q forget -d {dir}{word} {name}");
    if !everywhere && !contents.is_disjoint(&others) {
        return w.run(line, 4).map(drop);
    }
    for dir in DIRS {
        w.check_log(dir)?;
    }
    w.run(line, 0)?;
    for snap in w.past.snaps.values_mut() {
        let state = Arc::make_mut(&mut snap.state);
        for node in state.nodes.values_mut() {
            if is_file(node) && contents.contains(&(node.size, node.inside.clone())) {
                node.inside.clear();
                node.forgotten = true;
            }
        }
    }
    reissued(w)
}

/// Takes over the ids that snapshots have now; those of one directory and one moment are the same.
fn reissued(w: &mut World) -> Res {
    let dirs: BTreeSet<String> = w.past.snaps.values().map(|s| s.dir.clone()).collect();
    let mut new: Vec<(Id, Id)> = Vec::new();
    for dir in dirs {
        let out = w.run(format!("exec fsync -q log --json {dir}"), 0)?;
        let rows: Result<Vec<serde_json::Value>, _> =
            out.text.lines().rev().map(serde_json::from_str).collect();
        let rows = rows.map_err(|e| e.to_string())?;
        let old = w.past.of(&dir);
        hold(rows.len() == old.len(), || {
            format!("{dir} had {} snapshots, and has {}", old.len(), rows.len())
        })?;
        for (row, old) in rows.iter().zip(old) {
            let id = text(&row["id"]);
            if id != old {
                new.push((old, id));
            }
        }
    }
    w.past.instead.extend(new.iter().cloned());
    for (old, id) in &new {
        let snap = w.past.snaps.remove(old).expect("it");
        w.past.snaps.insert(id.clone(), snap);
    }
    let past = w.past.clone();
    w.past.order.iter_mut().for_each(|id| *id = past.issued(id));
    for snap in w.past.snaps.values_mut() {
        snap.parent = snap.parent.as_ref().map(|id| past.issued(id));
    }
    for at in w.past.dirs.values_mut() {
        at.logged = at.logged.as_ref().map(|id| past.issued(id));
        if let Backup::Names(id) = &at.backup {
            at.backup = Backup::Names(past.issued(id));
        }
    }
    for (dir, tag) in in_order(w) {
        let id = w.past.dirs[&dir].tags[&tag].clone();
        let now = w.past.issued(&id);
        if now != id {
            w.past.tag(&dir, &tag, Some(now));
        }
    }
    Ok(())
}

/// A snapshot is written as a zip, read by unzip(1), and recorded again.
pub fn zip(w: &mut World) -> Res {
    let whole = |id: &&Id| !w.past.snaps[*id].state.nodes.values().any(|n| n.forgotten);
    let all: Vec<Id> = w.past.order.iter().filter(whole).cloned().collect();
    let Some(id) = w.dice.pick(&all) else {
        return Ok(());
    };
    let file = w.fresh("zip") + ".zip";
    w.run(format!("exec fsync -q export {id} -o {file}"), 0)?;
    let snap = w.past.snaps[&id].clone();
    if w.dice.once_in(2) {
        let to = w.fresh("unzipped");
        w.sh(format!(
            "mkdir {to}; unzip -qq {file} -d {to} -x '.fsync/*' .fsync-backup"
        ));
        let found = rough(&snap.state, &State::of(&w.s.path(&to)));
        w.run(format!("rm -rf {to}"), 0)?;
        hold(found.is_empty(), || format!("unzip of {id}: {found}"))?;
    }
    let dir = w.dice.one(&["x", "y", "imp"]);
    let path = w.path(dir);
    let tag = w.dice.one(&TAGS);
    let out = w.run(
        format!("exec fsync -q import -d {dir} -t '{tag}' {file}; rm {file}"),
        0,
    )?;
    let new = out.text.trim_end().to_string();
    hold(is_id(&new), || format!("not an id: {new}"))?;
    match w.past.snaps.get(&new) {
        Some(known) => hold(
            known.parent.is_none() && known.dir == path && known.state.equals(&snap.state),
            || format!("{new} is not what was imported"),
        )?,
        None => {
            let full = w.past.of(&path).is_empty();
            let imported = Snap {
                dir: path.clone(),
                parent: None,
                foreign: None,
                full,
                imported: true,
                time: (0, 0),
                ..snap
            };
            w.past.enter(&new, imported);
        }
    }
    w.past.tag(&path, tag, Some(new));
    w.run(format!("rm -f {file}"), 0).map(drop)
}

/// What an unzipped snapshot lacks of what zip can hold.
fn rough(wanted: &State, real: &State) -> String {
    for (name, number) in &wanted.names {
        let odd = std::str::from_utf8(name).is_err() || name.iter().any(|b| b.is_ascii_control());
        let node = &wanted.nodes[number];
        if odd || name == ROOT || !matches!(node.kind, "file" | "directory" | "symlink") {
            continue;
        }
        let like = |n: &Node| {
            let time = n.kind != "file" || n.mtime.0 == node.mtime.0 || node.mtime.0 < 0;
            n.kind == node.kind && n.inside == node.inside && time
        };
        if !real.get(name).is_some_and(like) {
            return format!(
                "{} is {:?}, not {node:?}",
                name.escape_ascii(),
                real.get(name)
            );
        }
    }
    String::new()
}

/// `fsync verify` finds nothing, but for BACKUP files that somebody spoiled.
pub fn verify(w: &mut World) -> Res {
    let options = w.dice.one(&["", " --read-data", " --restore 1"]);
    let code = verify_code(w);
    w.run(format!("exec fsync -q verify{options}"), code)
        .map(drop)
}

/// The catalog is lost; everything is known nevertheless.
pub fn lose_catalog(w: &mut World) -> Res {
    w.run("rm -f \"$FSYNC_REPO\"/catalog.db*", 0)?;
    all_known(w)
}

/// All histories and tags are as the model has them.
pub fn all_known(w: &mut World) -> Res {
    for dir in DIRS {
        w.check_log(dir)?;
    }
    w.check_log("imp")?;
    w.check_tags()
}

/// A second copy of the repository is made or brought up to date; now and then work goes on with it.
pub fn copy(w: &mut World) -> Res {
    let old = w.repo.clone();
    let copies: Vec<String> = (0..w.count)
        .map(|n| format!("copy{n}"))
        .filter(|c| *c != old && w.s.path(c).exists())
        .collect();
    let to = match w.dice.pick(&copies) {
        Some(to) => to,
        None => w.fresh("copy"),
    };
    w.run(format!("exec fsync -q repo copy {to}"), 0)?;
    if w.dice.once_in(2) {
        w.repo = to.clone();
        w.run(format!("rm -rf {old}; export FSYNC_REPO=$PWD/{to}"), 0)?;
        verify(w)?;
        all_known(w)?;
    }
    Ok(())
}

/// The exit code of a verification: BACKUP files of recorded directories must name what is there.
fn verify_code(w: &mut World) -> i32 {
    for dir in DIRS {
        let path = w.path(dir);
        let known = match w.past.dir(&path).backup.clone() {
            Backup::Missing => true,
            Backup::Bad => false,
            Backup::Names(id) => w.past.living(&id).is_some(),
        };
        if !known && w.past.snaps.values().any(|s| s.dir == path) {
            return 8;
        }
    }
    0
}
