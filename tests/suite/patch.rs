//! `fsync-diff --patch`: what patch(1) and git make of it.

use std::fs;

use predicates::str::contains;

use crate::support::{Sandbox, Told, Tree};

/// Everything that a patch can say, before and after.
fn build(src: &Tree, dst: &Tree) {
    let lines = |skip: usize| -> String {
        let kept = (0..200).filter(|n| n % skip != 1);
        kept.map(|n| format!("line {n}\n")).collect()
    };
    dst.file("many", lines(500))
        .file("deep/er/edited", "a\nb\nc\n");
    src.file("many", lines(60))
        .file("deep/er/edited", "a\nx\nc\n");
    dst.file("cut", "one\ntwo")
        .file("grown", "one")
        .file("same", "same");
    src.file("cut", "one")
        .file("grown", "one\ntwo\n")
        .file("same", "same");
    dst.file("gone/file", "g\n").file("gone/empty", "");
    src.file("new/dir/file", "n\n").file("new/empty", "");
    dst.file("dos", "a\r\nb\r\n").file("run", "x\n");
    src.file("dos", "a\r\nB\r\n")
        .file("run", "x\n")
        .mode("run", 0o755);
    for (n, name) in [
        "with space",
        "tab\there",
        "quo\"te",
        "back\\slash",
        "\u{e4}",
    ]
    .iter()
    .enumerate()
    {
        dst.file(name, format!("{n}\n"));
        src.file(name, format!("{n}\nmore\n"));
    }
    dst.file(b"latin\xe4", "1\n");
    src.file(b"latin\xe4", "2\n");
    dst.file("latin", b"\xe4\n");
    src.file("latin", b"\xe4\xf6\n");
}

/// Names, contents, targets and whether files can be run.
fn assert_alike(s: &Sandbox, left: &str, right: &str) {
    let list = |dir: &str| {
        let script =
            format!("cd {dir} && find . -mindepth 1 -not -type d -printf '%p %y %l %m\n' | sort");
        s.sh(&script).code(0).bytes()
    };
    assert_eq!(
        String::from_utf8_lossy(&list(left)),
        String::from_utf8_lossy(&list(right))
    );
    s.sh(&format!("diff -r --no-dereference {left} {right}"))
        .code(0)
        .nothing();
}

#[test]
fn patch_and_git_make_the_destination_like_the_source() {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    build(&src, &dst);
    dst.link("link", "same").link("gone link", "x");
    src.link("link", "many").link("new link", "y");
    s.sh("fsync-diff --checksum --patch --delete src dst >p")
        .code(0)
        .stderr("");
    s.twin("dst", "by-patch");
    s.sh("patch -sp1 -d by-patch <p")
        .code(0)
        .stderr("")
        .nothing();
    assert_alike(&s, "src", "by-patch");
    s.twin("dst", "by-git");
    s.sh("cd by-git && git apply -p1 ../p").code(0).stderr("");
    assert_alike(&s, "src", "by-git");
}

#[test]
fn a_patch_between_snapshots_is_the_same() {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    build(&src, &dst);
    let local = s.run("fsync-diff -cp --delete src dst").code(0).bytes();
    let (a, b) = (s.snap("src"), s.snap("dst"));
    let stored = s
        .run(&format!("fsync-diff -cp --delete {a} {b}"))
        .code(0)
        .bytes();
    assert_eq!(
        String::from_utf8_lossy(&local),
        String::from_utf8_lossy(&stored)
    );
    let mixed = s
        .run(&format!("fsync diff -cp --delete src snap:{b}"))
        .code(0)
        .bytes();
    assert!(mixed == local);
}

