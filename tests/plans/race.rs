//! Somebody who may write to the trees, and does while the programs work: directories, files and fifos change places with
//! links to elsewhere, directories are moved away, temporaries and BACKUP are replaced, and so is what the repository
//! writes. Everything outside is as it was in the end, and none of it is in a copy or an archive.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{RenameFlags, inotify, renameat_with};

use crate::support::{Canary, Person, Sandbox, exchange, meanwhile, quick_or_long, strace};

/// How many files lie in each directory that is fought for.
const FILES: usize = 40;

/// What is copied, and what was there: every letter, in `d/e` and at the top.
fn trees(s: &Sandbox) {
    let (src, was) = (s.tree("src"), s.tree("was"));
    for n in 0..FILES {
        for dir in ["", "d/", "d/e/"] {
            src.file(format!("{dir}a{n}"), format!("added {n}"));
            src.file(format!("{dir}f{n}"), format!("new contents {n}"));
            was.file(format!("{dir}f{n}"), format!("old {n}"));
            src.file(format!("{dir}t{n}"), "touched")
                .mode(format!("{dir}t{n}"), 0o640);
            was.file(format!("{dir}t{n}"), "touched")
                .mode(format!("{dir}t{n}"), 0o600);
            was.file(format!("{dir}g{n}"), "gone");
        }
        src.fifo(format!("d/p{n}"))
            .link(format!("d/l{n}"), "nowhere");
        src.file(format!("d/x{n}"), "noted");
        let _ = xattr::set(src.at(format!("d/x{n}")), "user.noted", b"n");
    }
    src.settle();
    was.settle();
    was.dir("d/e/hollow");
}

/// The ways to fight; each is done again and again. Through handles, so that whoever fights does not fall into his own
/// traps.
struct Ways {
    of: PathBuf,
    at: PathBuf,
    /// The directory that is fought for, `d` and `d/e` in it, those that are there.
    dirs: [Option<File>; 3],
    traps: File,
    turn: AtomicUsize,
}

impl Ways {
    fn new(s: &Sandbox, canary: &Canary, of: &str) -> Self {
        let at = s.path("traps");
        fs::create_dir_all(at.join("away")).expect("a directory");
        for (name, target) in [("dir", ""), ("deep", "e"), ("file", "f"), ("backup", "g")] {
            let _ = symlink(canary.at(target), at.join(name));
        }
        for n in 0..FILES {
            let _ = fs::hard_link(canary.at("f"), at.join(format!("hard{n}")));
        }
        let _ = std::process::Command::new("mkfifo")
            .arg(at.join("fifo"))
            .status();
        let of = s.path(of);
        let dirs = ["", "d", "d/e"].map(|dir| File::open(of.join(dir)).ok());
        let traps = File::open(&at).expect("a directory");
        Ways {
            of,
            at,
            dirs,
            traps,
            turn: AtomicUsize::new(0),
        }
    }

    fn n(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % FILES
    }

    fn pause(&self) {
        std::thread::sleep(std::time::Duration::from_micros(30));
    }

    /// Lets a name in one of the directories and a trap change places.
    fn swap(&self, dir: usize, name: &str, trap: &str) {
        if let Some(dir) = &self.dirs[dir] {
            let _ = renameat_with(dir, name, &self.traps, trap, RenameFlags::EXCHANGE);
        }
    }

    fn dirs(&self) {
        self.swap(0, "d", "dir");
        self.pause();
    }

    fn deep(&self) {
        self.swap(1, "e", "deep");
        self.pause();
    }

    /// One that has not been there from the start.
    fn late(&self) {
        exchange(&self.of.join("d"), &self.at.join("dir"));
        self.pause();
    }

    fn files(&self) {
        let name = format!("{}{}", ["f", "t", "a"][self.n() % 3], self.n());
        let dir = self.n() % 3;
        self.swap(dir, &name, "file");
        self.swap(dir, &name, "file");
    }

    fn fifos(&self) {
        let name = format!("{}{}", ["f", "t", "a"][self.n() % 3], self.n());
        let dir = self.n() % 3;
        self.swap(dir, &name, "fifo");
        self.swap(dir, &name, "fifo");
    }

