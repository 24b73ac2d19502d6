//! `fsync-tag`: names for snapshots, by directory, with a past.

use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{Sandbox, Told};

/// Three snapshots of `dst`.
fn three() -> (Sandbox, [String; 3]) {
    let s = Sandbox::new();
    let ids = ["one", "two!", "three"].map(|text| {
        s.tree("dst").edit("f", text);
        s.snap("dst")
    });
    (s, ids)
}

/// `tag id` of every line of a list, whose first column is a time.
fn pairs(list: &str) -> Vec<String> {
    list.lines()
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            assert_eq!(columns.len(), 3, "{line:?}");
            assert!(
                columns[0].starts_with("20") && columns[0].contains('T'),
                "a time: {line:?}"
            );
            format!("{} {}", columns[1], columns[2])
        })
        .collect()
}

#[test]
fn create_list_move_delete() {
    let (s, ids) = three();
    s.run("fsync-tag dst").code(0).nothing();
    s.run("fsync-tag create head -d dst").code(0);
    s.run(&format!("fsync-tag create first {} -d dst", &ids[0][..12]))
        .code(0);
    let mut list = pairs(&s.run("fsync-tag dst").code(0).text());
    list.sort();
    assert_eq!(
        list,
        [format!("first {}", ids[0]), format!("head {}", ids[2])]
    );
    s.run(&format!("fsync-tag move first {} -d dst", ids[1]))
        .code(0);
    let list = pairs(&s.run("fsync-tag dst").code(0).text());
    assert!(list.contains(&format!("first {}", ids[1])), "{list:?}");
    s.run("fsync-tag delete head -d dst").code(0);
    assert_eq!(
        pairs(&s.run("fsync-tag dst").code(0).text()),
        [format!("first {}", ids[1])]
    );
    s.run("fsync-diff head dst").code(6);
}

#[test]
fn a_tag_given_again_moves_and_keeps_its_past() {
    let s = Sandbox::new();
    let ids = ["one", "two!"].map(|text| {
        s.tree("dst").edit("f", text);
        s.run("fsync-snap dst -t v").code(0).text()
    });
    assert_eq!(
        pairs(&s.run("fsync-tag dst").code(0).text()),
        [format!("v {}", ids[1])]
    );
    let history = s.run("fsync-tag history v -d dst").code(0).text();
    assert!(
        history.contains(&ids[0]) && history.contains(&ids[1]),
        "{history}"
    );
    s.run("fsync-tag delete v -d dst").code(0);
    let history = s.run("fsync-tag history v -d dst").code(0).text();
    assert!(
        history.contains(&ids[0]) && history.contains(&ids[1]),
        "{history}"
    );
}

#[test]
fn json_names_directory_and_snapshot() {
    let (s, ids) = three();
    s.run("fsync-tag create here -d dst").code(0);
    let told = s.run("fsync-tag --json dst").code(0).text();
    let line: serde_json::Value = serde_json::from_str(&told).expect("one record");
    let text = line.to_string();
    assert!(
        text.contains("\"here\"") && text.contains(&ids[2]),
        "{text}"
    );
    assert!(
        text.contains(s.path("dst").to_str().expect("UTF-8")),
        "{text}"
    );
}

#[test]
fn tags_belong_to_a_directory() {
    let (s, _) = three();
    s.tree("other").file("g", "");
    s.snap("other");
    s.run("fsync-tag create v -d dst").code(0);
    s.run("fsync-tag create v -d other").code(0);
    assert_eq!(pairs(&s.run("fsync-tag dst").code(0).text()).len(), 1);
    assert_eq!(pairs(&s.run("fsync-tag other").code(0).text()).len(), 1);
    s.run("fsync rv -t v")
        .code(6)
        .nothing()
        .stderr(contains("dst").and(contains("other")));
    s.tree("dst").edit("f", "later");
    s.run("fsync rv -t v -d dst").code(0);
    assert_eq!(s.tree("dst").read("f"), b"three");
    s.run("fsync-tag delete v -d dst").code(0);
    assert_eq!(pairs(&s.run("fsync-tag other").code(0).text()).len(), 1);
}

#[test]
fn names_that_are_none() {
    let (s, ids) = three();
    for bad in [
        "a/b", "a@b", "a~1", "a:b", "--", "-x", "a\tb", "a\nb", "", &ids[0],
    ] {
        let mut tag = s.cmd("fsync-tag");
        tag.args(["create", "-d", "dst", "--", bad])
            .assert()
            .code(2)
            .nothing();
    }
    s.run("fsync-tag dst").code(0).nothing();
    for good in ["v1.0", "über", "a_b-c", "with+plus"] {
        s.run(&format!("fsync-tag create {good} -d dst")).code(0);
    }
}

#[test]
fn what_there_is_not() {
    let (s, _) = three();
    s.run("fsync-tag delete nosuch -d dst")
        .code(6)
        .nothing()
        .one_line("fsync-tag", &["nosuch"]);
    s.run("fsync-tag move nosuch @ -d dst").code(6).nothing();
    s.run("fsync-tag history nosuch -d dst").code(6).nothing();
    s.run("fsync-tag create v deadbeef -d dst")
        .code(6)
        .nothing()
        .one_line("fsync-tag", &["deadbeef"]);
    s.run("fsync-tag dst").code(0).nothing();
}

#[test]
fn th_prints_what_tag_prints() {
    let (s, _) = three();
    s.run("fsync-tag create v -d dst").code(0);
    let list = s.run("fsync-tag dst").code(0).text();
    assert!(
        s.run("fsync th dst").code(0).text().contains(&list),
        "{list}"
    );
}
