//! `fsync complete`, which the completions ask: what it offers, and that it disturbs nobody.

use std::fs;

use crate::support::{Oracle, Sandbox, Told};

/// Some history: two directories, one of them with an odd name, and tags.
pub fn history(s: &Sandbox) {
    s.tree("src")
        .file("sub/file", "1")
        .file("sub/it's", "2")
        .settle();
    s.tree("my dir").settle();
    s.sh("fsync -q cp -t monday src copy; fsync -q cp -t tuesday src 'my dir'")
        .code(0);
    s.sh("echo 3 >src/more; fsync -q cp -t \"it's \\$1\" src copy")
        .code(0);
}

/// What fish would be told of a line that is split at spaces: the first line, and what is offered.
fn told(s: &Sandbox, line: &str) -> (String, Vec<String>) {
    let told = s
        .cmd("fsync")
        .args(["complete", "fish", "--"])
        .args(line.split(' '))
        .assert();
    let text = told.code(0).stderr("").text();
    let mut lines = text
        .lines()
        .map(|l| l.split('\t').next().unwrap_or_default().to_string());
    (lines.next().unwrap(), lines.collect())
}

fn offered(s: &Sandbox, line: &str) -> Vec<String> {
    let (native, offered) = told(s, line);
    assert_eq!(native, "nothing", "{line}");
    offered
}

#[test]
fn programs_beside_the_core_say_what_they_take() {
    let s = Sandbox::new();
    history(&s);
    for line in ["fsync graph --ht", "fsync-graph --ht"] {
        let all = offered(&s, line);
        assert!(all.contains(&"--html".into()), "{line}: {all:?}");
        assert!(!all.contains(&"--delete".into()), "{line}: {all:?}");
    }
    let colours = ["--color=auto", "--color=always", "--color=never"];
    assert_eq!(offered(&s, "fsync graph --color="), colours);
    assert_eq!(told(&s, "fsync-graph --html ").0, "files");
    assert_eq!(offered(&s, "fsync -C . mount -d c"), ["copy/"]);
    assert!(offered(&s, "fsync-watch --sn").contains(&"--snap".into()));
    assert!(offered(&s, "fsync review --").contains(&"--repo".into()));
    // A stranger's program is not run for it.
    s.tree("exec")
        .file("fsync-odd", "#!/bin/sh\ntouch ran\n")
        .mode("fsync-odd", 0o755);
    s.sh("FSYNC_EXEC_PATH=exec fsync complete fish -- fsync odd --")
        .code(0);
    s.sh("PATH=$PWD/exec:$PATH fsync complete fish -- fsync odd --")
        .code(0);
    assert!(!s.path("ran").exists());
}

#[test]
fn offers_what_fits() {
    let s = Sandbox::new();
    history(&s);
    let all = offered(&s, "fsync ");
    for name in ["cp", "rv", "prune", "diff", "tag"] {
        assert!(all.contains(&name.to_string()), "{name}");
    }
    assert!(!all.contains(&"complete".to_string()));
    assert_eq!(
        offered(&s, "fsync rv -t "),
        ["it's $1", "tuesday", "monday"]
    );
    assert_eq!(
        offered(&s, "fsync rv -d copy --tag="),
        ["--tag=it's $1", "--tag=monday"]
    );
    assert_eq!(
        offered(&s, "fsync rv -d copy -ntm"),
        ["-ntit's $1", "-ntmonday"]
    );
    assert_eq!(offered(&s, "fsync revert copy -t "), ["it's $1", "monday"]);
    assert_eq!(
        offered(&s, "fsync show copy@"),
        ["copy@", "copy@{1}", "copy@{2}"]
    );
    assert_eq!(offered(&s, "fsync ls -d copy @"), ["@", "@{1}", "@{2}"]);
    assert_eq!(offered(&s, "fsync -C copy ls @{"), ["@", "@{1}", "@{2}"]);
    assert_eq!(
        offered(&s, "fsync cat it's"),
        ["it's $1", "tuesday", "monday", "copy@", "my dir@"]
    );
    assert_eq!(offered(&s, "fsync ls copy@{1} s"), ["sub/"]);
    assert_eq!(
        offered(&s, "fsync cat copy@{1} sub/"),
        ["sub/file", "sub/it's"]
    );
    assert_eq!(offered(&s, "fsync rv -d src -- s"), ["sub/"]);
    assert_eq!(
        offered(&s, "fsync-diff m"),
        [
            "my dir/", "it's $1", "tuesday", "monday", "copy@", "my dir@"
        ]
    );
    assert_eq!(
        offered(&s, "fsync verify -")
            .iter()
            .filter(|o| *o == "--repair")
            .count(),
        1
    );
    assert!(!offered(&s, "fsync verify --repair -").contains(&"--repair".into()));
    assert!(!offered(&s, "fsync diff -").contains(&"--trace".into()));
    assert!(offered(&s, "fsync repo ").contains(&"copy".into()));
    assert_eq!(
        offered(&s, "fsync -C src forget sub/"),
        ["sub/file", "sub/it's"]
    );
    assert_eq!(offered(&s, "fsync -C src import m"), ["more"]);
    for line in [
        "fsync log ",
        "fsync prune -d ",
        "fsync rv --dir=",
        "fsync mksync a ",
        "fsync log ~/",
    ] {
        assert_eq!(told(&s, line), ("directories".into(), vec![]), "{line}");
    }
    assert_eq!(told(&s, "fsync import "), ("files".into(), vec![]));
}

