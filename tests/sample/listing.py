#!/usr/bin/env python3
"""Lists a directory, all that a restore must bring back but owners: listing.py DIRECTORY

A line an entry: its path in hex, kind, mode, mtime in nanoseconds, and the SHA-256 of its contents or its target in hex.
Names of one file say which of them comes first.
"""
import hashlib
import os
import stat
import sys

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}


def walk(path, name, first):
    state = os.lstat(path)
    kind, what, mode = stat.S_IFMT(state.st_mode), "-", f"{state.st_mode & 0o7777:04o}"
    if kind == stat.S_IFREG:
        with open(path, "rb") as data:
            what = hashlib.sha256(data.read()).hexdigest()
        if state.st_nlink > 1:
            what += " as " + first.setdefault(state.st_ino, name.hex())
    if kind == stat.S_IFLNK:
        what, mode = os.readlink(path).hex(), "-"
    print(name.hex() or ".", KINDS[kind], mode, state.st_mtime_ns, what)
    if kind == stat.S_IFDIR:
        for child in sorted(os.listdir(path)):
            if name or child != b".fsync-backup":
                walk(os.path.join(path, child), name + b"/" + child if name else child, first)


walk(os.fsencode(sys.argv[1]), b"", {})
