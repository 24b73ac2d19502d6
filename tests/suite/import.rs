//! `fsync import`: zips of our own with all that they say, others as far as zip says it, hostile ones not at all.

use std::fs;

use serde_json::Value;

use crate::support::{Oracle, Person, Sandbox, Told};

/// What the scripts share.
const PRELUDE: &str = r#"
import hashlib, json, os, stat, struct, zipfile, zlib
def new(name): return zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED)
def info(name, mode=0o100644, system=3, when=(2001, 2, 3, 4, 5, 6), extra=b""):
    i = zipfile.ZipInfo(name, when)
    i.create_system, i.external_attr, i.extra = system, mode << 16, extra
    i.compress_type = zipfile.ZIP_DEFLATED
    return i
def patch(name, old, new, count=-1):
    b = open(name, "rb").read()
    assert old in b and len(old) == len(new), (old, new)
    open(name, "wb").write(b.replace(old, new, count))
"#;

/// Runs a Python script in the sandbox.
fn python(s: &Sandbox, script: &str) {
    fs::write(s.path("script.py"), format!("{PRELUDE}{script}")).expect("a script");
    s.sh("python3 -W ignore script.py").success();
}

/// A zip that must be refused, and leaves nothing behind.
#[track_caller]
fn refused(s: &Sandbox, zip: &str, words: &[&str]) {
    let before = s.archives();
    s.run(&format!("fsync import {zip}"))
        .code(5)
        .nothing()
        .one_line("fsync", &[&[zip, "nothing was recorded"], words].concat());
    assert_eq!(s.archives(), before, "{zip}");
    s.sh("ls -A repo/tmp").stdout("");
}

/// Imports a zip into `repo`, and writes what was recorded to a directory.
#[track_caller]
fn taken(s: &Sandbox, zip: &str, to: &str, code: i32) -> String {
    let id = s.run(&format!("fsync import {zip}")).code(code).text();
    s.run(&format!("fsync-revert ./{zip} {id} --to {to}"))
        .code(0);
    s.run("fsync verify --read-data").code(0);
    id
}

fn shown(s: &Sandbox, repo: &str, id: &str) -> Value {
    let told = s
        .run(&format!("fsync --repo {repo} show --json {id}"))
        .code(0);
    serde_json::from_slice(&told.bytes()).expect("JSON")
}

#[test]
fn a_zip_of_ours_keeps_everything() {
    for p in Person::everyone() {
        p.build(|s| {
            let dst = s.tree("dst");
            dst.menagerie();
            dst.file(".fsync/inner", "theirs")
                .file("odd\n\\name", "odd")
                .settle();
        });
        p.own();
        let before = Oracle::of(p.s.path("dst"));
        let id = p.sh("fsync-snap -t made dst").code(0).text();
        p.sh(&format!("fsync-snap --export {id} -o whole.zip"))
            .code(0);
        for (n, zip) in ["whole.zip", &format!("repo/{id}.zip")].iter().enumerate() {
            let (repo, dir) = (format!("other{n}"), format!("back{n}"));
            let told = p
                .sh(&format!(
                    "fsync --repo {repo} import {zip} -d {dir} -t came"
                ))
                .code(0)
                .text();
            assert_eq!(
                shown(&p.s, &repo, &told)["tree"],
                shown(&p.s, "repo", &id)["tree"]
            );
            assert_eq!(shown(&p.s, &repo, &told)["parent"], Value::Null);
            let name = zip.rsplit('/').next().expect("a name");
            assert_eq!(shown(&p.s, &repo, &told)["imported"]["path"], name);
            assert!(!p.s.path(&dir).exists(), "nothing is touched");
            p.sh(&format!("fsync --repo {repo} rv -d {dir} -t came"))
                .code(0);
            before.assert_is(p.s.path(&dir));
            p.sh(&format!("fsync --repo {repo} verify --read-data"))
                .code(0);
            let again = p
                .sh(&format!("fsync --repo {repo} import {zip} -d {dir}"))
                .code(0)
                .text();
            assert_eq!(again, told, "the same again makes nothing");
        }
    }
}

