//! Cases 64 and 66: names of every sort, and names that are the same to the file system.

use crate::support::{Oracle, Sandbox, Told, assert_same, outcomes, records};
use crate::table::case;
use crate::way::Way;

/// The names of the case, alone and in company.
const ODD: [&[u8]; 14] = [
    b"new\nline",
    b"tab\there",
    b"quote\"d",
    b"back\\slash",
    b"esc\x1b[31mred\x1b]0;title\x07",
    b"\xff\xfe",
    b"latin \xe9",
    b"cut \xe2\x82",
    b"cr\r",
    b"\x01\x7f\xc2\x9b31m",
    b"{\"type\":\"end\"}",
    b"A\tx\nD\t..",
    b"\\n\\\"\\033",
    b" lead and trail ",
];

/// A file, a directory with a file of the same name in it, a link of that name, and one to it.
fn zoo(s: &Sandbox, side: &str) {
    let tree = s.tree(side);
    for (n, name) in ODD.iter().enumerate() {
        tree.file(name, format!("file {n}"))
            .file([b"dir/", *name, b"/", *name].concat(), format!("inner {n}"))
            .link([b"links/", *name].concat(), name)
            .hard([b"hard/", *name].concat(), name);
    }
    tree.settle();
}

#[test]
fn case_64_byte_exact_through_every_form() {
    let _case = case(64);
    let forms = [
        "fsync-diff --json OPT A B | fsync-apply FREE",
        "fsync-diff --json OPT A B | jq -c . | fsync-snap --through | fsync-apply --require-snapshot FREE",
        "fsync-diff -z OPT A B | fsync-apply FREE A B",
        "fsync-diff -z OPT A B | grep -z . | fsync-apply FREE A B",
        "fsync-diff OPT A B | fsync-apply FREE A B",
        "fsync cp -q OPT FREE A B",
    ];
    for form in forms {
        let s = Sandbox::new();
        zoo(&s, "src");
        s.tree("dst").settle();
        s.tree("none").settle();
        let line = |options: &str, from: &str| {
            form.replace("OPT", options)
                .replace("FREE", "--max-delete 100% --allow-empty-source")
                .replace(" A", &format!(" {from}"))
                .replace(" B", " dst")
        };
        s.sh(&line("", "src")).code(0).nothing();
        s.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert_same(s.path("src"), s.path("dst"));
        s.run("fsync-diff --delete -c src dst").code(0).nothing();
        // And away with all of them.
        s.sh(&line("--delete", "none")).code(0).nothing();
        assert_eq!(Oracle::of(s.path("dst")).len(), 0, "{form}");
    }
}

#[test]
fn case_64_records_and_nul_lines_hold_the_bytes() {
    let _case = case(64);
    let s = Sandbox::new();
    zoo(&s, "src");
    s.tree("dst").settle();
    let nul = s.run("fsync-diff -z src dst").code(0).bytes();
    let mut lines: Vec<&[u8]> = nul.split(|b| *b == 0).collect();
    assert_eq!(lines.pop(), Some(&b""[..]), "the last one is ended too");
    let told = s.run("fsync-diff --json src dst").code(0).records();
    let paths: Vec<Vec<u8>> = told
        .iter()
        .filter(|r| r["type"] == "change")
        .map(|r| match (&r["path"], &r["path_hex"]) {
            (path, serde_json::Value::Null) => path.as_str().expect("text").as_bytes().to_vec(),
            (serde_json::Value::Null, hex) => {
                let bytes = hex::decode(hex.as_str().expect("hex")).expect("hex");
                assert!(
                    std::str::from_utf8(&bytes).is_err(),
                    "hex only where text cannot be"
                );
                bytes
            }
            both => panic!("one of the two: {both:?}"),
        })
        .collect();
    assert_eq!(lines.len(), paths.len());
    for (line, path) in lines.iter().zip(&paths) {
        assert_eq!(*line, [b"A\t", path.as_slice()].concat());
    }
    for name in ODD {
        assert!(paths.iter().any(|p| p == name), "{}", name.escape_ascii());
    }
}

/// Runs a line where stdout and stderr are a terminal; what the terminal got.
fn on_a_terminal(s: &Sandbox, line: &str) -> Vec<u8> {
    let out = s
        .plain("script")
        .args(["-qec", line, "/dev/null"])
        .output()
        .expect("script(1)");
    out.stdout
}

