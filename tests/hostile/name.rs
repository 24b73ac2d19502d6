//! Names that would steer a terminal: no command lets one out raw, whether it writes to a pipe or to a terminal.

use std::fs;

use crate::driver::{Ran, drive, fit, none, words};
use crate::support::{Sandbox, Told, Tree};

/// What a terminal obeys, or what it cannot show: ESC, CSI as one character, BEL, CR, DEL, direction, no width.
const EVIL: &str = "e\u{1b}[31m\u{9b}2J\u{7}\r\u{7f}\u{202e}\u{200b}\u{2066}x";
const PATIENCE: u64 = 30;
const MEMORY: u64 = 400 << 20;

/// A tree full of such names.
fn fill(tree: &Tree, n: usize) {
    let names: [&[u8]; 12] = [
        EVIL.as_bytes(),
        b"esc\x1b]0;title\x07",
        b"new\nline",
        b"cr\rover",
        b"tab\tname",
        b"raw csi \x9b31m",
        "c1 \u{9b}31m".as_bytes(),
        "bidi \u{202e}txt".as_bytes(),
        "nothing \u{200b}\u{200d}\u{feff}".as_bytes(),
        b"del\x7f",
        b"\x01\x02\x03",
        "\u{2028}".as_bytes(),
    ];
    for name in names {
        tree.file(name, format!("{n}\n"));
        tree.file([b"d/", name, b"/", name].concat(), format!("{n} inside\n"));
        tree.link([b"link ", name].concat(), name);
        tree.hard([b"hard ", name].concat(), name);
    }
    tree.xattr(EVIL, &format!("user.{EVIL}"), b"\x1b[31m");
    tree.settle();
}