#[test]
fn a_thin_one_needs_what_it_lacks() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let long: Vec<u8> = (0..12u32 << 18)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    dst.file("d/a", "one").file("long", &long).settle();
    s.snap("dst");
    let changed = [&long[..6_000_000], b"inserted", &long[6_000_000..]].concat();
    dst.edit("long", changed).edit("d/b", "two");
    let thin = s.snap("dst");
    let zip = format!("repo/{thin}.zip");
    let told = s.run(&format!("fsync --repo other import {zip}")).code(5);
    assert!(told.complaint().contains("--export"), "{told}");
    let id = s.run(&format!("fsync import {zip} -d took")).code(0).text();
    assert_eq!(
        shown(&s, "repo", &id)["tree"],
        shown(&s, "repo", &thin)["tree"]
    );
    s.run("fsync rv -d took -t x").code(6);
    s.run(&format!("fsync-revert took {id}")).code(0);
    Oracle::of(s.path("dst")).assert_is(s.path("took"));
    s.run(&format!("fsync-snap --export {thin} -o whole.zip"))
        .code(0);
    s.run("fsync --repo third import whole.zip -d third-dir -t t")
        .code(0);
    s.run("fsync --repo third rv -d third-dir -t t").code(0);
    Oracle::of(s.path("dst")).assert_is(s.path("third-dir"));
}

#[test]
fn other_zips_keep_what_zip_says() {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.menagerie();
    src.remove("setuid")
        .remove("old")
        .remove("pipe")
        .mode("hollow/in/side", 0o775)
        .file("long", vec![b'l'; 9 << 20])
        .file("odd\\name", "a backslash is a character to Unix")
        .settle();
    s.sh("cd src && zip -qry ../by.zip . && bsdtar -cf ../tar.zip --format zip .")
        .success();
    let expected = Oracle::of(s.path("src")).rough();
    for zip in ["by.zip", "tar.zip"] {
        taken(&s, zip, &format!("{zip}.out"), 0);
        let out = Oracle::of(s.path(&format!("{zip}.out"))).rough();
        assert_eq!(expected.differences(&out), "", "{zip}");
    }
}

#[test]
fn what_a_zip_does_not_say_is_filled_in() {
    let s = Sandbox::new();
    python(
        &s,
        r#"
with new("a.zip") as z:
    z.writestr(info("d/e/f", 0, 0), "x")
    z.writestr(info("win\\dir\\file", 0, 0), "w")
    z.writestr(info("setuid", 0o106755), "s")
    z.writestr(info("later/y", extra=struct.pack("<HHBi", 0x5455, 5, 1, -86400)), "y")
    z.writestr(info("later/z"), "z")
    z.writestr(info("./dotted//name"), "n")
    z.writestr(info("empty/", 0o040700), "")
"#,
    );
    let id = taken(&s, "a.zip", "out", 0);
    let out = s.tree("out");
    assert_eq!(out.read("win/dir/file"), b"w");
    assert_eq!(out.read("dotted/name"), b"n");
    let meta = |name: &str| fs::symlink_metadata(out.at(name)).expect("an entry");
    use std::os::unix::fs::MetadataExt;
    assert_eq!(meta("setuid").mode() & 0o7777, 0o755);
    assert_eq!(meta("d/e/f").mode() & 0o7777, 0o644);
    assert_eq!(meta("d").mode() & 0o7777, 0o755);
    assert_eq!(meta("empty").mode() & 0o7777, 0o700);
    assert_eq!(meta("later/y").mtime(), -86_400);
    assert_eq!(meta("later/z").mtime(), 981_173_106);
    assert_eq!(meta("later").mtime(), 981_173_106);
    assert_eq!(meta("d/e/f").uid(), rustix::process::geteuid().as_raw());
    let counts = &shown(&s, "repo", &id)["counts"];
    assert_eq!(counts["files"], 6);
    assert_eq!(counts["directories"], 7);
}

