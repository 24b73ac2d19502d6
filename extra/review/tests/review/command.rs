//! `fsync cp -i`, `sync -i` and `rv -i`.

use std::fs;

use crate::support::{Oracle, Sandbox, Told, assert_same};

const READY: &str = "? keys";

fn trees(s: &Sandbox) {
    s.tree("src")
        .file("a", "1")
        .file("sub/b", "22")
        .file("sub/c", "333")
        .settle();
    s.tree("dst").file("gone", "x").file("kept", "y").settle();
}

#[test]
fn cp_does_what_was_chosen() {
    let s = Sandbox::new();
    trees(&s);
    let before = Oracle::of(s.path("dst"));
    let seen = s.terminal(
        90,
        "fsync --trace cp -i --delete src dst",
        &[(READY, "n/b\r+\u{7f}/gone\r+\r")],
    );
    assert_eq!(seen.code, 0, "{}", seen.raw);
    let there = |name: &str| s.path("dst").join(name).exists();
    assert!(there("sub/b") && !there("sub/c") && !there("a") && !there("gone") && there("kept"));
    for line in [
        "plan=$(mktemp) && fsync-diff --json --delete src dst >\"$plan\"",
        "fsync-review <\"$plan\" >\"$plan+\" && mv \"$plan+\" \"$plan\"",
        "fsync-snap --through --guard <\"$plan\" | fsync-apply --require-snapshot --json",
    ] {
        assert!(seen.raw.contains(line), "{line} in {}", seen.raw);
    }
    assert!(seen.raw.contains("2 added, 1 deleted"), "{}", seen.raw);
    s.run("fsync -q rv -d dst").code(0);
    before.assert_is(s.path("dst"));
}

