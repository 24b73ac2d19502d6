//! The images and checks themselves: a careless writer is found out, a careful one is not.

use std::collections::BTreeSet;

use crate::case::{Case, Crash, Run, record};
use crate::check::old_or_new;
use crate::image::Kind;
use crate::support::{Sandbox, strace};

/// Runs a line over a directory with one file, and tells which kinds of crashes leave something that is neither old nor new.
fn caught(line: &str) -> Option<(BTreeSet<Kind>, Run)> {
    if !strace() {
        return None;
    }
    let s = Sandbox::new();
    s.tree("dst").file("f", "the old bytes").settle();
    let mut case = Case::new(&s, line);
    case.changes = vec!["dst"];
    let run = record(&case);
    let is_bad = |c: &&Crash| old_or_new(&run, c, "dst").is_err();
    let kinds = run.crashes.iter().filter(is_bad).map(|c| c.kind).collect();
    Some((kinds, run))
}

const NEW: &str = "dst/.fsync-tmp-1-1-1";

#[test]
fn writing_in_place_is_found_out() {
    let line = "printf 'the new bytes, all of them' >dst/f";
    let Some((kinds, run)) = caught(line) else {
        return;
    };
    assert!(
        kinds.contains(&Kind::All) && kinds.contains(&Kind::Torn),
        "{kinds:?}"
    );
    let synced = run.crashes.iter().filter(|c| c.kind == Kind::Synced);
    let bytes: Vec<_> = synced
        .map(|c| c.image.find("dst/f").and_then(|n| n.data().cloned()))
        .collect();
    assert!(
        bytes
            .iter()
            .all(|b| b.as_ref().is_some_and(|b| ***b == *b"the old bytes"))
    );
}

#[test]
fn a_rename_before_the_bytes_are_durable_is_found_out() {
    let line = format!("printf new >{NEW}; mv {NEW} dst/f; sync dst");
    let Some((kinds, _)) = caught(&line) else {
        return;
    };
    let found = [Kind::Torn, Kind::Synced, Kind::Named, Kind::Holes];
    assert!(found.iter().all(|k| kinds.contains(k)), "{kinds:?}");
    assert!(!kinds.contains(&Kind::All), "{kinds:?}");
}

#[test]
fn a_rename_after_the_bytes_are_durable_is_not() {
    let line = format!("printf new >{NEW}; sync {NEW}; mv {NEW} dst/f; sync dst");
    let Some((kinds, run)) = caught(&line) else {
        return;
    };
    assert!(kinds.is_empty(), "{kinds:?}");
    let found = |bytes: &[u8]| {
        let data = |c: &Crash| c.image.find("dst/f").and_then(|n| n.data().cloned());
        let mut all = run.crashes.iter().filter_map(data);
        all.any(|d| **d == *bytes)
    };
    assert!(found(b"the old bytes") && found(b"new"));
}

#[test]
fn a_name_whose_directory_was_not_synced_is_not_durable() {
    let line = format!("printf new >{NEW}; sync {NEW}; mv {NEW} dst/f; mkdir dst/d");
    let Some((_, run)) = caught(&line) else {
        return;
    };
    let synced = run.crashes.iter().filter(|c| c.kind == Kind::Synced);
    let images: Vec<_> = synced.collect();
    assert!(!images.is_empty());
    assert!(images.iter().all(|c| c.image.find("dst/d").is_none()));
    let named = run.crashes.iter().filter(|c| c.kind == Kind::All);
    assert!(named.into_iter().any(|c| c.image.find("dst/d").is_some()));
}
