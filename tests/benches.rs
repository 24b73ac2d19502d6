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
