//! Every call of every program fails, once and from then on. The quick form samples, the long form does all.

use std::collections::BTreeMap;

use crate::ground::{Ended, Ground, Look, look};
use crate::support::{long, strace};

/// A program and the state in which it begins.
struct Program {
    name: &'static str,
    /// What has happened before, once.
    past: &'static str,
    /// The script; `FAULTY` is where the faults begin.
    script: &'static str,
    /// Its second run, without faults.
    again: &'static str,
    /// What the second run may come to besides 0: the first may have done all there was to do.
    over: i32,
    /// Whether what was announced comes back exactly afterwards; not when it was taken away on purpose.
    keeps: bool,
}

/// Calls, and what they fail with.
const FAULTS: &[(&str, &[&str])] = &[
    ("write", &["EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC", "EDQUOT"]),
    ("fsync,fdatasync,syncfs,sync_file_range", &["EIO", "ENOSPC"]),
    ("rename,renameat,renameat2", &["EIO", "EACCES"]),
    ("openat,openat2", &["EIO", "EMFILE", "ENFILE", "EACCES"]),
    ("getdents64", &["EIO"]),
    ("statx,newfstatat,fstat,lstat,stat", &["EIO"]),
    ("read", &["EIO"]),
    ("pread64", &["EIO"]),
    ("unlink,unlinkat,rmdir", &["EIO", "EACCES"]),
    ("mkdir,mkdirat", &["EIO", "ENOSPC", "EACCES"]),
    ("fchmod,fchmodat,fchmodat2,chmod", &["EIO", "EPERM"]),
    ("fchown,fchownat,chown,lchown", &["EIO", "EPERM"]),
    ("utimensat", &["EIO", "EPERM"]),
    ("ftruncate", &["EIO", "ENOSPC"]),
    (
        "link,linkat,symlinkat,mknodat",
        &["EIO", "ENOSPC", "EMLINK"],
    ),
    ("flock", &["EIO", "ENOLCK"]),
    ("fcntl", &["EIO", "ENOLCK"]),
    ("readlink,readlinkat", &["EIO"]),
    ("lseek", &["EIO"]),
    ("statfs,fstatfs", &["EIO"]),
    (
        "listxattr,llistxattr,flistxattr,getxattr,lgetxattr,fgetxattr",
        &["EIO"],
    ),
    ("setxattr,lsetxattr,fsetxattr", &["EIO", "ENOSPC"]),
    ("clone,clone3,vfork,fork", &["EAGAIN", "ENOMEM"]),
    ("pipe2,socketpair", &["EMFILE", "ENFILE"]),
    ("getcwd", &["ENOENT"]),
    ("getrandom", &["ENOSYS"]),
];

/// What comes behind `FAULTY` is run under strace. `SECOND` is the id of the second snapshot.
fn programs() -> Vec<Program> {
    let plain = |name, script: &'static str| Program {
        name,
        past: "",
        script,
        again: script,
        over: 0,
        keeps: true,
    };
    vec![
        plain(
            "diff",
            "FAULTY fsync-diff --json --delete --xattrs src dst >told",
        ),
        plain("snap", "FAULTY fsync-snap dst"),
        Program {
            past: "rm -rf repo dst/.fsync-backup",
            keeps: false,
            ..plain("snap_first", "FAULTY fsync-snap dst")
        },
        Program {
            again: "fsync-apply --require-snapshot --max-delete 100% <plan",
            ..plain(
                "apply",
                "fsync-diff --json --delete src dst | fsync-snap --through >plan || exit 99
                 FAULTY fsync-apply --require-snapshot --max-delete 100% <plan",
            )
        },
        plain("cp", "FAULTY fsync cp --delete --max-delete 100% src dst"),
        Program {
            again: "fsync-revert dst SECOND",
            ..plain("revert", "FAULTY fsync-revert dst")
        },
        Program {
            again: "rm -rf out; fsync-revert dst first --to out",
            ..plain("revert_to", "FAULTY fsync-revert dst first --to out")
        },
        Program {
            past: "fsync-revert -q dst first",
            over: 6,
            ..plain("redo", "FAULTY fsync rv --redo -d dst")
        },
        Program {
            over: 4,
            ..plain("tag", "FAULTY fsync-tag create again -d dst")
        },
        Program {
            past: "fsync mksync dst src",
            ..plain("sync", "FAULTY fsync sync --delete --max-delete 100% dst")
        },
        plain("mksync", "FAULTY fsync mksync --force dst src"),
        Program {
            past: "fsync-tag delete first -d dst",
            keeps: false,
            ..plain("prune", "FAULTY fsync prune -d dst --keep-last 1")
        },
        Program {
            keeps: false,
            over: 6,
            ..plain("forget", "FAULTY fsync forget -d dst sub/gone")
        },
        plain("verify", "FAULTY fsync verify --read-data"),
        plain("repair", "FAULTY fsync verify --repair"),
        plain("export", "FAULTY fsync export first -o out.zip"),
        Program {
            past: "fsync export first -o kept.zip",
            ..plain("import", "FAULTY fsync import -d elsewhere kept.zip")
        },
        plain("repo_copy", "FAULTY fsync repo copy second"),
        plain("log", "FAULTY fsync log dst"),
    ]
}

