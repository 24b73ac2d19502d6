//! Case 79: canned situations, and exactly what each is called.

use serde_json::{Value, json};

use crate::support::{Sandbox, T0, Told, Tree};
use crate::table::case;

type Make = fn(&Tree);

/// Situation, options, source, destination, and `status kind why…` of the change of `e` (nothing: no change).
const TABLE: &[(&str, &str, Make, Make, &str)] = &[
    (
        "equal",
        "",
        |t| {
            t.file("e", "1");
        },
        |t| {
            t.file("e", "1");
        },
        "",
    ),
    (
        "new file",
        "",
        |t| {
            t.file("e", "1");
        },
        |_| {},
        "A file",
    ),
    (
        "new directory",
        "",
        |t| {
            t.dir("e");
        },
        |_| {},
        "A directory",
    ),
    (
        "new link",
        "",
        |t| {
            t.link("e", "x");
        },
        |_| {},
        "A symlink",
    ),
    (
        "new fifo",
        "",
        |t| {
            t.fifo("e");
        },
        |_| {},
        "A fifo",
    ),
    (
        "gone",
        "--delete",
        |_| {},
        |t| {
            t.file("e", "1");
        },
        "D file",
    ),
    (
        "gone, kept",
        "",
        |_| {},
        |t| {
            t.file("e", "1");
        },
        "",
    ),
    (
        "longer",
        "",
        |t| {
            t.file("e", "123");
        },
        |t| {
            t.file("e", "1");
        },
        "M file size",
    ),
    (
        "longer and later",
        "",
        |t| {
            t.file("e", "123").mtime("e", 9, 9);
        },
        |t| {
            t.file("e", "1");
        },
        "M file size mtime",
    ),
    (
        "edited",
        "",
        |t| {
            t.file("e", "12").mtime("e", 9, 9);
        },
        |t| {
            t.file("e", "34");
        },
        "M file content mtime",
    ),
    (
        "edited in secret",
        "",
        |t| {
            t.file("e", "12");
        },
        |t| {
            t.file("e", "34");
        },
        "",
    ),
    (
        "edited in secret, looked",
        "-c",
        |t| {
            t.file("e", "12");
        },
        |t| {
            t.file("e", "34");
        },
        "M file content",
    ),
    (
        "touched",
        "",
        |t| {
            t.file("e", "12").mtime("e", 9, 9);
        },
        |t| {
            t.file("e", "12");
        },
        "t file mtime",
    ),
    (
        "touched by a nanosecond",
        "",
        |t| {
            t.file("e", "12").mtime("e", T0.0, T0.1 - 1);
        },
        |t| {
            t.file("e", "12");
        },
        "t file mtime",
    ),
    (
        "chmod",
        "",
        |t| {
            t.file("e", "1").mode("e", 0o755);
        },
        |t| {
            t.file("e", "1");
        },
        "t file mode",
    ),
    (
        "chown",
        "",
        |t| {
            t.file("e", "1").owner("e", 5, 6);
        },
        |t| {
            t.file("e", "1");
        },
        "t file owner",
    ),
    (
        "chgrp",
        "",
        |t| {
            t.file("e", "1").owner("e", 0, 6);
        },
        |t| {
            t.file("e", "1");
        },
        "t file owner",
    ),
    (
        "everything about it",
        "",
        |t| {
            t.file("e", "1")
                .mode("e", 0o600)
                .owner("e", 5, 5)
                .mode("e", 0o600)
                .mtime("e", 9, 9);
        },
        |t| {
            t.file("e", "22");
        },
        "M file size mtime mode owner",
    ),
    (
        "chmod of a directory",
        "",
        |t| {
            t.dir("e").mode("e", 0o700);
        },
        |t| {
            t.dir("e");
        },
        "t directory mode",
    ),
    (
        "another target",
        "",
        |t| {
            t.link("e", "x");
        },
        |t| {
            t.link("e", "y");
        },
        "M symlink target",
    ),
    (
        "a link touched",
        "",
        |t| {
            t.link("e", "x").mtime("e", 9, 9);
        },
        |t| {
            t.link("e", "x");
        },
        "t symlink mtime",
    ),
    (
        "attribute",
        "--xattrs",
        |t| {
            t.file("e", "").xattr("e", "user.a", b"");
        },
        |t| {
            t.file("e", "");
        },
        "t file xattrs",
    ),
    (
        "attribute lost",
        "--xattrs",
        |t| {
            t.file("e", "");
        },
        |t| {
            t.file("e", "").xattr("e", "user.a", b"1");
        },
        "t file xattrs",
    ),
    (
        "a directory touched",
        "",
        |t| {
            t.dir("e").mtime("e", 9, 9);
        },
        |t| {
            t.dir("e").mtime("e", T0.0, T0.1);
        },
        "t directory mtime",
    ),
    (
        "renamed",
        "--delete --renames",
        |t| {
            t.file("e", "what moves");
        },
        |t| {
            t.file("gone", "what moves");
        },
        "R file",
    ),
    (
        "renamed, touched and made executable",
        "--delete --renames",
        |t| {
            t.file("e", "what moves").mode("e", 0o755).mtime("e", 9, 9);
        },
        |t| {
            t.file("gone", "what moves");
        },
        "R file mtime mode",
    ),
    (
        "touched, and only sizes count",
        "--size-only",
        |t| {
            t.file("e", "12").mtime("e", 9, 9);
        },
        |t| {
            t.file("e", "34");
        },
        "",
    ),
    (
        "touched inside the window",
        "--modify-window 1s",
        |t| {
            t.file("e", "12").mtime("e", T0.0 + 1, T0.1);
        },
        |t| {
            t.file("e", "12");
        },
        "",
    ),
    (
        "another mode, which does not count",
        "--no-perms",
        |t| {
            t.file("e", "12").mode("e", 0o700);
        },
        |t| {
            t.file("e", "12");
        },
        "",
    ),
    (
        "another link, later",
        "",
        |t| {
            t.link("e", "x").mtime("e", 9, 9);
        },
        |t| {
            t.link("e", "y");
        },
        "M symlink mtime target",
    ),
    (
        "a fifo of another mode",
        "",
        |t| {
            t.fifo("e").mode("e", 0o600);
        },
        |t| {
            t.fifo("e");
        },
        "t fifo mode",
    ),
    (
        "a device of another number",
        "",
        |t| {
            t.device("e", 3);
        },
        |t| {
            t.device("e", 5);
        },
        "M char_device target",
    ),
];

