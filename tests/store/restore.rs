//! What is read of a store, and how often it is asked.

use std::fs;

use crate::record::noise;
use crate::support::Told;
use crate::world::{asked, count, on, snap, world};

#[test]
fn listing_asks_for_nothing_but_ends() {
    let s = world();
    for n in 0..40 {
        s.tree("work")
            .file(format!("d{}/f{n}", n % 4), noise(50_000 + n));
    }
    s.tree("work").settle();
    let id = snap(&s, "one", "work");
    let length = fs::metadata(s.path(&format!("store/archive/{id}.zip")))
        .unwrap()
        .len();
    on(
        &s,
        "two",
        &format!(
            "fsync ls {id} d1 >/dev/null && fsync log //one{} >/dev/null",
            s.path("work").display()
        ),
    )
    .code(0);
    let asked = asked(&s, "two");
    let gets: Vec<&String> = asked.iter().filter(|a| a.contains("archive/")).collect();
    assert_eq!(gets.len(), 1, "{asked:?}");
    let words: Vec<u64> = gets[0].split(' ').filter_map(|w| w.parse().ok()).collect();
    assert_eq!(words[0] + words[1], length, "it is the end");
    assert!(words[1] < 20_000, "{gets:?}");
}

#[test]
fn one_file_is_one_request() {
    let s = world();
    for n in 0..40 {
        s.tree("work").file(format!("f{n}"), noise(500_000 + n));
    }
    s.tree("work").settle();
    let id = snap(&s, "one", "work");
    on(&s, "two", &format!("fsync ls {id} >/dev/null")).code(0);
    asked(&s, "two");
    on(&s, "two", &format!("fsync cat {id} f20 | cmp - work/f20")).code(0);
    let asked = asked(&s, "two");
    assert_eq!(count(&asked, "get"), 1, "{asked:?}");
    let words: Vec<u64> = asked
        .iter()
        .flat_map(|a| a.split(' '))
        .filter_map(|w| w.parse().ok())
        .collect();
    assert!(words.iter().all(|w| *w < 30_000_000));
    let length: u64 = asked
        .iter()
        .find(|a| a.starts_with("get"))
        .unwrap()
        .split(' ')
        .nth(2)
        .unwrap()
        .parse()
        .unwrap();
    assert!(length <= 500_040 + 2 * (256 << 10), "{length}");
}

#[test]
fn all_of_it_is_a_stream() {
    let s = world();
    for n in 0..400 {
        s.tree("work")
            .file(format!("d{}/f{n:03}", n / 100), noise(100_000 + n));
    }
    s.tree("work").settle();
    let id = snap(&s, "one", "work");
    on(&s, "two", &format!("fsync ls {id} >/dev/null")).code(0);
    asked(&s, "two");
    on(&s, "two", &format!("fsync -q cp snap:{id} copy")).code(0);
    s.sh("diff -r work copy -x .fsync-backup").code(0);
    let asked = asked(&s, "two");
    // 40 MB, of which at most 8 come at once; the first ones are shorter.
    let gets = asked.iter().filter(|a| a.contains(&id)).count();
    assert!(gets <= 24, "{gets} {asked:?}");
}

#[test]
fn exports_and_tars_are_the_same_as_near() {
    let s = world();
    s.tree("work")
        .file("sub/a", noise(400_000))
        .file("b", "2")
        .settle();
    let id = snap(&s, "one", "work");
    on(
        &s,
        "two",
        &format!("fsync export {id} -o out.zip && fsync export --tar {id} >out.tar"),
    )
    .code(0);
    s.sh("mkdir z t && unzip -q out.zip -d z && tar -xf out.tar -C t && diff -r z work -x .fsync-backup -x .fsync && diff -r t work -x .fsync-backup")
        .code(0);
}

#[test]
fn a_run_reads_the_logs_once() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    s.tree("new").file("a", "other").settle();
    snap(&s, "one", "work");
    snap(&s, "two", "new");
    asked(&s, "one");
    on(&s, "one", "fsync -q cp new work").code(0);
    let asked = asked(&s, "one");
    // Once when the first program begins; there is nothing to record before the change.
    assert_eq!(count(&asked, "list - machine/"), 1, "{asked:?}");
    assert!(asked.len() <= 10, "{asked:?}");
    let told = on(&s, "one", "fsync log work").code(0).text();
    assert_eq!(told.lines().count(), 1);
}