#[test]
fn what_cannot_be_recorded_is_skipped_and_listed() {
    let s = Sandbox::new();
    python(
        &s,
        r#"
with new("a.zip") as z:
    z.writestr(info("keep"), "k")
    z.writestr(info("-", 0o010600), "from a pipe")
    z.writestr(info("null", 0o020666), "")
    z.writestr(info("pipe", 0o010644), "")
    z.writestr(info("socket", 0o140644), "")
    z.writestr(info(".fsync-backup"), "00")
    z.writestr(info("d/.fsync-tmp-x/y"), "t")
"#,
    );
    let told = s.run("fsync import a.zip").code(3);
    let said = told.complaint();
    assert_eq!(
        said.lines().filter(|l| l.contains("skipped")).count(),
        5,
        "{said}"
    );
    assert!(said.contains("\"null\": skipped: a device"), "{said}");
    let id = told.text();
    s.run(&format!("fsync-revert ./a.zip {id} --to out"))
        .code(0);
    assert_eq!(Oracle::of(s.path("out")).len(), 2);
    assert_eq!(s.tree("out").read("-"), b"from a pipe");
}

#[test]
fn hostile_names_are_refused() {
    let s = Sandbox::new();
    python(
        &s,
        r#"
for n, names in enumerate([["../x"], ["a/../../x"], ["/etc/x"], ["C:/x"], ["c:\\x"], ["ok", "f", "f/x"],
                           ["x/", "l", "l/x"], ["f/g", "f"], ["a", "./a"], ["", "a"], ["/"]]):
    with new(f"n{n}.zip") as z:
        for name in names:
            mode = 0o120777 if name == "l" else 0o040755 if name.endswith("/") else 0o100644
            z.writestr(info(name, mode, 0 if "\\" in name else 3), "" if name.endswith("/") else "../outside")
with new("dup.zip") as z:
    z.writestr(info("a"), "1"); z.writestr(info("b"), "2")
patch("dup.zip", b"b", b"a")
with new("nul.zip") as z: z.writestr(info("aXb"), "1")
patch("nul.zip", b"aXb", b"a\0b")
with new("up.zip") as z: z.writestr(info("..X..Xx", 0, 0), "1")
patch("up.zip", b"..X..Xx", b"..\\..\\x")
"#,
    );
    for n in 0..11 {
        refused(&s, &format!("n{n}.zip"), &[]);
    }
    refused(&s, "n5.zip", &["\"f/x\"", "which is a file"]);
    refused(&s, "n6.zip", &["which is a symbolic link"]);
    refused(&s, "dup.zip", &["same name"]);
    refused(&s, "nul.zip", &["NUL"]);
    refused(&s, "up.zip", &[]);
}

#[test]
fn hostile_bytes_are_refused() {
    let s = Sandbox::new();
    python(
        &s,
        r#"
def one(name, data=b"some text, some text, some text", **more):
    with new(name) as z: z.writestr(info("f", **more), data)
one("crc.zip")
c = struct.pack("<I", zlib.crc32(b"some text, some text, some text"))
patch("crc.zip", c, b"\1\2\3\4")
sizes = lambda n: struct.pack("<I", n) + struct.pack("<H", 1)
for name, n in (("longer.zip", 40), ("shorter.zip", 20), ("bomb.zip", 3 << 30)):
    one(name); patch(name, sizes(31), sizes(n))
one("encrypted.zip")
b = bytearray(open("encrypted.zip", "rb").read())
b[6] |= 1; b[b.index(b"PK\1\2") + 8] |= 1
open("encrypted.zip", "wb").write(b)
with zipfile.ZipFile("method.zip", "w") as z: z.writestr("f", "x" * 99, zipfile.ZIP_BZIP2)
with new("link.zip") as z: z.writestr(info("l", 0o120777), "a" * 5000)
with new("linknul.zip") as z: z.writestr(info("l", 0o120777), "a\0b")
with new("full.zip") as z: z.writestr(info("d/", 0o040755), "contents")
with new("two.zip") as z:
    z.writestr(info("a"), "12345"); z.writestr(info("b"), "12345")
b = open("two.zip", "rb").read()
second = b.index(b"PK\1\2", b.index(b"PK\1\2") + 4)
overlap = bytearray(b); overlap[second + 42:second + 46] = bytes(4); overlap[second + 46:second + 47] = b"b"
open("overlap.zip", "wb").write(overlap)
open("cut.zip", "wb").write(b[:-30])
open("none.zip", "wb").write(b"no zip at all" * 99)
open("empty.zip", "wb").write(b"")
z64 = struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45, 0, 0, 1 << 60, 1 << 60, 100, second)
z64 += struct.pack("<IIQI", 0x07064b50, 0, len(b) - 22, 1)
open("z64.zip", "wb").write(b[:-22] + z64 + b[-22:-14] + b"\xff" * 12 + b[-2:])
"#,
    );
    for (zip, word) in [
        ("crc", "\"f\""),
        ("longer", "\"f\""),
        ("shorter", "\"f\""),
        ("bomb", "length"),
        ("encrypted", "encrypted"),
        ("method", "packed"),
        ("link", "target"),
        ("linknul", "target"),
        ("full", "directory"),
        ("overlap", ""),
        ("cut", ""),
        ("none", ""),
        ("empty", ""),
        ("z64", ""),
    ] {
        refused(&s, &format!("{zip}.zip"), &[word]);
    }
    s.run("fsync import missing.zip").code(2).nothing();
    s.run("fsync import home").code(2).nothing();
    s.run("fsync import -t a/b two.zip").code(2).nothing();
    assert!(s.archives().is_empty());
}

