#!/usr/bin/env python3
"""Makes bundles that nobody should believe out of a good one: forge.py GOOD.zip FOLDER CANARY

Prints a line each: the file's name, a tab, and the exit codes that are right. Written from fsync-repository(5).
"""
import hashlib
import json
import os
import struct
import sys
import zipfile

PLAN = ".fsync/plan.ndjson"


class Bundle:
    """The entries of a bundle, in order: name, bytes, whether they are named by their digest."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as zip:
            self.about = json.loads(zip.comment)
            self.entries = []
            for info in zip.infolist():
                data = zip.read(info)
                digest = extra(info)
                assert digest is None or digest == hashlib.sha256(data).digest(), info.filename
                self.entries.append([info.filename, data, digest is not None])

    def find(self, name):
        return next(e for e in self.entries if e[0] == name)

    def plan(self):
        return [json.loads(line) for line in self.find(PLAN)[1].splitlines()]

    def set_plan(self, records):
        text = records if isinstance(records, bytes) else b"".join(json.dumps(r).encode() + b"\n" for r in records)
        self.find(PLAN)[1] = text
        self.about["plan"] = hashlib.sha256(text).hexdigest()

    def nodes(self):
        return {e[0].split("/")[-1]: e for e in self.entries if e[0].startswith(".fsync/tree/")}

    def add_node(self, data):
        name = hashlib.sha256(data).hexdigest()
        self.entries.append([".fsync/tree/" + name, data, True])
        return name

    def root(self):
        record = json.loads(self.nodes()[self.about["tree"]][1])
        children = [json.loads(l) for l in self.nodes()[record["root"]["node"]][1].splitlines()]
        return record, children

    def set_root(self, record, children):
        text = b"".join(json.dumps(c).encode() + b"\n" for c in children)
        record["root"]["node"] = self.add_node(text)
        self.about["tree"] = self.add_node(json.dumps(record).encode() + b"\n")

    def write(self, path, comment=None, method=zipfile.ZIP_DEFLATED, lie=None):
        """`lie` gives for a name the digest that is claimed."""
        with zipfile.ZipFile(path, "w", method) as zip:
            for name, data, named in self.entries:
                info = zipfile.ZipInfo(name)
                info.compress_type = method
                if named:
                    digest = (lie or {}).get(name, hashlib.sha256(data).digest())
                    info.extra = struct.pack("<HH", 0x7366, 32) + digest
                zip.writestr(info, data)
            zip.comment = json.dumps(self.about).encode() if comment is None else comment


def extra(info):
    raw = info.extra
    while len(raw) >= 4:
        kind, size = struct.unpack("<HH", raw[:4])
        if kind == 0x7366:
            return raw[4:4 + size]
        raw = raw[4 + size:]
    return None


def change_of(plan, path):
    return next(r for r in plan if r.get("path") == path and r["type"] == "change")


def hex_path(record, raw):
    del record["path"]
    record["path_hex"] = raw.hex()


def main(good, folder, canary):
    def case(name, codes, act, **how):
        bundle = Bundle(good)
        how.update(act(bundle) or {})
        bundle.write(os.path.join(folder, name), **how)
        print(f"{name}\t{codes}")

    def plan(edit):
        def act(bundle):
            records = bundle.plan()
            edit(records)
            bundle.set_plan(records)
        return act

    def path(raw):
        return plan(lambda p: hex_path(change_of(p, "new"), raw))

    def both(edit):
        """Plan and manifest say the same, and nothing in the zip is missing."""
        def act(bundle):
            records = bundle.plan()
            record, children = bundle.root()
            edit(records, children)
            bundle.set_plan(records)
            bundle.set_root(record, sorted(children, key=lambda c: c["name"]))
        return act

    case("good", "0", lambda b: None)
    for name, raw in {
        "climbs": b"../canary/x", "climbs-inside": b"dir/../../canary/x", "absolute": canary.encode() + b"/x", "nul": b"new\0x",
        "empty-name": b"", "dot": b"./new", "double-slash": b"dir//new", "temporary": b".fsync-tmp-abc", "head": b".fsync-backup",
    }.items():
        case("path-" + name, "5", path(raw))
    case("plan-twice", "5", plan(lambda p: p.insert(2, change_of(p, "new"))))
    case("plan-without-end", "5", plan(lambda p: p.pop()))
    case("plan-without-header", "5", plan(lambda p: p.pop(0)))
    case("plan-of-another-size", "5", plan(lambda p: change_of(p, "new")["new"].update(size_bytes=1 << 50)))
    case("plan-of-another-mode", "5", plan(lambda p: change_of(p, "new")["new"].update(mode="4755")))
    case("plan-of-another-kind", "5", plan(lambda p: change_of(p, "new").update(kind="fifo")))
    case("plan-of-what-is-not-there", "5", plan(lambda p: change_of(p, "new").update(path="newer")))
    case("plan-of-a-later-protocol", "5", plan(lambda p: p[0].update(protocol=99)))
    case("plan-of-nonsense", "5", lambda b: b.set_plan(b"what\n"))
    case("plan-of-nothing", "5", lambda b: b.set_plan(b""))
    case("plan-of-lines", "5", lambda b: b.set_plan(b"A\tnew\n"))
    case("plan-of-zeros", "5", lambda b: b.set_plan(b"\0" * 1000))
    case("plan-endless-line", "5", lambda b: b.set_plan(b"{" + b" " * (64 << 20)))
    case("plan-missing", "5", lambda b: b.entries.remove(b.find(PLAN)))
    case("plan-without-digest", "5", lambda b: b.find(PLAN).__setitem__(2, False))
    case("plan-shown-is-another", "5", lambda b: b.entries.insert(0, [PLAN, b"{}\n", True]))
    case("plan-of-another-digest", "8", lambda b: {"lie": {PLAN: bytes.fromhex(b.about["plan"])}} if b.find(PLAN).__setitem__(1, b.find(PLAN)[1] + b" ") is None else None)
    case("comment-missing", "5", lambda b: None, comment=b"")
    case("comment-nonsense", "5", lambda b: None, comment=b"{\"fsync_bundle\":1}")
    case("comment-of-a-snapshot", "5", lambda b: None, comment=b'{"fsync":1,"folder":".fsync","time":{"secs":1,"nanos":0},"extent":"full"}')
    case("format-later", "5", lambda b: b.about.update(fsync_bundle=2))
    case("format-later-of-another-shape", "5", lambda b: None, comment=b'{"fsync_bundle":7,"what":1}')
    case("tree-missing", "5", lambda b: b.about.update(tree="00" * 32))
    case("tree-is-the-plan", "5", lambda b: b.about.update(tree=b.about["plan"]))
    case("content-missing", "5", lambda b: b.entries.remove(b.find("new")))
    case("content-without-digest", "5", lambda b: b.find("new").__setitem__(2, False))

    def damage(bundle):
        entry = bundle.find("new")
        digest = hashlib.sha256(entry[1]).digest()
        entry[1] = b"X" * len(entry[1])
        return {"lie": {"new": digest}}
    case("content-is-another", "8", damage)

    def shorter(bundle):
        entry = bundle.find("new")
        digest = hashlib.sha256(entry[1]).digest()
        entry[1] = entry[1][:-1]
        return {"lie": {"new": digest}}
    case("content-is-shorter", "5", shorter)

    def large(bundle):
        entry = bundle.find("large")
        digest = hashlib.sha256(entry[1]).digest()
        entry[1] = entry[1][:-1] + b"!"
        return {"lie": {"large": digest}}
    case("large-content-is-another", "8", large)

    def node_damage(bundle):
        record, _ = bundle.root()
        entry = bundle.nodes()[record["root"]["node"]]
        digest = hashlib.sha256(entry[1]).digest()
        entry[1] = entry[1].replace(b"0644", b"4777")
        return {"lie": {entry[0]: digest}}
    case("node-is-another", "8", node_damage)

    def evil(raw):
        def edit(bundle):
            record, children = bundle.root()
            next(c for c in children if c["name"] == "new")["name"] = raw
            bundle.set_root(record, children)
        return edit
    for n, raw in enumerate(["..", "../canary", "a/b", ".", ""]):
        case(f"node-name-{n}", "5", evil(raw))

    def unsorted(bundle):
        record, children = bundle.root()
        bundle.set_root(record, children[::-1])
    case("node-unsorted", "5", unsorted)

    def through_link(records, children):
        """A link to elsewhere, and a file below it."""
        change, child = change_of(records, "new"), next(c for c in children if c["name"] == "new")
        records.remove(change)
        link = {k: v for k, v in change["new"].items() if k != "size_bytes"}
        link.update(kind="symlink", target=canary)
        top = {"type": "change", "status": "A", "path": "new", "kind": "symlink", "source": 0, "why": [], "old": None, "new": link}
        change["path"] = "new/x"
        records[1:1] = [top, change]
        for key in ["size_bytes", "content"]:
            child.pop(key)
        child.update(kind="symlink", target=canary)
    case("link-and-below", "5", both(through_link))

    def below_file(records, children):
        change = json.loads(json.dumps(change_of(records, "new")))
        change["path"] = "new/x"
        records.insert(records.index(change_of(records, "new")) + 1, change)
    case("below-a-file", "5", both(below_file))

    def link_to(records, children):
        change_of(records, "new")["link_to"] = "../canary/x"
    case("link-out", "5", both(link_to))

    def another_source(records, children):
        change_of(records, "new")["source"] = 7
    case("source-7", "5", both(another_source))

    def huge(records, children):
        """What nobody could have packed so small."""
        change_of(records, "new")["new"]["size_bytes"] = 1 << 60
        next(c for c in children if c["name"] == "new")["size_bytes"] = 1 << 60
    case("huge", "5", both(huge))

    def many(bundle):
        """A node that says itself again and again cannot be made; one long node can."""
        record, children = bundle.root()
        child = next(c for c in children if c["name"] == "new")
        more = [dict(child, name=f"z{n:06}") for n in range(200_000)]
        bundle.set_root(record, sorted(children + more, key=lambda c: c["name"]))
    case("node-of-many", "0", many)

    def deep(bundle):
        """Far deeper than any path."""
        record, children = bundle.root()
        dir = dict(next(c for c in children if c["name"] == "dir"))
        node = bundle.add_node(b"")
        for _ in range(5000):
            node = bundle.add_node(json.dumps(dict(dir, name="d", node=node)).encode() + b"\n")
        next(c for c in children if c["name"] == "dir")["node"] = node
        bundle.set_root(record, children)
    case("node-deep", "5", deep)
    case("other-method", "5", lambda b: None, method=zipfile.ZIP_BZIP2)

    raw = open(good, "rb").read()

    def put(name, codes, data):
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data)
        print(f"{name}\t{codes}")

    put("empty", "5", b"")
    put("text", "5", b"not a zip\n" * 100)
    put("behind-something", "0,5", b"#!/bin/sh\n" + raw)
    put("followed-by-something", "0,5", raw + b"more")
    put("twice", "0,5", raw + raw)
    end = raw.rindex(b"PK\x05\x06")
    put("count-lies", "5", raw[:end + 8] + b"\xff\x7f\xff\x7f" + raw[end + 12:])
    put("directory-elsewhere", "5", raw[:end + 16] + struct.pack("<I", 0xfffffff0) + raw[end + 20:])
    # The sizes and places that the directory claims, one after the other.
    at, n = raw.index(b"PK\x01\x02"), 0
    while raw[at:at + 4] == b"PK\x01\x02":
        name, more, note = struct.unpack("<HHH", raw[at + 28:at + 34])
        field = lambda where, value: raw[:at + where] + struct.pack("<I", value) + raw[at + where + 4:]
        if raw[at + 46:at + 46 + name] == b"new":
            put("claims-packed", "5,8", field(20, 0x7fffffff))
            put("claims-size", "5", field(24, 0x7fffffff))
            put("claims-place", "5", field(42, 0x7fffffff))
            put("claims-the-first-place", "5", field(42, 0))
        at, n = at + 46 + name + more + note, n + 1


main(*sys.argv[1:])
