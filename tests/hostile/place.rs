//! Repositories that somebody else can write to, or has prepared: links, fifos and devices in the place of their parts, a
//! log that lies. What is outside stays as it is, and nothing waits for ever.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use predicates::prelude::*;
use predicates::str::contains;

use crate::driver::{drive, none, words};
use crate::support::{Oracle, Person, Sandbox, Told, Traces, as_root, quick_or_long};

const PATIENCE: u64 = 60;
const MEMORY: u64 = 300 << 20;

/// What runs over them; the first of them in a quick run.
const COMMANDS: [&str; 12] = [
    "fsync log dst",
    "fsync-snap dst",
    "fsync verify",
    "fsync repo copy copy",
    "fsync prune --keep-last 1",
    "fsync verify --repair",
    "fsync ls -d dst @",
    "fsync cp src dst",
    "fsync rv -d dst",
    "fsync-tag dst",
    "fsync import some.zip",
    "fsync forget -d dst f",
];

/// Something to record twice, and what must stay as it is. Files that nobody has locked, as a sweeper takes them away.
fn prepared() -> (Sandbox, String, Traces) {
    let s = Sandbox::new();
    s.tree("src").file("f", "from the source").settle();
    s.tree("dst").file("f", "1").settle();
    let id = s.snap("dst");
    s.tree("dst").edit("f", "22");
    s.snap("dst");
    s.sh("python3 -c \"import zipfile; zipfile.ZipFile('some.zip', 'w').writestr('f', 'x')\"")
        .success();
    s.tree("canary")
        .file("secret", "without a newline")
        .file("d/inside", "x")
        .fifo("fifo")
        .settle();
    let canary = Traces::of(s.path("canary"));
    (s, id, canary)
}

#[test]
fn a_part_that_is_something_else_is_never_gone_through() {
    let parts = [
        "log.ndjson",
        "catalog.db",
        "catalog.db-wal",
        "catalog.db-shm",
        "tmp",
        "damaged",
        "tmp/new-x",
        "ID.zip",
    ];
    let kinds = [
        "link to a file",
        "link to a folder",
        "dangling",
        "hard link",
        "fifo",
        "link to a fifo",
        "directory",
        "full directory",
        "device",
    ];
    let mut faults = Vec::new();
    for part in parts {
        for kind in kinds {
            let (s, id, canary) = prepared();
            let content = Oracle::of(s.path("canary"));
            let repo = s.tree("repo");
            let part = part.replace("ID", &id);
            let at = repo.at(&part);
            s.sh(&format!("rm -rf 'repo/{part}'")).success();
            match kind {
                "link to a file" => symlink(s.path("canary/secret"), &at).expect("a link"),
                "link to a folder" => symlink(s.path("canary"), &at).expect("a link"),
                "dangling" => symlink(s.path("canary/new"), &at).expect("a link"),
                "hard link" => fs::hard_link(s.path("canary/secret"), &at).expect("a link"),
                "fifo" => drop(repo.fifo(&part)),
                "link to a fifo" => symlink(s.path("canary/fifo"), &at).expect("a link"),
                "directory" => drop(repo.dir(&part)),
                "full directory" => drop(repo.file(format!("{part}/inside"), "kept")),
                _ if !as_root() => continue,
                _ => drop(repo.device(&part, 5)),
            }
            let lines = COMMANDS.map(words);
            let ran = drive(&s, ".", PATIENCE, &lines[..quick_or_long(6, lines.len())]);
            faults.extend(
                ran.iter()
                    .filter_map(|r| r.fault(MEMORY))
                    .map(|f| format!("{part} {kind}: {f}")),
            );
            match kind {
                "hard link" => content.assert_is(s.path("canary")),
                _ => canary.assert_untouched(s.path("canary")),
            }
            if kind == "full directory" && !part.starts_with("tmp") {
                let found = walkdir::WalkDir::new(s.path("repo"))
                    .into_iter()
                    .flatten()
                    .filter(|e| e.file_name() == "inside");
                assert_eq!(found.count(), 1, "{part}");
            }
        }
    }
    none(faults);
}