#[test]
fn case_64_escaped_on_a_terminal() {
    let case = case(64);
    let s = Sandbox::new();
    zoo(&s, "src");
    s.tree("dst").file(b"gone\x1b[2J", "").settle();
    s.run("fsync-snap src -t one").code(0);
    s.tree(".").file("list", "none\x1b[2J\n");
    let lines = [
        "fsync-diff src dst",
        "fsync-diff --delete src dst",
        "fsync cp -n --delete src dst",
        "fsync-diff --patch src dst",
        "fsync-diff -v --exclude 'esc*' src dst",
        "fsync-diff --files-from list src dst",
        "fsync-diff src dst >plan; rm -r src/dir; fsync-apply src dst <plan",
        "fsync-diff $(printf './no\\033[2J') dst",
        "fsync ls one",
        "fsync ls -l one",
        "fsync find '*'  src",
        "fsync show one",
        "fsync cat one $(printf 'no\\033[2J')",
        "fsync rv -d src -n",
        "fsync-snap --tag $(printf 'a\\033b') src",
    ];
    let script = s.cmd("script").args(["-qec", "true", "/dev/null"]).assert();
    let has_terminal = script.get_output().status.success();
    if !has_terminal {
        case.without("script(1) gives no terminal here");
    }
    for line in lines {
        let told = s.sh(line);
        let mut seen = [told.bytes(), told.get_output().stderr.clone()].concat();
        if has_terminal {
            seen.extend(on_a_terminal(&s, line));
        }
        let text = String::from_utf8_lossy(&seen);
        // The lines of a patch are contents, as cat prints them; what is asked here is about names.
        let is_content = |l: &&str| {
            let head = l.starts_with("+++ ") || l.starts_with("--- ");
            line.contains("--patch") && l.starts_with(['+', '-', ' ']) && !head
        };
        let text: String = text
            .split_inclusive('\n')
            .filter(|l| !is_content(l))
            .collect();
        // Of C1, which some terminals obey, CSI is the one that names hold here. \r is the terminal's own.
        let bad = |c: &char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        let found: String = text.chars().filter(bad).collect();
        assert!(found.is_empty(), "{line}: {}", found.escape_debug());
        assert!(!seen.is_empty(), "{line}: something is said");
        for name in ["back", "new"] {
            assert!(!text.contains(&format!("{name}\nline")), "{line}");
        }
    }
    // In the form of git: quoted, with octal escapes.
    let told = s.run("fsync-diff src none/").code(0).text();
    for quoted in [
        r#"A	"new\nline""#,
        r#"A	"tab\there""#,
        r#"A	"quote\"d""#,
        r#"A	"back\\slash""#,
        r#"A	"esc\033[31mred\033]0;title\a""#,
        r#"A	"\377\376""#,
    ] {
        assert!(told.lines().any(|l| l == quoted), "{quoted}");
    }
}

/// File systems to which upper and lower case are the same; made in `disk`, with `dst` in `m`.
const FOLDING: [(&str, &str); 3] = [
    (
        "ext4 with casefold",
        "truncate -s 32M disk && mkfs.ext4 -q -O casefold -E encoding=utf8 disk && mount -o loop disk m && mkdir m/dst && chattr +F m/dst",
    ),
    (
        "a folding file system in user space",
        "mkdir below && /usr/bin/python3 coarse.py fold below m && mkdir m/dst",
    ),
    (
        "exfat",
        "truncate -s 16M disk && mkfs.exfat disk && mount -t exfat-fuse -o loop disk m && mkdir m/dst",
    ),
];

#[test]
fn case_66_another_case_of_the_same_name() {
    let case = case(66);
    if !case.as_root() {
        return;
    }
    let mut tried = 0;
    for (what, mount) in FOLDING {
        for way in Way::ALL {
            for option in ["--delete", "--delete --renames", ""] {
                match respelt(mount, way, option) {
                    Ok(()) => tried += 1,
                    Err(()) => {
                        case.without(&format!("{what}: not to be had here"));
                        break;
                    }
                }
            }
        }
    }
    if tried == 0 {
        case.cannot("no file system that folds case can be mounted here");
    }
}

