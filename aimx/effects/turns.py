"""One at a time for each key. Knows nothing of what is done in turn."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

import trio


class Turns:
    """Whose turn it is, by key. `about` is for whoever asks before he waits."""

    def __init__(self) -> None:
        self._taken: dict[Hashable, tuple[object, trio.Event]] = {}

    def about(self, key: Hashable) -> object | None:
        """What the one who has it now said; None: nobody has it."""
        taken = self._taken.get(key)
        return taken[0] if taken is not None else None

    @asynccontextmanager
    async def one(self, key: Hashable, about: object) -> AsyncIterator[None]:
        """Wait until nobody has it, and have it."""
        while key in self._taken:
            await self._taken[key][1].wait()
        ended = trio.Event()
        self._taken[key] = about, ended
        try:
            yield
        finally:
            del self._taken[key]
            ended.set()
