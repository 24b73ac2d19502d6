//! The benches are run by hand; that they can be is tested.

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

#[test]
fn list_their_cases() {
    Command::new("python3")
        .args([
            "-B",
            concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run"),
            "--list",
        ])
        .assert()
        .success()
        .stdout(contains("first copy").and(contains("rsync -a <= 0.4")));
}

#[test]
fn the_table_of_the_manual_is_what_the_script_prints() {
    let top = env!("CARGO_MANIFEST_DIR");
    let page = std::fs::read_to_string(format!("{top}/man/fsync-store.7")).unwrap();
    let (_, section) = page.split_once("ON PAPER\"\n").unwrap();
    let (_, table) = section.split_once(".in 0\n").unwrap();
    let (table, _) = table.split_once(".in\n").unwrap();
    Command::new("python3")
        .args(["-B", &format!("{top}/benches/paper.py")])
        .assert()
        .success()
        .stdout(table.to_string());
}
