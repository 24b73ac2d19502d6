//! How machines hear of each other: what is asked for, and what becomes of runs that are cut short.

use std::fs;

use crate::support::{Sandbox, Told};
use crate::world::{asked, count, objects, on, snap, trapped, world};

/// What is listed in an unchanged run: who writes, and how much.
const LOOK: &str = "list - machine/";

/// Records something new; the id.
fn change(s: &Sandbox, machine: &str, dir: &str, text: &str) -> String {
    fs::write(s.path(dir).join("a"), text).unwrap();
    snap(s, machine, dir)
}

/// How often a machine sets a tag, each time a piece of its log.
fn tags(s: &Sandbox, machine: &str, dir: &str, from: usize, to: usize) {
    let line =
        format!("for n in $(seq {from} {to}); do fsync-tag create t$n -d {dir} || exit; done");
    on(s, machine, &line).code(0);
}

/// The pieces of the log of the only machine that is called so.
fn pieces(s: &Sandbox, machine: &str) -> Vec<String> {
    objects(s, &format!("log/{}", whole(s, machine)))
}

fn whole(s: &Sandbox, machine: &str) -> String {
    let folder = fs::read_dir(s.path("store/machine")).unwrap().flatten();
    let names = folder.map(|entry| entry.file_name().into_string().unwrap());
    let mut same = names.filter(|n| n.rsplit_once('.').unwrap().0 == machine);
    let found = same.next().unwrap();
    assert_eq!(same.next(), None);
    found
}

/// What others are told of a machine is true: that it writes, and one end, to which its pieces lead.
fn assert_told(s: &Sandbox, machine: &str, context: &str) {
    let words = objects(s, &format!("machine/{}", whole(s, machine)));
    assert_eq!(words.len(), 2, "{context}: {words:?}");
    assert_eq!(words[0], "0".repeat(16), "{context}");
    let folder = s.path("store/log").join(whole(s, machine));
    let mut ends = pieces(s, machine).into_iter().map(|name| {
        let from = u64::from_str_radix(&name[..16], 16).unwrap();
        from + fs::metadata(folder.join(name)).unwrap().len()
    });
    let end = u64::from_str_radix(&words[1], 16).unwrap();
    assert_eq!(ends.by_ref().max(), Some(end), "{context}");
}

/// What a machine knows of the directory of another one.
fn known(s: &Sandbox, reader: &str, machine: &str, dir: &str) -> String {
    let name = match reader == machine {
        true => s.path(dir).display().to_string(),
        false => format!("//{machine}{}", s.path(dir).display()),
    };
    on(s, reader, &format!("fsync log {name} && fsync th {name}"))
        .code(0)
        .text()
}

#[test]
fn an_unchanged_snapshot_asks_once_however_many_write() {
    let s = world();
    s.tree("mine").file("a", "1").settle();
    s.tree("other").file("a", "2").settle();
    let id = snap(&s, "one", "mine");
    let mut last = 1;
    for machines in [1, 3, 50] {
        for n in last + 1..=machines {
            snap(&s, &format!("m{n}"), "other");
        }
        last = machines;
        assert_eq!(snap(&s, "one", "mine"), id);
        asked(&s, "one");
        assert_eq!(snap(&s, "one", "mine"), id);
        assert_eq!(asked(&s, "one"), [LOOK], "{machines} machines");
    }
    let told = on(&s, "one", "fsync repo machines").code(0).text();
    assert_eq!(told.lines().count(), 50, "{told}");
    // One of them goes on, and only that is asked for.
    asked(&s, "m7");
    let theirs = change(&s, "m7", "other", "3");
    // The archive, the piece, where it ends; and what that was before goes.
    let said = asked(&s, "m7");
    for (verb, times) in [("put", 3), ("delete", 1), (LOOK, 2)] {
        assert_eq!(count(&said, verb), times, "{said:?}");
    }
    asked(&s, "one");
    on(&s, "one", &format!("fsync cat {theirs} a"))
        .code(0)
        .stdout("3");
    let asked = asked(&s, "one");
    assert_eq!(count(&asked, "list"), 1, "{asked:?}");
    let log = format!("log/{}/", whole(&s, "m7"));
    let logs: Vec<&String> = asked.iter().filter(|a| a.contains("log/")).collect();
    assert_eq!(logs.len(), 1, "{asked:?}");
    assert!(
        logs[0].starts_with("get") && logs[0].contains(&log),
        "{logs:?}"
    );
}

