"""Runs commands one after the other and says what each took: one JSON object a line in, one a line out.

In: argv, cwd, seconds. Out: code (null when it had to be killed), out, err (as latin-1), rss_bytes, seconds.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

parent = os.getppid()
for line in sys.stdin:
    if os.getppid() != parent:
        sys.exit("whoever gave the jobs is gone")
    job = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = subprocess.Popen(job["argv"], cwd=job["cwd"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 start_new_session=True)
        late = []

        def kill(pid=child.pid, late=late):
            late.append(True)
            os.killpg(pid, signal.SIGKILL)

        timer = threading.Timer(job["seconds"], kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        text = []
        for file in (out, err):
            file.seek(0)
            text.append(file.read(8 << 20).decode("latin-1"))
        print(json.dumps({"code": None if late else child.returncode, "out": text[0], "err": text[1],
                          "rss_bytes": usage.ru_maxrss * 1024, "seconds": time.monotonic() - began}), flush=True)
