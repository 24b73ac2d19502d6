//! `fsync rv` and `th`.

use crate::support::{END, Sandbox, words};

#[test]
fn rv_is_revert() {
    let s = Sandbox::new();
    let script = format!("cat <<'X'\n{END}\nX\necho 'fsync-revert: note' >&2");
    s.fake("exec", "revert", &script);
    let run = |args: &[&str], expected: &str| {
        let changes = !args.contains(&"-n") && !args.contains(&"--to");
        s.fsync([&["rv"], args].concat())
            .assert()
            .code(0)
            .stdout(match changes {
                true => String::new(),
                false => format!("{END}\n"),
            })
            .stderr("fsync-revert: note\n");
        assert_eq!(s.args("revert").unwrap(), words(expected));
    };
    run(&["-d", "dst"], "--json dst");
    run(&["-t", "one"], "--tag=one --json");
    run(&["-d", "dst", "-t", "one", "-n"], "--tag=one --dry-run dst");
    run(
        &["-d", "dst", "--redo", "--allow-root"],
        "--redo --allow-root --json dst",
    );
    run(
        &["-d", "dst", "-n", "--", "-a", "b"],
        "--dry-run dst -- -a b",
    );
    run(&["-t", "one", "--to", "new"], "--tag=one --to=new");
    run(&["-d-x"], "--json ./-x");
}

#[test]
fn a_bare_rv_is_a_usage_error() {
    let s = Sandbox::new();
    s.fsync(["rv"])
        .assert()
        .code(2)
        .stdout("")
        .stderr("fsync: rv: say what to take back: -d DIR, -t TAG or both\n");
    assert_eq!(s.args("revert"), None);
}

#[test]
fn th_lists_tags() {
    let s = Sandbox::new();
    s.fake("exec", "tag", "printf 'TIME\\tone\\tid\\n'");
    s.fsync(["th", "dst"])
        .assert()
        .code(0)
        .stdout("TIME\tone\tid\n")
        .stderr("");
    assert_eq!(s.args("tag").unwrap(), words("-- dst"));
}
