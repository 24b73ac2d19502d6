"""The cases of other machines: fsync and rsync over the same ssh, to a sshd of our own with a key of its own."""
import os
import socket
import subprocess
import time

import line
import trees
from snapshots import CHANGED, quoted

SSHD = "/usr/sbin/sshd"
# The bars: of the issue, for both ways.
NEAR_BARS = {"noop": 1.0, "first": 0.7, "update": 0.8}
FAR_BAR = 1.1


class Machine:
    """A sshd, and how to reach it; `far` puts a line of 50 ms and 100 Mbit/s between."""

    def __init__(self, at, far):
        self.at, self.far = at, far
        self.folder = at.work / ("sshd-far" if far else "sshd")
        self.address, self.port = (line.THERE, 2222) if far else ("127.0.0.1", free_port())
        self.server = self.line = None
        self.ssh = (f"ssh -F none -p {self.port} -i {self.folder}/key -o BatchMode=yes -o StrictHostKeyChecking=no"
                    " -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR")
        # Its own home: the repository there is not the one here.
        self.home = self.folder / "home"
        self.repo = self.home / "repo"

    def start(self):
        if self.server:
            return
        trees.remove(self.folder)
        self.home.mkdir(parents=True)
        for name in ["host", "key"]:
            subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", self.folder / name], check=True)
        (self.folder / "authorized").write_text((self.folder / "key.pub").read_text())
        (self.folder / "config").write_text(
            f"Port {self.port}\nListenAddress {'0.0.0.0' if self.far else self.address}\n"
            f"HostKey {self.folder}/host\nAuthorizedKeysFile {self.folder}/authorized\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin yes\nPidFile none\nPasswordAuthentication no\n")
        os.makedirs("/run/sshd", exist_ok=True)
        command = [SSHD, "-D", "-e", "-f", str(self.folder / "config")]
        if self.far:
            self.line = line.Line()
            command = self.line.inside(line.FAR, command)
        with open(self.folder / "log", "w") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait()

    def wait(self):
        for _ in range(200):
            done = subprocess.run(["sh", "-c", self.within(f"{self.ssh} {self.address} true")], capture_output=True)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise SystemExit(f"benches: sshd does not answer: {done.stderr.decode()}")

    def within(self, command):
        """A command as it is run on the near side."""
        return f"ip netns exec {line.NEAR} sh -c {quoted(command)}" if self.far else command

    def fsync(self, source, destination):
        built = self.at.env["PATH"].split(":")[0]
        serve = f"env HOME={self.home} FSYNC_REPO={self.repo} {built}/fsync serve"
        return self.within(f"FSYNC_RSH={quoted(self.ssh)} FSYNC_SERVE={quoted(serve)} "
                           f"fsync -q cp --delete {source} {destination}")

    def rsync(self, source, destination):
        flags = "-az" if self.far else "-a"
        return self.within(f"rsync {flags} --delete --exclude=/.fsync-backup -e {quoted(self.ssh)} {source}/ {destination}/")

    def tools(self, source, destination):
        """Both tools, both ways."""
        there = lambda path: f"{self.address}:{path}"  # noqa: E731
        name = "rsync -az" if self.far else "rsync -a"
        return {"fsync push": self.fsync(source, there(destination)),
                f"{name} push": self.rsync(source, there(destination)),
                "fsync pull": self.fsync(there(source), destination),
                f"{name} pull": self.rsync(there(source), destination)}

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
            self.server = None
        if self.line:
            self.line.close()
            self.line = None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class State:
    """What a run begins with."""

    def __init__(self, at, machine):
        self.at, self.machine = at, machine
        self.dst, self.base = at.work / "distant", at.work / "distant-large"

    def repository(self, tool):
        """Where what the tool changes is recorded."""
        return self.machine.repo if tool.endswith("push") else self.at.env["FSYNC_REPO"]

    def fresh(self, tool):
        self.machine.start()
        trees.remove(self.dst)
        trees.remove(self.repository(tool))

    def as_old(self, tool):
        """The older version, recorded if fsync changes it: so the last run but one has left it."""
        self.machine.start()
        self.dst.mkdir(exist_ok=True)
        (self.dst / ".fsync-backup").unlink(missing_ok=True)
        self.sh(f"rsync -a --delete {quoted(self.at.old)}/ {quoted(self.dst)}/")
        if tool.startswith("fsync"):
            self.record(self.dst, tool)

    def twin(self, tool):
        self.machine.start()
        if not (self.dst / "Makefile").exists():
            self.as_old("rsync")

    def record(self, tree, tool):
        self.sh(f"FSYNC_REPO={quoted(self.repository(tool))} fsync-snap {quoted(tree)}")

    def large(self, tool):
        """1 GB here, of which 1 % has changed since it was copied."""
        self.machine.start()
        new, dst = self.base / "new", self.base / "dst"
        if not new.exists():
            new.mkdir(parents=True)
            trees.random_file(new / "big", 1_000_000_000)
            trees.copy(new, self.base / "old")
            trees.edit(new / "big", trees.EDITS[0])
        trees.remove(dst)
        trees.copy(self.base / "old", dst)
        if tool.startswith("fsync"):
            self.record(dst, tool)

    def sh(self, command):
        subprocess.run(["sh", "-c", command], check=True, env=self.at.env, capture_output=True)


def cases(at, case):
    """Every case; `case` makes one."""
    made = []
    for far in [False, True]:
        machine = Machine(at, far)
        at.machines.append(machine)
        state = State(at, machine)
        where = "50 ms, 100 Mbit/s" if far else "loopback"
        peer = "rsync -az" if far else "rsync -a"

        def one(name, what, tools, prepare, bar, rounds):
            bars = [(f"fsync {way}", f"{peer} {way}", bar) for way in ["push", "pull"]]
            made.append(case(("far-" if far else "ssh-") + name, f"{what}; ssh, {where}", bars, tools, prepare, rounds,
                             root="make network namespaces" if far else None))

        rounds = 3 if far else 5
        bar = lambda name: FAR_BAR if far else NEAR_BARS[name]  # noqa: E731
        one("noop", "equal trees", machine.tools(at.old, state.dst), state.twin, bar("noop"), rounds)
        one("first", "first copy", machine.tools(at.old, state.dst), state.fresh, bar("first"), rounds)
        one("update", f"{CHANGED} files changed, the state before is recorded", machine.tools(at.kept, state.dst), state.as_old,
            bar("update"), rounds)
        if far:
            one("large", "one file of 1 GB, 1 % changed", machine.tools(state.base / "new", state.base / "dst"), state.large,
                FAR_BAR, rounds)
    return made
