//! `fsync export`: whole snapshots as zip and as tar.

use std::fs;

use predicates::str::contains;

use crate::support::{Oracle, Sandbox, Told, as_root, assert_same};

#[test]
fn a_tar_stream_gives_everything_back() {
    let s = Sandbox::new();
    let d = s.tree("d");
    let long = format!("{}/{}", "n".repeat(120), "m".repeat(150));
    d.menagerie()
        .file(&long, "long")
        .link("long target", "t".repeat(300))
        .file(format!("\u{e4}{}", "\u{f6}".repeat(60)), "utf-8")
        .file(b"latin\xe4", "bytes")
        .file("odd=name\n", "x")
        .xattr("odd=name\n", "user.a", b"=\n\0")
        .mtime("old", -86_400, 0)
        .hard("again", &long)
        .settle()
        .mode(".", 0o750);
    if as_root() {
        d.device("null", 3).owner("plain", 3_000_000, 70_000);
        d.mtime("hollow", -5, 250_000_000).settle();
    }
    let id = s.snap("d");
    s.sh(&format!("fsync export --tar {id} >t.tar"))
        .code(0)
        .stderr("");
    for (dir, extract) in [
        ("gnu", "tar -xpf t.tar --xattrs --xattrs-include='*' -C gnu"),
        ("bsd", "LC_ALL=C.UTF-8 bsdtar -xpf t.tar -C bsd"),
    ] {
        s.tree(dir);
        // GNU tar finds times before 1970 implausible, and says so.
        s.sh(extract).code(0);
        assert_same(s.path("d"), s.path(dir));
    }
}

#[test]
fn gnu_tar_gives_back_what_bsdtar_reads_otherwise() {
    let s = Sandbox::new();
    s.tree("d")
        .file("half", "a second before a day before 1970")
        .mtime("half", -86_401, 500_000_000)
        .file("f", "x")
        .xattr("f", "user.a=b%c", b"value")
        .settle();
    s.snap("d");
    s.tree("gnu");
    s.sh("fsync export --tar d@ | tar -xp --xattrs --xattrs-include='*' -C gnu")
        .code(0);
    assert_same(s.path("d"), s.path("gnu"));
}

#[test]
fn a_long_name_that_is_not_utf_8_comes_back() {
    let s = Sandbox::new();
    s.tree("d")
        .file([b"x\xff".to_vec(), vec![b'y'; 200]].concat(), "1")
        .settle();
    s.snap("d");
    s.sh("fsync export --tar d@ -o t.tar").code(0).nothing();
    s.tree("gnu");
    // GNU tar says that it does not know the record, and takes the bytes as they are.
    s.sh("tar -xpf t.tar -C gnu").code(0);
    assert_same(s.path("d"), s.path("gnu"));
    s.tree("bsd");
    s.sh("bsdtar -xpf t.tar -C bsd").code(0).stderr("");
    assert_same(s.path("d"), s.path("bsd"));
}

#[test]
fn large_files_are_streamed_from_chunks_too() {
    let s = Sandbox::new();
    let d = s.tree("d");
    let mut bytes: Vec<u8> = (0..(10u32 << 20))
        .map(|n| (n % 251 * (n >> 12)) as u8)
        .collect();
    d.file("large", &bytes).settle();
    s.snap("d");
    bytes[5 << 20] ^= 1;
    d.edit("large", &bytes);
    s.snap("d");
    s.sh("fsync export --tar d@ | tar -xO ./large | cmp - d/large")
        .code(0)
        .nothing();
    s.sh("fsync export d@ -o e.zip && unzip -p e.zip large | cmp - d/large")
        .code(0)
        .nothing();
}

#[test]
fn what_tar_cannot_hold_is_named() {
    let s = Sandbox::new();
    s.tree("d").file("f", "1").socket("sock");
    s.snap("d");
    s.run("fsync export --tar -o t.tar d@")
        .code(3)
        .nothing()
        .one_line("fsync-snap", &["\"sock\"", "skipped"]);
    s.sh("tar -tf t.tar").code(0).stdout("./f\n./\n");
}

#[test]
fn export_is_what_fsync_snap_writes() {
    let s = Sandbox::new();
    s.tree("d").menagerie();
    s.run("fsync snap -t one d").code(0);
    let zip = s.run("fsync export one").code(0).bytes();
    assert!(zip == s.run("fsync-snap --export one").code(0).bytes());
    s.run("fsync export -d d @ -o file.zip").code(0).nothing();
    assert!(zip == fs::read(s.path("file.zip")).unwrap());
    s.run("fsync-snap --export one --tar --output one.tar")
        .code(0)
        .nothing();
    s.sh("fsync export --tar one | cmp - one.tar")
        .code(0)
        .nothing();
    s.run("fsync --trace export one --output=-x.zip")
        .code(0)
        .stderr(contains(" --output=-x.zip\n"));
    s.tree("out");
    s.sh("unzip -qq file.zip -x '.fsync/*' -d out").code(0);
    Oracle::of(s.path("out"))
        .rough()
        .differences(&Oracle::of(s.path("d")).rough());
}

#[test]
fn export_goes_to_no_terminal_and_ends_quietly_in_a_closed_pipe() {
    let s = Sandbox::new();
    s.tree("d").file("f", vec![7; 3 << 20]);
    s.snap("d");
    for form in ["", "--tar"] {
        s.sh(&format!("script -qec 'fsync export {form} d@' /dev/null"))
            .code(2)
            .stdout(contains("is not for a terminal"));
        s.sh(&format!("fsync export {form} d@ | head -c 10 | wc -c"))
            .code(0)
            .stdout("10\n")
            .stderr("");
    }
    s.run("fsync export nothing").code(6).nothing();
    s.run("fsync-snap --tar d").code(2).nothing();
    s.run("fsync export d@ -o no/such/folder.zip")
        .code(9)
        .nothing();
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let s = Sandbox::new();
    s.tree("d").file("f", "1");
    s.snap("d");
    s.sh("mkfifo fifo; ln -s fifo link").code(0);
    for name in ["fifo", "link", "d"] {
        s.run(&format!("fsync export -o {name} d@")).code(4);
    }
    s.sh("test -p fifo && test -L link && test -f d/f").code(0);
}
