//! Whether a change may still be made: what the plan expects against what is there.

use std::collections::HashSet;
use std::sync::RwLock;

use crate::model::{Change, Clock, Entry, Inode, Kind, Medium, State, Status, Times, Why};

/// What is to be done about a change, seen from the destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Check {
    /// It may be made.
    Go,
    /// It is so already.
    Already,
    /// It may have been made: it looks like it, so only its contents, attributes or links tell.
    Perhaps,
    /// The destination is not as expected, for this reason.
    Stale(&'static str),
}

/// The inodes that this run has changed itself, so that their new change times are no surprise.
#[derive(Default)]
pub struct Own(RwLock<HashSet<(u64, u64)>>);

impl Own {
    /// Remembers an inode.
    pub fn add(&self, state: &State) {
        if let (Some(inode), Ok(mut set)) = (state.inode, self.0.write()) {
            set.insert((inode.dev, inode.ino));
        }
    }

    /// Whether it is remembered.
    pub fn has(&self, state: &State) -> bool {
        let key = state.inode.map(|i| (i.dev, i.ino));
        key.is_some_and(|key| self.0.read().is_ok_and(|set| set.contains(&key)))
    }
}

/// What counts when a state is compared with the one that the plan wants.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Owners are set.
    pub owner: bool,
    /// Permission bits do not count.
    pub any_mode: bool,
    /// How modification times are compared.
    pub clock: Clock,
}

impl Terms {
    /// The same, but for what the destination's file system does not keep.
    #[must_use]
    pub fn on(self, medium: Medium) -> Self {
        Terms {
            owner: self.owner && medium.owners,
            any_mode: self.any_mode || !medium.modes,
            clock: self.clock.on(medium.tick_ns),
        }
    }
}

/// Holds `change` against what is there now.
pub fn check(change: &Change, now: Option<&Entry>, own: &Own, terms: Terms) -> Check {
    let Some(now) = now else {
        return match change.status {
            Status::Added | Status::Renamed => Check::Go,
            Status::Deleted => Check::Already,
            _ => Check::Stale("it is not there any more"),
        };
    };
    let now = &now.state;
    match change.old.as_deref() {
        Some(old) if same_inode(old, now) => return Check::Go,
        Some(old) if change.status == Status::Deleted => {
            return match as_expected(old, now, own) {
                true => Check::Go,
                false => Check::Stale("it changed since the plan was made"),
            };
        }
        _ => {}
    }
    if let Some(new) = change.new.as_deref()
        && (is_like(new, now, terms) || is_opened(new, now, own, terms))
    {
        return already(change, new, now, terms);
    }
    expected(change, now, own)
}

/// Whether what is there is what the plan expects, however much it looks like what is planned.
pub fn expected(change: &Change, now: &State, own: &Own) -> Check {
    match change.old.as_deref() {
        Some(old) if as_expected(old, now, own) => Check::Go,
        Some(_) if change.kind == Kind::Directory && is_halfway(change, now) => Check::Go,
        // Made in the place of something else by a run that was cut short before it had its metadata.
        Some(old) if change.status == Status::TypeChanged && is_made(change, old, now) => {
            Check::Already
        }
        Some(_) => Check::Stale("it changed since the plan was made"),
        // A directory that is there gets the metadata, and what is planned below it.
        None if change.kind == Kind::Directory && now.kind == Kind::Directory => Check::Go,
        None => Check::Stale("something is there already"),
    }
}

/// Whether there is a directory where the plan makes one of something else. It gets the metadata at the end, as one does
/// that was there from the beginning.
fn is_made(change: &Change, old: &State, now: &State) -> bool {
    change.kind == Kind::Directory && old.kind != Kind::Directory && now.kind == Kind::Directory
}

/// Whether some of a change's metadata were set before the run that did so was cut short: each is the old
/// one or the new one. Of a file that proves nothing about its contents, which must be compared as well.
pub fn is_halfway(change: &Change, now: &State) -> bool {
    let (Some(old), Some(new), Status::Touched) = (&change.old, &change.new, change.status) else {
        return false;
    };
    let is_dir = old.kind == Kind::Directory;
    let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
    // A bundle does not say which inode it was; then the contents alone must tell.
    let same_inode = old.inode.is_none() || id(old) == id(now);
    let one_of = |part: fn(&State) -> (u64, i64)| [part(old), part(new)].contains(&part(now));
    now.kind == old.kind
        && now.size == old.size
        && (is_dir || same_inode && one_of(|s| (s.mtime.nanos.into(), s.mtime.secs)))
        && one_of(|s| (s.mode.into(), 0))
        && one_of(|s| (s.uid.into(), s.gid.into()))
}

/// A directory that is as planned, but for the mode by which this run made it writable.
fn is_opened(new: &State, now: &State, own: &Own, terms: Terms) -> bool {
    let closed = State {
        mode: new.mode,
        ..now.clone()
    };
    now.kind == Kind::Directory && own.has(now) && is_like(new, &closed, terms)
}

fn already(change: &Change, new: &State, now: &State, terms: Terms) -> Check {
    // What looked so before anything was done proves nothing.
    let only_contents = change.old.as_ref().is_some_and(|old| {
        let same_time = terms.clock.judge(new.mtime, old) != Times::Differ;
        old.kind == Kind::File && old.size == new.size && same_time
    });
    let why = change.why;
    match why.meets(Why::LINKS.with(Why::XATTRS))
        || change.link_to.is_some()
        || only_contents && why.has(Why::CONTENT)
        || terms.clock.is_unsure(new, now)
    {
        true => Check::Perhaps,
        false => Check::Already,
    }
}

/// The very inode that the plan saw, untouched.
fn same_inode(old: &State, now: &State) -> bool {
    old.kind != Kind::Directory && old.inode.is_some() && old.inode == now.inode
}

