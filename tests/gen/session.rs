//! The first session of `man fsync`: its commands are run, and the page shows what they print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the session works on.
const BEFORE: &str = "mkdir -p site/css; cd site; echo '<h1>Hello</h1>' >index.html
    echo 'body {}' >css/main.css; echo 'buy milk' >notes.txt";

/// Words, and the commands that follow them.
const STEPS: [(&str, &[&str]); 6] = [
    (
        "Make copy like site. There is no copy yet, and that too is a state to go back to:",
        &["fsync cp site copy"],
    ),
    (
        "Some work later, see what the next run would do. A line is a letter and a path: A added, M modified, D deleted, t \
         only metadata. Nothing is deleted without --delete:",
        &[
            "echo '<h1>Good morning</h1>' >site/index.html; rm site/notes.txt",
            "fsync cp --dry-run --delete site copy",
        ],
    ),
    (
        "Do it, and give the state before a name:",
        &["fsync cp --delete -t before site copy"],
    ),
    (
        "That was a mistake, so take it back. The directory is then exactly what it was. A revert can be taken back, too:",
        &[
            "fsync rv -d copy",
            "cat copy/notes.txt",
            "fsync rv -d copy --redo",
        ],
    ),
    (
        "Look at what was kept, and into it, without changing anything:",
        &[
            "fsync th copy",
            "fsync ls before",
            "fsync cat before notes.txt",
        ],
    ),
    (
        "Bring a single file back from there:",
        &[
            "fsync rv -d copy -t before -- notes.txt",
            "cat copy/notes.txt",
        ],
    ),
];

/// File times come from a clock that ticks every few milliseconds.
const PAUSE: &str = "sleep 0.02";

/// The session: words, and lines as they stand on the screen.
pub fn play() -> Vec<(&'static str, String)> {
    let top = tempfile::tempdir().unwrap();
    let home = top.path().canonicalize().unwrap();
    fs::create_dir(home.join("work")).unwrap();
    run(BEFORE, &home);
    let mut ids = Vec::new();
    let play = |(words, commands): &(&'static str, &[&str])| {
        let mut screen = String::new();
        for command in *commands {
            let said = run(command, &home);
            screen += &format!("$ {command}\n{}", steady(&said, &mut ids));
        }
        (*words, screen)
    };
    STEPS.iter().map(play).collect()
}

fn run(command: &str, home: &Path) -> String {
    let bin = PathBuf::from(env!("CARGO_BIN_EXE_fsync"));
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    let output = Command::new("sh")
        .args(["-ec", &format!("exec 2>&1; {PAUSE}; {command}")])
        .env_clear()
        .envs([("HOME", home.as_os_str()), ("LC_ALL", "C".as_ref())])
        .envs([("PATH", &*path), ("TZ", "UTC")])
        .current_dir(home.join("work"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command} failed: {said}");
    said.replace(home.to_str().unwrap(), "/home/you")
}

/// The same in every run: ids, times and durations are others each time.
fn steady(said: &str, ids: &mut Vec<String>) -> String {
    let mut steady = String::new();
    let mut rest = said;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-:+.".contains(c));
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let is_id = [12, 40].contains(&word.len()) && word.chars().all(|c| c.is_ascii_hexdigit());
        let is_time = word.len() == 25 && word.contains('T') && word.ends_with("+00:00");
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
        let unit = [&word[digits.len()..], behind.trim_start_matches(' ')];
        let seconds = |text: &str| {
            ["s", "ms", "us"].contains(&text.split([' ', ',', ';', '.', ')', '\n']).next().unwrap())
        };
        steady += &match word {
            _ if is_id => example(word, ids),
            _ if is_time => "2026-11-22T20:59:48+00:00".into(),
            _ if number && seconds(unit[0]) => format!("0.02{}", &word[digits.len()..]),
            _ if number && word == digits && behind.starts_with(' ') && seconds(unit[1]) => {
                "0.02".into()
            }
            word => word.to_string(),
        };
        let between = behind
            .len()
            .min(behind.chars().next().map_or(0, char::len_utf8));
        steady += &behind[..between];
        rest = &behind[between..];
    }
    steady
}

/// An id that stays: the sum of how many were seen before it.
fn example(id: &str, ids: &mut Vec<String>) -> String {
    use sha1::Digest;
    let short = id[..12].to_string();
    let at = ids
        .iter()
        .position(|seen| *seen == short)
        .unwrap_or_else(|| {
            ids.push(short);
            ids.len() - 1
        });
    let sum = hex::encode(sha1::Sha1::digest(format!("snapshot {at}")));
    sum[..id.len()].to_string()
}

#[test]
fn what_differs_in_every_run_is_made_the_same() {
    let mut ids = Vec::new();
    let mut of = |text: &str| steady(text, &mut ids);
    let (one, two) = ("0123456789ab", "ba9876543210");
    let first = of(one);
    assert!(first != one && first.len() == 12 && of(two) != first);
    assert_eq!(
        of(&format!("({one}); {one}{}", "c".repeat(28)))[1..13],
        first
    );
    assert_eq!(
        of("5 added in 0.031 s, 7ms\n"),
        "5 added in 0.02 s, 0.02ms\n"
    );
    assert_eq!(of("5 sources"), "5 sources");
}