#[test]
fn what_was_cut_short_is_made_good_by_the_next_run() {
    for (trap, code) in [
        ("before put ^log/", 9),
        ("after put ^log/", 9),
        ("before put ^machine/.*[1-9a-f]$", 9),
        ("after put ^machine/.*[1-9a-f]$", 9),
        ("before rm ^machine/", 0),
        ("after rm ^machine/", 0),
    ] {
        let s = world();
        s.tree("work").file("a", "1").settle();
        let first = snap(&s, "one", "work");
        let before = known(&s, "two", "one", "work");
        fs::write(s.path("work/a"), "2").unwrap();
        trapped(&s, "one", trap, "fsync-snap work").code(code);
        // Nobody is told half of it.
        let seen = known(&s, "two", "one", "work");
        if seen == before {
            assert_eq!(code, 9, "{trap}");
            on(&s, "two", "fsync verify").code(0);
        }
        if code == 9 {
            assert_eq!(s.head("work").as_deref(), Some(&*first), "{trap}");
        }
        // There is more to say than when it was cut short.
        let second = change(&s, "one", "work", "3");
        assert_told(&s, "one", trap);
        for reader in ["two", "three"] {
            on(&s, reader, &format!("fsync cat {second} a"))
                .code(0)
                .stdout("3");
            assert!(known(&s, reader, "one", "work").contains(&second), "{trap}");
            on(&s, reader, "fsync verify").code(0);
        }
        on(&s, "one", "fsync verify").code(0);
        // The folder is a cache also then.
        s.sh("rm -rf one/.cache").code(0);
        let third = change(&s, "one", "work", "4");
        assert_told(&s, "one", trap);
        assert!(known(&s, "two", "one", "work").contains(&third), "{trap}");
    }
}

#[test]
fn a_machine_that_came_to_nothing_keeps_nobody_from_anything() {
    for trap in [
        "after put ^machine/.*/0{16}$",
        "before put ^archive/",
        "before put ^log/",
        "after put ^log/",
    ] {
        let s = world();
        s.tree("work").file("a", "1").settle();
        s.tree("other").file("a", "2").settle();
        snap(&s, "one", "work");
        trapped(&s, "two", trap, "fsync-snap other").code(9);
        let told = on(&s, "one", "fsync repo machines").code(0).text();
        assert_eq!(told, "one\tthis one\ntwo", "{trap}");
        asked(&s, "one");
        snap(&s, "one", "work");
        assert_eq!(asked(&s, "one"), [LOOK], "{trap}");
        // It goes on, also without its folder, under its name.
        s.sh("rm -rf two/.cache").code(0);
        let id = snap(&s, "two", "other");
        assert_told(&s, "two", trap);
        on(&s, "one", &format!("fsync cat {id} a"))
            .code(0)
            .stdout("2");
        let told = on(&s, "one", "fsync repo machines").code(0).text();
        assert_eq!(told, "one\tthis one\ntwo", "{trap}");
    }
}

