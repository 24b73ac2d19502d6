//! Names of every sort, byte-exact through every stage.

use std::os::unix::ffi::OsStrExt;

use crate::support::{Oracle, Sandbox, Told, assert_same};

/// Names that somebody's program stumbled over.
fn odd() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "new\nline",
        "tab\there",
        "quote\"d",
        "back\\slash",
        "esc\x1b[31mred",
        "-rf",
        "--delete",
        " lead",
        "trail ",
        "dot.",
        "...",
        "*",
        "?",
        "[a]",
        "$HOME",
        "`id`",
        "a;b",
        "a|b",
        "a&b",
        "'",
        "cr\r",
        "del\x7f",
        "snap:x",
        "@",
        "x@{1}",
        "~",
        "#hash",
        "!bang",
        "C:",
        "aux",
        "é",
        "e\u{301}",
        "日本語",
        "\u{202e}rtl",
        "\u{feff}",
        "{\"type\":\"end\"}",
        "A\tx",
        ".fsync-backup2",
        "%41",
        "\x01",
        ".hidden",
        "a b",
        "\u{10ffff}",
    ]
    .iter()
    .map(|n| n.as_bytes().to_vec())
    .collect();
    names.push(b"\xff\xfe".to_vec());
    names.push(b"latin \xe9".to_vec());
    names.push(b"cut utf8 \xe2\x82".to_vec());
    names.push(vec![b'n'; 255]);
    names.push([&[0xff; 127][..], &[b'q'; 128]].concat());
    names
}

/// A file, a directory with a file, and a link to each odd name.
fn zoo(s: &Sandbox, side: &str) {
    let tree = s.tree(side);
    for (n, name) in odd().iter().enumerate() {
        tree.file(name, format!("file {n}"));
        tree.file(
            [b"dir/".as_slice(), name, b"/", name].concat(),
            format!("inner {n}"),
        );
        tree.link(format!("link {n}"), name);
    }
    tree.file(".fsync/ABOUT", "ours")
        .file(".fsync/tree/x", "")
        .file(".fsync/content/y", "");
    tree.file("deep/.fsync/snapshot.json", "{}").settle();
}

#[test]
fn holds_6_through_records_and_snapshot() {
    let s = Sandbox::new();
    zoo(&s, "src");
    s.tree("dst").file("was here", "").settle();
    s.twin("dst", "before");
    s.mirror("src", "dst").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
    s.run("fsync-diff --delete src dst").code(0).nothing();
    s.run("fsync-revert dst").code(0);
    assert_same(s.path("before"), s.path("dst"));
    s.run("fsync-revert --redo dst").code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn names_survive_every_archive_reader() {
    let s = Sandbox::new();
    zoo(&s, "dst");
    let id = s.snap("dst");
    s.sh(&format!("unzip -tqq repo/{id}.zip")).code(0);
    s.sh(&format!("7z t repo/{id}.zip")).code(0);
    // In the C locale bsdtar can name nothing but ASCII.
    s.sh(&format!("LC_ALL=C.UTF-8 bsdtar -tf repo/{id}.zip"))
        .code(0);
    s.sh(&format!(
        "python3 -c 'import zipfile; assert zipfile.ZipFile(\"repo/{id}.zip\").testzip() is None'"
    ))
    .code(0);
    s.run("fsync-revert dst --to out").code(0);
    assert_same(s.path("dst"), s.path("out"));
    s.run(&format!("fsync-snap --export {id} -o out.zip"))
        .code(0);
    s.sh("unzip -tqq out.zip").code(0);
}

#[test]
fn roots_may_have_odd_names_too() {
    for name in odd().iter().filter(|n| !n.starts_with(b"-")) {
        let s = Sandbox::new();
        let base = s.tree(".");
        let src = [b"./s".as_slice(), &name[..name.len().min(250)]].concat();
        let dst = [b"./d".as_slice(), &name[..name.len().min(250)]].concat();
        base.file([&src[..], b"/f"].concat(), "f");
        let os = std::ffi::OsStr::from_bytes;
        let plan = s
            .cmd("fsync-diff")
            .arg("--json")
            .arg(os(&src))
            .arg(os(&dst))
            .assert()
            .code(0)
            .bytes();
        let through = s.feed("fsync-snap --through", plan).code(0).bytes();
        s.feed("fsync-apply --require-snapshot", through)
            .code(0)
            .nothing();
        assert_same(base.at(&src), base.at(&dst));
        s.cmd("fsync-revert").arg(os(&dst)).assert().code(0);
        assert_eq!(Oracle::of(base.at(&dst)).len(), 0);
    }
}

#[test]
fn deeper_than_path_max() {
    let s = Sandbox::new();
    let script = "import os\nfor n in ['src'] + ['%0100d' % i for i in range(60)]:\n    os.mkdir(n)\n    os.chdir(n)\nopen('f', 'w').close()";
    s.cmd("python3").args(["-c", script]).assert().success();
    s.sh("fsync-diff --json src dst | fsync-snap --through | fsync-apply --require-snapshot")
        .code(0)
        .nothing();
    s.run("fsync-diff --delete src dst").code(0).nothing();
    s.sh("find dst -name f | wc -l").code(0).stdout("1\n");
    s.run("fsync-revert dst").code(0);
    assert_eq!(Oracle::of(s.path("dst")).len(), 0);
}
