//! The manual page: what it shows is possible, and it leaves out no option.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Sandbox;

fn page() -> String {
    let top: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(top.join("man/fsync-review.1")).unwrap()
}

fn plain(line: &str) -> String {
    line.replace("\\-", "-")
        .replace("\\(aq", "'")
        .replace("\\e", "\\")
}

#[test]
fn its_examples_work() {
    let page = page();
    let blocks: Vec<&str> = page
        .split(".EX\n")
        .skip(1)
        .map(|b| b.split(".EE").next().unwrap())
        .collect();
    assert!(blocks.len() >= 4, "{blocks:?}");
    for block in blocks {
        let s = Sandbox::new();
        s.tree("site")
            .file("css/main.css", "1")
            .file("index.html", "2")
            .settle();
        s.tree("copy").file("old", "3").settle();
        s.run("fsync -q mksync copy site").code(0);
        s.run("fsync -q cp site copy").code(0);
        s.tree("site").file("css/main.css", "other").settle();
        let script = plain(block);
        fs::write(s.path("script"), format!("set -e\n{script}")).unwrap();
        let seen = s.terminal(100, "sh script", &[("? keys", "\r")]);
        assert_eq!(seen.code, 0, "{script}\n{}", seen.raw);
    }
}
