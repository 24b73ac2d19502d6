//! Limits of the process: open files, memory, stack, processes, the size of files.

use crate::ground::{Ground, Look, look, voice};
use crate::support::{Oracle, Person, as_root, quick_or_long, trees};

/// Programs, and what each is run again as.
const PROGRAMS: [(&str, &str); 6] = [
    ("fsync-diff --json --delete src dst >told", "true"),
    ("fsync-snap dst", "fsync-snap dst"),
    ("fsync cp --delete src dst", "fsync cp --delete src dst"),
    ("fsync-revert dst", "fsync-revert dst SECOND"),
    ("fsync verify --read-data", "true"),
    ("fsync prune -d dst --keep-last 2", "true"),
];

/// Runs every program under limits (as shell), all that must hold checked after each; how many did what they should.
fn limited(limits: impl Iterator<Item = String> + Clone) -> usize {
    let ground = Ground::new("true");
    let mut all = String::new();
    let mut whole = 0;
    for (line, again) in PROGRAMS {
        ground.reset();
        assert_eq!(ground.run(line, "").code, 0, "{line}");
        let wanted: Look = look(&ground.s.tree("dst"));
        for limit in limits.clone() {
            // What the loader needs is no business of ours.
            let name = line.split(' ').next().expect("a program");
            if ground
                .run(&format!("{limit}; exec {name} --version >told"), "")
                .code
                != 0
            {
                continue;
            }
            ground.reset();
            let ended = ground.run(&format!("{limit}; {line}"), "");
            let mut faults = Vec::new();
            let loader = ended.said.contains("shared librar") || ended.said.contains("Cannot fork");
            if !loader {
                if ![0, 3, 9].contains(&ended.code) {
                    faults.push(format!("exit code {}", ended.code));
                }
                ground.judge(&ended, &wanted, &mut faults);
            }
            if ended.code == 0 {
                whole += 1;
                if look(&ground.s.tree("dst")) != wanted {
                    faults.push("it says that all is done".into());
                }
            }
            let next = ground.run(&again.replace("SECOND", ground.snapshot(1)), "");
            if next.code != 0 || again != "true" && look(&ground.s.tree("dst")) != wanted {
                faults.push(format!("the next run: {} {}", next.code, next.said));
            }
            if again != "true" {
                faults.extend(ground.temporaries());
            }
            ground.judge_repository(&mut faults);
            for fault in faults {
                all.push_str(&format!(
                    "\n{limit}: {line}: {fault}\n   said: {}",
                    ended.said
                ));
            }
        }
    }
    assert!(all.is_empty(), "{all}");
    whole
}

#[test]
fn open_files() {
    let step = quick_or_long(5, 1);
    let whole = limited((4..40).step_by(step).map(|n| format!("ulimit -n {n}")));
    assert!(whole > 0, "with some tens of files all of it works");
}

/// A guard that cannot look does not let pass.
#[test]
fn a_guard_that_cannot_look_at_the_destination_refuses() {
    if !crate::support::strace() {
        return;
    }
    let s = crate::support::Sandbox::new();
    s.tree("src").file("f", "f").settle();
    for n in 0..30 {
        s.tree("dst").file(format!("{n}"), "precious");
    }
    s.sh("fsync-diff --json --delete src dst >plan").code(0);
    let before = Oracle::of(s.path("dst"));
    for call in ["openat", "openat2", "statx", "readlink", "getdents64"] {
        for n in 1..quick_or_long(16, 60) {
            for when in [format!("{n}"), format!("{n}+")] {
                let told = s.sh(&format!(
                    "strace -f --seccomp-bpf -o trace -e trace={call} -e inject={call}:error=EMFILE:when={when} fsync-apply <plan"
                ));
                assert_ne!(told.get_output().status.code(), Some(0), "{call} {when}");
                before.assert_is(s.path("dst"));
            }
        }
    }
}

#[test]
fn memory() {
    let step = quick_or_long(60_000, 5_000);
    let whole = limited(
        (30_000..400_000)
            .step_by(step)
            .map(|n| format!("ulimit -v {n}")),
    );
    assert!(whole > 0, "with 300 MB all of it works");
}

#[test]
fn stack() {
    let whole = limited(
        [8192, 1024, 512]
            .into_iter()
            .map(|n| format!("ulimit -s {n}")),
    );
    assert!(whole > 0);
}

#[test]
fn the_size_of_files() {
    let step = quick_or_long(120, 8);
    // In blocks of 512 bytes.
    limited((0..400).step_by(step).map(|n| format!("ulimit -f {n}")));
}

#[test]
fn processes_and_threads() {
    if !as_root() {
        return;
    }
    let p = Person::nobody();
    trees(&p, |src, dst| {
        for n in 0..40 {
            src.file(format!("d{}/f{n}", n % 5), format!("new {n}"));
            dst.file(format!("d{}/f{n}", n % 5), "old");
        }
        src.settle();
        dst.settle();
    });
    p.sh("fsync-snap dst").code(0);
    let before = Oracle::of(p.s.path("dst"));
    // Others who run as the same user count too, so no number says what happens.
    for limit in 0..quick_or_long(9, 24) {
        for line in [
            "fsync-diff src dst >told",
            "fsync-snap dst",
            "fsync verify --read-data",
            "fsync cp src dst",
        ] {
            let told = p.sh(&format!("exec prlimit --nproc={limit} {line}"));
            let output = told.get_output();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code().unwrap_or(-1);
            assert!([0, 3, 9].contains(&code), "{limit}: {line}: {code} {said}");
            let ended = crate::ground::Ended {
                code,
                said,
                injected: Vec::new(),
                catalog: Vec::new(),
            };
            let mut faults = Vec::new();
            voice(&ended, &mut faults);
            assert!(
                faults.is_empty(),
                "{limit}: {line}: {faults:?} {}",
                ended.said
            );
        }
        p.sh("fsync cp -q src dst").code(0);
        p.copied("src").assert_is(p.s.path("dst"));
        p.sh("fsync verify && fsync rv -q -d dst first 2>/dev/null || fsync-revert -q dst @")
            .code(0);
        before.assert_is(p.s.path("dst"));
    }
}
