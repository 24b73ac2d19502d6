#!/usr/bin/env python3
"""A repository in a store on paper: 10,000 machines with 1,000,000,000 contents, as one repository and as many.

Prints the table of fsync-store(7). What was measured comes first, then what is assumed; change either and run it again.
"""

# Measured: a tree of 100,000 files with different contents in 1,000 directories, recorded in a store by one machine and
# read by another (tests/store counts the requests).
CONTENTS = 100_000  # of a machine
CATALOG = 7_110_656 / CONTENTS  # bytes of catalog.db for a content, at who reads
OWN = 20_070_400 - 7_110_656  # bytes more of it where the tree is, for what it remembers of files
END = 17_700_512  # bytes of the end of the first archive, which everybody reads
CHANGED_END = 82_795  # the same of a snapshot of 20 changed files in 10 directories of 100
PIECE = 471  # bytes of a piece of the log: one snapshot
ENTERED = 200_000  # contents that are entered in a second, when there is memory for all
LISTS = {"unchanged": 1, "changed": 2}  # lists of machines in a run
PUTS = 3  # of a run that finds a change: archive, piece of the log, its end
GETS = 2  # of whoever reads of it: the piece and the end of the archive
NAMES = 2  # objects that say that a machine writes, and how much
JOINED = 32  # pieces that are joined: one list and one put more
PAGE = 1000  # names in an answer to a list
MOST = 8 << 20  # bytes in an answer to a get

# Assumed.
MACHINES = 10_000
RUNS = 730  # of a machine in a month: every hour
CHANGES = RUNS // 10  # of these, that find something
STORED = 20_000  # bytes of a content in an archive
LIST = PUT = 0.005 / 1000  # US dollars: the list prices of a large provider, 2026
GET = 0.0004 / 1000
ROOM = 0.023 / 1e9  # for a byte in a month
OUT = 0.09 / 1e9  # for a byte that leaves the provider
FLIGHT, DELAY, LINK = 8, 0.03, 12.5e6  # requests at once, seconds for one, bytes in a second


def column(machines):
    """MACHINES as repositories of so many each."""
    pages = -(-machines * NAMES // PAGE)
    others = machines - 1
    lists = pages * ((RUNS - CHANGES) * LISTS["unchanged"] + CHANGES * LISTS["changed"]) + CHANGES / JOINED
    puts = CHANGES * PUTS + CHANGES / JOINED
    gets = others * CHANGES * GETS
    read = others * CHANGES * (PIECE + CHANGED_END)
    asked = lists * LIST + puts * PUT + gets * GET
    contents = machines * CONTENTS
    kept = MACHINES * (CONTENTS * STORED + END + CHANGES * CHANGED_END)
    # A month old: a joined piece and half as many as are joined, the first archive, and one for each change.
    new_gets = machines * (1 + JOINED // 2 + -(-END // MOST) + CHANGES)
    new_lists = pages + machines
    new_bytes = machines * (END + CHANGES * (CHANGED_END + PIECE))
    hours = ((new_gets + new_lists) * DELAY / FLIGHT + new_bytes / LINK + contents / ENTERED) / 3600
    return [
        ("repositories", MACHINES // machines),
        ("contents in each", contents),
        ("of one machine:", None),
        ("  list requests, a run", pages),
        ("  get requests, a run", others * CHANGES * GETS / RUNS),
        ("  seconds for these", (others * CHANGES * GETS / RUNS / FLIGHT + pages) * DELAY),
        ("  requests, a month", lists + puts + gets),
        ("  GB read, a month", read / 1e9),
        ("  GB of catalog.db", (contents * CATALOG + OWN) / 1e9),
        ("  GB of ends of archives", machines * (END + CHANGES * CHANGED_END) / 1e9),
        ("USD a month, of all:", None),
        ("  requests", asked * MACHINES),
        ("  storage", kept * ROOM),
        ("  if read from outside", read * MACHINES * OUT),
        ("one that has seen nothing:", None),
        ("  requests", new_gets + new_lists),
        ("  GB", new_bytes / 1e9),
        ("  hours", hours),
    ]


def text(value):
    """A number as the table has it."""
    if value is None:
        return ""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.1f}"


def rows():
    """The table's lines."""
    sizes = [100, 1000, 10_000]
    columns = [column(size) for size in sizes]
    yield f"{'machines in a repository':<28}" + "".join(f"{size:>14,}" for size in sizes)
    for line in zip(*columns):
        yield (f"{line[0][0]:<28}" + "".join(f"{text(value):>14}" for _, value in line)).rstrip()


if __name__ == "__main__":
    print("\n".join(rows()))
