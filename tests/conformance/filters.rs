//! Cases 34 to 37: what rules leave out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Oracle, Sandbox, Told, quick_or_long};
use crate::table::case;
use crate::way::Way;

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| n.to_string()).collect()
}

/// What a plan adds to nothing, names as they are.
fn added(s: &Sandbox, options: &[&str]) -> BTreeSet<Vec<u8>> {
    let mut diff = s.cmd("fsync-diff");
    let told = diff
        .arg("-z")
        .args(options)
        .args(["src", "none/"])
        .assert()
        .code(0)
        .stderr("")
        .bytes();
    told.split(|b| *b == 0)
        .filter_map(|line| line.strip_prefix(b"A\t"))
        .filter(|name| *name != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn case_34_a_table_of_matches() {
    let _case = case(34);
    let s = Sandbox::new();
    let src = s.tree("src");
    for name in [
        "a.o",
        "x/a.o",
        "x/keep.o",
        "top/f",
        "x/top",
        "build",
        "x/build/f",
        "p/q/r/z",
        "p/z",
        "x/y/a.o",
        "x/y/deep",
        "*star",
        "q[1]",
        "q1",
        "back\\slash",
    ] {
        src.file(name, "");
    }
    src.settle();
    let all: BTreeSet<String> = added(&s, &[])
        .into_iter()
        .map(|n| String::from_utf8(n).expect("UTF-8"))
        .collect();
    type Row = (&'static [&'static str], &'static [&'static str]);
    let table: [Row; 24] = [
        (&["--exclude=*.o"], &["a.o", "x/a.o", "x/keep.o", "x/y/a.o"]),
        (&["--exclude=/*.o"], &["a.o"]),
        (&["--exclude=/a.o"], &["a.o"]),
        (&["--exclude=a.o"], &["a.o", "x/a.o", "x/y/a.o"]),
        (&["--exclude=x/a.o"], &["x/a.o"]),
        (&["--exclude=y/a.o"], &[]),
        (&["--exclude=**/y/a.o"], &["x/y/a.o"]),
        (&["--exclude=/top"], &["top", "top/f"]),
        (&["--exclude=top"], &["top", "top/f", "x/top"]),
        (&["--exclude=top/"], &["top", "top/f"]),
        (&["--exclude=build/"], &["x/build", "x/build/f"]),
        (&["--exclude=/build/"], &[]),
        (&["--exclude=p/**/z"], &["p/q/r/z", "p/z"]),
        (&["--exclude=p/**"], &["p/q", "p/q/r", "p/q/r/z", "p/z"]),
        (&["--exclude=p/*"], &["p/q", "p/q/r", "p/q/r/z", "p/z"]),
        (&["--exclude=**/z"], &["p/q/r/z", "p/z"]),
        (&["--exclude=q?"], &["q1"]),
        (&["--exclude=q[0-9]"], &["q1"]),
        (&["--exclude=q\\[1\\]"], &["q[1]"]),
        (&["--exclude=\\*star"], &["*star"]),
        (&["--exclude=back\\\\slash"], &["back\\slash"]),
        // An include takes back what an exclude took, wherever they stand; but not below an excluded directory.
        (
            &["--exclude=*.o", "--include=keep.o"],
            &["a.o", "x/a.o", "x/y/a.o"],
        ),
        (
            &["--include=keep.o", "--exclude=*.o"],
            &["a.o", "x/a.o", "x/y/a.o"],
        ),
        (
            &["--include=keep.o", "--exclude=x/"],
            &[
                "x",
                "x/a.o",
                "x/keep.o",
                "x/top",
                "x/build",
                "x/build/f",
                "x/y",
                "x/y/a.o",
                "x/y/deep",
            ],
        ),
    ];
    for (options, gone) in table {
        let found: BTreeSet<String> = added(&s, options)
            .into_iter()
            .map(|n| String::from_utf8(n).expect("UTF-8"))
            .collect();
        assert_eq!(found, &all - &set(gone), "{options:?}");
        assert!(set(gone).is_subset(&all), "{options:?}");
        // The pipeline and the command take the same, and leave nothing else behind.
        let quoted: Vec<String> = options.iter().map(|o| format!("'{o}'")).collect();
        for way in Way::RECORDED {
            s.sh(&way.plain(&quoted.join(" "))).code(0).nothing();
            assert_eq!(Oracle::of(s.path("dst")).len(), found.len(), "{options:?}");
            s.sh("rm -r dst").success();
        }
    }
}

/// Pseudo-random numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }
}

/// Names that rules of the same words meet often.
const NAMES: [&str; 16] = [
    "a", "b", "ab", "abc", "a.o", "b.o", ".hid", "#hash", "!bang", "trail ", "[x]", "a{b}", "é",
    "x y", "A", "a*",
];

