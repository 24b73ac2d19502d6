//! What is on the screen, through tmux: at 40x12, at 100x30, and in between.

use std::fs;

use crate::pane::{Pane, tmux};
use crate::support::{Sandbox, Told, records};

/// The line that says that keys are awaited.
const READY: &str = "? keys";

/// Changes of every kind.
fn trees(s: &Sandbox) {
    s.tree("site")
        .file("css/main.css", "body {}\np { margin: 0 }\n")
        .file("css/new.css", "x")
        .file("index.html", "<h1>Hello</h1>\n")
        .file("logo.png", b"\0\x01\x02")
        .file("kind", "now a file")
        .settle();
    s.tree("copy")
        .file("css/main.css", "body {}\np {}\n")
        .file("drafts/one", "1")
        .file("drafts/two", "22")
        .file("index.html", "<h1>Hello</h1>\n")
        .file("logo.png", b"\0\x01")
        .link("kind", "index.html")
        .settle();
    s.tree("copy").mode("index.html", 0o600);
}

const FILTER: &str = "fsync-diff --json --delete site copy | fsync-review >out 2>said";

fn lines(seen: &str) -> Vec<&str> {
    seen.lines().map(str::trim_end).collect()
}

#[test]
fn a_small_terminal_shows_all_that_matters() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    let pane = Pane::open(&s, (40, 12), FILTER);
    let seen = pane.shows(READY);
    let seen = lines(&seen);
    assert_eq!(seen.len(), 12, "{seen:#?}");
    assert!(seen.iter().all(|l| l.chars().count() <= 40), "{seen:#?}");
    assert_eq!(seen[0], "site -> copy");
    assert!(
        seen[1].starts_with("[x]") && seen[1].contains("v ."),
        "{seen:#?}"
    );
    assert!(
        seen[2].contains("v css/") && seen[2].ends_with(" B"),
        "{seen:#?}"
    );
    assert!(seen[3].starts_with("[x] M     "), "{seen:#?}");
    assert!(seen[10].contains(": 1A 2M 1T 3D"), "{seen:#?}");
    assert_eq!(seen[11], "Enter go  q leave  space choose  ? keys");
    // To the end, which scrolls.
    pane.types("G");
    let seen = pane.until("the last row", |seen| lines(seen)[8].contains("logo.png"));
    assert_eq!(lines(&seen)[9], "logo.png", "its whole path: {seen}");
    // All keys, a page of them at a time.
    pane.types("?");
    pane.shows("pass the choice on");
    pane.types("   ");
    pane.shows("a deleted directory all that is in it");
    pane.types("x");
    pane.shows("logo.png");
    pane.types("q");
    assert_eq!(pane.code(), "code 4");
    assert_eq!(fs::read(s.path("out")).unwrap(), b"");
}

#[test]
fn choosing_is_seen_and_counted() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    let pane = Pane::open(&s, (100, 30), FILTER);
    let seen = pane.shows(READY);
    assert_eq!(lines(&seen).len(), 30);
    pane.types("n");
    let seen = pane.until("nothing chosen", |seen| !seen.contains("[x]"));
    assert!(lines(&seen)[28].starts_with("0/"), "{seen}");
    // One file of the directory: that is chosen in part.
    pane.types("/two\r");
    pane.shows("1 match");
    pane.types("+");
    let seen = pane.shows("[x] D       two");
    let drafts = seen
        .lines()
        .find(|l| l.contains("drafts/"))
        .unwrap()
        .to_string();
    assert!(drafts.starts_with("[-] D   v drafts/"), "{drafts}");
    assert!(drafts.trim_end().ends_with("1/3 -2 B"), "{drafts}");
    assert!(
        lines(&seen)[28].starts_with("1/") && seen.contains(": 1D -2 B"),
        "{seen}"
    );
    // The directory alone: it brings along the other one.
    pane.press(&["BSpace"]).types("h.");
    let seen = pane.shows("1 other had to go with it");
    assert!(
        seen.contains("[x] D   v drafts/") && seen.contains("3D"),
        "{seen}"
    );
    // Folded and unfolded.
    pane.press(&["Left"]);
    let seen = pane.shows("> drafts/");
    assert!(!seen.contains("two"), "{seen}");
    pane.press(&["Right"]);
    pane.shows("two");
    pane.types("c");
    let seen = pane.until("all folded", |seen| seen.contains("> css/"));
    assert!(!seen.contains("main.css"), "{seen}");
    pane.types("e");
    pane.shows("main.css");
    pane.types("a");
    let seen = pane.until("all chosen", |seen| {
        !seen.contains("[ ]") && !seen.contains("[-]")
    });
    let all = lines(&seen)[28].split_once(':').unwrap().0.to_string();
    let (some, whole) = all.split_once('/').unwrap();
    assert_eq!(some, whole);
    pane.press(&["Enter"]);
    assert_eq!(pane.code(), "code 0");
    let end = records(&fs::read(s.path("out")).unwrap()).pop().unwrap();
    assert_eq!(end["counts"]["deleted"], 3);
    assert_eq!(end["counts"]["type_changed"], 1);
}