#[test]
fn many_entries_are_taken() {
    let s = Sandbox::new();
    python(
        &s,
        "with new('a.zip') as z:\n    for n in range(66000): z.writestr(f'd{n % 100}/f{n}', str(n))\n",
    );
    let id = s.run("fsync import a.zip").code(0).text();
    assert_eq!(shown(&s, "repo", &id)["counts"]["files"], 66_000);
    s.run(&format!("fsync-revert ./a.zip {id} --to out"))
        .code(0);
    assert_eq!(s.tree("out").read("d99/f65999"), b"65999");
}

#[test]
fn a_bomb_is_held_against_the_room() {
    for p in Person::everyone() {
        p.build(|s| {
            python(
                s,
                "with new('a.zip') as z: z.writestr('zeros', bytes(200 << 20))\n",
            );
        });
        let user = if p.is_root() { 0 } else { 65_534 };
        let mount =
            format!("mkdir -p repo && mount -t tmpfs -o mode=700,uid={user},size=20m none repo");
        let script = "fsync import a.zip; echo code $?; ls repo; ls -A repo/tmp";
        let Some(told) = p.mounted(&mount, &[script]) else {
            return;
        };
        assert!(told.text().starts_with("code 4\n"), "{told}");
        assert!(!told.text().contains(".zip"), "{told}");
        assert!(told.complaint().contains("209715200 bytes"), "{told}");
    }
}

#[test]
fn no_history_moves() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "1").settle();
    s.tree("src").file("a", "22").settle();
    s.run("fsync cp -q src dst").code(0);
    s.run("fsync rv -q -d dst").code(0);
    let (head, before) = (s.head("dst"), Oracle::of(s.path("dst")));
    python(
        &s,
        "with new('a.zip') as z: z.writestr(info('z'), 'zipped')\n",
    );
    let id = s.run("fsync import a.zip -d dst -t zipped").code(0).text();
    assert_eq!(s.head("dst"), head);
    before.assert_is(s.path("dst"));
    let at = s.run("fsync show --json dst@{2099-01-01}").code(0);
    let at: Value = serde_json::from_slice(&at.bytes()).expect("JSON");
    assert_ne!(at["id"], id, "the directory never held it");
    s.run("fsync rv -q -d dst --redo").code(0);
    assert_eq!(s.tree("dst").read("a"), b"22");
    s.run("fsync rv -q -d dst -t zipped").code(0);
    assert_eq!(s.tree("dst").read("z"), b"zipped");
    s.run("fsync rv -q -d dst --redo").code(0);
    assert_eq!(s.tree("dst").read("a"), b"22");
    s.sh("rm repo/catalog.db*").success();
    s.run("fsync rv -q -d dst -t zipped --to again").code(0);
    // The first that a directory had is whole, whatever was imported for it.
    s.run("fsync import a.zip -d fresh").code(0);
    s.tree("fresh").file("z", "zipped");
    let first = s.snap("fresh");
    assert_eq!(shown(&s, "repo", &first)["extent"], "full");
}

