"""Who writes into a mailbox: many at once, or one alone who makes, wipes or removes the mailbox itself.

Second in the order of locks (`daemon/administration.py`): whoever is inside `writing` never asks for the first.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from aimx import limits
from aimx.errors import ResourcesExhausted


class Gates:
    """One gate per mailbox name; for the one thread of trio."""

    def __init__(self) -> None:
        self._writers: Counter[str] = Counter()
        self._closed: dict[str, trio.Event] = {}
        self._left = trio.Event()

    @asynccontextmanager
    async def writing(self, mailboxes: Iterable[str]) -> AsyncIterator[None]:
        """New mail for these mailboxes: waits while one of them is being changed."""
        names = frozenset(mailboxes)
        while closed := [self._closed[name] for name in names if name in self._closed]:
            await closed[0].wait()
        for name in names:
            self._writers[name] += 1
        try:
            yield
        finally:
            for name in names:
                self._writers[name] -= 1
                if not self._writers[name]:
                    del self._writers[name]
            self._left.set()

    @asynccontextmanager
    async def alone(self, mailbox: str) -> AsyncIterator[None]:
        """Nobody writes into it meanwhile; what arrives waits. One at a time: the settings lock sees to that.

        Raises: ResourcesExhausted when writers stay too long.
        """
        opened = self._closed[mailbox] = trio.Event()
        try:
            with trio.move_on_after(limits.MAILBOX_ALONE_S):
                while self._writers[mailbox]:
                    self._left = trio.Event()
                    await self._left.wait()
            if self._writers[mailbox]:
                raise ResourcesExhausted(f"mailbox '{mailbox}' is busy, try again later")
            yield
        finally:
            del self._closed[mailbox]
            opened.set()