#[test]
fn the_text_of_a_file_follows_the_cursor() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    for size in [(100, 30), (40, 12)] {
        let _ = fs::remove_file(s.path("code"));
        let pane = Pane::open(&s, size, FILTER);
        pane.shows(READY);
        pane.types("/main.css\rd");
        // What does not fit is scrolled to.
        let text = |what: &str| {
            pane.until(what, |seen| {
                let there = seen.lines().any(|l| l.starts_with(what));
                if !there {
                    pane.types("J");
                }
                there
            })
        };
        text("+p { margin: 0 }");
        pane.types("KKKKKKKKKKKKKKKKKKKK");
        pane.shows("file is modified");
        pane.types("/logo.png\r");
        text("Binary files a/logo.png and b/logo.png d");
        pane.types("/index.html\r");
        pane.shows("mode 0600 -> 0644");
        pane.types("d");
        pane.until("no text", |seen| !seen.contains("0600"));
        pane.types("q");
        assert_eq!(pane.code(), "code 4");
    }
}

#[test]
fn it_can_be_made_larger_and_smaller() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    let pane = Pane::open(&s, (40, 12), FILTER);
    pane.shows(READY);
    pane.types("j");
    pane.until("the next row", |seen| lines(seen)[9] == "css");
    // A key that is pressed in the same moment counts too.
    for (at, name) in ["css/main.css", "css/new.css", "drafts", "drafts/one"]
        .into_iter()
        .enumerate()
    {
        pane.resize(70 + at as u16, 20 + at as u16);
        pane.types("j");
        pane.until(name, |seen| lines(seen).contains(&name));
    }
    pane.resize(100, 30);
    pane.until("the wide line of keys", |seen| {
        seen.contains("a all  n none") && lines(seen).len() == 30
    });
    pane.resize(15, 3);
    pane.shows("too small");
    pane.resize(40, 12);
    pane.until("the small one", |seen| {
        seen.contains("site -> copy") && lines(seen)[11].ends_with(READY)
    });
    pane.types("q");
    assert_eq!(pane.code(), "code 4");
}

#[test]
fn stopped_and_gone_on_with() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    fs::write(s.path("rc"), "PS1='ready> '\n").unwrap();
    let pane = Pane::open(&s, (80, 24), "exec bash --noprofile --rcfile rc -i");
    pane.shows("ready>");
    pane.types(&format!("stty -a >before; {FILTER}; echo code $? >code\n"));
    pane.shows(READY);
    pane.press(&["C-z"]);
    pane.until("the shell again", |seen| {
        seen.contains("Stopped") && !seen.contains(READY)
    });
    pane.types("stty -a >stopped; echo seen\n");
    pane.shows("\nseen");
    pane.types("fg\n");
    pane.shows(READY);
    pane.types("G");
    pane.until("keys work", |seen| lines(seen).contains(&"logo.png"));
    pane.types("q");
    pane.until("the end", |seen| !seen.contains(READY));
    pane.types("stty -a >after; echo over\n");
    pane.shows("\nover");
    let read = |name: &str| fs::read_to_string(s.path(name)).unwrap();
    assert_eq!(read("stopped"), read("before"));
    assert_eq!(read("after"), read("before"));
}

#[test]
fn stopped_and_gone_on_with_as_a_part_of_fsync() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    fs::write(s.path("rc"), "PS1='ready> '\n").unwrap();
    let pane = Pane::open(&s, (80, 24), "exec bash --noprofile --rcfile rc -i");
    pane.shows("ready>");
    pane.types("fsync cp -i --delete site copy; echo code $? >code\n");
    // The shell has the terminal back as soon as fsync has stopped, which may be before fsync-review has.
    for _ in 0..8 {
        pane.shows(READY);
        pane.press(&["C-z"]);
        pane.until("the shell again", |seen| {
            seen.contains("Stopped") && !seen.contains(READY)
        });
        pane.types("clear; fg\n");
    }
    pane.shows(READY);
    pane.types("q");
    pane.shows("nothing was passed on");
}

