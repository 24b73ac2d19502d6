//! Others read bundles: plain zip programs, a reader written from the manual page, and every later version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::land::land;
use crate::support::{Sandbox, Told};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sample")
        .join(name)
}

fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--help").output().is_ok();
    if !there {
        eprintln!("skipped: there is no {program}");
    }
    there
}

#[test]
fn any_zip_program_reads_it() {
    let l = land("", |s| {
        s.tree("src")
            .menagerie()
            .file("large", "a line of it\n".repeat(800_000))
            .file("back\\slash", "b");
        s.tree("copy");
    });
    let s = &l.s;
    let mut read = 0;
    for (program, how) in [
        ("unzip", "unzip -tq F.zip && unzip -q F.zip -d out"),
        ("7z", "7z t F.zip >/dev/null && 7z x -oout F.zip >/dev/null"),
        ("bsdtar", "mkdir out && bsdtar -xf F.zip -C out"),
        (
            "python3",
            "python3 -m zipfile -t F.zip >/dev/null && python3 -m zipfile -e F.zip out",
        ),
    ] {
        if !is_there(program) {
            continue;
        }
        s.sh(&format!("{how} && cmp out/large 'left behind src/large' && cmp out/deep/b 'left behind src/deep/b' && rm -r out"))
            .code(0);
        read += 1;
    }
    assert!(read > 0);
    let about = s.sh("unzip -p F.zip .fsync/ABOUT").code(0).text();
    assert_eq!(about.lines().count(), 1, "{about}");
    assert!(about.contains("fsync cp --bundle"), "{about}");
}

/// What `fsync bundle` of this version writes and what the first one wrote.
#[test]
fn the_sample_of_format_1_is_performed() {
    let s = Sandbox::new();
    let trees = sample("trees.sh");
    s.sh(&format!("sh '{}' && cp -a dst far", trees.display()))
        .code(0);
    let bundle = sample("bundle-1/bundle.zip");
    s.run(&format!("fsync-apply --bundle {} far", bundle.display()))
        .code(0);
    let listing = |directory: &str| {
        let mut python = s.cmd("python3");
        python
            .arg("-B")
            .arg(sample("listing.py"))
            .arg(s.path(directory));
        python.assert().code(0).text()
    };
    let expected = fs::read_to_string(sample("bundle-1/expected.txt")).unwrap();
    assert_eq!(listing("far"), expected.trim_end());
    let again = "fsync bundle --delete --renames --no-owner -o again.zip src dst --exclude *.out";
    s.run(again).code(0);
    s.sh("rm -r far && cp -a dst far").code(0);
    s.run("fsync-apply --bundle again.zip far").code(0);
    assert_eq!(listing("far"), expected.trim_end());
    let plan = |zip: &Path| {
        s.run(&format!("fsync-diff --bundle {}", zip.display()))
            .code(0)
            .text()
    };
    assert_eq!(plan(&bundle), plan(&s.path("again.zip")));
}
