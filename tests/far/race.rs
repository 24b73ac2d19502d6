//! Somebody on the far machine swaps directories and links, as fast as the kernel does, while a client who may see one
//! directory pulls from it, pushes to it and takes back. Long form: `FSYNC_LONG=1`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{RenameFlags, renameat_with};

use crate::support::{Canary, Sandbox, meanwhile, quick_or_long};
use crate::world::world;

/// What a client runs, again and again; how it ends is another matter each time.
const LINES: [&str; 6] = [
    "fsync -q cp --delete --max-delete 100% src host:dir",
    "rm -rf got; fsync -q cp host:dir got",
    "fsync -q rv -d host:dir",
    "fsync -q cp src host:dir/d/e",
    "rm -rf got; fsync -q cp --checksum host:dir/d got",
    "fsync -q snap host:dir",
];

/// What lies outside was not read into a copy or a snapshot.
fn nothing_was_read(s: &Sandbox, canary: &Canary) {
    canary.assert_not_in(s.path("got"));
    let secret = crate::support::SECRET;
    s.sh(&format!(
        "! for zip in there/.repo/*.zip; do unzip -p \"$zip\" 2>/dev/null; done | grep -q {secret}"
    ))
    .code(0);
}

#[test]
fn what_becomes_a_link_meanwhile_leads_nowhere() {
    let s = world();
    let canary = Canary::new(&s, "there/out");
    for name in ["there/in/dir", "src"] {
        let tree = s.tree(name);
        for n in 0..12 {
            for folder in ["", "d/", "d/e/"] {
                tree.file(format!("{folder}f{n}"), format!("{name} {n}"));
            }
        }
        tree.settle();
    }
    let traps = s.path("there/in/traps");
    fs::create_dir(&traps).unwrap();
    for (name, target) in [("top", ""), ("d", "d"), ("e", "e"), ("f", "f")] {
        symlink(canary.at(target), traps.join(name)).unwrap();
    }
    // Through handles, so that whoever swaps does not fall into his own traps.
    let open = |name: &str| File::open(s.path("there/in").join(name)).unwrap();
    let (top, dir, d, traps) = (open(""), open("dir"), open("dir/d"), open("traps"));
    let swap = |at: &File, name: &str, trap: &str| {
        let _ = renameat_with(at, name, &traps, trap, RenameFlags::EXCHANGE);
    };
    // Where the very directory is hardly ever there, nobody comes far: so it is left alone every other time.
    let all = AtomicBool::new(false);
    let nuisances: [&(dyn Fn() + Sync); 2] = [
        &|| match all.load(Ordering::Relaxed) {
            true => swap(&top, "dir", "top"),
            false => std::thread::yield_now(),
        },
        &|| {
            swap(&dir, "d", "d");
            swap(&d, "e", "e");
            swap(&dir, "f3", "f");
            swap(&d, "f1", "f");
        },
    ];
    let (codes, swaps) = meanwhile(&nuisances, || {
        let mut codes = std::collections::BTreeMap::new();
        for round in 0..quick_or_long(12, 400) {
            let line = LINES[round % LINES.len()];
            all.store(round / LINES.len() % 2 == 1, Ordering::Relaxed);
            // The source is another one each time, so that there is something to do.
            let script = format!(
                "export FSYNC_RSH=\"$PWD/rsh\" FSYNC_SERVE='fsync serve --restrict in'; \
                 echo {round} >src/d/e/f1; {line}"
            );
            let ended = s.sh(&script);
            let code = ended.get_output().status.code();
            *codes.entry((line, code)).or_insert(0) += 1;
            let expected = code.is_some_and(|code| (0..=9).contains(&code));
            assert!(expected, "{ended}");
            canary.assert_sings();
            nothing_was_read(&s, &canary);
        }
        codes
    });
    eprintln!("race: {swaps} swaps; {codes:?}");
    assert!(swaps > 0);
    canary.assert_sings();
}
