//! The place that is worked on is unmounted in the middle: what was begun goes where it belongs or nowhere, and never into the
//! directory that was below the mount.

use std::fs;
use std::path::PathBuf;

use crate::held::{Held, RENAMES};
use crate::support::{Oracle, Sandbox, as_root, assert_same, strace};
use crate::world::World;

/// A directory of the sandbox that lies elsewhere and is mounted at its name.
struct Mounted<'a> {
    s: &'a Sandbox,
    name: &'static str,
}

impl<'a> Mounted<'a> {
    /// Moves a directory away and mounts it where it was; `None` where that is not permitted.
    fn new(s: &'a Sandbox, name: &'static str) -> Option<Self> {
        s.sh(&format!("mv {name} disk && mkdir {name}")).success();
        let mounted = Mounted { s, name };
        mounted.mount().then_some(mounted)
    }

    fn mount(&self) -> bool {
        let line = format!("mount --bind disk {}", self.name);
        let done = self.s.plain("sh").args(["-c", &line]).output();
        let done = done.expect("a shell").status.success();
        if !done {
            eprintln!("skipped: nothing can be mounted here");
        }
        done
    }

    /// As when somebody pulls it out; what lies below it is empty and stays so.
    fn unmount(&self) {
        self.s.sh(&format!("umount -l {}", self.name)).success();
    }

    #[track_caller]
    fn nothing_below(&self) {
        let below = fs::read_dir(self.s.path(self.name)).expect("a directory");
        let names: Vec<PathBuf> = below.map(|e| e.expect("an entry").path()).collect();
        assert_eq!(names, Vec::<PathBuf>::new());
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let line = format!("umount -l {}", self.name);
        // It is not mounted when a test ends in the middle.
        let _ = self.s.plain("sh").args(["-c", &line]).output();
    }
}

fn able() -> bool {
    as_root() && strace()
}

#[test]
fn the_destination_while_it_is_changed() {
    if !able() {
        return;
    }
    let w = World::new();
    let before = Oracle::of(w.s.path("dst"));
    let Some(mounted) = Mounted::new(&w.s, "dst") else {
        return;
    };
    let line = "fsync cp --delete --max-delete 100% src dst";
    let held = Held::start(&w.s, line, "fsync-apply", RENAMES, 2);
    mounted.unmount();
    held.go_on();
    let output = held.end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    mounted.nothing_below();
    assert_same(w.s.path("src"), w.s.path("disk"));
    assert!(mounted.mount());
    w.s.run("fsync -q rv -d dst").code(0).stderr("");
    before.assert_is(w.s.path("dst"));
    w.nothing_left();
}

#[test]
fn the_destination_while_it_is_taken_back() {
    if !able() {
        return;
    }
    let w = World::new();
    w.s.tree("dst").edit("stays", "edited and not yet recorded");
    let before = Oracle::of(w.s.path("dst"));
    let Some(mounted) = Mounted::new(&w.s, "dst") else {
        return;
    };
    let line = "fsync rv -d dst -t first";
    let held = Held::start(&w.s, line, "fsync-revert", RENAMES, 4);
    mounted.unmount();
    held.go_on();
    let output = held.end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    mounted.nothing_below();
    w.known[0].1.assert_is(w.s.path("disk"));
    assert!(mounted.mount());
    w.s.run("fsync -q rv -d dst --redo").code(0).stderr("");
    before.assert_is(w.s.path("dst"));
    w.nothing_left();
}

#[test]
fn the_repository_while_it_is_written() {
    if !able() {
        return;
    }
    let w = World::new();
    w.s.tree("dst").edit("stays", "edited and not yet recorded");
    let before = Oracle::of(w.s.path("dst"));
    let Some(mounted) = Mounted::new(&w.s, "repo") else {
        return;
    };
    let line = "fsync cp --delete --max-delete 100% src dst";
    let held = Held::start(&w.s, line, "fsync-snap", "fsync,fdatasync", 1);
    mounted.unmount();
    held.go_on();
    let output = held.end();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(9), "{said}");
    assert!(said.contains("repo"), "{said}");
    mounted.nothing_below();
    before.assert_is(w.s.path("dst"));
    assert!(mounted.mount());
    w.holds();
    w.s.run(line).code(0);
    assert_same(w.s.path("src"), w.s.path("dst"));
    w.s.run("fsync -q rv -d dst").code(0).stderr("");
    before.assert_is(w.s.path("dst"));
    w.nothing_left();
}
