"""A line of 50 ms (there and back) and 100 Mbit/s between two network namespaces; root makes it.

The kernel does it where it has netem (`tc qdisc`). Where it has not, packets are carried from one namespace to the
other by hand: a TUN device in each, and a loop that holds every packet back as long as the line would.
"""
import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

DELAY, RATE, LIMIT, MTU = 0.025, 100e6, 1000, 1500
NEAR, FAR = "fsync-bench-near", "fsync-bench-far"
HERE, THERE = "10.213.77.1", "10.213.77.2"
TUNSETIFF, TUN, NO_INFO = 0x400454CA, 0x0001, 0x1000


def ip(*words, **how):
    return subprocess.run(["ip", *words], check=True, capture_output=True, **how)


class Line:
    """Both namespaces, and what joins them."""

    def __init__(self):
        self.carrier = None
        self.close()
        for name in [NEAR, FAR]:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        if not self.netem():
            print("benches: this kernel has no netem: packets are held back by a program of ours", file=sys.stderr)
            self.carried()
        for name, address in [(NEAR, HERE), (FAR, THERE)]:
            ip("-n", name, "addr", "add", f"{address}/30", "dev", "line")
            ip("-n", name, "link", "set", "line", "mtu", str(MTU), "up")

    def netem(self):
        ip("link", "add", "line", "netns", NEAR, "type", "veth", "peer", "name", "line", "netns", FAR)
        for name in [NEAR, FAR]:
            tc = ["tc", "-n", name, "qdisc", "add", "dev", "line", "root", "netem", "limit", str(LIMIT),
                  "delay", f"{DELAY * 1000:.0f}ms", "rate", f"{RATE / 1e6:.0f}mbit"]
            if subprocess.run(tc, capture_output=True).returncode != 0:
                ip("-n", NEAR, "link", "del", "line")
                return False
        return True

    def carried(self):
        ends = [tun(name) for name in [NEAR, FAR]]
        self.carrier = os.fork()
        if self.carrier == 0:
            carry(*ends)
        for end in ends:
            os.close(end)

    def inside(self, name, command):
        """A command as it runs in a namespace."""
        return ["ip", "netns", "exec", name, *command]

    def close(self):
        if self.carrier:
            os.kill(self.carrier, 9)
            os.waitpid(self.carrier, 0)
            self.carrier = None
        for name in [NEAR, FAR]:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def tun(name):
    """A TUN device in a namespace; its packets."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    made = fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", f"fbench{os.getpid() % 10000}".encode(), TUN | NO_INFO))
    device = made[:16].rstrip(b"\0").decode()
    ip("link", "set", device, "netns", name)
    ip("-n", name, "link", "set", device, "name", "line")
    return handle


def carry(a, b):
    """Holds packets back as netem does with a rate and a delay: one after the other at the rate, and then the delay."""
    try:
        poll = select.poll()
        ways = {a: [b, collections.deque(), 0.0], b: [a, collections.deque(), 0.0]}
        for end in ways:
            poll.register(end, select.POLLIN)
        while True:
            due = [way[1][0][0] for way in ways.values() if way[1]]
            wait = max(0.0, min(due) - time.monotonic()) * 1000 if due else None
            for end, _ in poll.poll(wait):
                take(end, ways[end])
            now = time.monotonic()
            for to, waiting, _ in ways.values():
                while waiting and waiting[0][0] <= now:
                    put(to, waiting.popleft()[1])
    finally:
        os._exit(1)


def take(end, way):
    now = time.monotonic()
    for _ in range(64):
        try:
            packet = os.read(end, 65536)
        except OSError:
            return
        if len(way[1]) < LIMIT:
            way[2] = max(way[2], now) + len(packet) * 8 / RATE
            way[1].append((way[2] + DELAY, packet))


def put(end, packet):
    try:
        os.write(end, packet)
    except OSError:
        pass  # a device that is not up yet: the packet is lost, as on any line
