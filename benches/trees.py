"""The trees that are measured, and where they lie."""
import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "linux-source-6.1"


class Place:
    """Where everything of a run lies: sources, copies and a repository, on a tmpfs."""

    def __init__(self, work, cache, built):
        self.work, self.cache, self.peers = work, cache, cache / "peers"
        self.old, self.new, self.kept = work / "old", work / "new", work / "kept"
        path = f"{built}:{self.peers / 'bin'}:{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": path, "FSYNC_REPO": str(work / "repo"), "LC_ALL": "C"}
        os.environ["PATH"] = path
        # What else has to end with the run.
        self.leavers, self.machines = [], []

    def fetch(self, old, new):
        """The two versions, unpacked; and the newer one with the times of the older where contents are equal."""
        self.work.mkdir(parents=True, exist_ok=True)
        if not on_tmpfs(self.work):
            print(f"benches: {self.work} is on no tmpfs: expect times to vary by a factor", file=sys.stderr)
        known = versions()
        for tree, version in [(self.old, old or known[-1]), (self.new, new or known[0])]:
            if not tree.exists():
                unpack(self.package(version), tree)
        if not self.kept.exists():
            copy(self.new, self.kept)
            keep_times(self.old, self.kept)

    def package(self, version):
        found = list(self.cache.glob(f"{PACKAGE}_{version.replace(':', '%3a')}_*.deb"))
        if found:
            return found[0]
        self.cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", f"{PACKAGE}={version}"], check=True, cwd=self.cache)
        return self.package(version)

    def reflink_mount(self):
        """A btrfs in a file, with a source of 3 GB."""
        mount = self.work / "cow"
        if mount.is_mount():
            return
        image = self.work / "cow.img"
        mount.mkdir(exist_ok=True)
        with open(image, "wb") as out:
            out.truncate(8 << 30)
        subprocess.run(["mkfs.btrfs", "-q", "-f", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True)
        for name in ["src", "dst"]:
            (mount / name).mkdir()
        random_file(mount / "src/big", 3_000_000_000)
        os.sync()

    def leave(self):
        """Ends what was started, unmounts, and removes all but the sources."""
        for leave in self.leavers:
            leave()
        for machine in self.machines:
            machine.stop()
        mount = self.work / "cow"
        if mount.is_mount():
            subprocess.run(["umount", mount], check=True)
        for path in self.work.iterdir():
            if path not in (self.old, self.new, self.kept):
                remove(path)


def on_tmpfs(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True)
    return kind.stdout.strip() == "tmpfs"


def versions():
    """What apt has, newest first."""
    listed = subprocess.run(["apt-cache", "madison", PACKAGE], check=True, capture_output=True, text=True)
    found = [line.split("|")[1].strip() for line in listed.stdout.splitlines()]
    if len(set(found)) < 2:
        sys.exit(f"benches: apt has fewer than two versions of {PACKAGE}; name them with --old and --new")
    return found


def unpack(package, tree):
    into = tree.with_name(tree.name + ".part")
    remove(into)
    into.mkdir()
    subprocess.run(["dpkg-deb", "-x", package, into], check=True)
    archive = next((into / "usr/src").glob("*.tar.xz"))
    subprocess.run(["tar", "-C", into, "-xf", archive], check=True)
    (into / archive.name.removesuffix(".tar.xz")).rename(tree)
    remove(into)


def keep_times(old, new):
    """Gives files and directories of `new` the times that they have in `old`, but for files that changed."""
    for folder, _, files in os.walk(new, topdown=False):
        before = old / Path(folder).relative_to(new)
        for name in files:
            a, b = before / name, Path(folder) / name
            if b.is_symlink() or not a.is_file():
                continue
            if filecmp.cmp(a, b, shallow=False):
                shutil.copystat(a, b)
        if before.is_dir():
            shutil.copystat(before, folder)


def copy(source, destination):
    subprocess.run(["cp", "-a", source, destination], check=True)


def remove(path):
    subprocess.run(["rm", "-rf", path], check=True)


def random_file(path, size):
    with open(path, "wb") as out, open("/dev/urandom", "rb") as noise:
        for at in range(0, size, 1 << 20):
            out.write(noise.read(min(1 << 20, size - at)))


def generate(tree, count):
    """Empty files, a hundred in a directory, all of one time."""
    if tree.exists():
        return
    stamp = (1_700_000_000, 1_700_000_000)
    for at in range(0, count, 10_000):
        for sub in range(100):
            folder = tree / f"{at // 10_000:04}" / f"{sub:02}"
            folder.mkdir(parents=True)
            handle = os.open(folder, os.O_RDONLY)
            for file in range(100):
                name = f"file-{file:02}.txt"
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=handle))
                os.utime(name, stamp, dir_fd=handle)
            os.close(handle)
            os.utime(folder, stamp)
        os.utime(tree / f"{at // 10_000:04}", stamp)
    os.utime(tree, stamp)


def small_files(tree, count):
    """As `generate`, each file with a line of its own."""
    if tree.exists():
        return
    generate(tree, count)
    for at, path in enumerate(sorted(tree.rglob("*.txt"))):
        path.write_text(f"{at:09} is the number of this file, and all that it holds\n")


EDITS = ["1 % in place", "1 MB in front"]


def edit(path, how):
    """Changes a file in one of the ways of `EDITS`: ten stretches, evenly spread, or one before all that was there."""
    size = path.stat().st_size
    if how == EDITS[0]:
        with open(path, "r+b") as out:
            for n in range(10):
                out.seek(n * size // 10)
                out.write(os.urandom(size // 1000))
        return
    whole = path.with_name("new")
    with open(whole, "wb") as out, open(path, "rb") as rest:
        out.write(os.urandom(1_000_000))
        shutil.copyfileobj(rest, out, 1 << 20)
    whole.rename(path)
