#!/usr/bin/env python3
"""Restores a snapshot without fsync, written from fsync-repository(5) alone.

    restore.py REPOSITORY SNAPSHOT DIRECTORY

SNAPSHOT is the whole id, DIRECTORY must not exist. Owners are set when root runs it.
"""
import hashlib
import json
import os
import stat
import struct
import sys
import zipfile
import zlib
from pathlib import Path

CONTENT = 0x7366


def digest_of(entry):
    """The id of an entry's content, from its private extra field."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == CONTENT and length == 32:
            return extra[4:36].hex()
        extra = extra[4 + length:]
    return None


def lines(text):
    return [json.loads(line) for line in text.split(b"\n") if line]


def name_of(record, key="name"):
    if key + "_hex" in record:
        return bytes.fromhex(record[key + "_hex"])
    return record[key].encode()


class Repository:
    """Where every content lies, and what every snapshot is."""

    def __init__(self, folder):
        self.entries, self.pieces, self.snapshots = {}, {}, {}
        for path in sorted(Path(folder).glob("*.zip")):
            if hashlib.sha1(path.read_bytes()).hexdigest() != path.stem:
                sys.exit(f"{path}: its SHA-1 is not its name")
            self.enter(path)

    def enter(self, path):
        archive = zipfile.ZipFile(path)
        own = json.loads(archive.comment)
        if own["fsync"] > 1:
            sys.exit(f"{path}: format {own['fsync']} is newer than this program")
        for entry in archive.infolist():
            digest = digest_of(entry)
            if digest:
                self.entries.setdefault(digest, (archive, entry))
        names = set(archive.namelist())
        read = lambda name: archive.read(f"{own['folder']}/{name}")  # noqa: E731
        if own["extent"] == "pack":
            for line in lines(read("pack.ndjson")):
                if "snapshot" in line:
                    self.snapshots.setdefault(line["snapshot"], line["info"])
        else:
            self.snapshots[path.stem] = json.loads(read("snapshot.json"))
        if f"{own['folder']}/pieces" in names:
            for line in lines(read("pieces")):
                self.split(path, archive, line)

    def split(self, path, archive, line):
        """Where the chunks lie inside the entry of a large file."""
        mine = [e for e in archive.infolist() if digest_of(e) == line["content"]][0]
        with open(path, "rb") as raw:
            raw.seek(mine.header_offset)
            header = raw.read(30)
        name, extra = struct.unpack("<HH", header[26:30])
        at = mine.header_offset + 30 + name + extra
        for chunk, packed in zip(lines(self.content(line["chunks"])), line["packed_bytes"]):
            self.pieces.setdefault(chunk["id"], (path, at, packed))
            at += packed

    def content(self, digest, chunks=None):
        """The bytes with that SHA-256."""
        if digest in self.entries:
            archive, entry = self.entries[digest]
            data = archive.read(entry)
        elif digest in self.pieces:
            path, at, packed = self.pieces[digest]
            with open(path, "rb") as raw:
                raw.seek(at)
                data = zlib.decompressobj(-15).decompress(raw.read(packed))
        elif chunks:
            data = b"".join(self.content(chunk["id"]) for chunk in lines(self.content(chunks)))
        else:
            sys.exit(f"{digest} is in no archive")
        if hashlib.sha256(data).hexdigest() != digest:
            sys.exit(f"{digest} is not what was stored")
        return data


def restore(repository, snapshot, directory):
    tree = json.loads(repository.content(repository.snapshots[snapshot]["tree"]))
    top = os.fsencode(directory)
    os.mkdir(top)
    fill(repository, top, tree["root"])
    for group in lines(repository.content(tree["links"])) if "links" in tree else []:
        first, *others = [os.path.join(top, name_of(path, "path")) for path in group["paths"]]
        for other in others:
            os.unlink(other)
            os.link(first, other)
    settle(repository, top, tree["root"])


def fill(repository, path, record):
    """Everything below a directory."""
    for child in lines(repository.content(record["node"])):
        below, kind = os.path.join(path, name_of(child)), child["kind"]
        if kind == "directory":
            os.mkdir(below)
            if "node" in child:
                fill(repository, below, child)
        elif kind == "symlink":
            os.symlink(name_of(child, "target"), below)
        elif kind == "file":
            with open(below, "wb") as out:
                if "content" in child:
                    out.write(repository.content(child["content"], child.get("chunks")))
        else:
            kinds = {"fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK, "char_device": stat.S_IFCHR,
                     "block_device": stat.S_IFBLK}
            os.mknod(below, kinds[kind] | 0o600, int(child.get("rdev", "0")))


def settle(repository, path, record):
    """Metadata, from the bottom up: linking and filling changed the times of directories."""
    if record["kind"] == "directory" and "node" in record:
        for child in lines(repository.content(record["node"])):
            settle(repository, os.path.join(path, name_of(child)), child)
    if os.geteuid() == 0:
        os.chown(path, record["uid"], record["gid"], follow_symlinks=False)
    for attribute in record.get("xattrs", []):
        os.setxattr(path, name_of(attribute), bytes.fromhex(attribute["value_hex"]), follow_symlinks=False)
    if record["kind"] != "symlink":
        os.chmod(path, int(record["mode"], 8))
    nanos = record["mtime"]["secs"] * 1_000_000_000 + record["mtime"]["nanos"]
    os.utime(path, ns=(nanos, nanos), follow_symlinks=False)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    restore(Repository(sys.argv[1]), *sys.argv[2:])
