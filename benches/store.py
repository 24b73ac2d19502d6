"""The cases of a repository on object storage: Ceph on this machine, which speaks S3, beside restic."""
import os
import shlex
import socket
import subprocess
from pathlib import Path

import trees
from snapshots import CHANGED

HERE = Path(__file__).resolve().parent
UP = HERE.parent / "extra" / "store-s3" / "tests" / "ceph-up"
OURS, RESTIC = "fsync-snap", "restic"
KEY, SECRET = "AKBENCH", "sk-bench-example"
BUCKET = "bench"
# One file somewhere in the middle.
ONE = "kernel/sched/core.c"
# What curl signs for a request without a body.
EMPTY = "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """Ceph, started when the first case wants it, and what the two tools keep there."""

    def __init__(self, at):
        self.at, self.process, self.port, self.runs = at, None, None, 0
        self.tree, self.out = at.work / "stored", at.work / "restored"
        self.repo, self.holds = {}, {}
        at.leavers.append(self.stop)

    def start(self):
        if self.process:
            return
        self.port = free_port()
        env = {**os.environ, "FSYNC_CEPH_KEY": KEY, "FSYNC_CEPH_SECRET": SECRET, "FSYNC_CEPH_BYTES": str(12 << 30)}
        ports = [str(port) for port in [self.port, free_port(), free_port()]]
        self.process = subprocess.Popen([UP, self.at.work / "ceph", *ports], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        told = self.process.stdout.readline().strip()
        if told != "READY":
            raise SystemExit(f"benches: no Ceph: {told}")
        subprocess.run(["curl", "-sS", "--fail", "-X", "PUT", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H", EMPTY,
                        "--user", f"{KEY}:{SECRET}", f"http://127.0.0.1:{self.port}/{BUCKET}"], check=True)
        self.at.env.update({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
                            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "RESTIC_PASSWORD": "x",
                            "XDG_CACHE_HOME": str(self.at.work / "cache"),
                            "RESTIC_CACHE_DIR": str(self.at.work / "cache" / "restic")})

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def run(self, command):
        done = subprocess.run(["/bin/sh", "-c", command], env=self.at.env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"benches: {command}: exit code {done.returncode}\n{done.stderr}")

    def forget(self, tool):
        """What a tool remembers on this machine: another one would have to ask the store."""
        trees.remove(self.at.work / "cache" / ("restic" if tool == RESTIC else "fsync"))

    def empty(self, folder):
        """Deletes what is in a folder of the bucket, as fsync would."""
        with subprocess.Popen(["fsync-store-s3"], env=self.at.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as store:
            def say(line):
                store.stdin.write(line + "\n")
                store.stdin.flush()
                return store.stdout.readline().split()

            say(f"fsync-store 1 s3://{BUCKET}/{folder}")
            while (count := int(say("1 list - -")[2])) > 0:
                keys = [store.stdout.readline().split()[1] for _ in range(count)]
                for key in keys:
                    say(f"1 delete {key}")
            store.stdin.close()

    def fresh(self, tool):
        """An empty repository of a tool, in a folder where nothing has been."""
        self.start()
        if tool in self.repo:
            self.empty(self.repo[tool])
        self.runs += 1
        self.forget(tool)
        self.repo[tool], self.holds[tool] = f"{tool}-{self.runs}", None
        if tool == RESTIC:
            self.run(f"restic init -q -r {self.address(tool)}")
        else:
            (self.tree / ".fsync-backup").unlink(missing_ok=True)
            self.at.env["FSYNC_REPO"] = self.address(tool)

    def address(self, tool):
        folder = self.repo[tool]
        return f"s3:http://127.0.0.1:{self.port}/{BUCKET}/{folder}" if tool == RESTIC else f"s3://{BUCKET}/{folder}"

    def source(self, of):
        """The tree as one version has it."""
        self.tree.mkdir(exist_ok=True)
        self.run(f"rsync -a --delete --exclude /.fsync-backup {shlex.quote(str(of))}/ {shlex.quote(str(self.tree))}/")

    def snapshot(self, tool):
        tree = shlex.quote(str(self.tree))
        if tool == RESTIC:
            return f"restic -q -r $(cat {self.note(tool)}) backup {tree}"
        return f"FSYNC_REPO=$(cat {self.note(tool)}) fsync-snap {tree}"

    def restore(self, tool, one):
        tree, out = shlex.quote(str(self.tree)), shlex.quote(str(self.out))
        if tool == RESTIC:
            only = f"--include {tree}/{ONE}" if one else ""
            return f"restic -q -r $(cat {self.note(tool)}) restore latest --target {out} {only}"
        only = f"-- {ONE}" if one else ""
        return f"FSYNC_REPO=$(cat {self.note(tool)}) fsync-revert -q {tree} @ --to {out} {only}"

    def note(self, tool):
        """A file with the address: it is chosen before each run, and commands are written before the first."""
        return shlex.quote(str(self.at.work / f"address-{tool}"))

    def prepare(self, tool):
        (self.at.work / f"address-{tool}").write_text(self.address(tool))

    def recorded(self, tool):
        """A repository that holds the older version; the tree is as it was then."""
        self.source(self.at.old)
        if self.holds.get(tool) != "old":
            self.fresh(tool)
            self.prepare(tool)
            self.run(self.snapshot(tool))
            self.holds[tool] = "old"


def cases(at, case):
    """Every case; `case` makes one."""
    cluster = Cluster(at)

    def first(tool):
        cluster.source(at.old)
        cluster.fresh(tool)
        cluster.prepare(tool)

    def unchanged(tool):
        cluster.recorded(tool)

    def changed(tool):
        cluster.holds[tool] = None
        cluster.recorded(tool)
        cluster.source(at.kept)
        cluster.holds[tool] = None

    def restorable(tool):
        cluster.recorded(tool)
        cluster.forget(tool)
        trees.remove(cluster.out)

    tools = [OURS, RESTIC]
    snap = {tool: cluster.snapshot(tool) for tool in tools}
    return [
        case("store-first", "the first snapshot of a tree, on Ceph", [(OURS, RESTIC, 0.6)], snap, first, 3),
        case("store-unchanged", "a snapshot on Ceph of what did not change", [(OURS, RESTIC, 0.2)], snap, unchanged, 5),
        case("store-changed", f"a snapshot on Ceph after {CHANGED} of the files changed", [(OURS, RESTIC, 0.4)], snap,
             changed, 3),
        case("store-one", "one file from Ceph, with nothing on this machine", [(OURS, RESTIC, 0.3)],
             {tool: cluster.restore(tool, True) for tool in tools}, restorable, 5),
        case("store-all", "the whole tree from Ceph, with nothing on this machine", [(OURS, RESTIC, 0.6)],
             {tool: cluster.restore(tool, False) for tool in tools}, restorable, 3),
    ]
