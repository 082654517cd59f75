"""The load of the sending rows: a process of its own with clients of the AIMX/1 socket, told what to do on stdin.

One request per connection, as every client does. Prints `ready`, starts its clock at the next line, prints figures.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from aimx import client
from aimx.wire.frames import Send
from tests.bench.table import quantile
from tests.harness import DOMAIN

_TABLE = "| part | figure |\n|---|--:|\n| alpha | 12.5 |\n| beta | 7 |\n\n"
_WORDS = "The **budget** of the week, with [a link](https://example.test/a?b=c&d=e), `code` and ~~what was wrong~~.\n\n"


class Plan(NamedTuple):
    """What one run sends. `size`: of the Markdown, in octets. `rate`: per second, evenly; 0: as fast as they go."""

    socket: str
    mailbox: str
    size: int
    clients: int
    count: int
    rate: float = 0.0
    mark: str = "Briefing"


def markdown(size: int, number: int) -> str:
    """A briefing of this size: headings, lists, a table, links."""
    parts = [f"# Briefing {number}\n\n- one\n- two\n- [x] three\n\n", _TABLE]
    while sum(map(len, parts)) + len(_WORDS) < size:
        parts.append(_WORDS)
    return "".join(parts).ljust(size, ".")


def message(plan: Plan, number: int) -> bytes:
    """A submission."""
    head = f"From: {plan.mailbox}@{DOMAIN}\nTo: bob@sink.test\nSubject: {plan.mark} {number}\n\n"
    return (head + markdown(plan.size, number)).replace("\n", "\r\n").encode()


def run(plan: Plan) -> dict[str, float]:
    """One timed run. Raises: SystemExit when a message is not delivered."""
    requests = [Send(message(plan, number)) for number in range(plan.count)]
    latencies: list[float] = []
    refused: list[str] = []

    begun = 0.0

    def one(first: int) -> None:
        for number in range(first, plan.count, plan.clients):
            if plan.rate:
                time.sleep(max(0.0, begun + number / plan.rate - time.monotonic()))
            started = time.monotonic()
            answer = client.call(Path(plan.socket), requests[number])
            latencies.append(time.monotonic() - started)
            if answer.kind != "ok":
                refused.append(f"{answer.code} {answer.reason}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(plan.clients)]
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - begun
    if refused:
        raise SystemExit(refused[0])
    latencies.sort()
    return {"wall": wall, "median": quantile(latencies, 0.5), "p99": quantile(latencies, 0.99), "worst": latencies[-1]}


if __name__ == "__main__":
    print(json.dumps(run(Plan(**json.loads(sys.stdin.readline())))), flush=True)
