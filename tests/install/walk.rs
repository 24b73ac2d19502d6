//! A newcomer's walk: installed into a home where nothing is, then a first copy, a change, status, a revert and its redo, tags,
//! settings, and everything taken away again. What is seen on the screen at each step is compared.

use std::fs;

use crate::stage::make;
use crate::support::{Sandbox, Told};

/// What was seen, with ids, times and durations as words.
fn steady(screen: &str) -> String {
    let is_hex = |w: &str| w.len() == 12 && w.chars().all(|c| c.is_ascii_hexdigit());
    let is_id = |w: &str| w.len() == 40 && w.chars().all(|c| c.is_ascii_hexdigit());
    let is_date = |w: &str| w.len() == 10 && w.matches('-').count() == 2 && w.starts_with("20");
    let is_clock = |w: &str| w.len() == 8 && w.matches(':').count() == 2;
    let word = |w: &str| {
        let bare = w.trim_end_matches(|c: char| ";,".contains(c));
        let rest = &w[bare.len()..];
        let steady = match bare {
            w if is_hex(w) => "SHORT",
            w if is_id(w) => "ID",
            w if is_date(w) => "DATE",
            w if is_clock(w) => "CLOCK",
            w if w.contains('.') && w.parse::<f64>().is_ok() => "N",
            w => w,
        };
        format!("{steady}{rest}")
    };
    let lines = screen.lines().map(|line| {
        let words: Vec<String> = line.split(' ').map(word).collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A home with fsync in it, and no other repository than its own.
struct Walk {
    s: Sandbox,
    home: String,
}

impl Walk {
    /// Types a line at a terminal; what is seen is as expected.
    #[track_caller]
    fn types(&self, line: &str, expected: &str) {
        let path = format!("{}/.local/bin:/usr/bin:/bin", self.home);
        let script = format!(
            "env -u FSYNC_REPO PATH={path} HOME={0} sh -c 'cd {0}/work && {line}'",
            self.home
        );
        let seen = self
            .s
            .terminal_with(120, &script, &[], &[("NO_COLOR", "1")]);
        let screen = seen.left.replace(&self.home, "/home/you");
        println!("$ {line}\n{screen}\n");
        assert_eq!(seen.code, 0, "{line}: {screen}");
        assert_eq!(steady(&screen), expected, "{line}");
    }
}

#[test]
fn a_newcomer_installs_uses_and_removes() {
    let s = Sandbox::new();
    let home = s.path("home").canonicalize().expect("a home");
    let home = home.to_str().expect("UTF-8").to_string();
    let prefix = format!("{home}/.local");
    make(&s, "install-built", "".as_ref(), &prefix)
        .success()
        .stderr("");
    let work = s.tree("home/work");
    work.file("src/index.html", "<h1>Hello</h1>\n")
        .file("src/css/main.css", "body {}\n")
        .file("src/notes.txt", "buy milk\n")
        .settle();
    let w = Walk { s, home };

    w.types("fsync cp src dst", "fsync: \"dst\": 5 added (32 B) in N s\nfsync: the state before is snapshot SHORT; this takes it back: fsync rv -d dst");
    w.types("fsync cp src dst", "fsync: nothing to do");
    work.edit("src/index.html", "<h1>Good morning</h1>\n")
        .remove("src/notes.txt");
    w.types("fsync -q mksync dst src && fsync status --delete dst", "t\t.\nM\tindex.html\nD\tnotes.txt\nfsync: sync would do: 1 modified, 1 deleted, 1 with new metadata");
    w.types("fsync sync --delete -t redesign dst", "fsync: \"dst\": 1 modified, 1 deleted, 1 with new metadata (22 B) in N s\nfsync: the state before is snapshot SHORT; this takes it back: fsync rv -d dst");
    w.types("fsync rv -d dst && cat dst/notes.txt", "fsync-revert: \"/home/you/work/dst\": is as ID says; 3 entries changed\nfsync: 1 added, 1 modified, 1 with new metadata (24 B) in N s; this takes it back: fsync rv -d dst --redo\nbuy milk");
    w.types("fsync rv -d dst --redo && cat dst/index.html", "fsync-revert: \"/home/you/work/dst\": is as ID says; 3 entries changed\nfsync: 1 modified, 1 deleted, 1 with new metadata (22 B) in N s; this takes it back: fsync rv -d dst\n<h1>Good morning</h1>");
    w.types("fsync th dst", "DATE CLOCK  redesign  SHORT");
    w.types("fsync config -d dst ask 3 && fsync config ask -d dst", "3");
    w.types(
        "man -w fsync-tutorial | sed s,.*/man7,man7,",
        "man7/fsync-tutorial.7",
    );
    w.types(
        "fsync verify",
        "fsync: \"/home/you/.local/share/fsync\": 3 snapshots, no damage",
    );

    let before = fs::read_dir(w.s.path("home/work")).expect("it").count();
    make(&w.s, "uninstall", "".as_ref(), &prefix)
        .success()
        .stderr("");
    assert!(!w.s.path("home/.local/bin").exists());
    // What fsync has recorded is a person's own, and stays.
    assert!(w.s.path("home/.local/share/fsync/log.ndjson").exists());
    assert_eq!(
        fs::read_dir(w.s.path("home/work")).expect("it").count(),
        before
    );
    assert_eq!(w.s.sh("ls -A home/.local").code(0).text(), "share");
    assert_eq!(w.s.sh("ls -A home/.local/share").code(0).text(), "fsync");
}
