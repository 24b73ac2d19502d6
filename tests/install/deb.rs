//! The Debian package, and `cargo install`: both build the programs anew, so they are of the long form.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use crate::stage::{PROGRAMS, listed, pages, top};
use crate::support::{Sandbox, Told, long};

/// Whether this is the long form, and cargo has that command.
fn can(s: &Sandbox, command: &str) -> bool {
    if !long() {
        eprintln!("skipped: FSYNC_LONG=1 asks for the long form");
        return false;
    }
    let mut cargo = cargo(s);
    cargo
        .args([command, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let there = cargo.status().is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: no cargo {command} here");
    }
    there
}

/// cargo with the environment of who runs the tests: it has its own folders there.
fn cargo(s: &Sandbox) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.current_dir(top()).env("FSYNC_REPO", s.path("repo"));
    command
}

/// Every file that the package has, `.` in front.
fn wanted() -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for name in PROGRAMS {
        files.insert(format!("usr/bin/{name}"));
        files.insert(format!("usr/share/bash-completion/completions/{name}"));
        files.insert(format!("usr/share/zsh/vendor-completions/_{name}"));
        files.insert(format!("usr/share/fish/vendor_completions.d/{name}.fish"));
    }
    for (name, section) in pages() {
        files.insert(format!("usr/share/man/man{section}/{name}.{section}.gz"));
    }
    files.insert("usr/share/lintian/overrides/fsync".into());
    for name in [
        "README.md",
        "SECURITY.md",
        "changelog.gz",
        "changelog.Debian.gz",
        "copyright",
    ] {
        files.insert(format!("usr/share/doc/fsync/{name}"));
    }
    files
}

#[test]
fn the_package_has_every_file_in_its_place() {
    let s = Sandbox::new();
    if !can(&s, "deb") {
        return;
    }
    let deb = s.path("fsync.deb");
    let all = cargo(&s)
        .args(["build", "--release", "--locked", "--bins"])
        .output();
    assert!(all.unwrap().status.success());
    let built = cargo(&s)
        .args(["deb", "--locked", "--strip", "--no-build", "--output"])
        .arg(&deb)
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    s.run("dpkg-deb -x fsync.deb root").code(0);
    let root = s.path("root");
    let all = listed(&root);
    let files: BTreeSet<_> = all
        .keys()
        .filter(|name| root.join(name).is_file())
        .cloned()
        .collect();
    assert_eq!(files, wanted());
    for (name, mode) in all {
        let wanted = if name.starts_with("usr/bin") || root.join(&name).is_dir() {
            0o755
        } else {
            0o644
        };
        assert_eq!(mode, wanted, "{name}");
    }
    let field = |name: &str| {
        s.run(&format!("dpkg-deb -f fsync.deb {name}"))
            .code(0)
            .text()
    };
    assert_eq!(field("Package"), "fsync");
    assert_eq!(field("Section"), "utils");
    assert_eq!(field("Version"), concat!(env!("CARGO_PKG_VERSION"), "-1"));
    assert!(
        field("Depends").contains("libc6 (>= "),
        "{}",
        field("Depends")
    );
    assert!(field("Description").lines().count() > 10);
    // What is packed is what is in the sources.
    for (name, section) in pages() {
        let page = format!("root/usr/share/man/man{section}/{name}.{section}.gz");
        let text = s.run(&format!("gzip -dc {page}")).code(0).bytes();
        assert!(
            text == fs::read(top().join(format!("man/{name}.{section}"))).unwrap(),
            "{page}"
        );
        let man = s
            .cmd("man")
            .env("MANPATH", root.join("usr/share/man"))
            .args(["-w", &name])
            .assert();
        assert_eq!(man.code(0).text(), s.path(&page).to_str().unwrap());
    }
    s.tree("src").file("a", "1").settle();
    s.sh("env PATH= root/usr/bin/fsync -q cp src dst && cmp src/a dst/a")
        .code(0)
        .stderr("");
    // No word of lintian's, where there is one.
    if s.plain("lintian")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok()
    {
        s.run("lintian --allow-root --fail-on error,warning fsync.deb")
            .code(0);
    } else {
        eprintln!("no lintian here: its verdict is skipped");
    }
}

#[test]
fn cargo_installs_every_program_of_the_core() {
    let s = Sandbox::new();
    if !can(&s, "install") {
        return;
    }
    let mut install = cargo(&s);
    install
        .args(["install", "--locked", "--debug", "--path", ".", "--root"])
        .arg(s.path("root"));
    let done = install.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let all: Vec<_> = listed(&s.path("root/bin")).into_keys().collect();
    let core = PROGRAMS.iter().filter(|name| {
        let name = name.trim_start_matches("fsync-");
        !top().join("extra").join(name).exists()
    });
    assert!(all.iter().eq(core), "{all:?}");
    s.tree("src").file("a", "1").settle();
    s.sh("env PATH= root/bin/fsync -q cp src dst && cmp src/a dst/a")
        .code(0)
        .stderr("");
}
