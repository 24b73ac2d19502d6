"""Writes a corpus of hostile zip files, raw byte by raw byte: ZIPS FOLDER CANARY QUICK|LONG.

Prints a line for each, NAME<TAB>WHAT, where WHAT is `no` (must be refused), `yes` (must be taken, perhaps in part)
or `any` (must do no harm). CANARY is an absolute path that some of them try to reach.
"""

import os
import struct
import sys
import zlib

folder, canary, form = sys.argv[1], os.fsencode(sys.argv[2]), sys.argv[3]
LONG = form == "long"


class Zip:
    """Entries as bytes; every field can be set to something that it should not be."""

    def __init__(self):
        self.body, self.central, self.count = b"", b"", 0

    def add(self, name, data=b"x", mode=0o100644, **f):
        raw = f.get("raw")
        if raw is None:
            method = f.get("method", 8)
            raw = data if method == 0 else deflate(data)
        method = f.get("method", 8)
        crc = f.get("crc", zlib.crc32(data))
        size, packed = f.get("size", len(data)), f.get("packed", len(raw))
        flags, extra = f.get("flags", 0), f.get("extra", b"")
        at = f.get("at", len(self.body))
        system = f.get("system", 3)
        stamp = f.get("stamp", 0x2A210000)
        narrow = lambda n: n if n < 0xFFFFFFFF else 0xFFFFFFFF
        local_name = f.get("local", name)
        local = struct.pack("<IHHHIIIIHH", 0x04034B50, 20, flags, f.get("local_method", method), stamp, crc,
                            narrow(f.get("local_packed", packed)), narrow(f.get("local_size", size)),
                            len(local_name), len(f.get("local_extra", extra)))
        if "at" not in f:
            self.body += local + local_name + f.get("local_extra", extra) + raw
        wide = [n for n in (size, packed) if n >= 0xFFFFFFFF]
        if wide:
            extra = struct.pack("<HH%dQ" % len(wide), 1, 8 * len(wide), *wide) + extra
        self.central += struct.pack("<IBBHHHIIIIHHHHHII", 0x02014B50, 20, system, 20, flags, method, stamp, crc,
                                    narrow(packed), narrow(size), len(name), len(extra), f.get("comment", 0),
                                    f.get("disk", 0), 0, f.get("attributes", mode << 16) & 0xFFFFFFFF, at & 0xFFFFFFFF)
        self.central += name + extra
        self.count += 1
        return self

    def end(self, comment=b"", **f):
        start = f.get("start", len(self.body))
        size = f.get("size", len(self.central))
        count = f.get("count", self.count)
        out = self.body + self.central
        if f.get("zip64") or count > 0xFFFF:
            z = f.get("z", (count, count, size, start))
            at = f.get("z_at", len(out))
            out += struct.pack("<IQHHIIQQQQ", 0x06064B50, f.get("z_size", 44), 45, 45, 0, 0, *[n & (1 << 64) - 1 for n in z])
            out += struct.pack("<IIQI", 0x07064B50, 0, at & (1 << 64) - 1, 1)
            count = f.get("narrow_count", 0xFFFF)
        out += struct.pack("<IHHHHIIH", 0x06054B50, f.get("disk", 0), f.get("disk", 0), count & 0xFFFF, count & 0xFFFF,
                           size & 0xFFFFFFFF, start & 0xFFFFFFFF, f.get("comment_length", len(comment)))
        return out + comment


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def case(name, what, data):
    with open(os.path.join(folder, name + ".zip"), "wb") as file:
        file.write(data)
    print(name, what, sep="\t")


def one(name, *args, **f):
    return Zip().add(name, *args, **f).end()


# --- names ---------------------------------------------------------------------------------------------------------
LINK, DIR = 0o120777, 0o040755
slips = [b"../x", b"a/../../x", b"/etc/x", b"//host/x", b"./../x", b"..", b"../", b"a/..", b"a/./../b/../../x", b"C:/x",
         b"C:\\x", b"c:", b"/", b"//", canary + b"/x", b"../" * 40 + canary[1:] + b"/x", b"a\0b", b"a\0/../x", b"", b"\0"]