#[test]
fn a_linked_part_is_named() {
    for (part, canary) in [
        ("log.ndjson", "canary/secret"),
        ("tmp", "canary/d"),
        ("damaged", "canary/d"),
        ("catalog.db", "canary/secret"),
    ] {
        let (s, ..) = prepared();
        s.sh(&format!(
            "rm -rf repo/{part}; ln -s ../{canary} repo/{part}"
        ))
        .success();
        let before = Oracle::of(s.path("dst"));
        for line in [
            "fsync-snap dst",
            "fsync log dst",
            "fsync cp src dst",
            "fsync verify --repair",
        ] {
            let told = s.run(line).code(4);
            assert!(
                told.complaint()
                    .contains(&format!("/{part}\": is a symbolic link")),
                "{line}: {told}"
            );
        }
        before.assert_is(s.path("dst"));
    }
}

/// What a line of the log is with its sum.
const LOG: &str = r#"
import json, os, sys, zlib
def line(o):
    body = json.dumps(o, separators=(",", ":"))[1:].encode()
    return b'{"crc":"%08x",' % zlib.crc32(body) + body + b"\n"
def append(*all):
    with open('repo/log.ndjson', 'ab') as log: log.write(b"".join(all))
t = {"secs": 5, "nanos": 0}
def p(path): return {"path": path}
dst, canary, here = os.path.abspath('dst'), os.path.abspath('canary'), open('dst/.fsync-backup').read().strip()
"#;

#[test]
fn a_log_that_lies_does_no_harm() {
    let lies = [
        "append(*(line({'type': 'head', 'directory': p(d), 'id': here, 'time': t}) for d in ('relative', '..', '/', '', canary, '/dev/null', '/proc/self/root', canary + '/secret', 'a' * 9999)))",
        "append(line({'type': 'head', 'directory': p(dst), 'id': '0' * 40, 'time': t}), line({'type': 'head', 'directory': p(dst), 'id': None, 'time': t}))",
        "append(*(line({'type': 'begin', 'directory': p(dst), 'work': w, 'before': b, 'target': b, 'sources': [p('..'), p('/')], 'pid': 4294967295, 'time': t}) for w in ('apply', 'revert', 'redo') for b in (here, '1' * 40, None)))",
        "append(*(line({'type': 'finish', 'op': n, 'outcome': 'done', 'head': here, 'time': t}) for n in (0, 1, 2**63 - 1, 2**63, 2**64 - 1)))",
        "append(*(line({'type': 'tag', 'directory': p(dst), 'tag': n, 'id': here, 'time': t}) for n in ('', '..', '/', '@', '-x', '0' * 40, 'n' * 99999, '\\0')))",
        "append(*(line({'type': 'snapshot', 'id': '%040x' % n, 'directory': p(canary), 'time': {'secs': -2**63, 'nanos': 4294967295}}) for n in range(2000)))",
        "append(line({'type': 'repository', 'id': 'another', 'format': 99, 'time': t}))",
        "append(*(line({'type': 'pack', 'id': here, 'time': t}) for n in range(3)))",
        "append(b'{}\\n', b'\\n' * 5000, b'\\xff\\n', b'{\"crc\":\"00000000\",\"type\":\"head\"}\\n', b'[' * 100000 + b'\\n')",
        "append(line({'type': 'later', 'x': [[[['x' * 500000]]]]}), line({'type': 'head', 'directory': {'path_hex': 'zz'}, 'id': here, 'time': t}))",
        "open('repo/log.ndjson', 'r+b').truncate(0)",
        "open('repo/log.ndjson', 'r+b').write(line({'type': 'repository', 'id': 'x' * 400, 'format': 1, 'time': t}))",
        "append(b'x' * (100 << 20))",
        "open('repo/log.ndjson', 'r+b').truncate(LARGE)",
        "append(*(line({'type': 'head', 'directory': p('/d%d' % n), 'id': here, 'time': t}) for n in range(MANY)))",
    ];
    let mut faults = Vec::new();
    for lie in lies {
        let (s, id, canary) = prepared();
        let large = quick_or_long(2 << 30, 10 << 30);
        let many = quick_or_long(30_000, 1_000_000);
        let script = format!("{LOG}{lie}")
            .replace("LARGE", &large.to_string())
            .replace("MANY", &many.to_string());
        s.cmd("python3").args(["-c", &script]).assert().code(0);
        let lines = COMMANDS.map(words);
        let memory = if lie.contains("MANY") && many > 100_000 {
            2 << 30
        } else {
            MEMORY
        };
        let ran = drive(&s, ".", PATIENCE, &lines);
        faults.extend(
            ran.iter()
                .filter_map(|r| r.fault(memory))
                .map(|f| format!("{lie}: {f}")),
        );
        canary.assert_untouched(s.path("canary"));
        // What was recorded can be read whatever the log says, unless this took it away: forget and prune did here.
        s.run(&format!("fsync-revert dst {id} --to out"))
            .code(predicate::in_iter([0, 6]));
    }
    none(faults);
}

