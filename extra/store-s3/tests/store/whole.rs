//! Whole repositories on object storage: two machines that record, a third that restores.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::dialogue::{Place, noise};
use crate::emulator::emulator;

/// Where the programs are that were built.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_path_buf()
}

/// Runs a script as a machine, with a home of its own in `top`.
fn on(place: &Place, top: &Path, machine: &str, script: &str) -> Output {
    let mut command = Command::new("sh");
    for (name, value) in place.command().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let home = top.join(machine);
    fs::create_dir_all(&home).unwrap();
    command
        .current_dir(top)
        .args(["-c", script])
        .env(
            "PATH",
            format!(
                "{}:{}",
                programs().display(),
                std::env::var("PATH").unwrap()
            ),
        )
        .env("HOME", &home)
        .env("FSYNC_MACHINE", machine)
        .env("FSYNC_REPO", place.below("whole"))
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

/// The same of one that works; what it printed.
fn done(place: &Place, top: &Path, machine: &str, script: &str) -> String {
    let output = on(place, top, machine, script);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_string()
}

/// Records and changes on two machines, takes a change back, restores on a third.
pub fn machines_share(place: &Place) {
    if !programs().join("fsync").exists() {
        eprintln!("skipped: fsync itself is not built");
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    let run = |machine: &str, script: &str| done(place, top, machine, script);
    fs::create_dir_all(top.join("one-work/sub")).unwrap();
    fs::write(top.join("one-work/large"), noise(1, 20 << 20)).unwrap();
    fs::write(top.join("one-work/sub/small"), "small\n").unwrap();
    std::os::unix::fs::symlink("sub/small", top.join("one-work/link")).unwrap();
    run("one", "cp -a one-work kept");
    let first = run("one", "fsync-snap one-work");
    run(
        "two",
        "cp -a one-work two-work; rm -f two-work/.fsync-backup; echo own >two-work/own",
    );
    let theirs = run("two", "fsync-snap two-work");
    run(
        "one",
        "mkdir new; echo changed >new/fresh; fsync -q cp --delete --max-delete 100% new one-work",
    );
    assert!(!top.join("one-work/large").exists());
    run("one", "fsync -q rv -d one-work");
    run(
        "one",
        "diff -r --no-dereference one-work kept -x .fsync-backup",
    );
    run(
        "three",
        &format!(
            "fsync -q cp snap:{theirs} third; diff -r --no-dereference third two-work -x .fsync-backup"
        ),
    );
    run(
        "three",
        &format!("fsync cat {first} sub/small | cmp - kept/sub/small"),
    );
    run("three", "fsync verify");
    let listed = run("three", "fsync repo list");
    assert!(
        listed.contains("//one/") && listed.contains("//two/"),
        "{listed}"
    );
}

#[test]
fn machines_share_a_bucket_of_an_emulator() {
    if let Some(server) = emulator() {
        machines_share(&server.place("bucket"));
    }
}