/// Renames a file, a link-free directory and a name in it to other spellings at the source, and brings that over.
fn respelt(mount: &str, way: Way, option: &str) -> Result<(), ()> {
    let s = Sandbox::new();
    s.tree(".").file("coarse.py", include_str!("coarse.py"));
    s.tree("m");
    s.tree("src")
        .file("readme", "read me")
        .file("dir/inner", "inner")
        .file("dir/same", "same")
        .file("edited", "before")
        .file("other", "o")
        .settle();
    s.twin("src", "new");
    s.sh("cd new && mv readme README && mv dir/inner dir/INNER && mv dir Dir && mv edited Edited && printf 'an edit' >Edited")
        .success();
    s.tree("new").mtime("Edited", 1_600_000_100, 0).settle();
    // Neither modes nor owners are kept everywhere.
    let lax = "--no-perms --no-owner";
    let apply = match way {
        Way::Lines => format!("fsync-diff {lax} {option} new m/dst | fsync-apply {lax} new m/dst"),
        _ => way.script(&format!("{lax} {option}"), "", "new", "m/dst"),
    };
    let listed = "(cd m/dst && find . -type f ! -name .fsync-backup | LC_ALL=C sort | tr '\\n' ' '; cat other dir/same README Edited; echo)";
    let script = format!(
        "{{ {mount}; }} >mount.log 2>&1 || exit 99
         trap 'code=$?; umount m; exit $code' EXIT
         fsync cp -q {lax} src m/dst; echo code $?
         fsync-diff {lax} {option} new m/dst
         stat -c %i m/dst/readme >inode
         {apply}; echo code $?; {listed}
         stat -c %i m/dst/README | cmp inode - && echo the same inode
         fsync-diff {lax} {option} new m/dst
         {apply}; echo code $?; {listed}
         fsync-diff {lax} {option} -c new m/dst; echo nothing
         fsync rv -q -d m/dst; echo code $?; {listed}; fsync rv -q -d m/dst; echo code $?; {listed}"
    );
    let told = s.cmd("unshare").args(["-m", "sh", "-c", &script]).assert();
    if told.get_output().status.code() == Some(99) {
        return Err(());
    }
    let text = told.text();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with("t\t")).collect();
    let mut at = lines.iter();
    let mut expect = |line: &str| {
        assert_eq!(
            at.next(),
            Some(&line),
            "{mount} {way:?} {option}: {text}\n{}",
            told.complaint()
        )
    };
    expect("code 0");
    // One rename each; what was edited as well is written first, and gets its spelling when nothing else is left.
    for line in [
        "R\tdir\tDir",
        "R\tDir/inner\tDir/INNER",
        "M\tEdited",
        "R\treadme\tREADME",
    ] {
        expect(line);
    }
    expect("code 0");
    let rest: Vec<&str> = at.copied().collect();
    let before_back = rest
        .iter()
        .position(|l| *l == "nothing")
        .expect("a second run ends with nothing");
    let steady = rest[before_back - 1];
    let good = "./Dir/INNER ./Dir/same ./Edited ./README ./other osameread mean edit";
    assert_eq!(steady, good, "{mount} {way:?} {option}: {text}");
    if !mount.contains("exfat") {
        assert!(rest.contains(&"the same inode"), "{text}");
    }
    if way != Way::Lines {
        // Where it took two runs it takes two reverts.
        let back = "./dir/inner ./dir/same ./edited ./other ./readme osameread mebefore";
        let reverted = &rest[before_back + 1..];
        // exFAT's driver keeps pages by the spelling that they were read under, and a spelling when contents come: what it
        // says of what was edited proves nothing.
        let is_back = |l: &&str| {
            *l == back
                || mount.contains("exfat")
                    && ["./dir/inner ", "./readme "].iter().all(|n| l.contains(n))
        };
        assert!(
            reverted.iter().any(is_back),
            "{mount} {way:?} {option}: {text}"
        );
        assert!(
            reverted
                .iter()
                .all(|l| !l.starts_with("code ") || *l == "code 0"),
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn case_66_one_rename_and_nothing_else() {
    let case = case(66);
    if !case.as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree(".").file("coarse.py", include_str!("coarse.py"));
    s.tree("m");
    s.tree("src").file("Readme", "read me").settle();
    let script = format!(
        "{{ {}; }} >mount.log 2>&1 || exit 99
         trap 'code=$?; umount m; exit $code' EXIT
         printf 'read me' >m/dst/README; touch -d @1600000000.123456789 m/dst/README m/dst
         fsync-diff --json --delete src m/dst >plan; fsync-apply --json <plan >told; echo code $?; ls m/dst
         fsync-apply --json <plan >again; echo code $?; ls m/dst; cat m/dst/Readme",
        FOLDING[1].1
    );
    let told = s.cmd("unshare").args(["-m", "sh", "-c", &script]).assert();
    if told.get_output().status.code() == Some(99) {
        return case.cannot("python3-fusepy is not here, or nothing can be mounted");
    }
    assert_eq!(
        told.text(),
        "code 0\nReadme\ncode 0\nReadme\nread me",
        "{}",
        told.complaint()
    );
    let read = |name: &str| records(&std::fs::read(s.path(name)).expect("records"));
    let plan = read("plan");
    let changes: Vec<_> = plan
        .iter()
        .filter(|r| r["type"] == "change" && r["path"] != ".")
        .collect();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!(
        (&changes[0]["status"], &changes[0]["from"]),
        (&"R".into(), &"README".into())
    );
    let mine = |name: &str| -> Vec<String> {
        outcomes(&read(name))
            .into_iter()
            .filter(|o| !o.starts_with(". "))
            .collect()
    };
    assert_eq!(mine("told"), ["Readme done"]);
    assert_eq!(mine("again"), ["Readme already"]);
}
