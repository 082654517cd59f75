"""Many callers at once, inside the verifier's namespace.

`python -m tests.verifier.crowd <port> <first address> <callers> <at once>`.
Each is another client of the proxy; a caller who is told to come again does so. Prints counts as JSON.
"""

import json
import sys
from collections import Counter
from ipaddress import ip_address

import trio

from aimx import limits

WAIT_S = 240.0
BUSY = 503


async def ask(port: int, client: str) -> tuple[int, dict[str, object]]:
    """One request of one client."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(f"GET /probe HTTP/1.1\r\nHost: x\r\nX-AIMX-Client-IP: {client}\r\n\r\n".encode())
        octets = b""
        while piece := await stream.receive_some(4096):
            octets += piece
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


async def crowd(port: int, first: str, count: int, at_once: int, again: bool) -> dict[str, int]:
    """All of them, until each has an answer."""
    counts: Counter[str] = Counter()
    places = trio.CapacityLimiter(at_once)

    async def one(number: int) -> None:
        client = str(ip_address(first) + number)
        async with places:
            status, told = await ask(port, client)
            while status == BUSY and again:
                counts["busy"] += 1
                await trio.sleep(0.02)
                status, told = await ask(port, client)
        counts[f"{status} {told.get('reachable')}"] += 1

    with trio.fail_after(WAIT_S):
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(one, number)
    return dict(counts)


async def wait(port: int, first: str, count: int) -> None:
    """Say how many were refused once there are no further ones to come; the others wait until the end of input."""
    refused = 0
    more = trio.Event()

    async def one(number: int) -> None:
        nonlocal refused
        await ask(port, str(ip_address(first) + number))
        refused += 1
        if refused == count - limits.VERIFIER_PROBES:
            more.set()

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
        with trio.fail_after(WAIT_S):
            await more.wait()
        print(json.dumps({"503 None": refused}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    port, first, count, at_once, *words = sys.argv[1:]
    if "--wait" in words:
        trio.run(wait, int(port), first, int(count))
    else:
        found = trio.run(crowd, int(port), first, int(count), int(at_once), "--once" not in words)
        print(json.dumps(found))