#[test]
fn many_pieces_are_joined_and_say_the_same() {
    let s = world();
    s.tree("work").file("a", "0").settle();
    snap(&s, "one", "work");
    let line = "for n in $(seq 100); do echo $n >work/a; fsync-snap work >/dev/null || exit; done";
    on(&s, "one", line).code(0);
    let there = pieces(&s, "one");
    assert!(there.len() <= 33, "{there:?}");
    assert!(there.iter().any(|name| name.contains('-')), "{there:?}");
    assert_told(&s, "one", "joined");
    asked(&s, "two");
    let seen = known(&s, "two", "one", "work");
    let asked = asked(&s, "two");
    // The ends of 101 archives are what is left.
    let gets = asked.iter().filter(|a| a.contains("archive/")).count();
    assert_eq!(gets, 101);
    assert!(there.len() <= 8, "{there:?}");
    assert!(asked.len() - gets <= 5 + there.len(), "{asked:?}");
    assert_eq!(seen, known(&s, "one", "one", "work"));
    on(&s, "two", "fsync verify").code(0);
    on(&s, "one", "fsync verify").code(0);
}

#[test]
fn joining_is_cut_short_without_harm() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    known(&s, "two", "one", "work");
    tags(&s, "one", "work", 1, 31);
    assert_eq!(pieces(&s, "one").len(), 32);
    s.sh("cp -a store store.kept && cp -a one one.kept").code(0);
    for trap in [
        "before ls ^log/",
        "before put ^log/.*-",
        "after put ^log/.*-",
        "before rm ^log/",
        "after rm ^log/.*0{16}$",
    ] {
        trapped(&s, "one", trap, "fsync-tag create t32 -d work").code(0);
        // One that has read some of it, and one that has read none.
        let all = known(&s, "one", "one", "work");
        assert!(all.contains("\tt32\t"), "{all}");
        for reader in ["two", "three"] {
            assert_eq!(known(&s, reader, "one", "work"), all, "{trap}");
        }
        tags(&s, "one", "work", 33, 33);
        let there = pieces(&s, "one");
        assert_eq!(there.len(), 1, "{trap}: {there:?}");
        assert_told(&s, "one", trap);
        let all = known(&s, "one", "one", "work");
        for reader in ["two", "three", "four"] {
            assert_eq!(known(&s, reader, "one", "work"), all, "{trap}");
            on(&s, reader, "fsync verify").code(0);
        }
        s.sh("rm -rf store one three four && cp -a store.kept store && cp -a one.kept one")
            .code(0);
        s.sh("rm -rf two/.cache").code(0);
        known(&s, "two", "one", "work");
    }
}

#[test]
fn a_piece_that_vanishes_meanwhile_is_looked_for_again() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    known(&s, "two", "one", "work");
    tags(&s, "one", "work", 1, 9);
    let all = known(&s, "one", "one", "work");
    let look = format!("fsync log //one{} >/dev/null", s.path("work").display());
    trapped(&s, "three", "join get ^log/", &look).code(0);
    assert_eq!(pieces(&s, "one").len(), 1);
    // One that has read of it asks for what it lacks.
    asked(&s, "two");
    assert_eq!(known(&s, "two", "one", "work"), all);
    let asked = asked(&s, "two");
    let got = asked
        .iter()
        .filter(|a| a.starts_with("get") && a.contains("-"));
    let from: Vec<u64> = got
        .map(|a| a.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(from.len() == 1 && from[0] > 0, "{asked:?}");
    for reader in ["three", "four"] {
        assert_eq!(known(&s, reader, "one", "work"), all);
    }
}

#[test]
fn what_a_crash_tore_here_is_read_again() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    known(&s, "two", "one", "work");
    let id = change(&s, "one", "work", "2");
    let from = pieces(&s, "one").pop().unwrap();
    let piece = s.path("store/log").join(whole(&s, "one")).join(from);
    // Half of the line that says which archive there is.
    let half = fs::read(piece).unwrap()[..60].to_vec();
    let logs = log_of(&s, "two").with_file_name("logs");
    let log = logs.join(format!("{}.ndjson", whole(&s, "one")));
    let mut text = fs::read(&log).unwrap();
    text.extend(half);
    fs::write(&log, text).unwrap();
    on(&s, "two", &format!("fsync cat {id} a"))
        .code(0)
        .stdout("2");
    assert_eq!(
        known(&s, "two", "one", "work"),
        known(&s, "one", "one", "work")
    );
    on(&s, "two", "fsync verify").code(0);
}

