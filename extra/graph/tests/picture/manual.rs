//! The manual page, its examples, and what fsync knows of the program.

use std::path::PathBuf;

use crate::support::{Sandbox, Told};
use crate::world::{branched, has};

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap()
}

#[test]
fn the_page_is_clean() {
    let s = Sandbox::new();
    let page = top().join("man/fsync-graph.1");
    assert!(
        read("man/fsync-graph.1")
            .lines()
            .all(|line| line.len() <= 80)
    );
    if has("mandoc") {
        s.cmd("mandoc")
            .arg("-Tlint")
            .arg(&page)
            .assert()
            .code(0)
            .nothing();
    }
    if has("groff") {
        let mut command = s.cmd("groff");
        command
            .args(["-ww", "-man", "-z", "-Tutf8", "-k"])
            .arg(&page);
        command.assert().code(0).nothing().stderr("");
    }
}

#[test]
fn the_examples_are_run() {
    if !has("dot") || !has("gvpr") {
        return;
    }
    let page = read("man/fsync-graph.1");
    let examples = page.split(".SH EXAMPLES").nth(1).unwrap();
    let examples = examples.split(".SH").next().unwrap();
    let s = branched();
    let mut ran = 0;
    for part in examples.split(".nf\n").skip(1) {
        let script = part.split(".fi").next().unwrap();
        let script = script
            .replace("\\-", "-")
            .replace("\\(aq", "'")
            .replace("\\(ti", "~");
        s.sh(&format!("set -e; {script}")).code(0).stderr("");
        ran += 1;
    }
    assert_eq!(ran, 4);
    for made in ["history.html", "history.svg", "tags.png"] {
        assert!(s.path(made).metadata().unwrap().len() > 500, "{made}");
    }
    assert!(
        s.run("fsync-graph --help")
            .code(0)
            .text()
            .contains("--html <FILE>")
    );
}

#[test]
fn fsync_knows_it_as_it_does_any_program() {
    let s = Sandbox::new();
    let said = s.run("fsync grahp x").code(2).nothing().complaint();
    assert!(said.contains("graph"), "{said}");
    let help = s.run("fsync help graph").code(0).text();
    assert!(help.starts_with("Draw the history of DIR"), "{help}");
    let offered = s.sh("fsync complete fish -- fsync gr").code(0).text();
    assert!(offered.contains("graph"), "{offered}");
}
