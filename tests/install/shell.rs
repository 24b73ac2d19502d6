//! The completions in the shells themselves, from where they were installed.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::complete::history;
use crate::stage::staged;
use crate::support::{Oracle, Sandbox, Told};

/// Whether a program is here; says so where it is not.
fn here(s: &Sandbox, program: &str) -> bool {
    let there = s
        .plain(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !there {
        eprintln!("skipped: no {program} here");
    }
    there
}

/// Directories, tags and snapshots, some with names that want to be run, and the installed completions.
fn place() -> (Sandbox, std::path::PathBuf) {
    let s = Sandbox::new();
    history(&s);
    s.tree("$(touch pwned)").settle();
    s.sh("fsync -q snap -t '`touch pwned`' src; fsync -q snap -t '{a,b}' copy")
        .code(0);
    let prefix = staged(&s);
    (s, prefix)
}

/// Types keys into an interactive shell; what then stands on its line.
fn typed(s: &Sandbox, prefix: &Path, shell: &str, keys: &[&str]) -> Vec<String> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install/type.py");
    let mut command = s.plain("python3");
    let path = format!("{}/bin:/usr/bin:/bin", prefix.display());
    command
        .arg(driver)
        .arg(shell)
        .args([s.path("home/.rc"), s.path("dump")])
        .env("PATH", path)
        .env("ZDOTDIR", s.path("home"))
        .env("XDG_DATA_DIRS", prefix.join("share"))
        .env("DUMP", s.path("dump"))
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3");
    let lines: String = keys
        .iter()
        .map(|k| serde_json::json!(k).to_string() + "\n")
        .collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Keys, and what stands on the line after them. What is printed meanwhile, or written, is a fault.
fn check(shell: &str, prepare: &str, cases: &[(&str, &str)]) {
    let (s, prefix) = place();
    if !here(&s, shell) || !here(&s, "python3") {
        return;
    }
    for name in [".rc", ".zshrc"] {
        fs::write(
            s.path("home").join(name),
            prepare.replace("PREFIX", prefix.to_str().unwrap()),
        )
        .unwrap();
    }
    let before = Oracle::of(s.path("repo"));
    let keys: Vec<&str> = cases.iter().map(|(keys, _)| *keys).collect();
    let lines = typed(&s, &prefix, shell, &keys);
    assert_eq!(lines.len(), cases.len());
    let wrong: Vec<_> = lines
        .iter()
        .zip(cases)
        .filter(|(line, (_, wanted))| line != wanted)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        Oracle::of(s.path("repo")) == before,
        "the repository has changed"
    );
    assert!(!s.path("pwned").exists());
}

/// What bash and zsh make of it alike.
const ALIKE: [(&str, &str); 26] = [
    ("fsync mks\t", "fsync mksync "),
    ("fsync --dry\t", "fsync --dry"),
    ("fsync rv --dry\t", "fsync rv --dry-run "),
    ("fsync-apply --requ\t", "fsync-apply --require-snapshot "),
    ("fsync-diff --stat --sta\t", "fsync-diff --stat --sta"),
    ("fsync-revert --red\t", "fsync-revert --redo "),
    ("fsync-snap --thr\t", "fsync-snap --through "),
    ("fsync-tag mov\t", "fsync-tag move "),
    ("fsync help mks\t", "fsync help mksync "),
    ("fsync rv -t mon\t", "fsync rv -t monday "),
    (
        "fsync rv -d my\\ dir -t \t",
        "fsync rv -d my\\ dir -t tuesday ",
    ),
    ("fsync rv --tag=mon\t", "fsync rv --tag=monday "),
    ("fsync rv -t it\t", "fsync rv -t it\\'s\\ \\$1 "),
    ("fsync rv -t \"it\t", "fsync rv -t \"it's \\$1\" "),
    ("fsync rv -t 'it\t", "fsync rv -t 'it'\\''s $1' "),
    ("fsync rv -t \\`\t", "fsync rv -t \\`touch\\ pwned\\` "),
    ("fsync rv -d my\t", "fsync rv -d my\\ dir/"),
    ("fsync rv --dir=my\t", "fsync rv --dir=my\\ dir/"),
    ("fsync log cop\t", "fsync log copy/"),
    ("fsync -C src forget su\t", "fsync -C src forget sub/"),
    ("fsync show tue\t", "fsync show tuesday "),
    ("fsync show my\t", "fsync show my\\ dir@"),
    ("fsync diff mon\t", "fsync diff monday "),
    ("fsync cat monday \tsub/f\t", "fsync cat monday sub/f"),
    (
        "fsync --repo none rv -t mon\t",
        "fsync --repo none rv -t mon",
    ),
    (
        "fsync export nothing-like-it\t",
        "fsync export nothing-like-it",
    ),
];