#[test]
fn a_name_that_is_no_text_is_quoted() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    s.tree("site")
        .file(b"a\nb\x1b[31m/\xff", "1")
        .file("\u{4f60}\u{597d}", "2")
        .file("\u{202e}gnp.exe", "3")
        .settle();
    s.tree("copy").settle();
    let pane = Pane::open(&s, (60, 14), FILTER);
    let seen = pane.shows(READY);
    for name in [
        r#""a\nb\033[31m"/"#,
        r#""\377""#,
        "\u{4f60}\u{597d}",
        r#""\342\200\256gnp.exe""#,
    ] {
        assert!(seen.contains(name), "{name} in {seen}");
    }
    pane.types("q");
    assert_eq!(pane.code(), "code 4");
}

/// A plan of so many files of roots that are not there.
fn long_plan(s: &Sandbox, files: usize) {
    let top = s.path("");
    let top = top.display().to_string();
    let top = top.trim_end_matches('/');
    let mut text = format!(
        "{{\"type\":\"header\",\"protocol\":1,\"tool\":\"t\",\"sources\":[{{\"path\":\"{top}/a\"}}],\
         \"destination\":{{\"path\":\"{top}/b\"}},\"options\":{{}}}}\n"
    );
    let state = |kind: &str, size: &str| {
        format!(
            "{{\"kind\":\"{kind}\",{size}\"mtime\":{{\"secs\":1,\"nanos\":0}},\"mode\":\"0644\",\
             \"owner\":{{\"uid\":0,\"gid\":0}}}}"
        )
    };
    let change = |path: &str, kind: &str, size: &str| {
        format!(
            "{{\"type\":\"change\",\"status\":\"A\",\"path\":\"{path}\",\"kind\":\"{kind}\",\"source\":0,\
             \"why\":[],\"old\":null,\"new\":{}}}\n",
            state(kind, size)
        )
    };
    for at in 0..files {
        if at % 1000 == 0 {
            text += &change(&format!("d{:04}", at / 1000), "directory", "");
        }
        let path = format!("d{:04}/file-{at:07}", at / 1000);
        text += &change(&path, "file", "\"size_bytes\":10,");
    }
    text += "{\"type\":\"end\",\"counts\":{},\"content_bytes\":0,\"errors\":0,\"skipped\":0}\n";
    fs::write(s.path("plan"), text).unwrap();
}

#[test]
fn two_hundred_thousand_changes_are_walked_through() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    long_plan(&s, 200_000);
    let pane = Pane::open(&s, (40, 12), "fsync-review <plan >out 2>said");
    let seen = pane.shows(READY);
    assert!(seen.contains("200,200/200,200"), "{seen}");
    pane.types("e");
    pane.shows("file-0000000");
    pane.types("G");
    pane.shows("d0199/file-0199999");
    pane.press(&["PPage", "PPage", "k"]);
    pane.shows("d0199/file-0199982");
    pane.types("n/file-01234?5\r+");
    let seen = pane.shows("11/200,200: 11A");
    assert!(seen.contains("100 B"), "{seen}");
    pane.press(&["Enter"]);
    assert_eq!(pane.code(), "code 0");
    let told = records(&fs::read(s.path("out")).unwrap());
    assert_eq!(told.len(), 13, "header, directory, ten files, end");
    let ran = s.feed("fsync-apply --dry-run", fs::read(s.path("out")).unwrap());
    // Its roots are not there, which is all that is wrong with it.
    assert_eq!(
        ran.get_output().status.code(),
        Some(4),
        "{}",
        ran.complaint()
    );
}

#[test]
fn it_ends_with_its_terminal() {
    if !tmux() {
        return;
    }
    let s = Sandbox::new();
    trees(&s);
    // Whoever ignores the signal must see it otherwise.
    let script = "trap '' HUP; fsync-diff --json site copy >plan; fsync-review <plan >out 2>said; echo $? >left";
    let pane = Pane::open(&s, (40, 12), script);
    pane.shows(READY);
    drop(pane);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !fs::read_to_string(s.path("left")).is_ok_and(|text| text.ends_with('\n')) {
        assert!(
            std::time::Instant::now() < end,
            "it goes on without a terminal"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(fs::read_to_string(s.path("left")).unwrap(), "9\n");
    assert_eq!(fs::read(s.path("out")).unwrap(), b"");
    let said = fs::read_to_string(s.path("said")).unwrap();
    assert!(said.contains("cannot use the terminal"), "{said}");
}