for n, name in enumerate(slips):
    case("slip%d" % n, "no", one(name))
    case("slip%d_dir" % n, "no", one(name.rstrip(b"/") + b"/", b"", DIR)) if name not in (b"", b"/", b"//", b"c:") else None
# To Unix these are odd names of one component; to others a backslash separates.
for n, name in enumerate([b"..\\x", b"a\\..\\..\\x", b"\\x", b"\\\\host\\x", b"\\\\?\\C:\\x", b"..\\..\\" + canary[1:] + b"\\x"]):
    case("back%d" % n, "yes", one(name))
    case("back%d_dos" % n, "no", one(name, system=0, attributes=0))
for n, name in enumerate([b"C:x", b".. /x", b"../ x".replace(b"/", b". /"), b"...", b". .", b".. ", b"x.", b"x ", b"con", b"nul.txt",
                          b"a:b", b"\xc0\xae\xc0\xae\xc0\xafx", b"\xe0\x80\xae\xe0\x80\xae/x", b"%2e%2e%2fx", b"\xff\xfe",
                          b"~/x", b"$HOME/x", b"-rf", b"\x1b]0;x\x07", b"\xe2\x80\xaexcod.exe", b"a/" * 100 + b"x"]):
    case("odd%d" % n, "yes", one(name))
case("dot", "any", one(b"."))
case("dot_dir", "any", one(b"./", b"", DIR))
case("dots_inside", "yes", one(b"./a/./b//c"))
case("longest", "any", one(b"n" * 65535))
case("long_component", "any", one(b"n" * 256))
case("deep", "any", one(b"d/" * 30000 + b"f"))
case("deep_dirs", "any", one(b"d/" * 32767, b"", DIR))
up = b"../" * 3 + b"x"
unicode_path = struct.pack("<HHBI", 0x7075, 5 + len(up), 1, zlib.crc32(b"plain")) + up
case("unicode_path", "any", one(b"plain", extra=unicode_path))
case("unicode_wrong_crc", "any", one(b"plain", extra=unicode_path.replace(struct.pack("<I", zlib.crc32(b"plain")), b"\1\2\3\4")))
case("local_slips", "any", one(b"aaaaaaaaaaaa", local=b"../../../../x"[:12]))
case("central_slips", "no", one(b"../../../../", b"", local=b"aaaaaaaaaaaa"))
case("local_longer", "any", one(b"a", local=b"a" * 3000))
case("directory_entry_local_file", "any", one(b"a/", b"", DIR, local=b"a."))
# --- kinds ---------------------------------------------------------------------------------------------------------
case("link_then_file", "no", Zip().add(b"l", b"..", LINK).add(b"l/x").end())
case("file_then_link", "no", Zip().add(b"l/x").add(b"l", b"..", LINK).end())
case("link_dir_then_file", "no", Zip().add(b"l", b"..", LINK).add(b"l/", b"", DIR).add(b"l/x").end())
case("link_deep", "no", Zip().add(b"a/l", canary, LINK).add(b"a/l/b/x").end())
case("link_dotted", "no", Zip().add(b"l", b"..", LINK).add(b"./l//x").end())
case("link_loop", "yes", Zip().add(b"a", b"b", LINK).add(b"b", b"a", LINK).add(b"c", b"c", LINK).end())
case("link_absolute", "yes", Zip().add(b"l", canary, LINK).add(b"d/l", b"/etc/passwd", LINK).end())
case("link_huge", "no", one(b"l", b"t" * (3 << 20), LINK))
case("link_long", "any", one(b"l", b"t" * 4095, LINK))
case("link_nul", "no", one(b"l", b"a\0b", LINK))
case("link_empty", "no", one(b"l", b"", LINK))
case("link_lies", "no", one(b"l", b"t" * 100, LINK, size=5))
case("link_control", "yes", one(b"l", b"\x1b[2J\xc2\x9b31m", LINK))
case("file_and_dir", "no", Zip().add(b"a").add(b"a/", b"", DIR).end())
case("dir_and_file", "no", Zip().add(b"a/", b"", DIR).add(b"a").end())
case("file_below_file", "no", Zip().add(b"a").add(b"a/b").end())
case("twice", "no", Zip().add(b"a", b"1").add(b"a", b"2").end())
case("twice_dotted", "no", Zip().add(b"a/b", b"1").add(b"a//b", b"2").end())
case("twins", "yes", Zip().add(b"Readme", b"1").add(b"README", b"2").add(b"\xc3\xa9").add(b"e\xcc\x81").end())
specials = Zip().add(b"f")
for kind in (0o010000, 0o020000, 0o060000, 0o140000, 0o030000, 0o150000, 0o170000):
    specials.add(b"k%o" % kind, b"", kind | 0o666)