#[test]
fn leaving_changes_nothing_and_records_nothing() {
    let s = Sandbox::new();
    trees(&s);
    let before = Oracle::of(s.path("dst"));
    let seen = s.terminal_with(
        90,
        "fsync cp -i --delete src dst",
        &[(READY, "q")],
        &[("NO_COLOR", "1")],
    );
    assert_eq!(seen.code, 4, "{}", seen.raw);
    let end = seen.raw.rsplit_once("\u{1b}[?25h").unwrap().1.trim();
    assert_eq!(
        end,
        "fsync-review: left without a choice; nothing was passed on"
    );
    before.assert_is(s.path("dst"));
    assert_eq!(s.archives().len(), 0);
    // Nothing chosen is nothing to do.
    let seen = s.terminal(90, "fsync cp -i --delete src dst", &[(READY, "n\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert!(seen.raw.contains("nothing to do"), "{}", seen.raw);
    before.assert_is(s.path("dst"));
}

#[test]
fn equal_trees_ask_nobody() {
    let s = Sandbox::new();
    trees(&s);
    s.twin("src", "twin");
    let ran = s.run("setsid -w fsync cp -i --delete src twin");
    ran.code(0).one_line("fsync", &["nothing to do"]);
}

#[test]
fn many_deletions_that_were_seen_are_not_asked_about() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").settle();
    let dst = s.tree("dst");
    for n in 0..30 {
        dst.file(format!("f{n:02}"), "x");
    }
    dst.settle();
    let line = "fsync cp -i --delete --max-delete 100% src dst";
    let seen = s.terminal(90, line, &[(READY, "\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert!(!seen.raw.contains("Go on?"), "{}", seen.raw);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn sync_does_what_was_chosen() {
    let s = Sandbox::new();
    trees(&s);
    s.run("fsync -q mksync dst src").code(0);
    let seen = s.terminal(90, "fsync sync -i dst", &[(READY, "n/c\r+\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert!(s.path("dst/sub/c").exists() && !s.path("dst/sub/b").exists());
}

/// `dst` was made like `src`; both states.
fn changed(s: &Sandbox) -> (Oracle, Oracle) {
    trees(s);
    let before = Oracle::of(s.path("dst"));
    s.run("fsync -q cp --delete src dst").code(0);
    (before, Oracle::of(s.path("dst")))
}

#[test]
fn rv_takes_all_back_or_what_was_chosen() {
    let s = Sandbox::new();
    let (before, after) = changed(&s);
    let head = s.head("dst");
    // A part: a new state, which can be taken back.
    let seen = s.terminal(
        90,
        "fsync --trace rv -i -d dst",
        &[(READY, "n/gone\r+\u{7f}/b\r+\r")],
    );
    assert_eq!(seen.code, 0, "{}", seen.raw);
    let there = |name: &str| s.path("dst").join(name).exists();
    assert!(
        there("gone") && !there("sub/b") && there("sub/c") && there("a"),
        "{}",
        seen.raw
    );
    assert_eq!(fs::read(s.path("dst/gone")).unwrap(), b"x");
    assert!(
        seen.raw
            .contains("fsync-snap --through <\"$plan\" | fsync-apply --require-snapshot"),
        "{}",
        seen.raw
    );
    assert!(seen.raw.contains("rv -d dst"), "{}", seen.raw);
    s.run("fsync -q rv -d dst").code(0);
    after.assert_is(s.path("dst"));
    assert_eq!(s.head("dst"), head, "back where it was");
    // All of it: a revert like any other.
    let seen = s.terminal(90, "fsync rv -i -d dst", &[(READY, "\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    before.assert_is(s.path("dst"));
    assert!(seen.raw.contains("--redo"), "{}", seen.raw);
    s.run("fsync -q rv -d dst --redo").code(0);
    after.assert_is(s.path("dst"));
}

#[test]
fn rv_by_tag_and_by_redo() {
    let s = Sandbox::new();
    trees(&s);
    let before = Oracle::of(s.path("dst"));
    s.run("fsync -q cp --delete -t before src dst").code(0);
    let after = Oracle::of(s.path("dst"));
    let seen = s.terminal(90, "fsync rv -i -t before", &[(READY, "\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    before.assert_is(s.path("dst"));
    let seen = s.terminal(90, "fsync rv -i -d dst --redo", &[(READY, "\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    after.assert_is(s.path("dst"));
    let ran = s.run("setsid -w fsync rv -i -t never");
    assert_eq!(
        ran.get_output().status.code(),
        Some(6),
        "{}",
        ran.complaint()
    );
    after.assert_is(s.path("dst"));
}

#[test]
fn rv_leaves_alone_what_changed_meanwhile() {
    let s = Sandbox::new();
    changed(&s);
    // The key that goes on is typed when somebody has changed something: a hook cannot, so the plan's own stage does.
    let wrapper = format!(
        "#!/bin/sh\necho surprise >{}\nexec {} \"$@\"\n",
        s.path("dst/surprise").display(),
        Sandbox::programs().join("fsync-review").display()
    );
    fs::create_dir(s.path("exec")).unwrap();
    fs::write(s.path("exec/fsync-review"), wrapper).unwrap();
    s.sh("chmod +x exec/fsync-review").success();
    let now = |name: &str| s.path("dst").join(name).exists();
    let seen = s.terminal(90, "fsync --exec-path exec rv -i -d dst", &[(READY, "\r")]);
    assert_eq!(seen.code, 4, "{}", seen.raw);
    assert!(
        seen.raw
            .contains("changed while the plan was looked at; nothing was changed"),
        "{}",
        seen.raw
    );
    assert!(now("surprise") && now("a") && !now("gone"));
}

#[test]
fn rv_restores_the_sync_file_links_and_attributes() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file(".fsync-sync", "/nowhere\n")
        .file("one", "1")
        .hard("two", "one")
        .link("link", "one")
        .mode("one", 0o751)
        .settle();
    let before = Oracle::of(s.path("dst"));
    s.snap("dst");
    s.sh("rm -r dst/* dst/.fsync-sync; echo other >dst/one; echo more >dst/more")
        .success();
    // All but what is new.
    let seen = s.terminal(90, "fsync rv -i -d dst", &[(READY, "/more\r-\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    assert!(s.path("dst/more").exists());
    fs::remove_file(s.path("dst/more")).unwrap();
    s.tree("dst").settle();
    before.assert_is(s.path("dst"));
}

#[test]
fn a_hook_sees_what_was_chosen() {
    let s = Sandbox::new();
    trees(&s);
    let top = s.path("");
    s.run("fsync config hooks.before").code(0);
    let set = format!(
        "cat >{}/hooked",
        top.display().to_string().trim_end_matches('/')
    );
    s.cmd("fsync")
        .args(["config", "hooks.before", &set])
        .assert()
        .success();
    let seen = s.terminal(90, "fsync cp -i --delete src dst", &[(READY, "n/a\r+\r")]);
    assert_eq!(seen.code, 0, "{}", seen.raw);
    let hooked = fs::read_to_string(s.path("hooked")).unwrap();
    assert!(
        hooked.contains("\"path\":\"a\"") && !hooked.contains("gone"),
        "{hooked}"
    );
    fs::remove_file(s.path("hooked")).unwrap();
    let seen = s.terminal(90, "fsync cp -i --delete src dst", &[(READY, "q")]);
    assert_eq!(seen.code, 4, "{}", seen.raw);
    assert!(!s.path("hooked").exists());
}

#[test]
fn where_it_is_not_installed_one_line_says_so() {
    let s = Sandbox::new();
    changed(&s);
    s.run("fsync -q mksync --force dst src").code(0);
    fs::create_dir(s.path("bare")).unwrap();
    for program in [
        "fsync",
        "fsync-diff",
        "fsync-snap",
        "fsync-apply",
        "fsync-revert",
    ] {
        fs::hard_link(
            Sandbox::programs().join(program),
            s.path("bare").join(program),
        )
        .or_else(|_| {
            fs::copy(
                Sandbox::programs().join(program),
                s.path("bare").join(program),
            )
            .map(drop)
        })
        .unwrap();
    }
    let before = Oracle::of(s.path("dst"));
    for line in ["cp -i src dst", "sync -i dst", "rv -i -d dst"] {
        let mut command = s.cmd(s.path("bare/fsync").to_str().unwrap());
        let ran = command
            .env("PATH", "/usr/bin:/bin")
            .args(line.split(' '))
            .assert();
        ran.code(2)
            .nothing()
            .one_line("fsync", &["fsync-review", "not installed"]);
    }
    before.assert_is(s.path("dst"));
    for line in [
        "fsync cp -i -n src dst",
        "fsync rv -i -n -d dst",
        "fsync rv -i --verify -d dst",
    ] {
        s.run(line).code(2);
    }
}

#[test]
fn fsync_knows_it() {
    let s = Sandbox::new();
    s.run("fsync review --version")
        .code(0)
        .stdout("fsync-review 0.1.0\n");
    let help = s.run("fsync help review").code(0).text();
    assert!(help.contains("Choose at the terminal"), "{help}");
    let said = s.run("fsync reviw").code(2).complaint();
    assert!(said.contains("review"), "{said}");
}