/// The commands, as shell scripts; `$1` is the evil word.
const COMMANDS: &[&str] = &[
    "fsync serve --restrict \"$1\" </dev/null",
    "fsync serve --restrict \"no $1\" </dev/null",
    "fsync-diff \"$1\" dst",
    "fsync-diff -v --delete --renames --xattrs --checksum dst \"$1\"",
    "fsync-diff --delete --exclude \"$1\" \"$1\" dst",
    "fsync-diff --patch dst \"$1\"",
    "fsync-diff \"$1\" \"no $1/no\"",
    "fsync-diff \"no $1\" dst",
    "fsync-diff \"$1\" \"$1\"",
    "fsync-diff --exclude-from \"no $1\" \"$1\" dst",
    "fsync-diff --files-from \"no $1\" \"$1\" dst",
    "fsync-diff --modify-window \"$1\" \"$1\" dst",
    "fsync-diff \"--$1\"",
    "fsync-diff \"snap:$1\" dst",
    "fsync-diff --json \"$1\" dst",
    "fsync-snap -v \"$1\"",
    "fsync-snap -t \"$1\" \"$1\"",
    "fsync-snap \"no $1\"",
    "fsync-snap \"$1/$1\"",
    "fsync-snap --json -v dst",
    "fsync-snap --export \"$1\" -o x.zip",
    "fsync-tag create t @ -d \"$1\"",
    "fsync-tag create \"$1\" @ -d \"$1\"",
    "fsync-tag create t \"$1\" -d \"$1\"",
    "fsync-tag",
    "fsync-tag \"$1\"",
    "fsync-tag --json",
    "fsync-tag delete \"$1\" -d \"$1\"",
    "fsync-tag \"--$1\"",
    "printf 'A\\t\\033[31mx\\n' | fsync-apply \"$1\" dst",
    "printf 'A\\t\"\\\\q\\n' | fsync-apply \"$1\" dst",
    "printf '\\033[31m\\n' | fsync-apply \"$1\" dst",
    "printf '{\"type\":\"\\\\u001b[31m\"}\\n' | fsync-apply \"$1\" dst",
    "printf '{\"type\":\"\\033[31m\\n' | fsync-apply \"$1\" dst",
    "printf '{\"\\302\\233\":1}\\n' | fsync-apply \"$1\" dst",
    "fsync-diff \"$1\" half | head -n 6 | fsync-apply -v \"$1\" half",
    "fsync-diff --json \"$1\" stale >plan; for f in stale/*; do echo more >\"$f\"; done; fsync-apply -v <plan",
    "fsync-diff --json \"$1\" stale2 | fsync-snap --through -v | fsync-apply --require-snapshot --json",
    "fsync-revert -v \"$1\" --to \"to $1\"",
    "fsync-revert \"no $1\"",
    "fsync-revert \"$1\" \"no $1\"",
    "fsync-revert dst -- \"no $1\"",
    "fsync-revert \"--$1\"",
    "fsync cp -n -v \"$1\" dst",
    "fsync --trace cp --exclude \"$1\" \"$1\" dst",
    "fsync cp -v \"$1\" dst",
    "fsync cp -v --delete -t t2 other dst --max-delete 100%",
    "fsync cp \"no $1\" dst",
    "fsync cp \"$1\" \"$1/d\"",
    "fsync cp -t \"$1\" \"$1\" dst",
    "fsync rv -v -d dst",
    "fsync rv -d dst -t \"$1\"",
    "fsync rv -d \"no $1\"",
    "fsync rv -d dst -- \"no $1\"",
    "fsync --trace rv -v -d dst --redo",
    "fsync mksync synced \"$1\" other",
    "fsync mksync --force synced \"no $1\" \"$1\"",
    "fsync mksync synced \"no $1\"",
    "fsync status synced",
    "fsync sync -v synced",
    "fsync sync \"no $1\"",
    "printf '%s\\n' \"$1\" >odd/.fsync-sync; fsync sync odd",
    "printf '/%s\\n' \"$1\" >odd/.fsync-sync; fsync sync odd",
    "printf '%s\\n' \"$1\" >odd/.fsync-backup; fsync rv -d odd; fsync-snap odd; fsync log odd; rm odd/.fsync-*",
    "printf '/x\\n--exclude=%s\\n' \"$1\" >odd/.fsync-sync; fsync sync odd",
    "fsync mksync synced other --force --source-exclude \"1:$1\"",
    "fsync-diff --source-exclude \"9:$1\" other dst",
    "export FSYNC_CONFIG=\"$PWD/c $1\"; fsync config --path; fsync config; fsync config ask 3; fsync config",
    "export FSYNC_CONFIG=\"$PWD/c\"; fsync config -d \"$1\" ask 3; fsync config --show \"$1\"; fsync config \"$1\" \"$1\"",
    "export FSYNC_CONFIG=\"$PWD/c\"; fsync config exclude \"$1\"; fsync config ask \"$1\"; fsync config repository \"/$1\"",
    "export FSYNC_CONFIG=\"$PWD/c2\"; printf \"exclude = ['\\342\\200\\256x']\\n\" >c2; fsync config exclude; fsync config",
    "export FSYNC_CONFIG=\"$PWD/c3\"; printf 'a%s = 1\\n' \"$1\" >c3; fsync config; fsync cp \"$1\" dst; fsync-snap dst",
    "export FSYNC_CONFIG=\"$PWD/c3\"; printf '\"a%s\" = 1\\n' \"$1\" >c3; fsync config",
    "export FSYNC_CONFIG=\"$PWD/c3\"; printf 'ask = \"%s\"\\n' \"$1\" >c3; fsync config",
    "export FSYNC_CONFIG=\"$PWD/c3\"; printf '[directory.\"%s\"]\\n' \"$1\" >c3; fsync config",
    "export FSYNC_CONFIG=\"$PWD/c3\"; printf \"hooks.before = 'false #\\342\\200\\256'\\n\" >c3; fsync --trace cp other new; fsync config",
    "fsync th \"$1\"",
    "fsync th dst",
    "fsync th \"no $1\"",
    "fsync log \"$1\"",
    "fsync log --graph dst",
    "fsync log --json dst",
    "fsync log \"no $1\"",
    "fsync show -d \"$1\" @",
    "fsync show --changes -d dst @",
    "fsync show --stat -d dst @",
    "fsync show --json -d dst @",
    "fsync show \"$1\"",
    "fsync ls -d \"$1\" @",
    "fsync ls -rl -d \"$1\" @",
    "fsync ls -d \"$1\" @ \"$1\"",
    "fsync ls -d \"$1\" @ \"no $1\"",
    "fsync ls --json -r -d \"$1\" @",
    "fsync cat -d \"$1\" @ \"$1\" \"no $1\" d",
    "fsync cat \"$1\" x",
    "fsync find '*' \"$1\"",
    "fsync find \"$1\" dst",
    "fsync find \"[$1\" dst",
    "fsync find --json '*' dst",
    "fsync du",
    "fsync du --json",
    "fsync du -d \"$1\"",
    "fsync du -d \"no $1\"",
    "fsync export -d \"$1\" @ -o \"out $1.zip\"",
    "fsync export -d \"$1\" @ -o \"no $1/x\"",
    "fsync export --tar -d \"$1\" @ -o \"out $1.tar\"",
    "fsync bundle \"$1\" dst -o \"bundle $1.zip\"; fsync-apply -n --json --bundle \"bundle $1.zip\" other",
    "fsync bundle -q \"$1\" dst >b.zip; fsync-diff --bundle b.zip; fsync-diff --json --bundle b.zip \"no $1\"",
    "printf 'M\\t%s\\n' \"$1\" | fsync-apply --bundle b.zip --stdin dst",
    "fsync cp --bundle \"no $1\" dst",
    "fsync-apply --bundle evil.zip dst",
    "fsync import evil.zip -d \"in $1\"",
    "cp evil.zip \"$1.zip\"; fsync import \"$1.zip\"",
    "fsync import \"no $1\"",
    "fsync import bad.zip",
    "fsync import -t \"$1\" evil.zip",
    "fsync verify",
    "fsync verify -v --read-data all --restore",
    "fsync verify --read-data \"$1\"",
    "fsync verify --json",
    "fsync --repo \"no $1\" verify",
    "fsync --repo \"$1\" verify",
    "fsync repo copy \"copy $1\"",
    "fsync repo copy \"$1\"",
    "fsync repo copy \"no $1/x\"",
    "fsync prune -n --keep-last 1",
    "fsync prune -d \"no $1\" --keep-last 1",
    "fsync prune --keep-last 1 --keep-within \"$1\"",
    "fsync prune --json -n --keep-last 1 --prune-tagged",
    "fsync forget -n -d \"$1\" \"$1\" d",
    "fsync forget -d \"$1\" \"no $1\"",
    "fsync forget -v -d \"$1\" \"$1\"",
    "fsync prune --keep-last 1",
    "fsync verify --repair -v",
    "fsync help \"$1\"",
    "fsync \"$1\"",
    "fsync \"--$1\"",
    "fsync cp \"--$1\" a b",
    "fsync -C \"no $1\" log .",
    "fsync diff \"$1\" dst",
    "fsync snap \"$1\"",
    "fsync revert \"no $1\"",
    "fsync tag \"$1\"",
    "printf 'x' | fsync apply \"$1\" dst",
    "echo >\"$1/new\"; chmod 0 \"$1/new\"; fsync status synced; rm \"$1/new\"",
];

