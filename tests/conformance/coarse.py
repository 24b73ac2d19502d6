"""A file system that hands everything on to another directory, with one weakness of FAT.

    coarse.py tick|fold BELOW MOUNTPOINT

tick: it counts time in two seconds, and calls itself vfat. fold: upper and lower case are the same to it; the spelling
that came first stays, and a rename to another spelling changes it.
"""

import errno
import os
import sys

from fusepy import FUSE, FuseOSError, Operations

class Coarse(Operations):
    use_ns = True

    def __init__(self, weakness, below):
        self.weakness, self.root = weakness, os.path.realpath(below)

    def at(self, path):
        """Where it is: each component exactly, else spelt otherwise."""
        here = self.root
        for name in path.strip("/").split("/"):
            if not name:
                continue
            if self.weakness == "fold" and not os.path.lexists(os.path.join(here, name)):
                listed = os.listdir(here) if os.path.isdir(here) else []
                name = next((n for n in listed if n.lower() == name.lower()), name)
            here = os.path.join(here, name)
        return here

    def __call__(self, op, *args):
        try:
            return super().__call__(op, *args)
        except OSError as e:
            raise FuseOSError(e.errno)

    def getattr(self, path, fh=None):
        st = os.lstat(self.at(path))
        keys = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino", "st_blocks", "st_rdev")
        out = {key: getattr(st, key) for key in keys}
        out.update(st_atime=st.st_atime_ns, st_mtime=st.st_mtime_ns, st_ctime=st.st_ctime_ns)
        return out

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(self.at(path))

    def rename(self, old, new):
        a, b = self.at(old), self.at(new)
        if os.path.lexists(b) and os.path.samestat(os.lstat(a), os.lstat(b)):
            b = os.path.join(os.path.dirname(b), os.path.basename(new))
        os.rename(a, b)

    def utimens(self, path, times=None):
        a, m = times
        if self.weakness == "tick":
            a, m = (t // 2_000_000_000 * 2_000_000_000 for t in (a, m))
        os.utime(self.at(path), ns=(a, m), follow_symlinks=False)

    def open(self, path, flags):
        return os.open(self.at(path), flags & ~os.O_NOFOLLOW)

    def create(self, path, mode, fi=None):
        return os.open(self.at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self.at(path), length)

    def release(self, path, fh):
        os.close(fh)
        return 0

    def fsync(self, path, datasync, fh):
        return 0

    def flush(self, path, fh):
        return 0

    def mkdir(self, path, mode):
        os.mkdir(self.at(path), mode)

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def unlink(self, path):
        os.unlink(self.at(path))

    def chmod(self, path, mode):
        if self.weakness == "tick":
            raise FuseOSError(errno.EPERM)
        os.chmod(self.at(path), mode)

    def chown(self, path, uid, gid):
        if self.weakness == "tick":
            raise FuseOSError(errno.EPERM)
        os.chown(self.at(path), uid, gid, follow_symlinks=False)

    def symlink(self, path, target):
        os.symlink(target, self.at(path))

    def readlink(self, path):
        return os.readlink(self.at(path))

    def statfs(self, path):
        s = os.statvfs(self.root)
        keys = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_namemax")
        return {key: getattr(s, key) for key in keys}


FUSE(
    Coarse(sys.argv[1], sys.argv[2]),
    sys.argv[3],
    nothreads=True,
    default_permissions=True,
    subtype="vfat" if sys.argv[1] == "tick" else "fold",
    use_ino=True,
    attr_timeout=0,
    entry_timeout=0,
    negative_timeout=0,
)
