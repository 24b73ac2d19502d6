//! The last look of a restore: that what is there is what the snapshot says. What the system refuses quietly is
//! played by `strace`, which makes calls succeed without being done.

use predicates::str::contains;

use crate::support::{Sandbox, Told};

#[test]
fn times_that_were_not_kept_are_found_out() {
    let s = Sandbox::new();
    s.tree("dir").file("a", "1").file("b", "2");
    s.snap("dir");
    s.run("fsync-revert dir --to whole").code(0);
    s.sh("strace -f --seccomp-bpf -o log -e trace=utimensat -e inject=utimensat:retval=0 fsync-revert dir --to out")
        .code(3)
        .stderr(contains("\"a\": failed: is not as the snapshot says"))
        .stderr(contains("\"b\": failed: is not as the snapshot says"));
}

#[test]
fn in_place_too() {
    let s = Sandbox::new();
    s.tree("dir").file("a", "1").file("b", "2");
    s.snap("dir");
    s.tree("dir").edit("a", "changed");
    s.sh("strace -f --seccomp-bpf -o log -e trace=utimensat -e inject=utimensat:retval=0 fsync-revert dir")
        .code(3)
        .stderr(contains("\"a\": failed: is not as the snapshot says"));
    s.run("fsync-revert dir @~0").code(0);
}

/// A file whose only block of data is never written: length and times are right.
#[test]
fn verify_reads_everything_back() {
    let s = Sandbox::new();
    s.tree("dir").file("plain", "text");
    s.sh("truncate -s 100000 dir/holes && printf data | dd of=dir/holes bs=1 seek=50000 conv=notrunc status=none")
        .code(0);
    s.snap("dir");
    s.run("fsync rv -d dir --verify --to whole").code(0);
    s.sh("cmp dir/holes whole/holes").code(0);
    s.run("fsync-revert dir --dry-run --verify").code(2);
    s.sh("rm dir/plain && fsync-snap dir").code(0);
    // SQLite writes too, and how often is its business.
    let found = (1..40).any(|n| {
        let lost = format!(
            "strace -f --seccomp-bpf -o log -e trace=pwrite64 -e inject=pwrite64:retval=4096:when={n} \
             fsync rv -d dir --verify --to out{n}; echo $? > code; cmp -s dir/holes out{n}/holes || cat code"
        );
        match s.sh(&lost).code(predicates::ord::ge(0)).text().trim() {
            "" => false,
            code => {
                assert_eq!(code, "3");
                true
            }
        }
    });
    assert!(found);
    s.sh("fsync-revert dir @ --to again && cmp dir/holes again/holes")
        .code(0);
}
