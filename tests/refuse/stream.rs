//! Standard output full, standard error full or closed, standard input closed.

use crate::ground::Ground;
use crate::support::{Sandbox, Told};

/// What prints, on a ground with a history.
const PRINT: &[&str] = &[
    "fsync-diff src dst",
    "fsync-diff --json src dst",
    "fsync-snap dst",
    "fsync-tag dst",
    "fsync log dst",
    "fsync log --json dst",
    "fsync show -d dst @",
    "fsync ls first",
    "fsync cat first same",
    "fsync find changed dst",
    "fsync du",
    "fsync diff --patch first dst",
    "fsync verify --json",
    "fsync prune -n -d dst --keep-last 1",
    "fsync-snap --export first",
    "fsync export --tar first",
    "fsync cp -n src dst",
    "fsync-revert -n dst first",
    "fsync th dst",
    "fsync import -d elsewhere kept.zip",
    "fsync help cp",
    "fsync --help",
    "fsync --version",
    "fsync-diff --help",
    "fsync-apply --version",
    "fsync cp --help",
];

#[test]
fn a_full_disk_behind_standard_output_is_said() {
    let ground = Ground::new("fsync export first -o kept.zip");
    for line in PRINT {
        let ended = ground.run(&format!("{line} >/dev/full"), "");
        assert_eq!(ended.code, 9, "{line}: {}", ended.said);
        assert!(
            ended.said.contains("No space left"),
            "{line}: {}",
            ended.said
        );
        let summed = usize::from(
            line.contains("--json") && line.contains("verify") || line.contains("prune"),
        );
        assert!(
            ended.said.lines().count() <= 1 + summed,
            "{line}: {}",
            ended.said
        );
        let mut faults = Vec::new();
        crate::ground::voice(&ended, &mut faults);
        assert!(faults.is_empty(), "{line}: {faults:?}");
    }
}

#[test]
fn results_that_nobody_can_read_do_not_undo_what_was_done() {
    let ground = Ground::new("true");
    let script = "fsync-diff --json --delete src dst | fsync-snap --through | fsync-apply --json --max-delete 100% >/dev/full";
    let ended = ground.run(script, "");
    assert_eq!(ended.code, 9, "{}", ended.said);
    ground.run("fsync-diff --delete src dst >told; test ! -s told", "");
    let again = ground.run("fsync cp --delete src dst", "");
    assert_eq!((again.code, &again.said[..]), (0, "fsync: nothing to do\n"));
    let back = ground.run("fsync-revert dst", "");
    assert_eq!(back.code, 0, "{}", back.said);
    assert_eq!(
        crate::ground::look(&ground.s.tree("dst")),
        crate::ground::look(&ground.s.tree("kept/dst"))
    );
}

#[test]
fn nothing_hangs_on_standard_error() {
    let ground = Ground::new("true");
    for line in [
        "fsync-diff src nowhere",
        "fsync-snap nowhere",
        "fsync cp src dst",
        "fsync-revert dst",
        "fsync verify",
        "fsync th nowhere",
        "fsync-apply </dev/null",
        "fsync --trace cp src dst",
        "fsync bogus",
        "fsync",
    ] {
        ground.reset();
        let usual = ground.run(line, "");
        for redirection in ["2>/dev/full", "2>&-"] {
            ground.reset();
            let ended = ground.run(&format!("{line} {redirection}"), "");
            assert_eq!(ended.code, usual.code, "{line} {redirection}");
        }
    }
}

#[test]
fn without_standard_input() {
    let s = Sandbox::new();
    s.tree("src").file("f", "new");
    s.tree("dst").file("f", "old one");
    s.sh("fsync-apply <&-")
        .code(5)
        .one_line("fsync-apply", &["nothing was changed"]);
    s.sh("fsync-snap --through <&-").code(5);
    s.sh("fsync cp src dst <&-").code(0);
    assert_eq!(s.tree("dst").read("f"), b"new");
    s.sh("fsync-revert -q dst <&- >&- 2>&-").code(0);
    assert_eq!(s.tree("dst").read("f"), b"old one");
}
