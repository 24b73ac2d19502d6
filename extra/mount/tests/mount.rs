//! Snapshots shown as directories, looked at with the tools that people use.

#[allow(dead_code, unused_imports)]
#[path = "../../../tests/suite/support/mod.rs"]
mod support;

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};

use support::{Oracle, Person, Sandbox, Told, as_root, example};

/// A mount that a test cannot leave behind.
struct Shown {
    child: Child,
    said: BufReader<ChildStderr>,
    point: PathBuf,
}

impl Shown {
    /// Mounts at `mnt`; `None`, with the reason, where there is no FUSE.
    fn new(s: &Sandbox, args: &[&str]) -> Option<Shown> {
        let point = s.path("mnt");
        fs::create_dir_all(&point).unwrap();
        let mut child = s
            .lasting("fsync-mount")
            .arg("mnt")
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        if line.contains("until this is interrupted") {
            return Some(Shown { child, said, point });
        }
        child.wait().unwrap();
        let here = line.contains("FUSE") || line.contains("permitted") || line.contains("fuse3");
        assert!(here, "not shown: {line}");
        eprintln!("skipped, since nothing can be mounted here: {line}");
        None
    }

    fn signal(&self, name: &str) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let signal = match name {
            "INT" => rustix::process::Signal::INT,
            "HUP" => rustix::process::Signal::HUP,
            "KILL" => rustix::process::Signal::KILL,
            _ => rustix::process::Signal::TERM,
        };
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The next line that it says.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }

    /// Waits for its end, and that of whatever it started: all of them hold its standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }

    fn is_mounted(&self) -> bool {
        is_mounted(&self.point)
    }
}

