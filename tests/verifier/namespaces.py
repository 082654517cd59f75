"""Two machines on one wire: network namespaces joined by a pair of interfaces, gone when their processes are.

Addresses are some of the internet's, which nobody outside ever sees: ours are documentation, which is never probed.
"""

import os
import subprocess
import time
from contextlib import contextmanager

HERE4, THERE4 = "11.0.0.2", "11.0.0.1"
HERE6, THERE6 = "2a00:0:0:1::2", "2a00:0:0:1::1"
WAIT_S = 60.0


class Machine:
    """One namespace, held by a process that sleeps."""

    def __init__(self):
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "3600"])
        ours = os.stat("/proc/self/ns/net").st_ino
        deadline = time.monotonic() + WAIT_S
        while os.stat(f"/proc/{self.pid}/ns/net").st_ino == ours:
            assert time.monotonic() < deadline and self._holder.poll() is None
            time.sleep(0.005)
        self.enter = ["nsenter", "-t", str(self.pid), "-n"]
        self.ip("link", "set", "lo", "up")

    @property
    def pid(self):
        return self._holder.pid

    def ip(self, *words):
        subprocess.run([*self.enter, "ip", *words], check=True, timeout=WAIT_S)

    def address(self, interface, *addresses):
        for address in addresses:
            self.ip("addr", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
        self.ip("link", "set", interface, "up")

    def close(self):
        self._holder.kill()
        self._holder.wait(WAIT_S)


@contextmanager
def two():
    """(this machine, the internet)."""
    here, there = Machine(), Machine()
    try:
        peer = ["type", "veth", "peer", "name", "eth0", "netns", str(there.pid)]
        here.ip("link", "add", "eth0", *peer)
        here.address("eth0", f"{HERE4}/24", f"{HERE6}/64")
        there.address("eth0", f"{THERE4}/24", f"{THERE6}/64")
        yield here, there
    finally:
        here.close()
        there.close()