#[test]
fn a_repository_that_belongs_to_somebody_else_is_refused() {
    if !as_root() {
        return;
    }
    let p = Person::nobody();
    p.build(|s| {
        s.tree("dst").file("f", "mine").settle();
    });
    p.sh("fsync-snap dst").code(0);
    p.s.sh("chown -R 1234:1234 repo && chmod 755 repo && chmod 644 repo/log.ndjson repo/catalog.db* && chmod 444 repo/*.zip").success();
    for line in [
        "fsync log dst",
        "fsync-snap dst",
        "fsync rv -d dst",
        "fsync ls -d dst @",
        "fsync-tag",
        "fsync verify",
        "fsync prune --keep-last 1",
        "fsync import none.zip",
        "fsync du",
        "fsync repo copy other",
        "fsync forget -d dst f",
        "fsync verify --repair",
        "fsync cp -n none dst",
    ] {
        let told = p.sh(line);
        let code = told.get_output().status.code();
        assert_eq!(code, Some(4), "{line}: {told}");
        let said = told.complaint();
        assert!(
            said.contains("belongs to another user (1234)") && said.contains("FSYNC_TRUST"),
            "{said}"
        );
    }
    assert!(!p.s.path("other").exists());
    // Trusted by its path, by another name of it, or all of them; another path does not help.
    let repo = p.s.path("repo").display().to_string();
    p.sh(&format!("FSYNC_TRUST={repo} fsync log dst")).code(0);
    p.sh(&format!(
        "FSYNC_TRUST=/nowhere:{repo}/../repo fsync ls -d dst @"
    ))
    .code(0);
    p.sh("FSYNC_TRUST='*' fsync cat -d dst @ f")
        .code(0)
        .stdout("mine");
    p.sh(&format!("FSYNC_TRUST={repo}x fsync log dst")).code(4);
    // Root may, and so may whoever reads one of root's.
    p.s.run("fsync log dst").code(0);
    p.s.sh("chown -R 0:0 repo").success();
    p.sh("fsync log dst").code(0);
    // A copy is not brought into somebody else's folder either.
    p.s.sh("chown -R 65534:65534 repo && mkdir other && chown 1234 other && chmod 777 other")
        .success();
    p.sh("fsync repo copy other")
        .code(4)
        .stderr(contains("belongs to another user"));
}

#[test]
fn a_repository_that_everybody_may_write_to_is_refused() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "mine").settle();
    s.tree("up");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(s.path(name), fs::Permissions::from_mode(mode)).expect("a mode")
    };
    mode("up", 0o777);
    let snap = "fsync-snap --repo up/repo dst";
    s.run(snap)
        .code(4)
        .one_line("fsync-snap", &["everybody may replace it", "FSYNC_TRUST"]);
    assert!(!s.path("up/repo").exists(), "nothing was made");
    mode("up", 0o1777);
    s.run(snap).code(0);
    s.run("fsync log --repo up/repo dst").code(0);
    mode("up", 0o777);
    s.run("fsync log --repo up/repo dst")
        .code(4)
        .stderr(contains("everybody may replace it"));
    mode("up", 0o755);
    mode("up/repo", 0o777);
    for line in [
        "fsync log --repo up/repo dst",
        snap,
        "fsync --repo up/repo verify --repair",
        "fsync --repo up/repo prune --keep-last 1",
    ] {
        s.run(line)
            .code(4)
            .stderr(contains("everybody may write to it"));
    }
    s.sh("FSYNC_TRUST=up/repo fsync log --repo up/repo dst")
        .code(0);
    mode("up/repo", 0o770);
    s.run("fsync log --repo up/repo dst").code(0);
    // A link to it is as good as its name, and no better.
    symlink("up/repo", s.path("link")).expect("a link");
    s.run("fsync log --repo link dst").code(0);
    mode("up/repo", 0o707);
    s.run("fsync log --repo link dst").code(4);
    s.run("fsync repo copy --repo link elsewhere").code(4);
    assert!(!s.path("elsewhere").exists());
}
