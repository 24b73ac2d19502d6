//! How thorough a run is, and whether the system lets its calls be watched.

use std::process::{Command, Stdio};

/// Whether the long form is asked for: `FSYNC_LONG=1 cargo test --locked`, which is `make test-long`.
#[allow(dead_code)]
pub fn long() -> bool {
    std::env::var_os("FSYNC_LONG").is_some_and(|value| value != "0")
}

/// One of two numbers: the first in a run of the ordinary kind, the second in a long one.
#[allow(dead_code)]
pub fn quick_or_long(quick: usize, long_form: usize) -> usize {
    if long() { long_form } else { quick }
}

/// Whether strace(1) is here and may trace; says so where it does not.
#[allow(dead_code)]
pub fn strace() -> bool {
    let works = Command::new("strace")
        .args([
            "-f",
            "--seccomp-bpf",
            "-e",
            "trace=rename",
            "-o",
            "/dev/null",
        ])
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        eprintln!("skipped: no strace that works here");
    }
    works
}
