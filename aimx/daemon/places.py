"""Mailbox directories on trio: each question in a thread, and the erasing of wiped ones in the background."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from aimx import limits, log
from aimx.effects.accounts import Identity
from aimx.errors import StorageFailed
from aimx.model.delivery import Folder
from aimx.model.event import MailboxDeleted
from aimx.model.place import Contents, Stray
from aimx.store.commit import Committer
from aimx.store.directories import MailboxDirectories
from aimx.store.erase import Eraser
from aimx.store.wipe import Wiper

T = TypeVar("T")


class Places:
    """Implements effects.api.Directories. `logged` is called when the event log has grown."""

    def __init__(self, committer: Committer, logged: Callable[[], None]) -> None:
        self._directories = MailboxDirectories(committer)
        self._wiper = Wiper(committer)
        self._eraser = Eraser(committer.tree)
        self._logged = logged
        self._unsettled: dict[str, tuple[str | None, MailboxDeleted]] = {}
        self._settling = trio.Lock()  # whoever makes the mailbox anew, and the background, settle it once
        self._due = trio.Event()
        self._due.set()  # what an earlier process left
        self._one = trio.CapacityLimiter(1)
        self._threads = trio.CapacityLimiter(limits.DIRECTORY_THREADS)

    async def make(self, mailbox: str, owner: Identity) -> tuple[Folder, ...]:
        """Both directories, made unless they are there; those that were made.

        Raises: DirectoryConflict, StorageFailed; with nothing made.
        """
        await self._settle_left(mailbox)  # what its predecessor left is his, and nobody else's
        return await self._aside(partial(self._directories.make, mailbox, owner))

    async def unmake(self, mailbox: str, made: tuple[Folder, ...]) -> None:
        """Take back what `make` made, if it is still empty."""
        await self._aside(partial(self._directories.unmake, mailbox, made))

    async def contents(self, mailbox: str) -> Contents:
        """How much lies in them and in the spool. Raises: DirectoryConflict, StorageFailed."""
        return await self._aside(partial(self._directories.contents, mailbox))

    async def strays(self, configured: frozenset[str]) -> tuple[Stray, ...]:
        """Directories below inbox/ that belong to no configured mailbox, by name. Raises: StorageFailed."""
        return await self._aside(partial(self._directories.strays, configured))

    async def take(self, mailbox: str, owner_uid: int | None, foreign: bool) -> str:
        """Exchange what the mailbox holds for empty directories; the token of what was taken.

        Raises: DirectoryConflict, StorageFailed; with nothing changed.
        """
        return await self._aside(partial(self._wiper.take, mailbox, owner_uid, foreign))

    async def restore(self, token: str) -> None:
        """Put back what was taken. Raises: StorageFailed; the next start tries again."""
        await self._aside(partial(self._wiper.restore, token))

    async def settle(self, token: str | None, deleted: MailboxDeleted) -> None:
        """The configuration no longer has the mailbox: its event, and the end of all that waits for it."""
        try:
            await self._settle(token, deleted)
        except StorageFailed as error:
            _not_settled(deleted.mailbox, error)
            self._unsettled[deleted.mailbox] = (token, deleted)

    async def settle_left(self) -> None:
        """Every deletion that could not be settled at once. Raises: StorageFailed."""
        for mailbox in tuple(self._unsettled):
            await self._settle_left(mailbox)

    async def _settle_left(self, mailbox: str) -> None:
        """What could not be settled at once, unless somebody has done so since. Raises: StorageFailed."""
        async with self._settling:
            if mailbox in self._unsettled:
                await self._settle(*self._unsettled[mailbox], again=True)
                del self._unsettled[mailbox]

    async def _settle(self, token: str | None, deleted: MailboxDeleted, again: bool = False) -> None:
        await self._aside(partial(self._wiper.settle, token, deleted, again))
        self._logged()
        self._due.set()

    async def run(self) -> None:
        """Erase what was wiped until cancelled; what is left then, the next process erases."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_cancelled)
            while True:
                with trio.move_on_after(limits.SPOOL_RETRY_S):
                    await self._due.wait()
                self._due = trio.Event()
                for mailbox in tuple(self._unsettled):
                    try:
                        await self._settle_left(mailbox)
                    except StorageFailed as error:
                        _not_settled(mailbox, error)
                await trio.to_thread.run_sync(self.erase, limiter=self._one)

    async def _until_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._eraser.stop.set()

    def erase(self) -> None:
        """Erase what was wiped, now. Trouble is logged."""
        try:
            self._eraser.sweep()
            self._wiper.clear_index()
        except (OSError, StorageFailed) as error:
            log.error("not-erased", why=getattr(error, "detail", "") or str(error))

    async def _aside(self, work: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(work, limiter=self._threads)
        except OSError as error:
            raise StorageFailed("mailbox directories cannot be used", detail=str(error)) from error


def _not_settled(mailbox: str, error: StorageFailed) -> None:
    log.error("deletion-not-settled", mailbox=mailbox, why=error.detail or error.reason, again=True)