/// Everything that the sweep runs over.
fn stage(s: &Sandbox) {
    let w = s.tree("w");
    fill(&s.tree(&format!("w/{EVIL}")), 1);
    fill(&s.tree("w/other"), 2);
    s.twin("w/other", "w/dst");
    for name in ["w/half", "w/stale", "w/stale2", "w/synced", "w/odd"] {
        s.tree(name);
    }
    s.twin("w/other", "w/stale");
    w.file("some", "");
    let zips = r#"
import zipfile
names = ['e\x1b[31m', 'a\x9b', 'b\u202e', 'c\r\n', 'd\x07/f']
with zipfile.ZipFile('w/evil.zip', 'w') as z:
    for n in names: z.writestr(n, 'x')
    for n in names:
        i = zipfile.ZipInfo('special ' + n); i.create_system = 3; i.external_attr = 0o020666 << 16; z.writestr(i, b'')
    z.comment = b'\x1b[31m\x07'
with zipfile.ZipFile('w/bad.zip', 'w') as z:
    z.writestr('ok', 'x'); z.writestr('../\x1b[31m\x9b\u202e', 'x')
"#;
    s.cmd("python3")
        .args(["-W", "ignore", "-c", zips])
        .assert()
        .code(0);
    s.snap("w/dst");
    s.snap("w/other");
    strangers(s);
}

/// What nobody could have written but by hand: archives and lines of the log that have such names in them.
fn strangers(s: &Sandbox) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/archives.py");
    let mut python = s.cmd("python3");
    python.arg(script).arg(s.path("repo")).arg(s.path("w"));
    let told = python
        .arg("/nowhere")
        .arg("9".repeat(40))
        .assert()
        .code(0)
        .text();
    for line in told.lines() {
        let (name, id) = line.split_once('\t').expect("a pair");
        if !matches!(
            name,
            "control" | "pack_control" | "folder" | "xattr_control" | "name0"
        ) {
            fs::remove_file(s.archive(id)).expect("away");
        }
    }
    let script = r#"