const BASH: &str = r#"
PS1='ready> '
dump() { printf '%s\n' "$READLINE_LINE" >"$DUMP"; printf '\adumped'; }
bind -x '"\C-xp": dump'
"#;

fn bash(prepare: &str) {
    let mut cases = ALIKE.to_vec();
    cases.extend([
        // The cursor stands two characters before the end.
        ("fsync mks x\u{2}\u{2}\t", "fsync mksync x"),
        ("fsync show copy@{\t", "fsync show copy@{"),
        ("fsync show copy@{2\t", "fsync show copy@{2} "),
        ("fsync show my\\ dir@{\t", "fsync show my\\ dir@{1} "),
        ("fsync rv -t {\t", "fsync rv -t \\{a,b\\} "),
        ("fsync log \\$\t", "fsync log \\$\\(touch\\ pwned\\)/"),
        // Everything that fits, by readline's own command.
        (
            "fsync rv -d copy -t \u{1b}*",
            "fsync rv -d copy -t \\{a,b\\} it\\'s\\ \\$1 monday ",
        ),
        ("fsync ls -d copy @\u{1b}*", "fsync ls -d copy @ @{1} @{2} "),
    ]);
    check("bash", &format!("{prepare}{BASH}"), &cases);
}

#[test]
fn in_bash() {
    bash("for file in PREFIX/share/bash-completion/completions/*; do source \"$file\"; done");
}

#[test]
fn in_bash_with_its_loader() {
    let loader = "/usr/share/bash-completion/bash_completion";
    if !Path::new(loader).exists() {
        return eprintln!("skipped: no {loader}");
    }
    bash(&format!("source {loader}"));
}

#[test]
fn in_zsh() {
    let prepare = r#"
PS1='ready> '
fpath=(PREFIX/share/zsh/site-functions $fpath)
autoload -Uz compinit && compinit -u -D
setopt no_list_beep
dump() { print -r -- "$BUFFER" >"$DUMP"; printf '\adumped' }
zle -N dump; bindkey '^Xp' dump
"#;
    let mut cases = ALIKE.to_vec();
    cases.extend([
        ("fsync mks x\u{2}\u{2}\t", "fsync mksync  x"),
        ("fsync show copy@\\{2\t", "fsync show copy@\\{2\\} "),
        ("fsync rv -t \\{\t", "fsync rv -t \\{a,b\\} "),
        ("fsync log \\$\t", "fsync log \\$\\(touch\\ pwned\\)/"),
    ]);
    check("zsh", prepare, &cases);
}

#[test]
fn in_fish() {
    let (s, prefix) = place();
    if !here(&s, "fish") {
        return;
    }
    let before = Oracle::of(s.path("repo"));
    let told = |line: &str| {
        let mut fish = s.cmd("fish");
        fish.env("XDG_DATA_DIRS", prefix.join("share"))
            .env("PATH", format!("{}/bin:/usr/bin:/bin", prefix.display()))
            .args(["-c", "complete -C $argv[1]", line]);
        let told = fish.assert().code(0).stderr("").text();
        let words = told
            .lines()
            .map(|l| l.split('\t').next().unwrap_or_default().to_string());
        words.collect::<Vec<_>>()
    };
    for (line, wanted) in [
        ("fsync mks", &["mksync"][..]),
        ("fsync rv --dry", &["--dry-run"]),
        ("fsync-apply --requ", &["--require-snapshot"]),
        ("fsync-tag mov", &["move"]),
        ("fsync rv -d copy -t ", &["{a,b}", "it's $1", "monday"]),
        ("fsync rv -d my\\ dir -t ", &["tuesday"]),
        ("fsync rv --tag=mon", &["--tag=monday"]),
        ("fsync rv -t it", &["it's $1"]),
        ("fsync rv -t \"it", &["it's $1"]),
        ("fsync rv -t 'it", &["it's $1"]),
        ("fsync rv -t \\`", &["`touch pwned`"]),
        ("fsync rv -d my", &["my dir/"]),
        ("fsync rv --dir=my", &["--dir=my dir/"]),
        ("fsync log '$", &["$(touch pwned)/"]),
        ("fsync -C src forget su", &["sub/"]),
        ("fsync show my", &["my dir@"]),
        ("fsync show my\\ dir@", &["my dir@", "my dir@{1}"]),
        ("fsync cat monday ''", &[]),
        ("fsync cat tuesday sub/f", &[]),
        ("fsync cat copy@{1} sub/", &["sub/file", "sub/it's"]),
        ("FSYNC_REPO=none fsync rv -t ", &[]),
        ("fsync --repo none rv -t ", &[]),
    ] {
        assert_eq!(told(line), wanted, "{line}");
    }
    assert!(
        Oracle::of(s.path("repo")) == before,
        "the repository has changed"
    );
    assert!(!s.path("pwned").exists() && !s.path("none").exists());
}