#[test]
fn a_log_that_is_not_all_there_is_told_of() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    tags(&s, "one", "work", 1, 9);
    let lost = &pieces(&s, "one")[5];
    let path = s.path("store/log").join(whole(&s, "one")).join(lost);
    fs::rename(&path, s.path("lost")).unwrap();
    s.tree("other").file("a", "2").settle();
    let told = on(&s, "two", "fsync-snap other").code(0).complaint();
    assert!(told.contains("can be read to byte"), "{told}");
    let seen = known(&s, "two", "one", "work");
    assert!(
        seen.contains("\tt4\t") && !seen.contains("\tt5\t"),
        "{seen}"
    );
    // It cannot be taken over like that.
    s.sh("rm -rf one/.cache").code(0);
    let told = on(&s, "one", "fsync-snap work").code(8).complaint();
    assert!(told.contains("can be read to byte"), "{told}");
    fs::rename(s.path("lost"), &path).unwrap();
    let seen = known(&s, "two", "one", "work");
    assert_eq!(seen, known(&s, "one", "one", "work"));
}

#[test]
fn a_copy_is_found_out_though_pieces_were_joined() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    s.sh("cp -a one saved").code(0);
    tags(&s, "one", "work", 1, 40);
    // The name of the next piece is not taken: what is there says so.
    let end = fs::metadata(log_of(&s, "saved")).unwrap().len();
    assert!(!pieces(&s, "one").contains(&format!("{end:016x}")));
    s.sh("rm -rf one && mv saved one").code(0);
    let told = on(&s, "one", "fsync-tag create mine -d work")
        .code(0)
        .complaint();
    assert!(told.contains("another machine writes as one"), "{told}");
    let told = on(&s, "one", "echo 2 >work/a; fsync-snap work")
        .code(4)
        .complaint();
    assert!(told.contains("another machine writes as one"), "{told}");
    assert!(!known(&s, "two", "one", "work").contains("mine"));
}

fn log_of(s: &Sandbox, home: &str) -> std::path::PathBuf {
    let cache = s.path(home).join(".cache/fsync");
    let folder = fs::read_dir(cache).unwrap().flatten().next().unwrap();
    folder.path().join("log.ndjson")
}

#[test]
fn what_goes_was_said_to_go() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let old = snap(&s, "one", "work");
    let new = change(&s, "one", "work", "2");
    let prune = "fsync prune -d work --keep-last 1";
    for trap in ["before put ^log/", "after put ^log/"] {
        trapped(&s, "one", trap, prune).code(9);
        assert!(objects(&s, "archive").contains(&format!("{old}.zip")));
    }
    on(&s, "one", prune).code(0);
    assert!(!objects(&s, "archive").contains(&format!("{old}.zip")));
    assert_told(&s, "one", "pruned");
    s.sh("grep -rq '\"type\":\"pack\"' store/log").code(0);
    let seen = known(&s, "two", "one", "work");
    assert!(seen.contains(&new) && !seen.contains(&old), "{seen}");
    on(&s, "two", "fsync verify").code(0);
}

#[test]
fn one_that_is_retired_gets_another_name() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    s.tree("other").file("a", "2").settle();
    snap(&s, "one", "work");
    snap(&s, "two", "other");
    on(&s, "one", "fsync repo retire two").code(0);
    fs::write(s.path("other/a"), "3").unwrap();
    asked(&s, "two");
    on(&s, "two", "fsync-snap other").code(4);
    assert_eq!(count(&asked(&s, "two"), "get"), 0);
    s.sh("rm -rf two/.cache").code(0);
    snap(&s, "two", "other");
    let told = on(&s, "one", "fsync repo machines").code(0).text();
    assert_eq!(told, "one\tthis one\ntwo\tretired\ntwo-2");
}