/// DESIGN's rule: the same inode with another change time is stale, and so is another inode whose
/// size, mtime or mode differs; of directories only kind and mode count.
fn as_expected(old: &State, now: &State, own: &Own) -> bool {
    if old.kind != now.kind {
        return false;
    }
    if old.kind == Kind::Directory {
        return old.mode == now.mode || own.has(now);
    }
    let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
    // What this run has changed is no proof that it belongs here: it may have been given this name since.
    if old.inode.is_some() && id(old) == id(now) {
        return old.inode == now.inode || own.has(now);
    }
    // A snapshot does not say which inode it was.
    if old.inode.is_none() && own.has(now) {
        return true;
    }
    (old.size, old.mtime, old.mode, &old.target, old.rdev)
        == (now.size, now.mtime, now.mode, &now.target, now.rdev)
}

/// Whether what is there looks as the plan wants it.
pub fn is_like(new: &State, now: &State, terms: Terms) -> bool {
    let same_time = terms.clock.judge(new.mtime, now) != Times::Differ;
    let same_owner = !terms.owner || (new.uid, new.gid) == (now.uid, now.gid);
    let same_mode = new.kind == Kind::Symlink || terms.any_mode || new.mode == now.mode;
    same_time
        && same_owner
        && same_mode
        && (new.kind, new.size, &new.target, new.rdev)
            == (now.kind, now.size, &now.target, now.rdev)
}

/// Whether only the contents can tell if what looks as planned is as planned.
pub fn needs_contents(change: &Change, now: &State, terms: Terms) -> bool {
    let unsure = |new: &State| terms.clock.is_unsure(new, now);
    let open = change.why.has(Why::CONTENT) || change.new.as_deref().is_some_and(unsure);
    change.kind == Kind::File && open
}

/// Whether a source entry is still as the plan saw it; a snapshot's always is.
pub fn source_holds(new: &State, now: &State, own: &Own) -> bool {
    // What is made is made as the plan says, so all that it says of the source must be true.
    let rest = |s: &State| (s.kind, s.mode, s.uid, s.gid, s.rdev, s.target.clone());
    if rest(new) != rest(now) {
        return false;
    }
    if new.kind == Kind::Directory {
        return true;
    }
    if (new.size, new.mtime) != (now.size, now.mtime) {
        return false;
    }
    let same = |inode: &Inode| {
        now.inode
            .is_some_and(|i| (i.dev, i.ino) == (inode.dev, inode.ino))
    };
    match new.inode.filter(same) {
        Some(inode) => now.inode == Some(inode) || own.has(now),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RelPath, Time};

    fn state(ino: u64, ctime: i64, mtime: i64) -> State {
        State {
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 3,
            mtime: Time::new(mtime, 0),
            rdev: 0,
            target: None,
            inode: Some(Inode {
                dev: 1,
                ino,
                ctime: Time::new(ctime, 0),
            }),
        }
    }

    fn modified(why: Why) -> Change {
        Change {
            path: RelPath::parse(b"f").unwrap(),
            status: Status::Modified,
            kind: Kind::File,
            source: 0,
            old: Some(Box::new(state(1, 10, 10))),
            new: Some(Box::new(state(
                9,
                20,
                if why.has(Why::MTIME) { 20 } else { 10 },
            ))),
            why,
            from: None,
            link_to: None,
        }
    }

    fn checked(why: Why, now: State, own: &Own) -> Check {
        let terms = Terms {
            owner: true,
            any_mode: false,
            clock: Clock::default(),
        };
        check(&modified(why), Some(&Entry::new(b"f", now)), own, terms)
    }

    #[test]
    fn follows_the_rule() {
        let own = Own::default();
        let why = Why::MTIME.with(Why::CONTENT);
        assert_eq!(checked(why, state(1, 10, 10), &own), Check::Go);
        assert!(
            matches!(checked(why, state(1, 11, 10), &own), Check::Stale(_)),
            "touched"
        );
        assert_eq!(checked(why, state(2, 99, 10), &own), Check::Go, "a copy");
        assert!(
            matches!(checked(why, state(2, 99, 11), &own), Check::Stale(_)),
            "another"
        );
        assert_eq!(checked(why, state(2, 99, 20), &own), Check::Already);
        own.add(&state(1, 11, 10));
        assert_eq!(
            checked(why, state(1, 11, 10), &own),
            Check::Go,
            "our own doing"
        );
        own.add(&state(3, 99, 11));
        assert!(
            matches!(checked(why, state(3, 99, 11), &own), Check::Stale(_)),
            "our own doing, but elsewhere"
        );
    }

    #[test]
    fn knows_what_was_cut_short() {
        let mut change = modified(Why::MTIME.with(Why::MODE));
        change.status = Status::Touched;
        change.new = Some(Box::new(State {
            mode: 0o600,
            ..state(9, 20, 20)
        }));
        let halfway = |now: State| is_halfway(&change, &now);
        assert!(halfway(State {
            mode: 0o600,
            ..state(1, 30, 10)
        }));
        assert!(!halfway(State {
            mode: 0o640,
            ..state(1, 30, 10)
        }));
        assert!(!halfway(State {
            mode: 0o600,
            ..state(1, 30, 30)
        }));
        assert!(!halfway(State {
            mode: 0o600,
            ..state(2, 30, 10)
        }));
    }

    #[test]
    fn equal_looks_do_not_prove_equal_contents() {
        let own = Own::default();
        assert_eq!(
            checked(Why::CONTENT, state(2, 99, 10), &own),
            Check::Perhaps
        );
        assert_eq!(checked(Why::CONTENT, state(1, 10, 10), &own), Check::Go);
    }
}