    fn hard(&self) {
        let n = self.n();
        for dir in 0..3 {
            self.swap(dir, &format!("t{n}"), &format!("hard{n}"));
        }
    }

    fn away(&self) {
        let Some(dst) = &self.dirs[0] else { return };
        if renameat_with(dst, "d", &self.traps, "away/d", RenameFlags::NOREPLACE).is_ok() {
            self.pause();
            let _ = renameat_with(&self.traps, "away/d", dst, "d", RenameFlags::NOREPLACE);
        }
    }

    fn backup(&self) {
        self.swap(0, ".fsync-backup", "backup");
        self.pause();
    }

    /// Everything back in its place, whoever was where.
    fn rest(&self, s: &Sandbox) {
        let of = self.of.display();
        s.sh(&format!("rm -rf traps {of} && cp -a was {of}"))
            .success();
    }
}

/// Replaces temporaries as soon as they appear.
struct Watch {
    handle: OwnedFd,
    dirs: Vec<PathBuf>,
    seen: Mutex<usize>,
}

impl Watch {
    fn new(dirs: Vec<PathBuf>) -> Watch {
        let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
        let handle = inotify::init(flags).expect("inotify");
        for dir in &dirs {
            inotify::add_watch(&handle, dir, inotify::WatchFlags::CREATE).expect("a watch");
        }
        Watch {
            handle,
            dirs,
            seen: Mutex::new(0),
        }
    }

    fn replace(&self, canary: &Canary, trap: &Path) {
        let mut space = [MaybeUninit::<u8>::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.handle, &mut space);
        while let Ok(event) = reader.next() {
            let Some(name) = event.file_name().map(|n| n.to_bytes().to_vec()) else {
                continue;
            };
            if !name.starts_with(b".fsync-tmp-") {
                continue;
            }
            let mut seen = self.seen.lock().expect("no panic");
            *seen += 1;
            for dir in &self.dirs {
                let made = match *seen % 2 {
                    0 => symlink(canary.at("f"), trap),
                    _ => fs::hard_link(canary.at("f"), trap),
                };
                let temporary = dir.join(OsStr::from_bytes(&name));
                if made.is_ok() && temporary.symlink_metadata().is_ok() {
                    let _ = fs::rename(trap, &temporary);
                }
                let _ = fs::remove_file(trap);
            }
        }
        std::thread::yield_now();
    }
}

/// What is planted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plants {
    /// Links by name: whatever they lead to is found nowhere in the end.
    Names,
    /// Hard links: they bring what they lead to themselves.
    Inodes,
    /// The same, and in the place of temporaries.
    Temporaries,
}

/// Fights while a program runs, in rounds, as everybody.
fn fight(rounds: usize, script: &str, plants: Plants, ways: &[fn(&Ways)]) {
    for person in Person::everyone() {
        let canary = person.build(|s| {
            trees(s);
            Canary::new(s, "outside")
        });
        // Whatever stands in the way of the one is not what holds the other.
        person.build(|s| s.sh("cp -a was dst")).success();
        let mut tries = 0;
        for _ in 0..rounds {
            person.own();
            tries += person.build(|s| one(&person, s, &canary, script, plants, ways));
            canary.assert_sings();
        }
        eprintln!("{tries} tries, root: {}", person.is_root());
        assert!(tries > rounds as u64, "nobody fought");
    }
}