fn is_mounted(point: &Path) -> bool {
    let all = fs::read_to_string("/proc/self/mounts").unwrap();
    let point = format!(" {} ", point.display());
    all.lines().any(|line| line.contains(&point))
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Also when a test fails: nothing stays mounted, in use or not.
        if is_mounted(&self.point) {
            let _ = std::process::Command::new("fusermount3")
                .args(["-u", "-z", "-q"])
                .arg(&self.point)
                .status();
            let _ = std::process::Command::new("umount")
                .arg("-l")
                .arg(&self.point)
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// A directory with everything that a snapshot keeps, recorded with the tag `v1`.
fn menagerie(s: &Sandbox) -> String {
    let tree = s.tree("live");
    tree.menagerie();
    tree.file("twinned", "one inode")
        .hard("branch/other", "twinned");
    tree.sparse("cavern", 1 << 20, 600_000, b"data");
    tree.file("bulk", vec![7; 9 << 20]);
    tree.file(b"odd\xff\nname", "odd").dir("vacant");
    tree.link("astray", "no where");
    tree.settle();
    s.run("fsync-snap -t v1 live").code(0).text()
}

#[test]
fn every_view_is_the_tree_that_was_recorded() {
    let s = Sandbox::new();
    let id = menagerie(&s);
    let Some(_shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    let oracle = Oracle::of(s.path("live"));
    oracle.assert_is(s.path("mnt/by-tag/v1"));
    oracle.assert_is(s.path(&format!("mnt/by-id/{id}")));
    oracle.assert_is(s.path("mnt/by-time/latest").canonicalize().unwrap());
}

#[test]
fn ls_cp_diff_and_rsync_agree_with_the_live_tree() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(_shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    // What takes room, and how much a directory itself takes, is each file system's own business.
    let list = "ls -lR --time-style=full-iso | grep -v ^total | sed -E 's/^(d[^ ]+ +[0-9]+ [^ ]+ [^ ]+) +[0-9]+/\\1/'";
    let live = s.sh(&format!("cd live && {list}")).code(0).bytes();
    let seen = s.sh(&format!("cd mnt/by-tag/v1 && {list}")).code(0).bytes();
    assert_eq!(
        String::from_utf8_lossy(&live),
        String::from_utf8_lossy(&seen)
    );
    s.sh("cp -a mnt/by-tag/v1 copy").code(0);
    Oracle::of(s.path("live")).assert_is(s.path("copy"));
    s.sh("find live -type f | sort >a; cd live; diff -r --no-dereference -x .fsync-backup -x '*fifo*' -x '*socket*' \
          -x '*device*' -x '*null*' . ../mnt/by-tag/v1 | grep -v ' is a '; test $? = 1")
        .code(0);
    if s.sh("command -v rsync").get_output().status.success() {
        s.sh("rsync -aHAXnic --delete --exclude=/.fsync-backup live/ mnt/by-tag/v1/")
            .code(0)
            .stdout("");
        // It can tell: one bit more, and it does.
        s.tree("live").mode("twinned", 0o600);
        let told = s.sh("rsync -aHAXnic --delete --exclude=/.fsync-backup live/ mnt/by-tag/v1/");
        assert!(told.code(0).text().contains("twinned"));
    } else {
        eprintln!("skipped: no rsync");
    }
}

#[test]
fn hard_links_holes_and_numbers_are_as_they_were() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(_shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    let top = s.path("mnt/by-tag/v1");
    let (one, two) = (top.join("twinned"), top.join("branch/other"));
    let (one, two) = (one.metadata().unwrap(), two.metadata().unwrap());
    assert_eq!((one.ino(), one.nlink()), (two.ino(), 2));
    assert_ne!(one.ino(), top.join("cavern").metadata().unwrap().ino());
    let holes = top.join("cavern").metadata().unwrap();
    assert!(holes.blocks() * 512 < holes.len());
    s.sh("cp --sparse=auto mnt/by-tag/v1/cavern back && cmp back live/cavern")
        .code(0);
    assert!(s.path("back").metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn nothing_can_be_changed_and_nothing_is_setuid() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    assert!(fs::write(s.path("mnt/by-tag/v1/new"), "x").is_err());
    assert!(fs::remove_file(s.path("mnt/by-tag/v1/twinned")).is_err());
    let all = fs::read_to_string("/proc/self/mounts").unwrap();
    let point = shown.point.display().to_string();
    let line = all.lines().find(|line| line.contains(&point)).unwrap();
    for option in ["ro", "nosuid", "nodev"] {
        assert!(line.split([' ', ',']).any(|word| word == option), "{line}");
    }
}

#[test]
fn new_snapshots_and_tags_appear_and_pruned_ones_go() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(_shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    assert!(!s.path("mnt/by-tag/v2").exists());
    s.tree("live").file("new", "new");
    let id = s.run("fsync-snap -t v2 live").code(0).text();
    assert_eq!(fs::read(s.path("mnt/by-tag/v2/new")).unwrap(), b"new");
    assert!(!s.path("mnt/by-tag/v1/new").exists());
    assert_eq!(
        fs::read(s.path(&format!("mnt/by-id/{id}/new"))).unwrap(),
        b"new"
    );
    // Pruning needs the repository alone, and gets it while snapshots are shown.
    s.run("fsync -q prune -d live --keep-last 1 --prune-tagged")
        .code(0);
    let left: Vec<_> = fs::read_dir(s.path("mnt/by-id")).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert!(!s.path("mnt/by-tag/v1").exists());
    assert!(s.path("mnt/by-tag/v2/twinned").exists());
}

#[test]
fn directories_have_folders_and_names_do_no_harm() {
    let s = Sandbox::new();
    s.tree("one").file("a", "1");
    let odd = s.tree("odd\n+%");
    odd.file("b", "2");
    s.run("fsync-snap -t ... one").code(0);
    s.cmd("fsync-snap")
        .args(["-t", "..", "odd\n+%"])
        .assert()
        .code(0);
    let Some(_shown) = Shown::new(&s, &[]) else {
        return;
    };
    let names = |path: &str| -> Vec<String> {
        let list = fs::read_dir(s.path(path)).unwrap();
        let mut names: Vec<_> = list
            .map(|e| String::from_utf8(e.unwrap().file_name().as_bytes().to_vec()).unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("mnt"), ["by-id", "by-tag", "by-time"]);
    assert_eq!(names("mnt/by-id").len(), 2);
    let folders = names("mnt/by-tag");
    assert_eq!(folders, names("mnt/by-time"));
    assert!(folders[0].ends_with("+odd%0A%2B%25") || folders[1].ends_with("+odd%0A%2B%25"));
    let odd = folders.iter().find(|f| f.ends_with("%25")).unwrap();
    assert_eq!(names(&format!("mnt/by-tag/{odd}")), ["%2E%2E"]);
    assert_eq!(
        fs::read(s.path(&format!("mnt/by-tag/{odd}/%2E%2E/b"))).unwrap(),
        b"2"
    );
    assert!(names(&format!("mnt/by-time/{odd}")).contains(&"latest".to_string()));
}

#[test]
fn damage_is_an_error_of_that_file_and_is_said() {
    let s = Sandbox::new();
    let noise: Vec<u8> = (0..9000u32).map(|n| ((n * n) >> 7) as u8).collect();
    s.tree("live").file("bad", &noise).file("good", "good");
    let id = s.run("fsync-snap -t v1 live").code(0).text();
    let Some(mut shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    assert_eq!(fs::read(s.path("mnt/by-tag/v1/good")).unwrap(), b"good");
    let archive = s.archive(&id);
    let mut bytes = fs::read(&archive).unwrap();
    // Behind the local header of the large entry, whatever it is called.
    let name = bytes.windows(3).position(|w| w == b"bad").unwrap();
    for byte in &mut bytes[name + 200..name + 260] {
        *byte ^= 0x55;
    }
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&archive, &bytes).unwrap();
    let error = fs::read(s.path("mnt/by-tag/v1/bad")).unwrap_err();
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::IO.raw_os_error())
    );
    let line = shown.line();
    assert!(
        line.starts_with("fsync-mount: \"bad\" of snapshot "),
        "{line}"
    );
    assert_eq!(fs::read(s.path("mnt/by-tag/v1/good")).unwrap(), b"good");
}

/// Spoils the archive's entry `name`: its compressed bytes, not its headers.
fn spoil(s: &Sandbox, id: &str, name: &str) {
    let path = s.archive(id);
    let mut bytes = fs::read(&path).unwrap();
    let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes.clone())).unwrap();
    let entry = archive.by_name(name).unwrap();
    let start = entry.data_start().unwrap() as usize;
    let end = start + entry.compressed_size() as usize;
    for byte in &mut bytes[start + 4..end] {
        *byte ^= 0x55;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, &bytes).unwrap();
}

#[test]
fn a_damaged_directory_is_shown_and_cannot_be_opened() {
    let s = Sandbox::new();
    s.tree("live").file("good", "good");
    s.snap("live");
    for n in 0..50 {
        s.tree("live").file(format!("good{n}"), "good");
    }
    s.tree("live").file("sub/x", "x");
    let id = s.run("fsync-snap -t v1 live").code(0).text();
    let bytes = fs::read(s.archive(&id)).unwrap();
    let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    // Nodes of the root, of `sub`, and of the tree: the root's is the longest; that of the tree names it.
    let nodes: Vec<String> = (0..archive.len())
        .filter_map(|at| {
            let mut entry = archive.by_index(at).unwrap();
            let name = entry.name().unwrap().to_string();
            let mut text = Vec::new();
            entry.read_to_end(&mut text).unwrap();
            let sub =
                text.windows(3).any(|w| w == b"\"x\"") && !text.windows(6).any(|w| w == b"good10");
            (name.starts_with(".fsync/tree/") && sub).then_some(name)
        })
        .collect();
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    spoil(&s, &id, &nodes[0]);
    let Some(mut shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    let list = s.sh("ls -l mnt/by-tag/v1").code(0).text();
    assert!(list.contains(" sub") && list.contains(" good49"), "{list}");
    let error = fs::read_dir(s.path("mnt/by-tag/v1/sub")).unwrap_err();
    let errno = rustix::io::Errno::from_io_error(&error);
    assert_eq!(errno, Some(rustix::io::Errno::IO));
    let line = shown.line();
    assert!(
        line.starts_with("fsync-mount: \"sub\" of snapshot "),
        "{line}"
    );
    assert_eq!(fs::read(s.path("mnt/by-tag/v1/good7")).unwrap(), b"good");
    // It is said once, however often it is looked at.
    assert!(fs::read_dir(s.path("mnt/by-tag/v1/sub")).is_err());
    shown.signal("TERM");
    assert_eq!(shown.end(), (Some(0), String::new()));
}

#[test]
fn what_is_forgotten_while_it_is_shown_is_gone() {
    let s = Sandbox::new();
    s.tree("live").file("secret", "secret").file("kept", "kept");
    s.run("fsync-snap -t v1 live").code(0);
    fs::remove_file(s.path("live/secret")).unwrap();
    s.run("fsync-snap -t v2 live").code(0);
    let Some(mut shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    assert_eq!(fs::read(s.path("mnt/by-tag/v1/secret")).unwrap(), b"secret");
    let held = fs::File::open(s.path("mnt/by-tag/v1")).unwrap();
    s.run("fsync forget -d live secret").code(0);
    // The name stays; what it held does not, whatever the kernel has kept.
    let error = fs::read(s.path("mnt/by-tag/v1/secret")).unwrap_err();
    eprintln!("{error}");
    let line = shown.line();
    assert!(
        line.starts_with("fsync-mount: \"secret\" of snapshot "),
        "{line}"
    );
    assert_eq!(fs::read(s.path("mnt/by-tag/v1/kept")).unwrap(), b"kept");
    assert!(held.metadata().unwrap().is_dir());
    shown.signal("TERM");
    assert_eq!(shown.end().0, Some(0));
}

/// A device that everybody may use, and a fuse.conf that says so.
const OPEN_DEVICE: &str = "mkdir dev && mount -t tmpfs none dev && mknod -m 666 dev/fuse c 10 229
    mount --bind dev/fuse /dev/fuse && : </dev/fuse";

/// The beginning of a script that ends with 50 when it fails, and leaves no mount.
const GUARDED: &str = "set -e; mkdir mnt
    trap 'code=$?; fusermount3 -uz mnt 2>/dev/null || :; test $code = 0 || exit 50' EXIT";

#[test]
fn an_ordinary_user_mounts_too() {
    if !as_root() {
        return;
    }
    let person = Person::nobody();
    let live = person.s.tree("live");
    live.file("a", "a").hard("sub/b", "a").link("l", "a");
    live.sparse("hole", 1 << 20, 5000, b"data");
    person.own();
    let script = format!(
        "{GUARDED}
        setfattr -n user.x -v y live/a; setfacl -m u:1:r,g:2:rw live/a
        fsync-snap -q -t v1 live; fsync mount -b -d live mnt
        getfacl -n live/a >one; getfacl -n mnt/by-tag/v1/a | sed s:mnt/by-tag/v1:live: >two; cmp one two
        diff -r -x .fsync-backup live mnt/by-tag/v1
        rsync -aHAXnic --delete --exclude=/.fsync-backup live/ mnt/by-tag/v1/ >told
        test ! -s told
        grep fuse.fsync /proc/mounts | grep -q user_id=65534
        fusermount3 -u mnt; test $(grep -c fuse.fsync /proc/mounts) = 0
        fsync-mount -d live mnt 2>said & pid=$!
        while ! grep -q 'until this' said; do kill -0 $pid; done
        exec 3<mnt/by-tag/v1/a; kill -TERM $pid; wait $pid
        grep -q 'in use' said; test $(grep -c fuse.fsync /proc/mounts) = 0"
    );
    let tools = "for tool in fusermount3 setfattr setfacl getfacl rsync; do command -v $tool || exit 99; done";
    let _ = person.mounted(&format!("{tools} && {OPEN_DEVICE}"), &[&script]);
}

#[test]
fn what_an_ordinary_user_lacks_is_said() {
    if !as_root() {
        return;
    }
    let person = Person::nobody();
    person.s.tree("live").file("a", "a");
    person.own();
    let script = format!(
        "{GUARDED}
        fsync-snap -q live; fsync mount --allow-other mnt 2>said || test $? = 9
        grep -q 'user_allow_other stands in /etc/fuse.conf' said && test $(wc -l <said) = 1
        mkdir closed; chmod 500 closed; fsync mount closed 2>said || test $? = 9
        grep -q 'no write access' said && test $(wc -l <said) = 1"
    );
    let mount = format!("{OPEN_DEVICE} && : >conf && mount --bind conf /etc/fuse.conf");
    let _ = person.mounted(&mount, &[&script]);
    let script = "fsync mount mnt 2>said; test $? = 9 && grep -q 'package fuse3' said && test $(wc -l <said) = 1 || exit 50";
    let mount = format!(
        "rm -r dev; {OPEN_DEVICE} && mount --bind /dev/null $(readlink -f $(command -v fusermount3))"
    );
    let _ = person.mounted(&mount, &[script]);
    let mount = "rm -r dev; mkdir dev && mount -t tmpfs none dev && mknod -m 600 dev/fuse c 10 229
        mount --bind dev/fuse /dev/fuse";
    let script = "fsync mount mnt 2>said; test $? = 9 && grep -q 'may not use FUSE' said && test $(wc -l <said) = 1 || exit 50";
    let _ = person.mounted(mount, &[script]);
}

#[test]
fn others_are_let_in_as_modes_and_acls_say() {
    if !as_root() {
        return;
    }
    let person = Person::nobody();
    let s = &person.s;
    let live = s.tree("live");
    live.mode(".", 0o755).file("open", "o").mode("open", 0o644);
    live.file("secret", "s").mode("secret", 0o600);
    live.file("listed", "l").mode("listed", 0o600);
    live.file("masked", "m").mode("masked", 0o640);
    live.file("closed/f", "f").mode("closed", 0o700);
    let acls = s.sh("chgrp 65534 live/masked && setfacl -m u:65534:r live/listed && setfacl -m g::-,u:1:r live/masked");
    if !acls.get_output().status.success() {
        eprintln!("skipped: no ACLs here: {acls}");
        return;
    }
    s.run("fsync-snap -t v1 live").code(0);
    let Some(shown) = Shown::new(s, &["-d", "live", "--allow-other"]) else {
        return;
    };
    let may = |name: &str, expected: bool| {
        let live = person.sh(&format!("cat live/{name}"));
        let seen = person.sh(&format!("cat mnt/by-tag/v1/{name}"));
        let codes = [&live, &seen].map(|told| told.get_output().status.success());
        assert_eq!(codes, [expected; 2], "{name}: {seen}");
    };
    for (name, expected) in [("open", true), ("listed", true), ("secret", false)] {
        may(name, expected);
    }
    // The mode says that the group may read, but that is the mask; the group may not.
    may("masked", false);
    may("closed/f", false);
    drop(shown);
    let Some(_shown) = Shown::new(s, &["-d", "live"]) else {
        return;
    };
    person.sh("ls mnt").code(2);
}

#[test]
fn signals_unmount_it() {
    for signal in ["TERM", "INT", "HUP"] {
        let s = Sandbox::new();
        menagerie(&s);
        let Some(mut shown) = Shown::new(&s, &["-d", "live"]) else {
            return;
        };
        assert!(shown.is_mounted());
        shown.signal(signal);
        assert_eq!(shown.end().0, Some(0), "{signal}");
        assert!(!shown.is_mounted(), "{signal}");
        assert_eq!(fs::read_dir(&shown.point).unwrap().count(), 0);
    }
}

#[test]
fn a_signal_unmounts_what_is_in_use() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(mut shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    let open = fs::File::open(s.path("mnt/by-tag/v1/twinned")).unwrap();
    shown.signal("TERM");
    let (code, said) = shown.end();
    assert_eq!(code, Some(0));
    assert!(said.contains("in use"), "{said}");
    assert!(!shown.is_mounted());
    drop(open);
}

#[test]
fn killed_it_leaves_no_dead_mount() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(mut shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    shown.signal("KILL");
    shown.end();
    // Its keeper does that, and the system says when the table of mounts has changed.
    let mounts = fs::File::open("/proc/self/mounts").unwrap();
    while shown.is_mounted() {
        let flags = rustix::event::PollFlags::PRI;
        let mut wait = [rustix::event::PollFd::new(&mounts, flags)];
        let second = rustix::event::Timespec {
            tv_sec: 20,
            tv_nsec: 0,
        };
        assert_ne!(rustix::event::poll(&mut wait, Some(&second)).unwrap(), 0);
        let _ = (&mounts).read(&mut [0; 1]);
    }
    assert_eq!(fs::read_dir(&shown.point).unwrap().count(), 0);
}

#[test]
fn in_the_background_it_returns_when_all_is_shown() {
    let s = Sandbox::new();
    menagerie(&s);
    let Some(shown) = Shown::new(&s, &["-d", "live"]) else {
        return;
    };
    drop(shown);
    // One script, which clears up whatever becomes of this test.
    let script = "trap 'umount -l other 2>/dev/null || fusermount3 -uzq other' EXIT; mkdir other
        fsync mount -C . --background other -d live 2>said; code=$?; cp -a other/by-tag/v1 copy; exit $code";
    s.sh(script).code(0).nothing();
    assert_eq!(fs::read(s.path("said")).unwrap(), b"");
    Oracle::of(s.path("live")).assert_is(s.path("copy"));
    assert!(!is_mounted(&s.path("other")));
}

#[test]
fn what_cannot_be_shown_is_said_in_a_line() {
    let s = Sandbox::new();
    s.tree("mnt");
    s.run("fsync-mount mnt")
        .code(6)
        .one_line("fsync-mount", &["repository"]);
    s.tree("live").file("a", "a");
    s.snap("live");
    s.run("fsync-mount gone")
        .code(2)
        .one_line("fsync-mount", &["\"gone\""]);
    s.run("fsync-mount live")
        .code(4)
        .one_line("fsync-mount", &["not empty"]);
    s.run("fsync-mount mnt -d mnt")
        .code(6)
        .one_line("fsync-mount", &["nothing was recorded"]);
    s.run("fsync-mount live/a")
        .code(2)
        .one_line("fsync-mount", &["live/a"]);
    s.tree("repo/inside");
    s.run("fsync-mount repo/inside")
        .code(4)
        .one_line("fsync-mount", &["repository"]);
}

#[test]
fn without_fuse_it_says_what_to_do() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("mnt");
    s.tree("live").file("a", "a");
    s.snap("live");
    // The sandbox may be below /dev itself.
    let hidden = "{ mkdir old && mount --rbind /dev old && mount -t tmpfs none /dev && mkdir /dev/shm
        mount --bind old/shm /dev/shm && touch /dev/null && mount --bind old/null /dev/null; } 2>/dev/null || exit 99
        cd $PWD && exec fsync-mount mnt";
    let told = s.cmd("unshare").args(["-m", "sh", "-c", hidden]).assert();
    if told.get_output().status.code() == Some(9) {
        told.one_line(
            "fsync-mount",
            &["/dev/fuse", "modprobe fuse", "fsync export"],
        );
    } else {
        eprintln!("skipped: no namespace of mounts: {told}");
    }
}

#[test]
fn the_example_of_the_page_works() {
    let s = Sandbox::new();
    let copy = s.tree("copy");
    copy.file("index.html", "hello")
        .file("css/main.css", "body");
    s.run("fsync-snap -t before copy").code(0);
    let Some(shown) = Shown::new(&s, &[]) else {
        return;
    };
    drop(shown);
    fs::remove_dir(s.path("mnt")).unwrap();
    let script = example("fsync-mount.1", "mkdir mnt", "fusermount3 -u");
    let script = format!("trap 'umount -l mnt 2>/dev/null || :' EXIT; set -e\n{script}");
    s.sh(&script).code(0).stdout("hello");
    assert_eq!(fs::read(s.path("old.css")).unwrap(), b"body");
    assert!(!is_mounted(&s.path("mnt")));
}
