"""Stored mail on trio: the index and the files of mailboxes, each question in a thread."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from aimx import limits
from aimx.model.query import Box, Counts
from aimx.store.commit import Committer

T = TypeVar("T")


class StoredMails:
    """Implements effects.api.Mails."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._threads = trio.CapacityLimiter(limits.READ_THREADS)

    async def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name."""
        return await self._aside(partial(self._committer.index.counts, boxes))

    async def _aside(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)
