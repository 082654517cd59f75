"""Stored mail on trio: the index and the files of mailboxes, each question in a thread."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from aimx import limits
from aimx.daemon.storage import Storage
from aimx.errors import StorageFailed
from aimx.model.delivery import Folder
from aimx.model.query import Box, Counts, Piece
from aimx.store import reading
from aimx.store.mark import Marker

T = TypeVar("T")


class StoredMails:
    """Implements effects.api.Mails."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._committer = storage.committer
        self._marker = Marker(storage.committer)
        self._threads = trio.CapacityLimiter(limits.READ_THREADS)

    async def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name."""
        return await self._aside(partial(self._committer.index.counts, boxes))

    async def read(self, box: Box, folder: Folder, email_id: str, offset: int, most: int) -> Piece:
        """A piece of a message file. Raises: EmailNotFound, StorageFailed."""
        return await self._aside(partial(reading.piece, self._committer.tree, box, folder, email_id, offset, most))

    async def mark(self, box: Box, email_id: str, read: bool) -> None:
        """Rewrite `read` and `read_at`, durable when it returns, and tell it.

        Raises: EmailNotFound, UnreadableMail, StorageFailed.
        """
        async with self._storage.gates.writing((box.name,)):
            self._storage.still_theirs((box,))
            with trio.CancelScope(shield=True):
                await self._mark(box, email_id, read)

    async def _mark(self, box: Box, email_id: str, read: bool) -> None:
        for _ in range(limits.MARK_ATTEMPTS):
            marking = await self._aside(partial(self._marker.look, box, email_id, read, time.time()))
            if marking is None:
                return
            try:
                told = await self._storage.carry(self._marker.steps(marking))
            finally:
                marking.close()
            if told is not None:
                self._storage.tell(told)
                return
        raise StorageFailed(f"email '{email_id}' is being changed by somebody else; try again")

    async def _aside(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)
