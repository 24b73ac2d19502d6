"""Types into an interactive shell on a terminal of its own, and tells what stands on the line afterwards.

type.py SHELL RC FILE: lines of keys as JSON strings on standard input, the command lines that they lead to as JSON
strings on standard output. SHELL is bash or zsh, RC what it reads first, FILE is where it is made to write its line.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios

shell, rc, file = sys.argv[1:4]
commands = {
    "bash": ["bash", "--noprofile", "--rcfile", rc, "-i"],
    "zsh": ["zsh", "-d", "-i"],
}
PROMPT = b"ready> "
DUMP = b"\x18p"
# To the end of the line, and away with it.
CLEAR = b"\x05\x15"

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell, commands[shell])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
seen = b""


def read():
    """Reads what comes; a shell that says nothing for a minute is dead."""
    global seen
    if not select.select([terminal], [], [], 60)[0]:
        sys.exit(f"the shell hangs: {seen[-2000:]!r}")
    try:
        part = os.read(terminal, 65536)
    except OSError:
        part = b""
    if not part:
        sys.exit(f"the shell ended: {seen[-2000:]!r}")
    seen += part


while PROMPT not in seen:
    read()
for line in sys.stdin:
    os.write(terminal, json.loads(line).encode() + DUMP)
    # The shell says when it has written the file.
    before = seen.count(b"\x07dumped")
    while seen.count(b"\x07dumped") <= before:
        read()
    with open(file, errors="surrogateescape") as dump:
        print(json.dumps(dump.read().removesuffix("\n")), flush=True)
    os.remove(file)
    os.write(terminal, CLEAR)
os.write(terminal, b"exit\n")
