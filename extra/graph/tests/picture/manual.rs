//! The manual page and the completions say what the program takes.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::support::{Sandbox, Told};
use crate::world::{branched, has};

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap()
}

/// The options, as they are typed.
fn options() -> Vec<(Option<String>, Option<char>)> {
    let mut command = fsync_graph::Args::command();
    command.build();
    let all = command.get_opts().filter(|o| !o.is_hide_set());
    let mut all: Vec<_> = all
        .map(|o| (o.get_long().map(String::from), o.get_short()))
        .collect();
    let flags = command.get_arguments().filter(|a| !a.is_positional());
    for flag in flags {
        let names = (flag.get_long().map(String::from), flag.get_short());
        if !all.contains(&names) {
            all.push(names);
        }
    }
    assert!(all.len() > 10);
    all
}

#[test]
fn every_option_is_described_and_completed() {
    let page = read("man/fsync-graph.1").replace("\\-", "-");
    let bash = read("completions/bash/fsync-graph");
    let zsh = read("completions/zsh/_fsync-graph");
    let fish = read("completions/fish/fsync-graph.fish");
    for (long, short) in options() {
        if let Some(long) = long {
            assert!(page.contains(&format!("\\fB--{long}\\fR")), "man: {long}");
            assert!(bash.contains(&format!("--{long}")), "bash: {long}");
            assert!(zsh.contains(&format!("--{long}")), "zsh: {long}");
            assert!(fish.contains(&format!("-l {long}")), "fish: {long}");
        }
        if let Some(short) = short {
            assert!(page.contains(&format!("\\fB-{short}\\fR")), "man: {short}");
            assert!(bash.contains(&format!(" -{short}")), "bash: {short}");
            assert!(fish.contains(&format!("-s {short}")), "fish: {short}");
        }
    }
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
fn the_shells_complete_it() {
    let s = Sandbox::new();
    s.tree("folder").file("x", "x");
    let script = top().join("completions/bash/fsync-graph");
    let ask = |words: &str, at: usize| {
        let line = format!(
            "compopt() {{ echo \"opt $*\"; }}; . {}; COMP_WORDS=({words}); COMP_CWORD={at}; _fsync_graph; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        s.cmd("bash")
            .args(["-c", &line])
            .assert()
            .code(0)
            .stderr("")
            .text()
    };
    assert_eq!(ask("fsync-graph --ht", 1), "--html");
    assert_eq!(ask("fsync-graph --progress n", 2), "never");
    assert_eq!(ask("fsync-graph --color = a", 3), "auto always");
    assert_eq!(ask("fsync-graph --html ''", 2), "opt -o default\n");
    assert_eq!(ask("fsync-graph ''", 1), "opt -o dirnames\n");
    for (shell, flag, path) in [
        ("zsh", "-n", "completions/zsh/_fsync-graph"),
        ("fish", "--no-execute", "completions/fish/fsync-graph.fish"),
    ] {
        if has(shell) {
            let mut command = s.cmd(shell);
            command
                .arg(flag)
                .arg(top().join(path))
                .assert()
                .code(0)
                .stderr("");
        }
    }
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