/// A line of a rule file (two stars in the middle of a name are not among them: git itself compares pointers into
/// different strings there, and says now this, now that): patterns, negation, anchors, classes, escapes, comments, blanks, nonsense.
fn rule(dice: &mut Dice) -> String {
    const WORDS: [&str; 35] = [
        "[[:punct:]]*",
        "[[:graph:]]",
        "[![:alnum:]]*",
        "[^[:space:]]b",
        "[ -z]*",
        "[!+-9]",
        "a",
        "b",
        "ab*",
        "*.o",
        "?",
        "??",
        "*",
        "**",
        "a*c",
        "[ab]",
        "[!a]",
        "[a-c].o",
        "[[:alpha:]]",
        "\\#hash",
        "\\!bang",
        "trail\\ ",
        "trail ",
        "\\[x\\]",
        "[x]",
        "a{b}",
        "{a,b}",
        "é",
        ".*",
        "x y",
        "#hash",
        "A",
        "a\\*",
        "[^b]",
        "*[bo]",
    ];
    let mut line = String::new();
    match dice.roll(20) {
        0 => return String::new(),
        1 => return "# a comment".into(),
        2 => return "   ".into(),
        _ => {}
    }
    if dice.roll(4) == 0 {
        line.push('!');
    }
    if dice.roll(3) == 0 {
        line.push('/');
    }
    for part in 0..=dice.roll(3) {
        if part > 0 {
            line.push('/');
        }
        line += dice.of(&WORDS);
    }
    if dice.roll(4) == 0 {
        line.push('/');
    }
    if dice.roll(8) == 0 {
        line += "  ";
    }
    line
}

/// The rules of a file below the root, said from the root; what matches at any depth there is anchored by `**`.
fn moved(rules: &str, folder: &str) -> String {
    let mut out = String::new();
    for line in rules.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (not, body) = line.strip_prefix('!').map_or(("", line), |b| ("!", b));
        // A trailing blank that is not escaped is no part of the pattern, and neither is a slash at its end an anchor.
        let anchored = body.trim_end().trim_end_matches('/').contains('/');
        let body = body.strip_prefix('/').unwrap_or(body);
        let deep = if anchored { "" } else { "**/" };
        out += &format!("{not}/{folder}/{deep}{body}\n");
    }
    out
}

/// A tree of all names, two levels deep, and rules for its root, for one directory, and for the whole of a clone.
fn ruled(dice: &mut Dice, s: &Sandbox) -> String {
    let src = s.tree("src");
    for _ in 0..40 {
        let depth = 1 + dice.roll(3);
        let names: Vec<&str> = (0..depth).map(|_| dice.of(&NAMES)).collect();
        let blocked = (1..=depth).any(|n| {
            let meta = src.at(names[..n].join("/")).symlink_metadata();
            meta.is_ok_and(|m| m.is_dir() == (n == depth))
        });
        if !blocked {
            src.file(names.join("/"), "");
        }
    }
    let mut lines = |n: usize| -> String { (0..n).map(|_| rule(dice) + "\n").collect() };
    let (clone, root, below) = (lines(2), lines(6), lines(3));
    s.tree(".").file("rules-clone", &clone).file("rules", &root);
    // Of what git reads, the file that is nearer has the last word.
    let folder = ["a", "ab"].into_iter().find(|d| src.at(d).is_dir());
    let mut flat = String::new();
    if let Some(folder) = folder {
        src.file(format!("{folder}/.gitignore"), &below);
        flat = moved(&below, folder);
    }
    s.tree(".").file("rules-below", &flat);
    src.file(".gitignore", &root);
    format!("clone:\n{clone}root:\n{root}below {folder:?}:\n{below}")
}