#[test]
fn ids_are_completed() {
    let s = Sandbox::new();
    history(&s);
    let id = s.head("copy").unwrap();
    for (digits, whole) in [(6, 12), (12, 12), (20, 40)] {
        let all = offered(&s, &format!("fsync show {}", &id[..digits]));
        let fitting: Vec<_> = all
            .iter()
            .filter(|o| o.starts_with(&id[..digits]))
            .collect();
        assert_eq!(fitting, [&id[..whole]]);
    }
    assert!(offered(&s, "fsync show ").contains(&id[..12].to_string()));
}

#[test]
fn programs_from_elsewhere_are_commands() {
    let s = Sandbox::new();
    s.tree("exec")
        .file("fsync-hello", "")
        .mode("fsync-hello", 0o755);
    let line = "fsync --exec-path exec ";
    assert!(offered(&s, line).contains(&"hello".to_string()));
    assert!(offered(&s, &format!("{line}help ")).contains(&"hello".to_string()));
    assert_eq!(
        told(&s, &format!("{line}hello -")),
        ("files".into(), vec![])
    );
    assert!(!offered(&s, "fsync ").contains(&"hello".to_string()));
}

#[test]
fn options_on_the_line_choose_the_repository() {
    let s = Sandbox::new();
    history(&s);
    s.sh("fsync -q --repo other snap -t elsewhere src").code(0);
    assert_eq!(offered(&s, "fsync --repo other rv -t "), ["elsewhere"]);
    assert_eq!(
        offered(&s, "fsync -C src --repo=../other rv -t "),
        ["elsewhere"]
    );
    assert_eq!(offered(&s, "FSYNC_REPO=other fsync rv -t "), ["elsewhere"]);
    assert_eq!(offered(&s, "fsync rv --repo none -t "), [""; 0]);
    assert_eq!(offered(&s, "fsync -C none rv -t "), [""; 0]);
    assert!(!s.path("none").exists());
}

#[test]
fn nothing_is_written() {
    let s = Sandbox::new();
    history(&s);
    s.tree("src").dir("new").settle();
    let before = [Oracle::of(s.path("repo")), Oracle::of(s.path("src"))];
    for line in [
        "fsync rv -t ",
        "fsync show copy@",
        "fsync cat monday ",
        "fsync -C src import ",
    ] {
        told(&s, line);
    }
    assert!(before == [Oracle::of(s.path("repo")), Oracle::of(s.path("src"))]);
    // Nor is a repository made where there is none.
    let mut command = s.cmd("fsync");
    command
        .env_remove("FSYNC_REPO")
        .args(["complete", "zsh", "--", "fsync", "rv", "-t", ""]);
    command.assert().code(0).stdout("nothing\n").stderr("");
    assert_eq!(fs::read_dir(s.path("home")).unwrap().count(), 0);
}

#[test]
fn what_is_damaged_or_busy_has_nothing_to_offer() {
    let s = Sandbox::new();
    history(&s);
    let ask = "fsync complete bash -- 'fsync rv -t '";
    s.sh(&format!("flock -x repo {ask}"))
        .code(0)
        .stdout("nothing\n")
        .stderr("");
    s.sh(&format!("chmod 777 repo; {ask}; chmod 700 repo"))
        .code(0)
        .stdout("nothing\n")
        .stderr("");
    for damage in [
        "echo rubbish >repo/catalog.db",
        "rm repo/catalog.db",
        "rm -r repo",
        "echo >repo",
    ] {
        s.sh(damage).code(0);
        let before = s.path("repo").is_dir().then(|| Oracle::of(s.path("repo")));
        s.sh(ask).code(0).stdout("nothing\n").stderr("");
        assert!(
            s.path("repo").is_dir().then(|| Oracle::of(s.path("repo"))) == before,
            "{damage}"
        );
    }
}

#[test]
fn names_that_cannot_be_said_are_left_out() {
    let s = Sandbox::new();
    let tree = s.tree("src");
    for name in [
        "plain",
        "new\nline",
        "esc\x1b[2J",
        "tab\there",
        "\u{202e}turned",
    ] {
        tree.dir(name);
    }
    s.sh("mkdir src/$(printf 'x\\377'); fsync -q snap -t all src")
        .code(0);
    assert_eq!(offered(&s, "fsync -C src log "), ["plain/"]);
    assert_eq!(offered(&s, "fsync ls all "), ["plain/"]);
    let odd = "fsync complete bash -- \"$(printf 'fsync log x\\377')\"; fsync complete fish --; fsync complete zsh -- ''";
    s.sh(odd)
        .code(0)
        .stdout("files\nnothing\nnothing\n")
        .stderr("");
}
