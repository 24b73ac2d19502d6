//! Two machines in a sandbox: here, and `host`, whose home directory is `there`.

use assert_cmd::assert::Assert;

use crate::support::Sandbox;

/// What stands in the place of ssh: it notes that it was called, and runs the command in the other home.
const RSH: &str = r#"#!/bin/sh
top=${0%/*}
echo "$@" >>"$top/calls"
[ "$1" = -p ] && shift 2
shift
unset FSYNC_LINKS FSYNC_RSH
export HOME=$top/there FSYNC_REPO=$top/there/.repo
cd "$HOME" && exec "$@"
"#;

/// A sandbox with another machine in it.
pub fn world() -> Sandbox {
    let s = Sandbox::new();
    s.tree(".").file("rsh", RSH).mode("rsh", 0o755);
    s.tree("there").settle();
    s
}

/// Runs a script here.
pub fn run(s: &Sandbox, script: &str) -> Assert {
    s.sh(&format!("export FSYNC_RSH=\"$PWD/rsh\"; {script}"))
}

/// How often the other machine was called.
pub fn calls(s: &Sandbox) -> usize {
    std::fs::read_to_string(s.path("calls")).map_or(0, |text| text.lines().count())
}

/// A tree with one of everything that an ordinary user can have.
pub fn furnish(s: &Sandbox, name: &str) {
    s.tree(name)
        .file("a", "one\n")
        .file("sub/deep/b", "two\n")
        .file("sub/script", "#!/bin/sh\n")
        .mode("sub/script", 0o750)
        .file("odd \u{e9}\n\"name", "odd")
        .file("empty", "")
        .link("link", "sub/deep/b")
        .hard("sub/again", "a")
        .dir("none")
        .settle();
    let large: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    std::fs::write(s.path(name).join("large"), large).unwrap();
    let sparse = std::fs::File::create(s.path(name).join("sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
}

/// Bytes that have nothing to compress, and nothing that comes again.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    let mut n = seed;
    while bytes.len() < length {
        // xorshift
        n ^= n << 13;
        n ^= n >> 7;
        n ^= n << 17;
        bytes.extend_from_slice(&n.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
