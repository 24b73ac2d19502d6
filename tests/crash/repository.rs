//! Crashes of what changes repositories: tag, prune, forget, verify --repair, import, repo copy.

use crate::case::{Case, Recorded};
use crate::check::every_crash;
use crate::directory::destination;
use crate::support::{Oracle, Sandbox, strace};

/// Snapshots of one directory, the oldest first.
fn history(s: &Sandbox, count: usize) -> Vec<Recorded> {
    destination(s);
    let one = |n: usize| {
        s.tree("dst")
            .edit("edited", format!("version {n}"))
            .edit(format!("only{n}"), format!("only in {n}"));
        if n > 0 {
            s.tree("dst").remove(format!("only{}", n - 1));
        }
        Recorded::now(s, "dst")
    };
    (0..count).map(one).collect()
}

#[test]
fn a_tag_that_moves() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let all = history(&s, 2);
    s.sh(&format!("fsync-tag create moves {} -d dst", all[0].id))
        .code(0);
    let line = format!("fsync-tag move moves {} -d dst", all[1].id);
    let mut case = Case::new(&s, &line);
    case.there = all;
    case.tells = vec!["fsync-tag dst | cut -f 2-"];
    every_crash(&case);
}

#[test]
fn a_new_tag() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let all = history(&s, 2);
    let mut case = Case::new(&s, "fsync-tag create new -d dst");
    case.again = "fsync-tag create new -d dst || test $? = 4";
    case.there = all;
    case.tells = vec!["fsync-tag dst | cut -f 2-"];
    every_crash(&case);
}

#[test]
fn a_tag_that_goes() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let all = history(&s, 2);
    s.sh("fsync-tag create goes -d dst; fsync-tag create stays -d dst")
        .code(0);
    let mut case = Case::new(&s, "fsync-tag delete goes -d dst");
    case.again = "fsync-tag delete goes -d dst || test $? = 6";
    case.there = all;
    case.tells = vec!["fsync-tag dst | cut -f 2-"];
    every_crash(&case);
}

#[test]
fn a_prune() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let mut all = history(&s, 5);
    s.sh(&format!("fsync-tag create kept {} -d dst", all[1].id))
        .code(0);
    s.sh("fsync prune -d dst --keep-last 4").code(0);
    all.remove(0);
    for at in [1, 2] {
        all[at].may_go = true;
    }
    let mut case = Case::new(&s, "fsync prune -d dst --keep-last 1");
    case.there = all;
    case.tells = vec![
        "fsync log dst | cut -f 3",
        "ls repo | grep -c zip",
        "fsync-tag dst | cut -f 2-",
    ];
    every_crash(&case);
}

#[test]
fn forgetting() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let mut all = history(&s, 3);
    for (n, one) in all.iter_mut().enumerate() {
        if n == 1 {
            let without = one.states[0].without("only1");
            one.states.push(without);
        }
    }
    s.sh(&format!("fsync-tag create t {} -d dst", all[1].id))
        .code(0);
    let mut case = Case::new(&s, "fsync forget -d dst only1");
    case.there = all;
    case.tells = vec![
        "fsync log dst --json",
        "ls repo | grep -c zip",
        "fsync-tag dst | cut -f 2-",
        "cat dst/.fsync-backup",
    ];
    every_crash(&case);
}

#[test]
fn a_repair() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let mut all = history(&s, 3);
    let archive = s.archive(&all[1].id);
    let bytes = std::fs::read(&archive).expect("an archive");
    std::fs::remove_file(&archive).expect("removed");
    std::fs::write(&archive, &bytes[..bytes.len() - 30]).expect("written");
    all[1].may_go = true;
    all[2].may_go = true;
    let mut case = Case::new(&s, "fsync verify --repair");
    case.damaged = true;
    case.there = all;
    case.tells = vec![
        "fsync log dst | cut -f 3",
        "ls repo | grep -c zip",
        "ls repo/damaged",
    ];
    every_crash(&case);
}

#[test]
fn an_import() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let all = history(&s, 1);
    s.sh(&format!("fsync-snap --export {} -o it.zip", all[0].id))
        .code(0);
    let mut case = Case::new(&s, "fsync import -d elsewhere -t came it.zip");
    case.records = Some(("elsewhere", Oracle::of(s.path("dst"))));
    case.there = all;
    case.tells = vec![
        "fsync-tag elsewhere | cut -f 2",
        "fsync log elsewhere | wc -l",
    ];
    every_crash(&case);
}

#[test]
fn a_second_copy() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let mut all = history(&s, 2);
    s.sh("fsync repo copy second").code(0);
    s.tree("dst").edit("edited", "more");
    all.push(Recorded::now(&s, "dst"));
    let ids: Vec<String> = all.iter().map(|r| r.id.clone()).collect();
    let check = format!(
        "for i in {}; do fsync --repo second cat $i edited; done",
        ids.join(" ")
    );
    let mut case = Case::new(&s, "fsync repo copy second");
    case.there = all;
    case.tells = vec![
        "cmp repo/log.ndjson second/log.ndjson",
        "fsync verify --repo second",
        &check,
    ];
    every_crash(&case);
}

#[test]
fn a_first_second_copy() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let all = history(&s, 2);
    let mut case = Case::new(&s, "fsync repo copy second");
    case.there = all;
    case.tells = vec![
        "cmp repo/log.ndjson second/log.ndjson",
        "fsync verify --repo second",
    ];
    every_crash(&case);
}
