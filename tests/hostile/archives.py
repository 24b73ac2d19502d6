"""Writes hostile archives and packs in fsync's own format: ARCHIVES REPO BASE CANARY KNOWN.

Each has the SHA-1 of its bytes for a name and right digests for all nodes and contents, so only what it says is
evil. BASE/NAME is the directory that it says it recorded. KNOWN is a snapshot of the repository. Prints NAME<TAB>ID.
"""

import hashlib
import json
import os
import struct
import sys
import zipfile

repo, base, canary, known = sys.argv[1:5]
DIGEST = 0x7366
ESC = "\x1b[2J\x9b31m\u202e\u200b"


def sha(data):
    return hashlib.sha256(data).hexdigest()


def lines(*objects):
    return b"".join(json.dumps(o, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for o in objects)


def entry(name, kind="file", **more):
    named = {"name_hex": name.hex()} if isinstance(name, bytes) else {"name": name}
    common = {"kind": kind, "mode": "0644", "uid": 0, "gid": 0, "mtime": {"secs": 1, "nanos": 0}}
    return {**named, **common, **more}


class Archive:
    def __init__(self):
        self.entries = {}

    def put(self, kind, data, claim=None):
        name = claim or sha(data)
        self.entries[kind + "/" + name] = (data, bytes.fromhex(name))
        return name

    def node(self, *children, claim=None):
        return self.put("tree", lines(*children), claim)

    def content(self, data):
        return self.put("content", data)

    def file(self, name, data=b"content", **more):
        return entry(name, **{"size_bytes": len(data), "content": self.content(data), **more})


def install(name, archive, last, text, comment, extra=()):
    path = os.path.join(repo, "new")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for at, (data, digest) in archive.entries.items():
            info = zipfile.ZipInfo(".fsync/" + at, (2001, 2, 3, 4, 5, 6))
            info.create_system, info.external_attr, info.compress_type = 3, 0o100644 << 16, zipfile.ZIP_DEFLATED
            info.extra = struct.pack("<HH", DIGEST, 32) + digest
            z.writestr(info, data)
        for at, data in [*extra, (".fsync/" + last, text)]:
            info = zipfile.ZipInfo(at, (2001, 2, 3, 4, 5, 6))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if len(data) > 4096 else zipfile.ZIP_STORED
            z.writestr(info, data)
        z.comment = comment
    with open(path, "rb") as file:
        id = hashlib.sha1(file.read()).hexdigest()
    os.chmod(path, 0o400)
    os.rename(path, os.path.join(repo, id + ".zip"))
    print(name, id, sep="\t")
    return id


clock = 1_000_000_000


def case(name, archive=None, children=(), links=None, root=None, tree=None, counts=None, text=None, comment=None, extra=(), **info):
    """A snapshot whose root has these children."""
    global clock
    clock += 1
    archive = archive or Archive()
    node = root or archive.node(*children)
    if tree is None:
        record = {"root": {**entry("", "directory", mode="0755"), "node": node}}
        del record["root"]["name"]
        if links is not None:
            record["links"] = archive.put("tree", links)
        tree = archive.put("tree", lines(record))
    kinds = [c.get("kind") for c in children]
    counted = {"files": kinds.count("file"), "directories": kinds.count("directory"),
               "others": len(kinds) - kinds.count("file") - kinds.count("directory"),
               "content_bytes": sum(c.get("size_bytes") or 0 for c in children if c.get("kind") == "file")}
    about = {"tree": tree, "time": {"secs": clock, "nanos": 0}, "extent": "full"}
    about.update({k: v for k, v in info.items() if k in ("parent", "time", "extent", "tree")})
    says = {"format": 1, **about, "directory": {"path": base + "/" + name}, "host": "there", "counts": counts or counted, **info}
    short = {"fsync": 1, "folder": ".fsync", **about}
    return install(name, archive, "snapshot.json", text or json.dumps(says).encode(),
                   comment or json.dumps(short).encode(), extra)


def pack(name, *said, archive=None, text=None):
    global clock
    clock += 1
    short = {"fsync": 1, "folder": ".fsync", "time": {"secs": clock, "nanos": 0}, "extent": "pack"}
    return install(name, archive or Archive(), "pack.ndjson", text or lines(*said), json.dumps(short).encode())


def gone(id, **more):
    return {"gone": id, **more, "directory": {"path": base + "/gone"}, "time": {"secs": 1, "nanos": 0}}


def simple(name, *children, **more):
    case(name, more.pop("archive", None), children, **more)


# --- names ---------------------------------------------------------------------------------------------------------
for n, evil in enumerate(["..", ".", "", "a/b", "/", "../x", canary + "/x", b"a\0b", b"\0", "/etc/x"]):
    a = Archive()
    simple("name%d" % n, a.file("ok"), a.file(evil), archive=a)
    a = Archive()
    simple("dirname%d" % n, entry(evil, "directory", mode="0755", node=a.node(a.file("x"))), archive=a)
a = Archive()
simple("both_names", {**a.file("a"), "name_hex": "2e2e"}, archive=a)
a = Archive()
simple("bad_hex", {**a.file(b"\xff"), "name_hex": "zz"}, archive=a)
a = Archive()
simple("twice", a.file("a", b"1"), a.file("a", b"2"), archive=a)
a = Archive()
simple("unsorted", a.file("b"), a.file("a"), archive=a)
a = Archive()
simple("link_and_dir", entry("d", "symlink", target=canary), entry("d", "directory", mode="0755", node=a.node(a.file("x"))), archive=a)
for n, length in enumerate((256, 5000, 70000)):
    a = Archive()
    simple("long_name%d" % n, a.file("n" * length), a.file("ok"), archive=a)
a = Archive()
simple("marks", a.file(".fsync-backup", b"0" * 40 + b"\n"), entry(".fsync-sync", "directory", mode="0755", node=a.node()),
       a.file(".fsync-tmp-1-1-1"), archive=a)
a = Archive()
simple("sync_link", entry(".fsync-sync", "symlink", target=canary), a.file("f"), archive=a)
a = Archive()
simple("control", a.file(ESC), a.file("f\ng\r\x07"), entry("l", "symlink", target=ESC + canary), archive=a,
       directory={"path": base + "/control" + ESC}, host=ESC, tag=ESC, imported={"path": ESC},
       rules=[{"pattern": ESC, "origin": ESC, "line": 1}], unreadable=[{"path": ESC}, {"path": "../x"}, {"path": "/etc"}],
       unstable=[{"path": ESC}], forgotten=[{"path": ESC}])
# --- shapes --------------------------------------------------------------------------------------------------------
a = Archive()
fake = sha(b"a node that holds itself")
a.node(entry("a", "directory", mode="0755", node=fake), claim=fake)
case("own_child", a, root=fake)
a = Archive()
one, two = sha(b"1"), sha(b"2")
a.node(entry("a", "directory", mode="0755", node=two), claim=one)
a.node(entry("b", "directory", mode="0755", node=one), claim=two)
case("cycle", a, root=one)
for depth in (1500, 8192, 30000):
    a = Archive()
    node = a.node()
    for _ in range(depth):
        node = a.node(entry("d", "directory", mode="0755", node=node))
    case("depth%d" % depth, a, root=node, counts={"files": 0, "directories": depth, "others": 0, "content_bytes": 0})
for levels, true in ((60, True), (60, False), (28, True), (28, False)):
    a = Archive()
    node = a.node()
    for _ in range(levels):
        node = a.node(entry("a", "directory", mode="0755", node=node), entry("b", "directory", mode="0755", node=node))
    count = 2 ** (levels + 1) - 2 if true else 2
    case("laughs%d_%s" % (levels, true), a, root=node, counts={"files": 0, "directories": count, "others": 0, "content_bytes": 0})
simple("no_node", entry("d", "directory", mode="0755", node="1" * 64))
case("no_root", root="1" * 64)
case("no_tree", tree="1" * 64)
a = Archive()
case("root_is_file", a, tree=a.put("tree", lines({"root": {"kind": "file", "mode": "0644", "uid": 0, "gid": 0, "mtime": {"secs": 1, "nanos": 0}}})))
a = Archive()
case("tree_is_rubbish", a, tree=a.put("tree", b"\xff" * 100))
a = Archive()
case("node_is_rubbish", a, root=a.put("tree", b"[" * 100000))
a = Archive()
case("node_is_long", a, root=a.put("tree", (json.dumps(entry("n", "fifo")).encode() + b"\n") * 1 + b" " * (64 << 20)))
# --- contents ------------------------------------------------------------------------------------------------------
for n, size in enumerate((0, 3, 8, 10 ** 9, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)):
    a = Archive()
    simple("size%d" % n, a.file("f", b"content", size_bytes=size), archive=a)
simple("no_content", entry("f", size_bytes=5, content="2" * 64))
simple("not_unreadable", entry("f", size_bytes=5))
for n, (repeat, size) in enumerate(((3, 9 << 20), (64, 1 << 40), (64, 64 << 20))):
    a = Archive()
    chunk = a.put("chunk", bytes(1 << 20))
    line = lines({"id": chunk, "size_bytes": size // repeat if n == 2 else 1 << 20})
    simple("chunks%d" % n, entry("f", size_bytes=size, content="3" * 64, chunks=a.put("chunks", line * repeat)), archive=a)
a = Archive()
list_id = sha(b"a list of itself")
a.put("chunks", lines({"id": list_id, "size_bytes": 100}), list_id)
simple("list_of_itself", entry("f", size_bytes=9 << 20, content="4" * 64, chunks=list_id), archive=a)
a = Archive()
simple("chunk_sizes", entry("f", size_bytes=9 << 20, content="5" * 64, chunks=a.put("chunks", lines(
    {"id": a.put("chunk", b"x"), "size_bytes": (1 << 64) - 1}) * 3)), archive=a)
a = Archive()
whole = a.content(b"whole" * 2000000)
listed = a.put("chunks", lines({"id": sha(b"whole" * 2000000), "size_bytes": 10000000}))
simple("pieces", entry("f", size_bytes=10000000, content=whole, chunks=listed), archive=a,
       extra=[(".fsync/pieces", lines({"content": whole, "chunks": listed, "packed_bytes": [1 << 63]}))])
a = Archive()
simple("pieces_deep", a.file("f"), archive=a, extra=[(".fsync/pieces", b"[" * 5000 + b"\n")])
# --- what entries say ----------------------------------------------------------------------------------------------
odd = {
    "mode_big": {"mode": "777777"}, "mode_word": {"mode": "rwx"}, "mode_minus": {"mode": "-1"}, "mode_all": {"mode": "7777"},
    "uid": {"uid": 4294967295, "gid": 4294967295}, "uid_big": {"uid": 1 << 40}, "uid_minus": {"uid": -1},
    "nanos": {"mtime": {"secs": 1, "nanos": 10 ** 9}}, "late": {"mtime": {"secs": (1 << 63) - 1, "nanos": 5}},
    "early": {"mtime": {"secs": -(1 << 63), "nanos": 5}}, "y2486": {"mtime": {"secs": 1 << 34, "nanos": 5}},
    "file_target": {"target": "x"}, "file_node": {"node": "1" * 64}, "file_rdev": {"rdev": "259"}, "kind": {"kind": "door"},
    "null": {"size_bytes": None}, "sparse": {"sparse": True}, "unstable": {"unstable": True}, "unreadable": {"unreadable": True},
    "unknown": {"x" * 1000: [[[[]]]]},
}
for name, more in odd.items():
    a = Archive()
    simple("says_" + name, a.file("f", **more), a.file("ok"), archive=a)
for name, e in {
    "link_bare": entry("l", "symlink"), "link_empty": entry("l", "symlink", target=""), "link_nul": entry("l", "symlink", target_hex="610062"),
    "link_long": entry("l", "symlink", target="t" * 5000), "link_size": entry("l", "symlink", target="t", size_bytes=1 << 50),
    "fifo_size": entry("p", "fifo", size_bytes=1 << 50), "fifo_content": entry("p", "fifo", content="1" * 64),
    "dir_content": entry("d", "directory", content="1" * 64), "dir_bare": entry("d", "directory", mode="0755"),
    "dir_size": entry("d", "directory", mode="0755", size_bytes=1 << 60, unreadable=True),
    "socket": entry("s", "socket"), "block": entry("b", "block_device", rdev=str(8 << 8)), "null": entry("n", "char_device", rdev="259", mode="0666"),
    "rdev_word": entry("n", "char_device", rdev="x"), "rdev_max": entry("n", "char_device", rdev=str((1 << 64) - 1)), "rdev_none": entry("n", "block_device"),
}.items():
    a = Archive()
    simple("is_" + name, *sorted([e, a.file("ok")], key=lambda e: e["name"]), archive=a)
attribute = lambda name, value=b"v": {"name": name, "value_hex": value.hex()}
capability = struct.pack("<IIIII", 0x02000001, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
for name, all in {
    "capability": [attribute("security.capability", capability)], "trusted": [attribute("trusted.overlay.opaque", b"y")],
    "acl": [attribute("system.posix_acl_access", b"rubbish")], "selinux": [attribute("security.selinux", b"x\0")],
    "none": [attribute("")], "bare": [attribute("noprefix")], "long": [attribute("user." + "n" * 300)], "nul": [{"name_hex": "757365722e6100", "value_hex": "00"}],
    "large": [attribute("user.large", bytes(70000))], "vast": [attribute("user.vast", bytes(4 << 20))], "many": [attribute("user.%05d" % n) for n in range(20000)],
    "twice": [attribute("user.a", b"1"), attribute("user.a", b"2")], "control": [attribute("user." + ESC)], "hex": [{"name": "user.a", "value_hex": "0"}],
}.items():
    a = Archive()
    simple("xattr_" + name, a.file("f", xattrs=all), a.file("ok"), archive=a)
# --- hard links ----------------------------------------------------------------------------------------------------
p = lambda *paths: {"paths": [{"path": path} for path in paths]}
for name, groups in {
    "absent": [p("x", "y")], "half": [p("a", "y")], "dirs": [p("d", "e")], "mixed": [p("a", "d")], "same": [p("a", "a")], "single": [p("a")],
    "none": [p()], "root": [p(".", "a")], "up": [p("../x", "a")], "absolute": [p("/etc/passwd", "a")], "canary": [p(canary + "/x", "a")], "two": [p("a", "b"), p("b", "c")],
    "other": [p("a", "z")], "below": [p("a", "d/f")], "through": [p("a", "l/x")], "linked": [p("a", "l")], "deep": [p("a", "/".join("d" * 9000))],
}.items():
    a = Archive()
    inner = a.node(a.file("f"))
    simple("group_" + name, a.file("a"), a.file("b"), a.file("c"), entry("d", "directory", mode="0755", node=inner),
           entry("e", "directory", mode="0755", node=inner), entry("l", "symlink", target=canary), a.file("z", b"other bytes"),
           archive=a, links=lines(*groups))
a = Archive()
simple("group_rubbish", a.file("a"), archive=a, links=b"[" * 9999 + b"\n")
# --- what snapshots say of themselves --------------------------------------------------------------------------------
for n, directory in enumerate(["relative", "..", "/", "", "/a\0b", "/proc", "/dev", "/" + "d/" * 3000, canary]):
    a = Archive()
    simple("directory%d" % n, a.file("f"), archive=a, directory={"path": directory})
a = Archive()
simple("directory_none", a.file("f"), archive=a, directory={})
for name, more in {
    "counts_max": {"counts": dict.fromkeys(("files", "directories", "others", "content_bytes"), (1 << 64) - 1)},
    "counts_big": {"counts": dict.fromkeys(("files", "directories", "others", "content_bytes"), 1 << 70)},
    "time_max": {"time": {"secs": (1 << 63) - 1, "nanos": 999999999}}, "time_min": {"time": {"secs": -(1 << 63), "nanos": 0}},
    "time_nanos": {"time": {"secs": 5, "nanos": 4000000000}}, "parent_none": {"parent": "7" * 40}, "parent_known": {"parent": known},
    "foreign_parent": {"foreign_parent": known}, "tag_odd": {"tag": "../../x"}, "tag_option": {"tag": "--delete"},
    "rules_bad": {"rules": [{"pattern": "[", "origin": "x", "line": 1}]}, "rules_many": {"rules": [{"pattern": "*" * 1000, "origin": "x", "line": 1}] * 200},
    "thin": {"extent": "thin"}, "extent_pack": {"extent": "pack"}, "extent_odd": {"extent": "whole"}, "format0": {"format": 0},
    "unreadable_many": {"unreadable": [{"path": "p%d" % n} for n in range(20000)]}, "long_host": {"host": "h" * 100000},
}.items():
    a = Archive()
    simple(name, a.file("f"), archive=a, **more)
a = Archive()
simple("other_comment", a.file("f"), archive=a, comment=json.dumps({"fsync": 1, "folder": ".fsync", "tree": "8" * 64, "time": {"secs": 1, "nanos": 0}, "extent": "full"}).encode())
a = Archive()
simple("deep_json", a.file("f"), archive=a, text=b'{"format":1,"x":' + b"[" * 200000)
a = Archive()
simple("folder", a.file("f"), archive=a, comment=json.dumps({"fsync": 1, "folder": ESC + "../../x", "tree": "8" * 64, "time": {"secs": 1, "nanos": 0}, "extent": "full"}).encode())
a = Archive()
simple("outside", a.file("f"), archive=a, extra=[("../../../../x", b"x"), (canary + "/x", b"x"), ("f", b"not the content")])
# --- packs ---------------------------------------------------------------------------------------------------------
info = lambda name, **more: {"format": 1, "tree": "1" * 64, "directory": {"path": base + "/" + name}, "host": "", "time": {"secs": 1, "nanos": 0},
                             "extent": "full", "counts": {"files": 0, "directories": 0, "others": 0, "content_bytes": 0}, **more}
A, B, C = "a" * 40, "b" * 40, "c" * 40
pack("pack_gone_known", gone(known))
pack("pack_gone_instead", gone(known, instead=A))
pack("pack_replaced", {"replaced": known})
pack("pack_tombs", gone(A, parent=B), gone(B, parent=A))
pack("pack_instead", gone(A, instead=B), gone(B, instead=A), gone(C, instead=C))
pack("pack_parents", {"snapshot": "d" * 40, "info": info("p", parent="e" * 40)}, {"snapshot": "e" * 40, "info": info("p", parent="d" * 40)})
pack("pack_own_parent", {"snapshot": "f" * 40, "info": info("q", parent="f" * 40)})
pack("pack_speaks", {"snapshot": known, "info": info("lie")})
pack("pack_control", {"snapshot": "0" * 39 + "1", "info": info(ESC, tag=ESC, host=ESC)}, {**gone("0" * 39 + "2"), "directory": {"path": ESC}})
pack("pack_many", *(gone("%040x" % (n + 10 ** 20), parent="%040x" % (n + 10 ** 20 + 1)) for n in range(20000)))
pack("pack_rubbish", text=b"[" * 100000 + b"\n")
pack("pack_cut", text=b'{"gone":"')
