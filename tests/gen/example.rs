//! The examples of the pages are run, each in a world of its own where what it names is there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::text;

/// What the examples name: sources, a directory with a history, tags, a zip from elsewhere, a bundle.
const WORLD: &str = r#"
mkdir -p site/css defaults mine work/target backup restored elsewhere disk config
echo '<h1>Hello</h1>' >site/index.html
echo 'body {}' >site/css/main.css
echo 'colour = red' >defaults/app.conf
echo 'size = 10' >mine/font.conf
echo r >work/target/report.html
echo o >work/target/main.o
fsync -q cp site copy
echo 'p {}' >>site/css/main.css
fsync -q cp -t before site copy
fsync-tag create -d copy monday @{1}
echo '<h1>Good morning</h1>' >site/index.html
fsync -q cp -t later site copy
echo 'a {}' >>site/css/main.css
echo 'KEY=secret' >site/.env
fsync-snap -q site >/dev/null
rm site/.env
fsync-diff --json site copy >plan
fsync -q bundle -o changes.zip site copy
cp -r site elsewhere/
(cd elsewhere && zip -qr ../project.zip site)
"#;

/// A program that some system may lack, and that would wait for a minute.
const WATCHER: &str = "#!/bin/sh\necho copy/css/main.css\n";

/// Another machine: a home directory of its own.
const SSH: &str = "#!/bin/sh\nshift\nunset FSYNC_LINKS\nexport HOME=$HOME/there\nmkdir -p $HOME && cd $HOME && exec \"$@\"\n";

fn shell(world: &Path, script: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_fsync")).parent().unwrap();
    let path = format!("{}:{}/bin:/usr/bin:/bin", bin.display(), world.display());
    Command::new("sh")
        .args(["-ec", script])
        .env_clear()
        .env("HOME", world)
        .env("LC_ALL", "C")
        .env("PATH", path)
        .current_dir(world.join("here"))
        .output()
        .unwrap()
}

/// Everything that a page shows is possible as it is shown.
pub fn run_all(page: &str, faults: &mut Vec<String>) -> usize {
    let examples = text::of(page).examples;
    for (about, script) in examples {
        let top = tempfile::tempdir().unwrap();
        let world = top.path().canonicalize().unwrap();
        for folder in ["here", "bin"] {
            fs::create_dir(world.join(folder)).unwrap();
        }
        for (name, script) in [("inotifywait", WATCHER), ("ssh", SSH)] {
            let program = world.join("bin").join(name);
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let made = shell(&world, WORLD);
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        // A second copy has been made, unless the example makes it.
        let disk = format!("{}/here/disk", world.display());
        let script = script
            .replace("/mnt/disk", &disk)
            .replace("/tmp/before", "old");
        if !script.contains("repo copy") && script.contains(&format!("{disk}/fsync")) {
            assert!(
                shell(&world, &format!("fsync -q repo copy {disk}/fsync"))
                    .status
                    .success()
            );
        }
        if script.contains("fsync-tag move") {
            assert!(
                shell(&world, "fsync-tag create -d copy good")
                    .status
                    .success()
            );
        }
        if !script.contains("mksync") {
            assert!(
                shell(&world, "fsync -q mksync config defaults mine")
                    .status
                    .success()
            );
        }
        let ran = shell(&world, &script);
        let said = String::from_utf8_lossy(&ran.stderr);
        if !ran.status.success() || said.contains("--help\" says more") {
            faults.push(format!("{page}: {about}\n{script}\n{}: {said}", ran.status));
        }
    }
    examples.len()
}
