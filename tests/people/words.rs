//! Words: what was done and how to take it back, errors with a next step, colour and columns where people look.

use crate::support::{Sandbox, Told};

fn trees(s: &Sandbox) {
    s.tree("src")
        .file("a", "1")
        .file("b", vec![0; 3000])
        .settle();
    s.tree("dst").file("a", "old").file("gone", "x").settle();
}

/// A line with its time left out.
fn timeless(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for at in 1..words.len() {
        let unit = words[at].trim_end_matches([';', '\n']);
        if unit == "s" && words[at - 1].parse::<f64>().is_ok() {
            words[at - 1] = "N";
        }
    }
    words.join(" ")
}

#[test]
fn a_run_ends_with_what_was_done_and_the_way_back() {
    let s = Sandbox::new();
    trees(&s);
    let said = s.run("fsync cp --delete src dst").code(0).complaint();
    let lines: Vec<String> = said.lines().map(timeless).collect();
    assert_eq!(
        lines[0],
        "fsync: \"dst\": 1 added, 1 modified, 1 deleted (2.9 KiB) in N s"
    );
    assert!(
        lines[1].ends_with("; this takes it back: fsync rv -d dst"),
        "{}",
        lines[1]
    );
    let said = s.run("fsync rv -d dst").code(0).complaint();
    let last = timeless(said.lines().last().expect("a line"));
    assert_eq!(
        last,
        "fsync: 1 added, 1 modified, 1 deleted (4 B) in N s; this takes it back: fsync rv -d dst --redo"
    );
    let said = s.run("fsync rv -d dst --redo").code(0).complaint();
    let last = said.lines().last().expect("a line");
    assert!(
        last.ends_with("this takes it back: fsync rv -d dst"),
        "{last}"
    );
    // What is advised does it.
    s.run("fsync -q rv -d dst").code(0);
    assert_eq!(s.tree("dst").read("gone"), b"x");
    // By tag alone the directory is named in full; nothing to do has no way back.
    s.run("fsync-tag create here @{1} -d dst").code(0);
    let said = s.run("fsync rv -t here").code(0).complaint();
    assert!(
        !said.contains("takes it back")
            || said.contains(&format!("rv -d {}", s.path("dst").display())),
        "{said}"
    );
    s.run("fsync -q rv -d dst -- a").code(0).stderr("");
}

#[test]
fn arguments_are_faulted_in_one_line() {
    let s = Sandbox::new();
    for (line, program, parts) in [
        (
            "fsync cp --dleete a b",
            "fsync",
            &[
                "unexpected argument '--dleete' found; a similar argument exists: '--delete'",
                "\"fsync cp --help\" says more",
            ][..],
        ),
        ("fsync cp a", "fsync", &["<SRC>"]),
        (
            "fsync-diff",
            "fsync-diff",
            &[
                "were not provided: <SRC>",
                "\"fsync-diff --help\" says more",
            ],
        ),
        (
            "fsync-diff --max-size x a b",
            "fsync-diff",
            &["'x'", "--max-size"],
        ),
        ("fsync --color=blue th x", "fsync", &["blue"]),
        ("fsync rv --tag a --redo", "fsync", &["cannot be used with"]),
        ("fsync --progress=loud th x", "fsync", &["loud"]),
    ] {
        s.run(line).code(2).nothing().one_line(program, parts);
    }
    let help = s.run("fsync").code(2).complaint();
    assert!(
        help.contains("Usage: fsync") && help.lines().count() > 20,
        "{help}"
    );
}