case("specials", "yes", specials.end())
case("device_with_bytes", "yes", Zip().add(b"f").add(b"null", b"\1\3", 0o020666).end())
case("bits", "yes", Zip().add(b"u", b"#!/bin/sh\n", 0o104777).add(b"g", b"", 0o102777).add(b"d/", b"", 0o041777).add(b"s/", b"", 0o047777).end())
case("no_bits", "yes", Zip().add(b"f", b"", 0o100000).add(b"d/", b"", 0o040000).add(b"d/f", b"", 0o100000).end())
owner = struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, 0, 4, 0)
case("root_owner", "yes", one(b"f", extra=owner))
case("lying_owner", "any", one(b"f", extra=struct.pack("<HHBBIB", 0x7875, 11, 1, 200, 0, 255)))
# --- bytes ---------------------------------------------------------------------------------------------------------
text = b"some text, some text, some text, some text"
for n, (key, value) in enumerate([("size", 20), ("size", 80), ("size", 0xFFFFFFFE), ("size", 1 << 32), ("size", (1 << 63) + 5),
                                  ("size", (1 << 64) - 1), ("packed", 5), ("packed", 5000), ("packed", 1 << 40), ("crc", 7)]):
    case("lies%d" % n, "no", one(b"f", text, **{key: value}))
    case("lies%d_stored" % n, "no", one(b"f", text, method=0, **{key: value}))
for method in (1, 6, 9, 12, 14, 93, 95, 96, 97, 98, 99, 255, 65535):
    case("method%d" % method, "no", one(b"f", text, method=method))
case("method_local", "any", one(b"f", text, local_method=0))
case("rubbish", "no", one(b"f", text, raw=b"\xff" * 40))
case("more_behind", "any", one(b"f", text, raw=deflate(text) + b"more and more"))
case("never_ends", "no", one(b"f", text, raw=deflate(text)[:-6]))
case("zipcrypto", "no", one(b"f", text, flags=1))
case("strong", "no", one(b"f", text, flags=0x41))
case("aes", "no", one(b"f", text, flags=1, method=99, extra=struct.pack("<HHHHBH", 0x9901, 7, 2, 0x4541, 3, 8)))
case("masked", "any", one(b"f", text, flags=0x2001))
case("descriptor_missing", "any", one(b"f", text, flags=8))
case("patch_data", "any", one(b"f", text, flags=0x20))
case("late", "yes", Zip().add(b"a", stamp=0xFFFFFFFF).add(b"b", stamp=0).add(b"c", stamp=0x2A21BF7D).end())
case("timestamps", "any", Zip().add(b"a", extra=struct.pack("<HHBi", 0x5455, 5, 1, -2**31)).add(
    b"b", extra=struct.pack("<HHBI", 0x5455, 5, 1, 2**32 - 1)).add(
    b"c", extra=struct.pack("<HHIHHQQQ", 10, 32, 0, 1, 24, 2**64 - 1, 2**63, 0)).end())
