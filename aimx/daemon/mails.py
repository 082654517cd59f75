"""Stored mail on trio: the index and the files of mailboxes, each question in a thread."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import trio

from aimx import limits, log
from aimx.daemon.storage import Storage
from aimx.errors import StorageFailed
from aimx.model.delivery import Folder
from aimx.model.event import Deleted, Event
from aimx.model.query import Box, Chunk, Counts, FileOf, Found, Page, Piece, Progress, Query, Row
from aimx.store import reading
from aimx.store.browse import Place
from aimx.store.lookup import Lookup
from aimx.store.mark import Marker
from aimx.store.rebuild import Rebuild
from aimx.store.reconcile import Reconciler

T = TypeVar("T")


class StoredMails:
    """Implements effects.api.Mails."""

    def __init__(self, storage: Storage, post: Callable[[Event], None]) -> None:
        """`post` logs an event soon, from any thread."""
        self._storage = storage
        self._committer = storage.committer
        committer, stamps = storage.committer, storage.committer.tree.stamps
        self._reconciler = Reconciler(
            committer.index, stamps, partial(_gone, post),
            unbuilt=partial(self._soon, self._unbuilt), unswept=partial(self._soon, self._unswept),
        )  # fmt: skip
        self._due, self._due_sweeps = trio.Event(), trio.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._lookup = Lookup(committer.folders, committer.index, self._reconciler)
        self._rebuild = Rebuild(committer.folders, committer.index, self._reconciler)
        self._building = trio.CapacityLimiter(1)
        self._marker = Marker(storage.committer)
        self._threads = trio.CapacityLimiter(limits.READ_THREADS)
        self._shares = _Shares()
        # Who marks keeps whoever changes the mailbox itself waiting, and so must never wait for somebody's searches.
        self._marking, self._marking_shares = trio.CapacityLimiter(limits.READ_THREADS), _Shares()

    async def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name. Raises: StorageFailed."""
        return await self._aside(boxes, partial(self._lookup.counts, boxes))

    async def find(self, boxes: tuple[Box, ...], query: Query, page: Page) -> Found:
        """One page; every row's file was there a moment ago.

        Raises: Refused for a bad cursor or too many words; StorageFailed.
        """
        return await self._aside(boxes, partial(self._lookup.find, boxes, query, page))

    async def reindex(self, boxes: tuple[Box, ...], whole: bool) -> AsyncGenerator[Progress, None]:
        """Build the index of these boxes anew, while it serves; `whole`: there are no others. Raises: StorageFailed."""
        steps = self._rebuild.everything(boxes, whole)
        async with aclosing(self._stepwise(steps)) as told:
            async for progress in told:
                yield progress

    async def care(self, boxes: Callable[[], tuple[Box, ...]]) -> None:
        """Keep the index true to the files, for ever."""
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._build, boxes)
            nursery.start_soon(self._sweep, boxes)

    async def _build(self, boxes: Callable[[], tuple[Box, ...]]) -> None:
        """What the index lacks, now and whenever it is found to have grown too much by what is gone."""
        while True:
            self._due = trio.Event()
            try:
                await self._complete(boxes())
                garbage = await self._aside((), self._rebuild.garbage)
                if garbage > limits.INDEX_GARBAGE_OCTETS:
                    log.info("index-rebuilding", why="much of it belongs to mail that is gone", octets=garbage)
                    async for _ in self.reindex(boxes(), whole=True):
                        pass
            except StorageFailed as error:
                log.warning("index-incomplete", why=error.detail or error.reason, again_s=limits.INDEX_CARE_S)
            except Exception as error:  # noqa: BLE001  a shell: what an owner left in his mailbox never ends the daemon
                log.error("index-incomplete", why=f"{type(error).__name__}: {error}", again_s=limits.INDEX_CARE_S)
            with trio.move_on_after(limits.INDEX_CARE_S):
                await self._due.wait()

    async def _sweep(self, boxes: Callable[[], tuple[Box, ...]]) -> None:
        """Large mailboxes, and in no hurry: mail and questions have as much time as that takes, in small pieces."""
        while True:
            await self._due_sweeps.wait()
            self._due_sweeps = trio.Event()
            try:
                async with aclosing(self._stepwise(self._rebuild.sweeps(boxes))) as told:
                    begun = trio.current_time()
                    async for _ in told:
                        took = trio.current_time() - begun
                        await trio.sleep(min(max(took, limits.SWEEP_S), limits.SWEEP_REST_S))
                        begun = trio.current_time()
            except Exception as error:  # noqa: BLE001  a shell: no thread to be had, for example; the daemon goes on
                log.error("mailboxes-not-swept", why=f"{type(error).__name__}: {error}")

    def _soon(self, work: Callable[[], None]) -> bool:
        """Have something done by whoever takes care, from any thread. Returns: whether anybody does."""
        if self._token is None:
            return False
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(work, idempotent=True)
        return True

    def _unbuilt(self) -> None:
        self._due.set()

    def _unswept(self) -> None:
        self._due_sweeps.set()

    async def _complete(self, boxes: tuple[Box, ...]) -> None:
        begun, read = trio.current_time(), 0
        async for done in self._stepwise(self._rebuild.missing(boxes)):
            read = done
        if read:
            log.info("index-built", messages=read, seconds=round(trio.current_time() - begun, 1))

    async def _stepwise(self, steps: Iterator[T]) -> AsyncGenerator[T, None]:
        """What a generator yields, each step in a thread; closed when nobody wants more. Raises: StorageFailed."""

        def step() -> T | None:
            try:
                return next(steps, None)
            except OSError as error:
                raise _unreadable(error) from error

        try:
            while (value := await trio.to_thread.run_sync(step, limiter=self._building)) is not None:
                yield value
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(getattr(steps, "close", lambda: None), limiter=self._building)

    async def row(self, box: Box, folder: Folder, email_id: str) -> Row:
        """One message. Raises: EmailNotFound, StorageFailed."""
        return await self._aside((box,), partial(self._lookup.row, box, folder, email_id))

    async def conversation(self, boxes: tuple[Box, ...], of: Row) -> tuple[Row, ...]:
        """The messages of these boxes that belong together with one of them (U9), oldest first.

        Raises: StorageFailed.
        """
        return await self._aside(boxes, partial(self._lookup.conversation, boxes, of))

    async def read(self, box: Box, folder: Folder, email_id: str, offset: int, most: int) -> Piece:
        """A piece of a message file. Raises: EmailNotFound, StorageFailed."""
        work = partial(reading.piece, self._committer.tree, box, folder, email_id, offset, most)
        return await self._aside((box,), work)

    async def attachment(self, box: Box, file: FileOf, offset: int, most: int) -> Chunk:
        """A piece of an attachment. Raises: EmailNotFound, StorageFailed."""
        return await self._aside((box,), partial(reading.chunk, self._committer.tree, box, file, (offset, most)))

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
            prepare = partial(self._marker.prepare, box, email_id, read, time.time())
            async with self._marking_shares.one_of(box.owner):
                marking = await trio.to_thread.run_sync(prepare, limiter=self._marking)
            if marking is None:
                return
            try:
                told = await self._storage.carry(self._marker.steps(marking))
            except BaseException:
                self._marker.drop(marking)
                raise
            if told is not None:
                self._storage.tell(told)
                return
        raise StorageFailed(f"email '{email_id}' is being changed by somebody else; try again")

    async def _aside(self, boxes: tuple[Box, ...], work: Callable[[], T]) -> T:
        owners = {box.owner for box in boxes}
        async with self._shares.one_of(owners.pop() if len(owners) == 1 else ""):
            try:
                return await trio.to_thread.run_sync(work, limiter=self._threads)
            except OSError as error:
                raise _unreadable(error) from error


class _Shares:
    """However much one owner asks at once, threads are left for the others."""

    def __init__(self) -> None:
        self._limiters: dict[str, trio.CapacityLimiter] = {}

    @asynccontextmanager
    async def one_of(self, owner: str) -> AsyncIterator[None]:
        """Wait for one of the owner's places, and have it."""
        limiter = self._limiters.setdefault(owner, trio.CapacityLimiter(limits.READ_THREADS_OF_OWNER))
        async with limiter:
            try:
                yield
            finally:
                if limiter.borrowed_tokens == 1 and not limiter.statistics().tasks_waiting:
                    del self._limiters[owner]


def _unreadable(error: OSError) -> StorageFailed:
    log.error("mailbox-unreadable", why=str(error))  # the asker is not told what our machine lacks
    return StorageFailed("a mailbox cannot be read", detail=str(error))


def _gone(post: Callable[[Event], None], place: Place, owner_uid: int, stems: list[str]) -> None:
    """Tell of messages that somebody removed; of very many the newest, whoever watches lists them again anyway."""
    at = time.time()
    for stem in sorted(stems)[-limits.DELETED_TOLD :]:
        post(Deleted(at=at, mailbox=place.mailbox, owner_uid=owner_uid, folder=place.folder, id=stem))