/// How often a program makes each of these calls, at most in one thread.
fn calls(ground: &Ground, program: &Program, calls: &str) -> usize {
    ground.reset();
    ground.run(
        &program.script.replace(
            "FAULTY",
            &format!("strace -f --seccomp-bpf -o trace -e trace={calls}"),
        ),
        "",
    );
    let trace = std::fs::read_to_string(ground.s.path("trace")).unwrap_or_default();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let (Some(pid), Some(call)) = (words.next(), words.next()) else {
            continue;
        };
        if let Some((name, _)) = call.split_once('(') {
            *counts.entry((pid, name)).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or_default()
}

/// One case: what it found.
fn case(
    ground: &Ground,
    program: &Program,
    wanted: &Look,
    inject: &str,
) -> Option<(Ended, Vec<String>)> {
    ground.reset();
    let ended = ground.run(program.script, inject);
    if ended.injected.is_empty() {
        return None;
    }
    let mut faults = Vec::new();
    // Before main the loader speaks, in its own words.
    let loader =
        ended.said.contains("shared librar") || ended.injected.iter().any(|l| l.contains(".so"));
    if !loader {
        // A lock that the system does not give looks like one that another holds; without a current directory a
        // relative path is nowhere.
        let fine = match () {
            () if inject.starts_with("fcntl") => &[0, 3, 7, 8, 9][..],
            () if inject.starts_with("getcwd") => &[0, 3, 6, 9],
            () => &[0, 3, 8, 9],
        };
        if !fine.contains(&ended.code) {
            faults.push(format!("exit code {}", ended.code));
        }
        if ended.code == 8 && !inject.contains("EIO") {
            faults.push("a refusal is taken for damage".into());
        }
        ground.judge(&ended, wanted, &mut faults);
        if ended.code == 0 {
            claims(ground, wanted, &ended, inject, &mut faults);
        }
    }
    if !inject.contains("unlink") {
        faults.extend(
            ground
                .temporaries()
                .into_iter()
                .map(|left| format!("left: {left}")),
        );
    }
    let again = ground.run(&program.again.replace("SECOND", ground.snapshot(1)), "");
    if again.code != 0 && again.code != program.over {
        faults.push(format!(
            "the next run ends with {}: {}",
            again.code, again.said
        ));
    } else if look(&ground.s.tree("dst")) != *wanted {
        faults.push("the next run does not complete it".into());
    }
    faults.extend(
        ground
            .temporaries()
            .into_iter()
            .map(|left| format!("left by the next run: {left}")),
    );
    match program.keeps {
        true => ground.judge_repository(&mut faults),
        false => ground.verify(&mut faults),
    }
    Some((ended, faults))
}

/// Who ends with 0 has done all, and durably.
fn claims(ground: &Ground, wanted: &Look, ended: &Ended, inject: &str, faults: &mut Vec<String>) {
    if look(&ground.s.tree("dst")) != *wanted {
        faults.push("it says that all is done".into());
    }
    let once_full = inject.contains("ENOSPC") && !inject.ends_with('+');
    let unsynced = |l: &&String| {
        let catalog = l.contains("catalog.db") || ended.catalog.contains(l);
        // Full, BACKUP is written another way, and the folder is synced again.
        l.contains("sync(") && !catalog && !(once_full && l.contains("/dst"))
    };
    if let Some(line) = ended.injected.iter().find(unsynced) {
        faults.push(format!("it says that all is durable: {line}"));
    }
}

/// The whole table for one program.
fn sweep(name: &str) {
    if !strace() {
        return;
    }
    let program = programs()
        .into_iter()
        .find(|p| p.name == name)
        .expect("a program");
    let ground = Ground::new(program.past);
    let clean = ground.run(&program.script.replace("FAULTY", ""), "");
    assert_eq!(clean.code, 0, "{}", clean.said);
    let wanted = look(&ground.s.tree("dst"));
    let only = std::env::var("FSYNC_REFUSE").unwrap_or_default();
    let (mut cases, mut found) = (0, BTreeMap::<String, Vec<String>>::new());
    for (names, errnos) in FAULTS {
        if !only.is_empty() && !names.split(',').any(|n| n == only) {
            continue;
        }
        let count = calls(&ground, &program, names);
        for (nth, errno) in errnos.iter().enumerate() {
            for when in moments(count, nth) {
                let inject = format!("{names}:error={errno}:when={when}");
                let Some((ended, faults)) = case(&ground, &program, &wanted, &inject) else {
                    continue;
                };
                cases += 1;
                for fault in faults {
                    let at = format!(
                        "{inject} (code {})\n      {}\n      said: {}",
                        ended.code,
                        ended.injected.first().map_or("", String::as_str),
                        ended.said.trim_end()
                    );
                    found.entry(fault).or_default().push(at);
                }
            }
        }
    }
    eprintln!("{name}: {cases} cases");
    if !found.is_empty() {
        let mut text = String::new();
        for (fault, at) in &found {
            text.push_str(&format!(
                "\n* {fault}\n    {} times, first {}",
                at.len(),
                at[0]
            ));
        }
        panic!("{name}: {text}");
    }
}

/// When a call fails: once, or from then on (`N+`). The quick form takes a moment for each error, early, in the middle
/// or at the end; the long form takes all.
fn moments(count: usize, nth: usize) -> Vec<String> {
    match (count, long()) {
        (0, _) => Vec::new(),
        (_, true) => (1..=count)
            .flat_map(|n| [n.to_string(), format!("{n}+")])
            .collect(),
        (_, false) => vec![match nth {
            0 => count.div_ceil(2).to_string(),
            1 => format!("{}+", count.div_ceil(3)),
            _ => count.to_string(),
        }],
    }
}

#[test]
fn diff() {
    sweep("diff");
}

#[test]
fn snap() {
    sweep("snap");
}

#[test]
fn snap_first() {
    sweep("snap_first");
}

#[test]
fn apply() {
    sweep("apply");
}

#[test]
fn cp() {
    sweep("cp");
}

#[test]
fn revert() {
    sweep("revert");
}

#[test]
fn revert_to() {
    sweep("revert_to");
}

#[test]
fn redo() {
    sweep("redo");
}

#[test]
fn tag() {
    sweep("tag");
}

#[test]
fn sync() {
    sweep("sync");
}

#[test]
fn mksync() {
    sweep("mksync");
}

#[test]
fn prune() {
    sweep("prune");
}

#[test]
fn forget() {
    sweep("forget");
}

#[test]
fn verify() {
    sweep("verify");
}

#[test]
fn repair() {
    sweep("repair");
}

#[test]
fn export() {
    sweep("export");
}

#[test]
fn import() {
    sweep("import");
}

#[test]
fn repo_copy() {
    sweep("repo_copy");
}

#[test]
fn log() {
    sweep("log");
}
