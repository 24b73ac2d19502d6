//! Whose the file of settings may be: it names commands.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use crate::desk::Desk;
use crate::support::{Told, as_root};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Settings whose hook leaves a trace, and trees for a run.
fn desk() -> Desk {
    let d = Desk::with("hooks.before = \"touch hacked\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    d
}

fn refused(d: &Desk, why: &str) {
    let next = [
        "config.toml\": ",
        why,
        "nothing was done",
        "chmod go-w",
        "FSYNC_TRUST",
    ];
    d.run("cp a d").code(4).nothing().one_line("fsync", &next);
    d.run("config").code(4).nothing().one_line("fsync", &next);
    d.run("config ask 3")
        .code(4)
        .nothing()
        .one_line("fsync", &next);
    d.sh("fsync-snap d")
        .code(4)
        .nothing()
        .one_line("fsync-snap", &next);
    assert!(!d.s.path("hacked").exists() && !d.s.path("d/x").exists());
}

#[test]
fn what_others_may_write_to_is_refused() {
    let d = desk();
    mode(&d.file(), 0o602);
    refused(&d, "everybody may write to it");
    mode(&d.file(), 0o600);
    for (folder, why) in [
        ("home/.config/fsync", "its folder"),
        ("home/.config", "everybody may replace it"),
        ("home", "everybody may replace it"),
    ] {
        mode(&d.s.path(folder), 0o777);
        refused(&d, why);
        mode(&d.s.path(folder), 0o755);
    }
    d.run("cp a d").code(0);
    assert!(d.s.path("hacked").exists());
}

#[test]
fn trust_and_going_without() {
    let d = desk();
    mode(&d.file(), 0o666);
    let trust = |value: &str| {
        let mut command = d.fsync(&["config", "hooks.before"]);
        command.env("FSYNC_TRUST", value).assert()
    };
    trust("*").code(4);
    trust("/nowhere").code(4);
    trust(&format!("/nowhere:{}", d.file().display()))
        .code(0)
        .stdout("touch hacked\n");
    d.run("--no-config cp a d").code(0);
    assert!(!d.s.path("hacked").exists());
}

#[test]
fn a_link_to_the_users_own_file_is_followed_and_both_folders_count() {
    let d = desk();
    let dotfiles = d.s.tree("dotfiles");
    fs::rename(d.file(), dotfiles.at("f")).unwrap();
    symlink(dotfiles.at("f"), d.file()).unwrap();
    d.run("config hooks.before")
        .code(0)
        .stdout("touch hacked\n");
    dotfiles.mode(".", 0o777);
    refused(&d, "its folder");
    dotfiles.mode(".", 0o755).mode("f", 0o666);
    refused(&d, "everybody may write to it");
    dotfiles.mode("f", 0o644);
    mode(&d.s.path("home/.config/fsync"), 0o777);
    refused(&d, "its folder");
    mode(&d.s.path("home/.config/fsync"), 0o700);
    d.run("cp a d").code(0);
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    if !as_root() {
        return;
    }
    let d = desk();
    chown(d.file(), Some(65_534), None).unwrap();
    refused(&d, "belongs to somebody else");
    chown(d.file(), Some(0), None).unwrap();
    chown(d.file(), None, Some(65_534)).unwrap();
    mode(&d.file(), 0o660);
    refused(&d, "a group that is not yours");
    mode(&d.file(), 0o640);
    d.run("config").code(0);
    let folder = d.s.path("home/.config/fsync");
    chown(&folder, Some(65_534), None).unwrap();
    refused(&d, "its folder");
    chown(&folder, Some(0), None).unwrap();
    d.run("config").code(0);
}

#[test]
fn a_group_of_the_users_own_may_write() {
    let d = desk();
    mode(&d.file(), 0o660);
    let own = rustix::process::getegid().as_raw();
    chown(d.file(), None, Some(own)).unwrap();
    d.run("config hooks.before")
        .code(0)
        .stdout("touch hacked\n");
}
