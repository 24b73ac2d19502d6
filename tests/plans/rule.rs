//! Exclude rules against git itself: random patterns over a small alphabet, and what git check-ignore says of each path.

use std::io::Write;
use std::process::Stdio;

use crate::mutate::Dice;
use crate::support::{Sandbox, quick_or_long};

const PARTS: [&str; 17] = [
    "a", "b", "ab", "*", "**", "?", "[ab]", "[!a]", "/", "/", "\\*", "\\a", "{a,b}", "*a", "b*",
    "[a-b]", ".",
];

fn pattern(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.roll(6) == 0 {
        text.push('!');
    }
    for _ in 0..1 + dice.roll(5) {
        text.push_str(PARTS[dice.roll(PARTS.len())]);
    }
    text
}

fn paths() -> Vec<String> {
    let names = ["a", "b", "ab", "ba", ".a", "{a,b}", "*", "c"];
    let mut all: Vec<String> = Vec::new();
    for one in names {
        all.push(one.into());
        for two in ["a", "b", "c"] {
            all.push(format!("{one}d/{two}"));
            all.push(format!("{one}d/e/{two}"));
        }
    }
    all
}

#[test]
fn rules_are_gits() {
    let s = Sandbox::new();
    if s.plain("git")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("skipped: there is no git");
        return;
    }
    let src = s.tree("src");
    let all = paths();
    for path in &all {
        src.file(path, "");
    }
    s.tree("dst");
    s.sh("git init -q src").success();
    let only = std::env::var("FSYNC_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..quick_or_long(60, 3_000) as u64, |seed| seed..seed + 1);
    for seed in seeds {
        let mut dice = Dice(seed);
        let rules: Vec<String> = (0..1 + dice.roll(3)).map(|_| pattern(&mut dice)).collect();
        let text = rules.join("\n") + "\n";
        std::fs::write(s.path("src/.git/info/exclude"), &text).expect("a file");
        std::fs::write(s.path("rules"), &text).expect("a file");
        let told = s.run("fsync-diff --exclude-from rules --exclude /.git src dst");
        if told.get_output().status.code() == Some(2) {
            // What the matcher cannot compile it refuses, where git takes it for a name that there is not.
            continue;
        }
        let plan = String::from_utf8_lossy(&told.get_output().stdout).into_owned();
        let mut git = s
            .plain("git")
            .args(["-C", "src", "check-ignore", "--stdin", "--no-index"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git");
        git.stdin
            .take()
            .expect("a pipe")
            .write_all(all.join("\n").as_bytes())
            .expect("written");
        let said = git.wait_with_output().expect("it ends").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        for path in &all {
            let ignored = said.lines().any(|line| line.trim_matches('"') == path);
            let planned = plan.lines().any(|line| line == format!("A\t{path}"));
            assert_eq!(
                planned, !ignored,
                "FSYNC_SEED={seed} {path:?} with {rules:?}"
            );
        }
    }
}