fn one(
    p: &Person,
    s: &Sandbox,
    canary: &Canary,
    script: &str,
    plants: Plants,
    ways: &[fn(&Ways)],
) -> u64 {
    let watched = plants == Plants::Temporaries;
    let all = Ways::new(s, canary, "dst");
    let (trap, watch) = (
        all.at.join("trap"),
        watched.then(|| Watch::new(vec![s.path("dst"), s.path("dst/d")])),
    );
    let replace = || watch.iter().for_each(|w| w.replace(canary, &trap));
    let each: Vec<Box<dyn Fn() + Sync + '_>> = ways
        .iter()
        .map(|way| Box::new(|| way(&all)) as Box<dyn Fn() + Sync>)
        .collect();
    let mut nuisances: Vec<&(dyn Fn() + Sync)> = each.iter().map(AsRef::as_ref).collect();
    if watched {
        nuisances.push(&replace);
    }
    let (told, tries) = meanwhile(&nuisances, || p.sh(script));
    let code = told.get_output().status.code();
    assert!(matches!(code, Some(0..=9)), "{script}: {told}");
    assert!(
        !String::from_utf8_lossy(&told.get_output().stderr).contains("panicked"),
        "{told}"
    );
    canary.assert_sings();
    if plants == Plants::Names {
        canary.assert_not_in(s.path("out"));
        canary.assert_not_in(s.path("dst"));
        canary.assert_not_recorded(s);
    }
    s.sh("rm -rf out out.zip repo").success();
    all.rest(s);
    tries
}

fn links() -> Vec<fn(&Ways)> {
    vec![|w| w.dirs(), |w| w.deep(), |w| w.files(), |w| w.fifos()]
}

const APPLY: &str = "fsync-diff --json --delete --xattrs src dst | fsync-apply --max-delete 100%";

#[test]
fn links_while_a_plan_is_performed() {
    fight(quick_or_long(8, 400), APPLY, Plants::Names, &links());
}

#[test]
fn links_while_all_of_a_copy_runs() {
    let script = "fsync cp -q --delete --max-delete 100% src dst; fsync rv -q -d dst; true";
    fight(quick_or_long(3, 150), script, Plants::Names, &links());
}

#[test]
fn a_parent_that_is_moved_away() {
    fight(
        quick_or_long(6, 300),
        APPLY,
        Plants::Names,
        &[|w| w.away(), |w| w.files()],
    );
}

#[test]
fn names_that_become_hard_links_to_elsewhere() {
    fight(quick_or_long(8, 400), APPLY, Plants::Inodes, &[Ways::hard]);
}

#[test]
fn names_that_become_hard_links_when_owners_and_modes_stay() {
    let script =
        "fsync-diff --json --delete --no-owner --no-perms src dst | fsync-apply --max-delete 100%";
    fight(
        quick_or_long(4, 200),
        script,
        Plants::Temporaries,
        &[Ways::hard],
    );
}

#[test]
fn temporaries_that_become_links() {
    fight(quick_or_long(6, 300), APPLY, Plants::Temporaries, &[]);
}

#[test]
fn a_backup_that_becomes_a_link() {
    let script =
        "for i in 1 2 3; do fsync-snap -q dst; echo $i >dst/f0; done; fsync rv -q -d dst; true";
    fight(
        quick_or_long(4, 200),
        script,
        Plants::Names,
        &[|w| w.backup(), |w| w.backup()],
    );
}

#[test]
fn links_while_a_directory_is_recorded() {
    fight(
        quick_or_long(6, 300),
        "fsync-snap -q dst; true",
        Plants::Names,
        &links(),
    );
}

#[test]
fn links_while_a_patch_is_made() {
    let script = "fsync-diff --patch --delete src dst >patch; fsync-diff --patch --delete dst src >>patch; \
                  grep -q the-canary patch && exit 66; true";
    fight(quick_or_long(4, 200), script, Plants::Names, &links());
}

#[test]
fn links_while_a_source_is_copied() {
    let script = "fsync-diff --json dst out | fsync-apply --parents; true";
    fight(quick_or_long(5, 250), script, Plants::Names, &links());
}

#[test]
fn links_while_a_directory_goes_back() {
    let script = "fsync-snap -q src >id; fsync-revert -q dst $(cat id); true";
    fight(quick_or_long(4, 200), script, Plants::Names, &links());
}