import json, sys, zlib
E, dst = sys.argv[1], sys.argv[2]
time = {"secs": 5, "nanos": 0}
import os
with open('repo/log.ndjson', 'ab') as log:
    begin = {"type": "begin", "directory": {"path": dst}, "work": "apply", "before": sys.argv[3], "sources": [], "pid": 1, "time": time}
    finish = {"type": "finish", "op": os.path.getsize('repo/log.ndjson'), "outcome": E, "time": time}
    for line in [begin, finish,
                 {"type": "tag", "directory": {"path": dst}, "tag": E, "id": sys.argv[3], "time": time},
                 {"type": "tag", "directory": {"path": "/" + E}, "tag": "t" + E, "id": "1" * 40, "time": time},
                 {"type": "head", "directory": {"path": "/" + E}, "id": "1" * 40, "time": time},
                 {"type": "begin", "directory": {"path": dst}, "work": "apply", "before": sys.argv[3],
                  "sources": [{"path": E, "mounted": False}], "pid": 1, "time": time},
                 {"type": E}, {"type": "snapshot", "id": "2" * 40, "directory": {"path": E}, "time": time}]:
        body = json.dumps(line, separators=(",", ":"))[1:].encode()
        log.write(b'{"crc":"%08x",' % zlib.crc32(body) + body + b"\n")
    log.write(b'{"\x1b[31m\xc2\x9b":1}\n')
"#;
    let head = s.head("w/dst").expect("a head");
    let dst = s.path("w/dst");
    s.cmd("python3")
        .args(["-c", script, EVIL])
        .arg(dst)
        .arg(head)
        .assert()
        .code(0);
}

fn line(script: &str) -> Vec<String> {
    let mut argv = words("sh -c");
    argv.extend([script.to_string(), "sh".into(), EVIL.into()]);
    argv
}

fn fault(ran: &Ran, script: &str) -> Option<String> {
    let out = String::from_utf8_lossy(&ran.out);
    let wrong = ran.fault(MEMORY);
    wrong.or_else(|| fit(&ran.out).map(|why| format!("{script}: {why}: {out:?}")))
}

/// Every command that `fsync --help` names is run.
fn covers_everything(s: &Sandbox) {
    let help = s.run("fsync --help").code(0).text();
    let commands = help
        .split("Commands:")
        .nth(1)
        .expect("commands")
        .split("Options:")
        .next()
        .expect("commands");
    let named = commands
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    let named: Vec<&str> = named.filter_map(|l| l.split_whitespace().next()).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let used = |script: &&&str| {
            script.contains(&format!("fsync {name}"))
                || script.contains(&format!("--trace {name}"))
                || script.contains(&format!("\" {name}"))
        };
        assert!(COMMANDS.iter().any(|c| used(&c)), "{name} is in the sweep");
    }
}

#[test]
fn no_command_lets_a_control_character_out() {
    let s = Sandbox::new();
    covers_everything(&s);
    stage(&s);
    let lines: Vec<_> = COMMANDS.iter().map(|c| line(c)).collect();
    let ran = drive(&s, "w", PATIENCE, &lines);
    none(
        ran.iter()
            .zip(COMMANDS)
            .filter_map(|(ran, script)| fault(ran, script))
            .collect(),
    );
}

#[test]
fn nor_on_a_terminal() {
    let s = Sandbox::new();
    stage(&s);
    // The word goes through the environment, since script(1) hands its command to a shell.
    let lines: Vec<Vec<String>> = COMMANDS
        .iter()
        .map(|c| {
            let mut argv = words("env");
            argv.push(format!("W={EVIL}"));
            argv.extend(words("script -qec"));
            argv.push(format!("set -- \"$W\"; {c}"));
            argv.push("/dev/null".into());
            argv
        })
        .collect();
    let mut faults = Vec::new();
    for (mut ran, script) in drive(&s, "w", PATIENCE, &lines).into_iter().zip(COMMANDS) {
        // What the terminal itself adds, and what clap underlines.
        let text = String::from_utf8_lossy(&ran.out).replace("\r\n", "\n");
        ran.out = plain(&text).into_bytes();
        faults.extend(fault(&ran, script));
    }
    none(faults);
}

/// Without the four sequences by which clap sets bold, underlined and coloured words.
fn plain(text: &str) -> String {
    let mut text = text.to_string();
    for code in ["0", "1", "4", "31", "32", "33", "36"] {
        // Only those of clap itself, which come with a bold error or usage.
        if text.contains("\u{1b}[1m") {
            text = text.replace(&format!("\u{1b}[{code}m"), "");
        }
    }
    text
}