/// What git leaves out, and what is left of the files.
fn of_git(s: &Sandbox) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    s.sh("rm -rf src/.git; git -c init.templateDir= init -q src && mkdir -p src/.git/info && cp rules-clone src/.git/info/exclude")
        .success();
    let list = |what: &str| -> BTreeSet<Vec<u8>> {
        let told = s.sh(&format!(
            "cd src && git ls-files -z -o {what} --exclude-standard"
        ));
        let out = told.success().bytes();
        out.split(|b| *b == 0)
            .filter(|n| !n.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let both = (list("-i"), list(""));
    s.sh("rm -rf src/.git").success();
    both
}

#[test]
fn case_35_what_git_ignores() {
    let case = case(35);
    if std::process::Command::new("git")
        .arg("--version")
        .output()
        .is_err()
    {
        return case.cannot("there is no git");
    }
    let given: Option<u64> = std::env::var("FSYNC_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let seeds = match given {
        Some(seed) => seed..seed + 1,
        None => 1..1 + quick_or_long(60, 2000) as u64,
    };
    let (mut ignored_ever, mut kept_ever) = (0, 0);
    let mut wrong = Vec::new();
    for seed in seeds {
        let s = Sandbox::new();
        let text = ruled(&mut Dice(seed), &s);
        let (ignored, kept) = of_git(&s);
        let files: BTreeSet<Vec<u8>> = &ignored | &kept;
        let options =
            ["rules-clone", "rules", "rules-below"].map(|f| format!("--exclude-from={f}"));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let mine: BTreeSet<Vec<u8>> = &files & &added(&s, &options);
        let shown = |names: BTreeSet<Vec<u8>>| -> Vec<String> {
            names
                .iter()
                .map(|n| String::from_utf8_lossy(n).into_owned())
                .collect()
        };
        let left_out = &files - &mine;
        if left_out != ignored {
            let (more, less) = (shown(&left_out - &ignored), shown(&ignored - &left_out));
            wrong.push(format!("FSYNC_SEED={seed}: left out, git does not: {more:?}; git ignores, not left out: {less:?}\n{text}"));
        }
        ignored_ever += ignored.len();
        kept_ever += kept.len();
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        ignored_ever > 0 && kept_ever > 0,
        "rules that say something"
    );
}

#[test]
fn case_35_the_cases_that_are_told_most_often() {
    let _case = case(35);
    let s = Sandbox::new();
    let src = s.tree("src");
    for name in [
        "#hash",
        "trail ",
        "trail",
        "a/foo",
        "foo",
        "a/b/foo",
        "bar/x",
        "a/bar",
        "log.txt",
        "a/log.txt",
        "keep/log.txt",
        "deep/one/two/three",
        "deep/one/x",
        "!bang",
        "q1",
        "q2",
        "[x]",
        "\\back",
        "shut/in",
        "shut/out",
        "cr\r",
    ] {
        src.file(name, "");
    }
    let rules = "# a comment\n\\#hash\ntrail\\ \n/foo\nbar/\nlog.txt\n!keep/log.txt\ndeep/**/three\n\
                 \\!bang\nq?\n!q2\n\\[x\\]\n\nshut/\n!shut/in\n\\\\back   \n";
    s.tree(".").file("rules", rules).file("rules-clone", "");
    src.file(".gitignore", rules);
    let (ignored, kept) = of_git(&s);
    let mine = added(&s, &["--exclude-from=rules"]);
    let files: BTreeSet<Vec<u8>> = &ignored | &kept;
    assert_eq!(&files & &mine, kept);
    assert!(ignored.contains(b"shut/in".as_slice()) && kept.contains(b"keep/log.txt".as_slice()));
}

#[test]
fn case_36_a_skip_names_its_rule() {
    let _case = case(36);
    let s = Sandbox::new();
    s.tree("src")
        .file("a.o", "")
        .file("d/b.tmp", "")
        .file("d/kept.o", "")
        .file("dir/inside", "")
        .settle();
    s.tree("dst").settle();
    s.tree(".").file("rules", "# none\n*.o\n\ndir/\n!kept.o\n");
    let told = s
        .run("fsync-diff --json --exclude-from rules --exclude *.tmp src dst")
        .code(0);
    let all = told.records();
    let skips: Vec<&Value> = all.iter().filter(|r| r["type"] == "skip").collect();
    let rule = |pattern: &str, origin: &str, line: u32| json!({ "pattern": pattern, "origin": origin, "line": line });
    let found: Vec<_> = skips
        .iter()
        .map(|r| (&r["path"], &r["rule"], &r["cause"]))
        .collect();
    let no = json!(false);
    assert_eq!(
        found,
        [
            (&json!("a.o"), &rule("*.o", "rules", 2), &no),
            (&json!("d/b.tmp"), &rule("*.tmp", "--exclude", 0), &no),
            (&json!("dir"), &rule("dir/", "rules", 4), &no),
        ],
        "each once; below an excluded directory nothing is said"
    );
    assert_eq!(all[0]["options"]["rules"].as_array().map(Vec::len), Some(4));
    told.stderr("");
    // It goes through the pipeline to the end.
    let through = s
        .sh("fsync-diff --json --exclude-from rules src dst | fsync-snap --through")
        .code(0)
        .records();
    assert!(
        through
            .iter()
            .any(|r| r["path"] == "a.o" && r["rule"]["line"] == 2)
    );
    // And people see it when they ask.
    let told = s.run("fsync cp -n -v --exclude-from rules src dst").code(0);
    let said = told.complaint();
    assert!(said.contains("\"a.o\": skipped"), "{said}");
}

#[test]
fn case_37_an_alias_of_an_excluded_file() {
    let _case = case(37);
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src")
            .file("secret/key", "k")
            .file("d/key", "k")
            .link("alias", "secret")
            .link("d/alias", "../secret/key")
            .link("round", ".")
            .settle();
        s.tree(".").link("link to src", "src");
        for (src, dst) in [
            ("src", "one"),
            ("'./link to src'", "two"),
            ("src/round", "three"),
        ] {
            s.sh(&way.script("--exclude secret --exclude key", "", src, dst))
                .code(0)
                .nothing();
            let dst = s.tree(dst);
            assert!(!dst.has("secret") && !dst.has("alias/key") && !dst.has("d/key"));
            assert!(!dst.has("round/secret") && dst.at("alias").is_symlink());
            let found = s
                .sh(&format!(
                    "find {} -type f ! -name .fsync-backup",
                    dst.root().display()
                ))
                .code(0)
                .text();
            assert_eq!(found, "", "no file of it came along");
        }
    }
}
