//! Stores that cannot be reached, lie, or break off.

use std::fs;

use crate::support::Told;
use crate::world::{objects, on, snap, world};

#[test]
fn what_is_not_there_is_one_line() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let told = on(&s, "one", "fsync log work").code(6).complaint();
    assert!(told.contains("is not a repository yet"), "{told}");
    let told = on(&s, "one", "FSYNC_REPO=nix://x fsync-snap work")
        .code(9)
        .complaint();
    assert!(
        told.contains("no program fsync-store-nix is installed"),
        "{told}"
    );
    let told = on(
        &s,
        "one",
        "FSYNC_REPO=dir:///nowhere/at/all fsync-snap work",
    )
    .code(9)
    .complaint();
    assert!(told.contains("there is no such store"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    fs::write(s.path("store/mine"), "x").unwrap();
    let told = on(&s, "one", "fsync-snap work").code(4).complaint();
    assert!(told.contains("holds something else already"), "{told}");
    assert!(!s.path("work/.fsync-backup").exists());
    assert_eq!(objects(&s, ""), ["mine"]);
}

#[test]
fn helpers_that_misbehave_do_no_harm() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    fs::write(s.path("work/a"), "2").unwrap();
    for bad in [
        "exit 0",
        "cat",
        "read x; echo fsync-store 2",
        "read x; echo failed denied 'no key of yours'",
        "read x; echo fsync-store 1; exit 0",
        "read x; echo fsync-store 1; read y; echo nonsense",
        "read x; echo fsync-store 1; read n y; echo $n data 99999999999",
        "read x; echo fsync-store 1; read n y; echo $n data 5; printf abc",
        "read x; echo fsync-store 1; read n y; echo $n keys 1; echo 1 ../../etc/x",
        "read x; echo fsync-store 1; read n y; echo $n keys 1; echo 1 machine/../x.0123456789abcdef/00000000000000ff",
        "read x; echo fsync-store 1; read n y; echo $n keys 1; echo 1 machine/x.0123456789abcdef/ffffffffffffffff",
        "read x; echo fsync-store 1; read n y; echo 999 done",
        "read x; echo fsync-store 1; read n y; echo $n made",
        "read x; head -c 100000 /dev/zero",
    ] {
        fs::write(s.path("bad"), bad).unwrap();
        let told = on(&s, "one", "timeout 20 fsync-snap work")
            .code(9)
            .complaint();
        assert_eq!(told.lines().count(), 1, "{bad}: {told}");
        assert_eq!(s.head("work").as_deref(), Some(&*id), "{bad}");
    }
    fs::remove_file(s.path("bad")).unwrap();
    assert_ne!(snap(&s, "one", "work"), id);
    on(&s, "one", "fsync verify").code(0);
}

#[test]
fn a_store_that_breaks_off_leaves_what_was_there() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    s.tree("new").file("a", "other").settle();
    for bytes in [40, 120, 300, 700, 1500] {
        // Something to record before the change.
        fs::write(s.path("work/more"), bytes.to_string()).unwrap();
        fs::write(
            s.path("bad"),
            format!("dd bs=1 count={bytes} status=none | \"$1\""),
        )
        .unwrap();
        on(&s, "one", "timeout 20 fsync cp new work").code(9);
        assert_eq!(fs::read(s.path("work/a")).unwrap(), b"1", "{bytes}");
        assert_eq!(s.head("work").as_deref(), Some(&*id), "{bytes}");
    }
    fs::remove_file(s.path("bad")).unwrap();
    on(&s, "one", "fsync -q cp new work").code(0);
    assert_eq!(fs::read(s.path("work/a")).unwrap(), b"other");
    on(&s, "two", "fsync verify").code(0);
}

#[test]
fn a_run_that_was_killed_before_it_knew_is_gone_on_with() {
    // The store has the piece of the log, and the machine has not written down that it has.
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    s.sh("cp one/.cache/fsync/*/pushed kept").code(0);
    for text in ["2", "3"] {
        fs::write(s.path("work/a"), text).unwrap();
        snap(&s, "one", "work");
        s.sh("cp kept one/.cache/fsync/*/pushed").code(0);
    }
    fs::write(s.path("work/a"), "4").unwrap();
    let id = snap(&s, "one", "work");
    on(&s, "two", &format!("fsync cat {id} a"))
        .code(0)
        .stdout("4");
}

#[test]
fn an_end_that_was_not_put_in_place_is_fetched_again() {
    // Killed between the log's line of an archive and its end's name.
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    s.sh(&format!("rm one/.cache/fsync/*/{id}.zip")).code(0);
    let told = on(&s, "one", "fsync log work").code(0);
    assert_eq!(told.complaint(), "");
    assert!(told.text().contains(&id));
    assert_eq!(snap(&s, "one", "work"), id);
}

#[test]
fn an_archive_that_no_log_names_goes_when_its_machine_prunes() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    s.tree("other").file("b", "2").settle();
    snap(&s, "two", "other");
    // Killed behind the put: neither the machine nor its log in the store knows.
    s.sh("cp -a one kept; mkdir was; cp -a store/log store/machine was")
        .code(0);
    fs::write(s.path("work/a"), "2").unwrap();
    let id = snap(&s, "one", "work");
    s.sh("rm -rf one store/log store/machine; mv kept one; mv was/* store; rm work/.fsync-backup")
        .code(0);
    let archive = format!("{id}.zip");
    on(&s, "two", "fsync -q prune -d other --keep-last 1").code(0);
    assert!(objects(&s, "archive").contains(&archive));
    let told = on(&s, "one", "fsync prune -d work --keep-last 1")
        .code(0)
        .complaint();
    assert!(told.contains("1 archive removed from the store"), "{told}");
    assert!(!objects(&s, "archive").contains(&archive));
    on(&s, "three", "fsync verify").code(0);
}

#[test]
fn a_copy_of_a_machine_is_found_out() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    s.sh("cp -a one saved").code(0);
    fs::write(s.path("work/a"), "2").unwrap();
    snap(&s, "one", "work");
    s.sh("rm -rf one && mv saved one").code(0);
    fs::write(s.path("work/a"), "3").unwrap();
    let told = on(&s, "one", "fsync-snap work").code(4).complaint();
    assert!(told.contains("another machine writes as one"), "{told}");
}

#[test]
fn a_store_that_replaces_what_is_there_is_told_of() {
    let s = world();
    // As some do that take no notice of "if absent".
    let real = fs::read_to_string(s.path("bin/real")).unwrap();
    let lax = real.replace(
        "os.link(new.name, name)",
        "os.replace(new.name, name), open(new.name, 'w')",
    );
    assert_ne!(lax, real);
    fs::write(s.path("bin/real"), lax).unwrap();
    s.tree("work").file("a", "1").settle();
    let told = on(&s, "one", "fsync repo init").code(0).complaint();
    assert!(told.contains("replaces objects"), "{told}");
    let id = snap(&s, "one", "work");
    on(&s, "two", &format!("fsync cat {id} a"))
        .code(0)
        .stdout("1");
}

#[test]
fn ends_that_lie_are_damage() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    fs::write(s.path(&format!("store/archive/{id}.zip")), vec![0; 3000]).unwrap();
    let told = on(&s, "two", &format!("fsync cat {id} a")).complaint();
    assert!(!told.is_empty());
    s.sh(&format!("rm store/archive/{id}.zip")).code(0);
    on(&s, "three", &format!("fsync cat {id} a")).code(6);
}