#[test]
fn links_while_a_state_is_written_elsewhere() {
    // What is fought for is the directory that is written to, from its first entry on.
    for person in Person::everyone() {
        let canary = person.build(|s| {
            trees(s);
            Canary::new(s, "outside")
        });
        person.own();
        let id = person
            .sh("fsync-snap src")
            .code(0)
            .get_output()
            .stdout
            .clone();
        let id = String::from_utf8_lossy(&id).trim().to_string();
        for _ in 0..quick_or_long(4, 200) {
            person.build(|s| {
                let all = Ways::new(s, &canary, "out");
                let late = || all.late();
                let (told, _) = meanwhile(&[&late], || {
                    person.sh(&format!("fsync-revert -q src {id} --to out"))
                });
                let code = told.get_output().status.code();
                assert!(matches!(code, Some(0 | 3..=5 | 9)), "{told}");
                canary.assert_sings();
                canary.assert_not_in(s.path("out"));
                s.sh("rm -rf out traps").success();
            });
        }
    }
}

#[test]
fn a_repository_whose_tmp_changes_places_with_a_link() {
    for person in Person::everyone() {
        let canary = person.build(|s| {
            trees(s);
            Canary::new(s, "outside")
        });
        person.own();
        person.sh("cp -a was dst && fsync-snap -q dst").code(0);
        for round in 0..quick_or_long(6, 300) {
            person.build(|s| {
                let _ = symlink(canary.at(""), s.path("way"));
                let (tmp, way) = (s.path("repo/tmp"), s.path("way"));
                let swap = || exchange(&tmp, &way);
                fs::write(s.path("dst/f0"), format!("{round}")).expect("a file");
                let (told, _) = meanwhile(&[&swap], || {
                    person.sh("fsync-snap -q dst; fsync-tag dst; fsync verify -q")
                });
                let code = told.get_output().status.code();
                assert!(matches!(code, Some(0..=9)), "{told}");
                canary.assert_sings();
                s.sh("[ -L repo/tmp ] && rm repo/tmp && mv way repo/tmp; rm -f way; true")
                    .success();
            });
        }
        person.sh("fsync-snap -q dst; fsync verify").code(0);
    }
}

#[test]
fn where_the_kernel_cannot_resolve_beneath() {
    if !strace() {
        return;
    }
    // As on Linux before 5.6: every component is opened on its own.
    let old =
        "strace -f --seccomp-bpf -qq -o /dev/null -e trace=openat2 -e inject=openat2:error=ENOSYS";
    let script = format!(
        "fsync-diff --json --delete --xattrs src dst >plan; {old} fsync-apply --max-delete 100% <plan"
    );
    fight(quick_or_long(3, 100), &script, Plants::Names, &links());
    let script = format!("fsync-snap -q src >id; {old} fsync-revert -q dst $(cat id); true");
    fight(quick_or_long(1, 50), &script, Plants::Names, &links());
}

#[test]
fn a_window_held_open() {
    if !strace() {
        return;
    }
    // Between the look at an entry and the call that sets something on it, a hard link takes its place.
    for person in Person::everyone() {
        for call in [
            "fchownat",
            "utimensat",
            "chmod,fchmodat,fchmodat2",
            "setxattr,lsetxattr,fsetxattr",
        ] {
            let canary = person.build(|s| {
                let (src, dst) = (s.tree("src"), s.tree("dst"));
                src.file("t", "touched").mode("t", 0o640).mtime("t", 5, 5);
                let _ = xattr::set(src.at("t"), "user.noted", b"n");
                dst.file("t", "touched").mode("t", 0o600);
                if person.is_root() {
                    src.owner("t", 7, 7);
                }
                let canary = Canary::new(s, "outside");
                fs::hard_link(canary.at("f"), s.path("trap")).expect("a link");
                canary
            });
            person.own();
            let script = format!(
                "fsync-diff --json --xattrs src dst >plan
                 strace -f --seccomp-bpf -qq -o calls -e trace={call} -e inject={call}:delay_enter=400000 \
                     fsync-apply <plan & work=$!
                 i=0; while [ $i -lt 400 ] && ! grep -qs '\"t\"\\|fd/' calls && kill -0 $work; do sleep 0.01; i=$((i+1)); done
                 sleep 0.1; mv trap dst/t; wait $work; true"
            );
            person.sh(&script);
            canary.assert_sings();
            person.sh("rm -rf src dst outside trap calls plan").code(0);
        }
    }
}
