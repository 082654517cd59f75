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
from aimx.model.event import Deleted, Event
from aimx.model.query import Box, Counts, Found, Page, Piece, Query, Row
from aimx.store import reading
from aimx.store.browse import Place
from aimx.store.lookup import Lookup
from aimx.store.mark import Marker
from aimx.store.reconcile import Reconciler

T = TypeVar("T")


class StoredMails:
    """Implements effects.api.Mails."""

    def __init__(self, storage: Storage, post: Callable[[Event], None]) -> None:
        """`post` logs an event soon, from any thread."""
        self._storage = storage
        self._committer = storage.committer
        committer, stamps = storage.committer, storage.committer.tree.stamps
        self._reconciler = Reconciler(committer.index, stamps, partial(_gone, post))
        self._lookup = Lookup(committer.folders, committer.index, self._reconciler)
        self._marker = Marker(storage.committer)
        self._threads = trio.CapacityLimiter(limits.READ_THREADS)

    async def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name."""
        return await self._aside(partial(self._lookup.counts, boxes))

    async def find(self, boxes: tuple[Box, ...], query: Query, page: Page) -> Found:
        """One page; every row's file was there a moment ago. Raises: Refused for a cursor that is none."""
        return await self._aside(partial(self._lookup.find, boxes, query, page))

    async def row(self, box: Box, folder: Folder, email_id: str) -> Row:
        """One message. Raises: EmailNotFound."""
        return await self._aside(partial(self._lookup.row, box, folder, email_id))

    async def conversation(self, boxes: tuple[Box, ...], of: Row) -> tuple[Row, ...]:
        """The messages of these boxes that belong together with one of them (U9), oldest first."""
        return await self._aside(partial(self._lookup.conversation, boxes, of))

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


def _gone(post: Callable[[Event], None], place: Place, owner_uid: int, stems: list[str]) -> None:
    """Tell of messages that somebody removed; of very many the newest, whoever watches lists them again anyway."""
    at = time.time()
    for stem in sorted(stems)[-limits.DELETED_TOLD :]:
        post(Deleted(at=at, mailbox=place.mailbox, owner_uid=owner_uid, folder=place.folder, id=stem))