for n, extra in enumerate([b"\x55", b"\x55\x54", b"\x55\x54\xff", b"\x55\x54\xff\xff\1", b"\x55\x54\0\0", b"\x55\x54\1\0\1",
                           struct.pack("<HHQ", 1, 8, 5), struct.pack("<HHB", 1, 1, 5), struct.pack("<HH", 1, 0xFFFF),
                           b"\x75\x70\1\0\1", b"\x66\x73\x20\0" + bytes(5), b"\0" * 65535]):
    case("extra%d" % n, "any", one(b"f", text, extra=extra))
case("extra_past_end", "any", one(b"f", text, local_extra=b"\x55\x54\xff\xff" + bytes(9)))
# --- places --------------------------------------------------------------------------------------------------------
two = Zip().add(b"a", text).add(b"b", text)
first = len(Zip().add(b"a", text).body)
case("overlap_same", "no", Zip().add(b"a", text).add(b"a", text, at=0).end())
case("overlap_names", "no", Zip().add(b"a", text).add(b"b", text, at=0).end())
case("overlap_inside", "no", Zip().add(b"a", two.body, method=0).add(b"a", text, at=31).end())
case("offset_far", "no", Zip().add(b"a", text, at=1 << 30).end())
case("offset_end", "no", Zip().add(b"a", text, at=0xFFFFFFFE).end())
case("offset_directory", "no", Zip().add(b"b", text).add(b"a", text, at=70).end())


def fifield(files, kernel_size):
    """Entries that share one kernel, each quoting the local headers behind it, as Fifield's bombs do."""
    kernel = deflate(b"a" * kernel_size)
    names = [b"%05d" % n for n in range(files)]
    headers, tail, tail_crc, tail_size = [], kernel, zlib.crc32(b"a" * kernel_size), kernel_size
    body, records = kernel, []
    for at in range(files - 1, -1, -1):
        name = names[at]
        local = struct.pack("<IHHHIIIIHH", 0x04034B50, 20, 0, 8, 0x2A210000, 0, len(body), kernel_size, len(name), 0) + name
        records.append((name, len(local) + len(body), len(body)))
        quoted = b"\0" + struct.pack("<HH", len(local), len(local) ^ 0xFFFF) if at else b""
        body = quoted + local + body
    z = Zip()
    z.body = body
    for name, back, packed in reversed(records):
        z.add(name, b"", at=len(body) - back, packed=packed, size=kernel_size + 40 * files)
    return z.end()


case("fifield", "no", fifield(200, 10 << 20))
case("fifield_big", "no", fifield(20000 if LONG else 2000, 20 << 20))
zeros = bytes(1 << 20)
inner = one(b"zeros", zeros * (64 if not LONG else 256))
case("bomb", "any", inner)
case("bomb_nested", "yes", Zip().add(b"inner.zip", inner).add(b"more/inner.zip", one(b"i.zip", inner)).end())
many_bombs = Zip()
for n in range(40 if not LONG else 200):
    many_bombs.add(b"z%d" % n, zeros * 8)
