"""Many clients of WATCH in one process: each counts the mail it is told of, one more takes nothing.

Told what to do by one line of JSON on stdin; prints `ready` when all stand, and at the next line of stdin waits until
each has seen `count`, then prints what they saw as JSON.
"""

import json
import resource
import selectors
import socket
import sys
import time
from typing import NamedTuple

from aimx.wire import codec
from aimx.wire.frames import Watch

PATIENCE_S = 60.0
_CURSOR = b'{"cursor":"'


class Watchers(NamedTuple):
    """How many, at which socket, and how many mails each has to see within `patience` seconds."""

    path: str
    number: int
    count: int
    patience: float = PATIENCE_S


class Client:
    """One connection: `seen` counts mails, `wrong` lines whose number is not above that of the line before."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(codec.encode_request(Watch()))
        self.seen = self.wrong = 0
        self._last = -1
        self._rest = b""
        self.take()  # its place is taken: what happens from now on is told

    def take(self) -> bool:
        """What has come; False: the end."""
        octets = self.socket.recv(1 << 20)
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            if not line.startswith(_CURSOR):
                continue
            number = int(line[len(_CURSOR) + 17 : line.index(b'"', len(_CURSOR))])
            if b'"type":"received"' in line[:80]:
                self.seen += 1
                self.wrong += number <= self._last
            self._last = number
        return bool(octets)


def run(plan: Watchers) -> dict[str, float]:
    """All of them."""
    clients = [Client(plan.path) for _ in range(plan.number)]
    stalled = Client(plan.path)
    chooser = selectors.DefaultSelector()
    for client in clients:
        chooser.register(client.socket, selectors.EVENT_READ, client)
    print("ready", flush=True)
    sys.stdin.readline()
    before = resource.getrusage(resource.RUSAGE_SELF)
    deadline = time.monotonic() + plan.patience
    while any(client.seen < plan.count for client in clients) and time.monotonic() < deadline:
        for key, _ in chooser.select(1.0):
            if not key.data.take():
                chooser.unregister(key.fileobj)
    after = resource.getrusage(resource.RUSAGE_SELF)
    stalled.socket.close()
    return {
        "least": min(client.seen for client in clients),
        "most": max(client.seen for client in clients),
        "wrong": sum(client.wrong for client in clients),
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


if __name__ == "__main__":
    print(json.dumps(run(Watchers(**json.loads(sys.stdin.readline())))), flush=True)