#[test]
fn a_forged_one_of_ours_is_refused() {
    let s = Sandbox::new();
    s.tree("dst")
        .file("a", "precious")
        .file("d/b", "more")
        .settle();
    let id = s.snap("dst");
    s.run(&format!("fsync-snap --export {id} -o whole.zip"))
        .code(0);
    python(
        &s,
        r#"
def forge(name, change, comment=lambda c: c):
    with zipfile.ZipFile("whole.zip") as old, zipfile.ZipFile(name, "w") as z:
        for i in old.infolist():
            data = change(i.filename, old.read(i))
            if data is not None: z.writestr(i, data)
        z.comment = comment(old.comment)
same = lambda n, d: d
forge("content.zip", lambda n, d: b"PRECIOUS" if n == "a" else d)
forge("gone.zip", lambda n, d: None if n == "a" else d)
forge("node.zip", lambda n, d: d.replace(b'"size_bytes":8', b'"size_bytes":9') if "/tree/" in n else d)
forge("counts.zip", lambda n, d: d.replace(b'"files":2', b'"files":3') if n.endswith("snapshot.json") else d)
forge("comment.zip", same, lambda c: c.replace(b'"fsync":1', b'"fsync":9'))
forge("tree.zip", same, lambda c: c.replace(json.loads(c)["tree"].encode(), b"0" * 64))

def made(name, nodes, root, counts, links=None):
    fs = lambda data: struct.pack("<HH", 0x7366, 32) + hashlib.sha256(data).digest()
    sha = lambda data: hashlib.sha256(data).hexdigest()
    line = lambda o: json.dumps(o, separators=(",", ":")).encode() + b"\n"
    record = {"root": {"kind": "directory", "mode": "0755", "uid": 0, "gid": 0, "mtime": {"secs": 1, "nanos": 0}, "node": sha(root)}}
    if links: record["links"] = sha(links)
    record = line(record)
    about = {"tree": sha(record), "time": {"secs": 1, "nanos": 0}, "extent": "full"}
    snapshot = {"format": 1, **about, "directory": {"path": "/x"}, "counts": counts}
    with new(name) as z:
        for data in {*nodes, root, record, *([links] if links else [])}:
            z.writestr(info(".fsync/tree/" + sha(data), extra=fs(data)), data)
        z.writestr(info(".fsync/snapshot.json"), json.dumps(snapshot))
        z.comment = json.dumps({"fsync": 1, "folder": ".fsync", **about}).encode()
def entry(name, **more):
    return {"name": name, "kind": "directory", "mode": "0755", "uid": 0, "gid": 0, "mtime": {"secs": 1, "nanos": 0}, **more}
def node(*entries): return b"".join(json.dumps(e, separators=(",", ":")).encode() + b"\n" for e in entries)
sha = lambda data: hashlib.sha256(data).hexdigest()
count = lambda d: {"files": 0, "directories": d, "others": 0, "content_bytes": 0}
nodes = [b""]
for level in range(80): nodes.append(node(*(entry(x, node=sha(nodes[-1])) for x in "ab")))
made("laughs.zip", nodes[:-1], nodes[-1], count(2 ** 63))
made("laughs60.zip", nodes[:60], nodes[60], count(2 ** 61 - 2))
made("spaces.zip", [b""], node(entry("a", node=sha(b""))).replace(b":", b": ", 1), count(1))
made("ours.zip", [b""], node(entry(".fsync-backup", node=sha(b""))), count(1))
made("links.zip", [b""], node(entry("a", node=sha(b""))), count(1), b'{"paths":[{"path":"x"},{"path":"y"}]}\n')
made("good.zip", [b""], node(entry("a", node=sha(b""))), count(1))
"#,
    );
    for (zip, word) in [
        ("content", "not what was stored"),
        ("gone", "neither in it nor in the repository"),
        ("node", "not what was stored"),
        ("counts", "counts"),
        ("comment", "newer"),
        ("tree", "comment"),
        ("laughs", "impossibly large"),
        ("spaces", "written"),
        ("ours", "cannot be"),
        ("links", "hard links"),
    ] {
        let told = s
            .run(&format!("fsync --repo other import {zip}.zip"))
            .code(5)
            .nothing();
        assert!(told.complaint().contains(word), "{zip}: {told}");
    }
    // As large as that no disk is.
    s.run("fsync --repo other import laughs60.zip").code(4);
    s.sh("ls -A other/tmp; ls other | grep zip").stdout("");
    s.run("fsync --repo other import good.zip").code(0);
}