#[test]
fn a_patch_reads_as_git_s() {
    let s = Sandbox::new();
    s.tree("dst").file("a b", "1\n2\n");
    s.tree("src")
        .file("a b", "1\n3\n")
        .file("n\tw", "x")
        .mode("n\tw", 0o755);
    s.run("fsync-diff -cp src dst").code(0).stderr("").stdout(
        "diff --git a/a b b/a b\n\
         index 1191247b6d9a206f6ba3d8ac79e26d041dd86941..b2d525c53e49e3afd8ac2dcf94f4a2a5bb9b7d93 100644\n\
         --- a/a b\t\n+++ b/a b\t\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n\
         diff --git \"a/n\\tw\" \"b/n\\tw\"\n\
         new file mode 100755\n\
         index 0000000000000000000000000000000000000000..c1b0730e013c8b3fcfa1e8d7d2a9d1e6b6a2b3c4\n\
         --- /dev/null\n+++ \"b/n\\tw\"\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n"
            .replace("b2d525c53e49e3afd8ac2dcf94f4a2a5bb9b7d93", &blob(&s, "src/a b"))
            .replace("1191247b6d9a206f6ba3d8ac79e26d041dd86941", &blob(&s, "dst/a b"))
            .replace("c1b0730e013c8b3fcfa1e8d7d2a9d1e6b6a2b3c4", &blob(&s, "src/n\tw")),
    );
    s.run("fsync-diff -cp --exit-code src dst").code(1);
    s.run("fsync-diff -p --exit-code src src").code(0).nothing();
}

/// As git names a file's bytes.
fn blob(s: &Sandbox, path: &str) -> String {
    s.cmd("git")
        .args(["hash-object", path])
        .assert()
        .code(0)
        .text()
}

#[test]
fn what_is_no_text_is_said_and_the_rest_applies() {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    dst.file("b", "bin\0ary")
        .file("empty", "")
        .file("large", "1")
        .file("t", "old\n");
    src.file("b", "bin\0ery")
        .file("large", vec![b'\n'; 9 << 20])
        .file("t", "new\n");
    src.fifo("pipe").file("zero", "\0");
    let text = s
        .run("fsync-diff -cp --delete src dst")
        .code(0)
        .stderr("")
        .text();
    for line in [
        "Binary files a/b and b/b differ",
        "Files a/large and b/large differ (larger than 8 MiB)",
        "Files /dev/null and b/pipe differ (fifo)",
        "Binary files /dev/null and b/zero differ",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    fs::write(s.path("p"), format!("{text}\n")).unwrap();
    for tool in ["patch -sp1 -d one <p", "cd two && git apply ../p"] {
        s.twin("dst", if tool.starts_with('p') { "one" } else { "two" });
        s.sh(tool).code(0).stderr("");
    }
    for dir in ["one", "two"] {
        assert_eq!(s.tree(dir).read("t"), b"new\n");
        assert_eq!(s.tree(dir).read("b"), b"bin\0ary");
        assert!(!s.tree(dir).has("empty"));
    }
}

#[test]
fn another_kind_is_a_deletion_and_an_addition() {
    let s = Sandbox::new();
    s.tree("dst")
        .file("x", "file\n")
        .file("y/below", "z\n")
        .link("l", "x");
    s.tree("src")
        .link("x", "y")
        .file("y", "flat\n")
        .file("l", "file now\n");
    s.sh("fsync-diff -cp --delete src dst >p")
        .code(0)
        .stderr("");
    s.sh("cd dst && git apply ../p").code(0).stderr("");
    assert_alike(&s, "src", "dst");
}

#[test]
fn apply_refuses_a_patch() {
    let s = Sandbox::new();
    s.tree("dst").file("t", "old\n").file("b", "\0");
    s.tree("src").file("t", "new\n").file("b", "\0\0");
    s.sh("fsync-diff -cp src dst | fsync-apply src dst")
        .code(5)
        .nothing()
        .one_line("fsync-apply", &["is a patch", "nothing was changed"]);
    assert_eq!(s.tree("dst").read("t"), b"old\n");
    for other in ["--json", "-z", "--stat", "--renames --delete"] {
        s.run(&format!("fsync-diff -p {other} src dst"))
            .code(2)
            .stderr(contains("--patch"));
    }
}
