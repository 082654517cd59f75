"""The machines that are probed: `python -m tests.verifier.targets` listens on port 25 of every address.

Prints a line when it listens, and the most connections that there were at once when its input ends.
"""

import sys

import trio

from aimx.flows.responding import Responding
from aimx.smtp.responder import Responder


class Counting:
    """Greets, and counts what the verifier is held to."""

    def __init__(self) -> None:
        self._responding = Responding(Responder("target.test", "ESMTP", "500 no"), 10_000)
        self._now = self.most = 0

    async def session(self, stream: trio.SocketStream) -> None:
        """One connection."""
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await trio.sleep(0.02)  # so that those who come together are there together
            await self._responding.session(stream)
        finally:
            self._now -= 1


async def main() -> None:
    """Until the end of input."""
    counting = Counting()
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_tcp, counting.session, 25)
        print("listening", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()
    print(counting.most, flush=True)


if __name__ == "__main__":
    trio.run(main)
