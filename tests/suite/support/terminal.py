"""Plays a person at a terminal: terminal.py COLUMNS LINES SCRIPT COMMAND...

SCRIPT is a JSON list of pairs: what must be on the screen, and what is typed then ("signal:USR1" sends the command a signal
instead). Prints one JSON object: code, raw (all that was written), screen (what is left of it).
"""

import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

columns, lines, script, command = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    os.execvp(command[0], command)
raw = b""
from_here = 0
end = time.monotonic() + 120
while True:
    if time.monotonic() > end:
        os.kill(pid, signal.SIGKILL)
    ready, _, _ = select.select([master], [], [], 0.05)
    if ready:
        try:
            some = os.read(master, 65536)
        except OSError:
            break
        if not some:
            break
        raw += some
    if script and script[0][0].encode() in raw[from_here:]:
        from_here = raw.index(script[0][0].encode(), from_here) + len(script[0][0].encode())
        answer = script.pop(0)[1]
        if answer.startswith("signal:"):
            os.kill(pid, getattr(signal, "SIG" + answer[7:]))
        else:
            os.write(master, answer.encode())
_, status = os.waitpid(pid, 0)
# What is left on the screen, for a terminal that is high enough.
screen, row, column = [""], 0, 0
for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+|\x1b.", raw.decode("utf-8", "replace")):
    if part == "\r":
        column = 0
    elif part == "\n":
        row += 1
        if row == len(screen):
            screen.append("")
    elif part.startswith("\x1b["):
        n = int(re.sub(r"\D", "", part) or 1)
        if part[-1] == "A":
            row = max(0, row - n)
        elif part[-1] == "B":
            row += n
            screen += [""] * (row + 1 - len(screen))
        elif part == "\x1b[2K":
            screen[row] = ""
        elif part[-1] == "K":
            screen[row] = screen[row][:column]
        elif part[-1] == "J":
            screen[row] = screen[row][:column]
            del screen[row + 1:]
    else:
        line = screen[row].ljust(column)
        screen[row] = line[:column] + part + line[column + len(part):]
        column += len(part)
code = os.waitstatus_to_exitcode(status)
left = [line.rstrip() for line in screen]
print(json.dumps({"code": code, "raw": raw.decode("utf-8", "replace"), "screen": "\n".join(left).rstrip(), "untold": len(script)}))