case("bombs", "any", many_bombs.end())
case("bomb_claims", "any", one(b"f", b"x", raw=deflate(zeros), size=1 << 50, packed=1 << 40))
case("bomb_hidden", "no", one(b"f", zeros * 64, size=100))
# --- ends ----------------------------------------------------------------------------------------------------------
good = Zip().add(b"a", text).add(b"b/c", text)
whole = good.end()
case("good", "yes", whole)
evil = Zip().add(b"../../x").end()
case("end_in_comment", "any", good.end(evil))
case("end_in_comment_whole", "any", good.end(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 0)))
case("two_ends", "any", whole + whole[-22:])
case("two_zips", "any", whole + evil)
case("before", "any", b"#!/bin/sh\nrm -rf\n" * 50 + whole)
case("behind", "any", whole + b"garbage" * 50)
case("comment_length", "any", good.end(b"c", comment_length=500))
case("comment_control", "yes", good.end(b"\x1b[2J\x07\xc2\x9b\xe2\x80\xae"))
case("comment_longest", "yes", good.end(b"c" * 65535))
case("comment_ours_not", "any", good.end(b'{"fsync":1}'))
case("comment_ours_deep", "any", good.end(b'{"fsync":1,"folder":' + b"[" * 60000))
case("comment_ours_folder", "no", good.end(b'{"fsync":1,"folder":"../../x","tree":"' + b"0" * 64 + b'","time":{"secs":1,"nanos":0},"extent":"full"}'))
case("comment_ours_pack", "no", good.end(b'{"fsync":1,"folder":".fsync","time":{"secs":1,"nanos":0},"extent":"pack"}'))
case("disks", "any", good.end(disk=3))
case("disk_of_entry", "any", one(b"a", disk=7))
case("count_less", "any", good.end(count=1))
case("count_more", "no", good.end(count=9))
case("count_none", "any", good.end(count=0))
case("start_far", "any", good.end(start=1 << 30))
case("size_far", "any", good.end(size=1 << 30))
case("nothing", "yes", Zip().end())
case("z64", "yes", good.end(zip64=True))
n, s, at = good.count, len(good.central), len(good.body)
for k, z in enumerate([(1 << 60, 1 << 60, s, at), (n, n, 1 << 62, at), (n, n, s, 1 << 62), (n, n, s, -1), (-1, -1, -1, -1),
                       (n, 1 << 33, s, at), (0, 0, s, at), (n, n, s, 1 << 63), (10**9, 10**9, s, at)]):
    case("z64_lies%d" % k, "any", good.end(zip64=True, z=z, start=0xFFFFFFFF, size=0xFFFFFFFF))
case("z64_far", "any", good.end(zip64=True, z_at=1 << 62, start=0xFFFFFFFF))
case("z64_self", "any", good.end(zip64=True, z_at=0, start=0xFFFFFFFF))
case("z64_size", "any", good.end(zip64=True, z_size=1 << 63))
# --- our own names inside ------------------------------------------------------------------------------------------
case("marks", "yes", Zip().add(b"f").add(b".fsync-backup", b"0" * 40 + b"\n").add(b".fsync-sync", b"/etc\n").add(
    b".fsync-tmp-1-2-3").add(b"d/.fsync-tmp-9").add(b"d/.fsync-backup", b"inner").end())
case("ours_inside", "yes", Zip().add(b"f").add(b".fsync/ABOUT").add(b".fsync/tree/" + b"0" * 64, b'{"name":"../x"}\n').add(
    b".fsync/snapshot.json", b'{"format":1}').add(b".fsync/pack.ndjson", b'{"gone":"' + b"0" * 40 + b'"}\n').end())
case("marks_are_dirs", "any", Zip().add(b".fsync-backup/x").add(b".fsync-sync/x").end())
case("mark_is_link", "any", Zip().add(b".fsync-sync", canary, LINK).add(b"f").end())
# --- many ----------------------------------------------------------------------------------------------------------
many = Zip()
parts_body, parts_central = [], []
for k in range(1_000_000 if LONG else 70_000):
    name = b"d%d/f%d" % (k % 500, k)
    head = struct.pack("<HHHIIIIHH", 10, 0, 0, 0x2A210000, 0, 0, 0, len(name), 0)
    parts_body.append(b"PK\3\4" + head + name)
    parts_central.append((name, head))
at = 0
central = []
for name, head in parts_central:
    central.append(b"PK\1\2\x14\3" + head + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, at) + name)
    at += 30 + len(name)
many.body, many.central, many.count = b"".join(parts_body), b"".join(central), len(central)
case("many", "yes", many.end())
case("many_unsaid", "any", many.end(count=len(central) & 0xFFFF, narrow_count=0))
# --- quine: Russ Cox's construction is a deflate stream that inflates to the zip that holds it; as an input any zip whose
# entry is a zip of its own name does. What matters is that nothing inside a zip is opened.
quine = whole
for _ in range(20):
    quine = one(b"r/r.zip", quine)
case("quine", "yes", quine)

if len(sys.argv) > 4:
    small = Zip().add(b"a", text).add(b"d/l", b"a", LINK).add(b"d/", b"", DIR).end(b"c")
    with open(sys.argv[4], "wb") as file:
        file.write(small)
