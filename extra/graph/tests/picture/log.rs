//! `fsync log` hands over.

use crate::support::{Sandbox, Told};
use crate::world::{branched, given};

#[test]
fn log_hands_over() {
    let s = branched();
    let dot = s.run("fsync log --dot copy").code(0).stderr("").text();
    assert_eq!(dot, s.run("fsync-graph --dot copy").code(0).text());
    assert_eq!(dot, s.run("fsync graph copy").code(0).text());
    s.run("fsync log --html page.html copy")
        .code(0)
        .nothing()
        .stderr("");
    let page = std::fs::read_to_string(s.path("page.html")).unwrap();
    assert_eq!(
        given(&page)["snapshots"].as_array().unwrap().len(),
        s.archives().len()
    );
    let newest = s.run("fsync log -n 1 --html - copy").code(0).text();
    assert_eq!(given(&newest)["snapshots"].as_array().unwrap().len(), 1);
    let traced = s
        .run("fsync --trace log -n 2 --html=- copy")
        .code(0)
        .complaint();
    assert_eq!(traced, "fsync-graph --html=- --max-count=2 copy\n");
    for wrong in ["--json --dot", "--graph --html x", "--dot --html x"] {
        s.run(&format!("fsync log {wrong} copy")).code(2).nothing();
    }
}

#[test]
fn the_repository_is_the_one_that_log_uses() {
    let s = Sandbox::new();
    s.tree("copy").file("x", "x");
    s.run("fsync --repo own snap -q copy").code(0);
    let repo = s.path("own");
    s.cmd("fsync")
        .env_remove("FSYNC_REPO")
        .args(["config", "-d", "copy", "repository"])
        .arg(&repo)
        .assert()
        .code(0);
    for line in [&["log", "--dot", "copy"][..], &["graph", "copy"]] {
        let mut command = s.cmd("fsync");
        let told = command.env_remove("FSYNC_REPO").args(line).assert().code(0);
        assert!(told.text().contains("tooltip="), "{line:?}");
    }
    s.run("fsync -C copy --repo ../own log --dot .").code(0);
}

#[test]
fn where_it_is_not_installed_one_line_says_so() {
    let s = Sandbox::new();
    s.tree("copy").file("x", "x");
    s.snap("copy");
    let bin = s.tree("bin");
    for name in ["fsync", "fsync-snap"] {
        std::fs::copy(Sandbox::programs().join(name), bin.at(name)).unwrap();
    }
    for option in ["--dot", "--html=x.html"] {
        let mut command = s.cmd(bin.at("fsync").to_str().unwrap());
        command
            .env("PATH", "/usr/bin:/bin")
            .args(["log", option, "copy"])
            .assert()
            .code(2)
            .nothing()
            .one_line("fsync", &["\"fsync-graph\"", "not installed"]);
    }
    assert!(!s.path("x.html").exists());
}
