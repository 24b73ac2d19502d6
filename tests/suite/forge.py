"""Writes a sound-looking archive whose manifest says something else: FORGE ARCHIVE OLD NEW prints its id.

Every node's id is right for its bytes, and the file's name is the SHA-1 of its bytes: only the
names inside are evil.
"""

import hashlib
import json
import os
import sys
import zipfile

archive, old, new = sys.argv[1:4]
source = zipfile.ZipFile(archive)
items = [(item, source.read(item)) for item in source.infolist()]
ids = {}


def forged(data):
    data = data.replace(f'"name":{json.dumps(old)}'.encode(), f'"name":{json.dumps(new)}'.encode())
    for before, after in ids.items():
        data = data.replace(before.encode(), after.encode())
    return data


def is_node(name):
    return name.startswith(".fsync/") and len(os.path.basename(name)) == 64 and "/tree/" in name


for _ in items:
    for item, data in items:
        if is_node(item.filename):
            ids[os.path.basename(item.filename)] = hashlib.sha256(forged(data)).hexdigest()

out = archive + ".forged"
with zipfile.ZipFile(out, "w") as target:
    for item, data in items:
        if item.filename.startswith(".fsync/"):
            data = forged(data)
            item.filename = forged(item.filename.encode()).decode()
            for before, after in ids.items():
                item.extra = item.extra.replace(bytes.fromhex(before), bytes.fromhex(after))
        target.writestr(item, data, item.compress_type)
    target.comment = forged(source.comment)

name = hashlib.sha1(open(out, "rb").read()).hexdigest()
os.rename(out, os.path.join(os.path.dirname(archive), name + ".zip"))
print(name)