#[test]
fn what_was_misspelt_is_suggested() {
    let s = Sandbox::new();
    trees(&s);
    let id = s.snap("dst");
    s.run("fsync-tag create before-redesign @ -d dst").code(0);
    s.run("fsync stauts dst")
        .code(2)
        .one_line("fsync", &["did you mean \"status\"?"]);
    for line in [
        "fsync rv -d dst -t before-redesing",
        "fsync show before-redsign",
        "fsync-tag delete before-redesig -d dst",
    ] {
        let ran = s.run(line).code(6);
        assert!(
            ran.complaint()
                .contains("did you mean \"before-redesign\"?"),
            "{line}: {}",
            ran.complaint()
        );
    }
    let flip = if id.starts_with('0') { '1' } else { '0' };
    let wrong = format!("{flip}{}", &id[1..10]);
    let ran = s.run(&format!("fsync show {wrong}")).code(6);
    assert!(
        ran.complaint()
            .contains(&format!("did you mean \"{}\"?", &id[..10])),
        "{}",
        ran.complaint()
    );
    let ran = s.run("fsync rv -d dst -t entirely-different-name").code(6);
    assert!(
        !ran.complaint().contains("did you mean"),
        "{}",
        ran.complaint()
    );
}

#[test]
fn colour_where_people_look_and_nowhere_else() {
    let s = Sandbox::new();
    trees(&s);
    let plain = s.run("fsync-diff --delete src dst").code(0).text();
    assert!(!plain.contains('\x1b'));
    let seen = s.terminal(100, "fsync-diff --delete src dst", &[]);
    assert!(
        seen.raw.contains("\x1b[31mD\x1b[0m\tgone"),
        "{:?}",
        seen.raw
    );
    assert!(seen.raw.contains("\x1b[32mA\x1b[0m\tb"), "{:?}", seen.raw);
    for (line, variables) in [
        ("fsync-diff --delete --color never src dst", &[][..]),
        ("fsync-diff --delete src dst", &[("NO_COLOR", "1")]),
        ("fsync-diff --delete src dst", &[("TERM", "dumb")]),
    ] {
        let seen = s.terminal_with(100, line, &[], variables);
        assert!(!seen.raw.contains('\x1b'), "{line}: {:?}", seen.raw);
    }
    let always = s
        .run("fsync-diff --delete --color=always src dst")
        .code(0)
        .text();
    assert!(always.contains("\x1b[31mD\x1b[0m\tgone"), "{always:?}");
    let seen = s.terminal(100, "fsync-diff nowhere dst", &[]);
    assert!(
        seen.raw.starts_with("\x1b[1m\x1b[31mfsync-diff\x1b[0m: "),
        "{:?}",
        seen.raw
    );
    // The stages of a pipeline hand on plain words, and what one reads is never coloured.
    s.run("fsync --color always cp --delete src dst").code(0);
    s.run("fsync-diff --delete src dst").code(0).nothing();
}

#[test]
fn lists_stand_in_columns_at_a_terminal() {
    let s = Sandbox::new();
    trees(&s);
    s.run("fsync -q cp --delete -t before src dst").code(0);
    let id = s.head("dst").expect("a head");
    let seen = s.terminal(200, "fsync --color never log dst", &[]);
    assert!(seen.left.starts_with("*  20"), "{:?}", seen.left);
    assert!(
        seen.left.contains(&id[..12]) && !seen.left.contains(&id[..13]),
        "{:?}",
        seen.left
    );
    assert!(
        !seen.left.contains('\t') && !seen.left.contains("+00:00"),
        "{:?}",
        seen.left
    );
    let seen = s.terminal(200, "fsync --color never du", &[]);
    assert!(
        seen.left.contains("KiB") || seen.left.contains(" B"),
        "{}",
        seen.left
    );
    let seen = s.terminal(200, "fsync --color never th dst", &[]);
    assert!(seen.left.contains("  before  "), "{:?}", seen.left);
    let seen = s.terminal(200, "fsync --color never ls -l dst@", &[]);
    assert!(
        seen.left.contains("  2.9 KiB  ") || seen.left.contains("  3 B  "),
        "{:?}",
        seen.left
    );
    assert!(!seen.left.contains('\t'), "{:?}", seen.left);
    // For programs all is as it was.
    let log = s.run("fsync log dst").code(0).text();
    assert!(log.starts_with("*\t20") && log.contains(&id), "{log:?}");
}
