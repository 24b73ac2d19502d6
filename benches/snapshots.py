"""The cases of the repository: snapshots, restores, reverts, exports, beside backup tools."""
import os
import shlex
import subprocess
from pathlib import Path

import trees

OURS = "fsync-snap"
PEERS = ["borg", "restic", "conserve", "rustic"]
# Files that the two versions of the sources differ in, about.
CHANGED = 5400


def quoted(path):
    return shlex.quote(str(path))


def weight(path):
    """Bytes of all files in a folder, or of one file."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


class Repositories:
    """A repository of each tool, and the tree that they record."""

    def __init__(self, at):
        self.at = at
        self.tree, self.out = at.work / "snapped", at.work / "restored"
        self.base, self.stage = at.work / "repos", None
        at.env.update({"BORG_BASE_DIR": str(at.work / "borg"),
                       "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "RESTIC_PASSWORD": "x",
                       "RESTIC_CACHE_DIR": str(at.work / "restic"), "RUSTIC_PASSWORD": "x",
                       "RUSTIC_CACHE_DIR": str(at.work / "rustic")})

    def run(self, command):
        subprocess.run(["/bin/sh", "-c", command], check=True, env=self.at.env, capture_output=True)

    def path(self, tool):
        return self.base / tool

    def enter(self, name):
        """Begins a case: nothing is left of the one before."""
        self.at.env["FSYNC_REPO"] = str(self.path(OURS))
        if self.stage != name:
            for path in [self.base, self.out, self.tree, *self.at.work.glob("made-*")]:
                trees.remove(path)
            self.stage = name

    def fresh(self, tool):
        """An empty repository of a tool, nothing in its caches."""
        for path in [self.path(tool), self.at.work / tool, *self.base.glob(f"{tool}.zip")]:
            trees.remove(path)
        self.base.mkdir(exist_ok=True)
        start = {"borg": f"borg init -e none {self.path('borg')}",
                 "restic": f"restic init -q -r {self.path('restic')}",
                 "conserve": f"conserve init {self.path('conserve')}",
                 "rustic": f"rustic -r {self.path('rustic')} init"}
        if tool in start:
            self.run(start[tool])

    def source(self):
        """The tree as the older version has it. What is that already keeps its inodes and times."""
        self.tree.mkdir(exist_ok=True)
        (self.tree / ".fsync-backup").unlink(missing_ok=True)
        self.run(f"rsync -a --delete {quoted(self.at.old)}/ {quoted(self.tree)}/")

    def recorded(self, tool):
        """A repository that holds the older version, as the tool made it of the present tree."""
        self.source()
        self.fresh(tool)
        self.run(self.snapshot(tool))

    def snapshot(self, tool):
        tree, repo = quoted(self.tree), quoted(self.path(tool))
        return {OURS: f"fsync-snap {tree}",
                "borg": f"borg create -C lz4 {repo}::$(date +%s%N) {tree}",
                "restic": f"restic -q -r {repo} backup {tree}",
                "conserve": f"conserve -P backup {repo} {tree}",
                "rustic": f"rustic --no-progress -r {repo} backup {tree}",
                "zip -qr -1": f"cd {tree} && zip -qr -1 {repo}.zip .",
                "make_archive": f"python3 -c \"import shutil; shutil.make_archive('{repo}', 'zip', '{tree}')\""}[tool]

    def restore(self, tool):
        repo, out = quoted(self.path(tool)), quoted(self.out)
        ours = f"{quoted(self.path(OURS))}/*.zip"
        return {"fsync-revert": f"fsync-revert -q {quoted(self.tree)} @ --to {out}",
                "bsdtar": f"mkdir {out} && bsdtar -xf {ours} -C {out}",
                "unzip": f"unzip -q {ours} -d {out}",
                "borg": f"mkdir {out} && cd {out} && borg extract {repo}::$(borg list --short {repo})",
                "restic": f"restic -q -r {repo} restore latest --target {out}",
                "conserve": f"conserve -P restore {repo} {out}",
                "rustic": f"rustic --no-progress -r {repo} restore latest {out}"}[tool]

    def weigh(self, tool):
        path = self.path(tool)
        if tool == OURS:
            return sum(p.stat().st_size for p in path.glob("*.zip"))
        return weight(path if path.exists() else path.with_name(path.name + ".zip"))


def cases(at, case):
    """Every case; `case` makes one."""
    repos = Repositories(at)
    before = {}

    def recorded(tool):
        repos.recorded(tool)
        repos.run(repos.snapshot(tool))
        before[tool] = repos.weigh(tool)

    def changed(tool):
        recorded(tool)
        repos.run(f"rsync -a --delete --exclude /.fsync-backup {quoted(at.kept)}/ {quoted(repos.tree)}/")

    def one_changed(tool):
        recorded(OURS)
        before[tool] = repos.weigh(OURS)
        if tool == "one changed":
            (repos.tree / "README").write_text("one line\n")

    def added(tool):
        return repos.weigh(tool) - before[tool]

    def restorable(tool):
        source = tool if tool in PEERS else OURS
        if not repos.path(source).exists():
            repos.recorded(source)
        trees.remove(repos.out)

    def behind(tool):
        if tool == "fsync rv":
            changed(OURS)
        else:
            restorable(tool)

    def once(name, make):
        """Makes what a case begins with, the first time."""
        mark = at.work / f"made-{name}"
        if not mark.exists():
            make()
            mark.touch()

    def thin(_tool):
        def make():
            changed(OURS)
            repos.run(repos.snapshot(OURS))
        once("thin", make)
        for name in ["export.zip", "zip.zip"]:
            (at.work / name).unlink(missing_ok=True)

    def many(_tool):
        def make():
            repos.recorded(OURS)
            for n in range(199):
                (repos.tree / "README").write_text(f"{n}\n")
                repos.run(repos.snapshot(OURS))
        once("many", make)
        for path in repos.path(OURS).glob("catalog.db*"):
            path.unlink()

    def large(tool):
        folder = at.work / "large"
        repos.fresh(OURS)
        trees.remove(folder)
        folder.mkdir()
        trees.random_file(folder / "big", 3_000_000_000)
        repos.run(f"fsync-snap {quoted(folder)}")
        before[tool] = repos.weigh(OURS)
        trees.edit(folder / "big", tool)

    def grown(tool):
        return repos.weigh(OURS) - before[tool]

    def small(state):
        def prepare(tool):
            count = 100_000 if tool.endswith(" 100,000") else 1_000_000
            tree = at.work / f"small{count}"
            trees.small_files(tree, count)
            at.env["FSYNC_REPO"] = str(repos.base / f"small{count}")
            if state == "first":
                trees.remove(repos.base / f"small{count}")
                (tree / ".fsync-backup").unlink(missing_ok=True)
                return
            repos.run(f"fsync-snap {quoted(tree)}")
            if state == "revert":
                for n in range(100):
                    (tree / f"0000/00/file-{n:02}.txt").write_text("changed\n")
        return prepare

    small_tree = lambda count: quoted(at.work / f"small{count}")  # noqa: E731
    both = {"1,000,000": 1_000_000, "100,000": 100_000}
    snap = {tool: repos.snapshot(tool) for tool in [OURS, *PEERS]}
    made = [
        case("snap-first", "the first snapshot of a tree",
             [(OURS, "borg", 0.45)],
             {**snap, **{t: repos.snapshot(t) for t in ["zip -qr -1", "make_archive"]}},
             lambda tool: (repos.source(), repos.fresh(tool)), 5,
             weigh=repos.weigh, weights=[(OURS, "restic", 1.20)], memory=(OURS, 200)),
        case("snap-unchanged", "a snapshot of what did not change",
             [(OURS, "conserve", 0.5)], snap, recorded, 5, weigh=added, weights=[(OURS, None, 0)]),
        case("snap-changed", f"a snapshot after {CHANGED} of the files changed",
             [(OURS, "conserve", 0.5)], snap, changed, 5, weigh=added),
        case("snap-one", "a snapshot after one file of 78,600 changed",
             [("one changed", "unchanged", 1.2)], {t: snap[OURS] for t in ["one changed", "unchanged"]},
             one_changed, 5, weigh=grown, weights=[("one changed", None, 16 << 10)]),
        case("restore", "the whole tree into an empty directory",
             [("fsync-revert", "bsdtar", 0.40)],
             {t: repos.restore(t) for t in ["fsync-revert", "bsdtar", *PEERS, "unzip"]},
             restorable, 5, memory=("fsync-revert", 200)),
        case("revert", f"a revert in place, {CHANGED} files differ; restic's whole restore",
             [("fsync rv", "restic", 0.2)],
             {"fsync rv": f"fsync -q rv -d {quoted(repos.tree)}", "restic": repos.restore("restic")}, behind, 5),
        case("export", "a thin snapshot as a complete zip",
             [("fsync-snap --export", "zip -qr -1", 0.1)],
             {"fsync-snap --export": f"cd {quoted(repos.tree)} && fsync-snap --export @ -o {quoted(at.work)}/export.zip",
              "zip -qr -1": f"cd {quoted(repos.tree)} && zip -qr -1 {quoted(at.work)}/zip.zip ."}, thin, 5),
        case("catalog", "the catalog made again from 200 archives",
             [("fsync log", None, 3.0)], {"fsync log": f"fsync log {quoted(repos.tree)}"}, many, 5),
        case("large", "a snapshot after a file of 3 GB changed: 1 % of it in place, or 1 MB inserted at its front",
             [], {tool: f"fsync-snap {quoted(at.work / 'large')}" for tool in trees.EDITS}, large, 1,
             weigh=grown, weights=[(tool, None, 90_000_000) for tool in trees.EDITS]),
        *[case(f"small-{state}", f"1,000,000 small files, {what}; time a file",
               [(f"{tool} 1,000,000", f"{tool} 100,000", 1.3, 10)],
               {f"{tool} {name}": command.format(tree=small_tree(count)) for name, count in both.items()},
               small(state), 3, memory=(f"{tool} 1,000,000", 400))
          for state, what, tool, command in [
              ("first", "the first snapshot", OURS, "fsync-snap {tree}"),
              ("unchanged", "nothing changed", OURS, "fsync-snap {tree}"),
              ("revert", "a revert of 100", "fsync rv", "fsync -q rv -d {tree}")]],
    ]
    for one in made:
        one["prepare"] = entering(repos, one["name"], one["prepare"])
    return made


def entering(repos, name, prepare):
    def run(tool):
        repos.enter(name)
        prepare(tool)
    return run