/// `status kind why…` of the change of `e`.
fn called(told: &[Value]) -> String {
    let mut changes = told
        .iter()
        .filter(|r| r["type"] == "change" && r["path"] == "e");
    let Some(change) = changes.next() else {
        return String::new();
    };
    let word = |v: &Value| v.as_str().unwrap_or("?").to_string();
    let why = change["why"].as_array().expect("a list").iter().map(word);
    let words: Vec<_> = [word(&change["status"]), word(&change["kind"])]
        .into_iter()
        .chain(why)
        .collect();
    words.join(" ")
}

#[test]
fn case_79_canned_situations() {
    let case = case(79);
    if !case.as_root() {
        return;
    }
    for (what, options, make_src, make_dst, expected) in TABLE {
        let s = Sandbox::new();
        let (src, dst) = (s.tree("src"), s.tree("dst"));
        make_src(&src);
        make_dst(&dst);
        for tree in [&src, &dst] {
            if what.contains("directory") && !what.contains("touched") && tree.has("e") {
                tree.mtime("e", T0.0, T0.1);
            }
            tree.mtime(".", T0.0, T0.1);
        }
        let told = s
            .run(&format!("fsync-diff --json {options} src dst"))
            .code(0)
            .records();
        assert_eq!(&called(&told), expected, "{what}");
        let changes = told.iter().filter(|r| r["type"] == "change").count();
        assert_eq!(
            changes,
            usize::from(!expected.is_empty()),
            "{what}: {told:#?}"
        );
        // The line form says the same in short, and so does the command.
        let line = match expected.split(' ').next() {
            Some("") | None => String::new(),
            Some("R") => "R\tgone\te\n".to_string(),
            Some(letter) => format!("{letter}\te\n"),
        };
        s.run(&format!("fsync-diff {options} src dst"))
            .code(0)
            .stdout(line.clone());
        s.run(&format!("fsync cp -n {options} src dst"))
            .code(0)
            .stdout(line);
    }
}

#[test]
fn case_79_a_change_of_kind() {
    let _case = case(79);
    let makes: [(&str, Make); 4] = [
        ("file", |t| {
            t.file("e", "1");
        }),
        ("directory", |t| {
            t.dir("e");
        }),
        ("symlink", |t| {
            t.link("e", "1");
        }),
        ("fifo", |t| {
            t.fifo("e");
        }),
    ];
    for (from, make_old) in makes {
        for (to, make_new) in makes.iter().filter(|(to, _)| *to != from) {
            let s = Sandbox::new();
            make_new(&s.tree("src"));
            make_old(&s.tree("dst"));
            let told = s.run("fsync-diff --json src dst").code(0).records();
            let found = called(&told);
            assert_eq!(found, format!("T {to} kind"), "{from} to {to}");
            let change = told.iter().find(|r| r["path"] == "e").expect("it");
            assert_eq!(
                (&change["old"]["kind"], &change["new"]["kind"]),
                (&json!(from), &json!(to))
            );
        }
    }
}
