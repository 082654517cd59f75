"""Mailbox directories on trio: each question in a thread."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from aimx import limits
from aimx.effects.accounts import Identity
from aimx.errors import StorageFailed
from aimx.model.delivery import Folder
from aimx.model.place import Contents, Stray
from aimx.store.commit import Committer
from aimx.store.directories import MailboxDirectories

T = TypeVar("T")


class Places:
    """Implements effects.api.Directories."""

    def __init__(self, committer: Committer) -> None:
        self._directories = MailboxDirectories(committer)
        self._threads = trio.CapacityLimiter(limits.DIRECTORY_THREADS)

    async def make(self, mailbox: str, owner: Identity) -> tuple[Folder, ...]:
        """Both directories, made unless they are there; those that were made.

        Raises: DirectoryConflict, StorageFailed; with nothing made.
        """
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

    async def _aside(self, work: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(work, limiter=self._threads)
        except OSError as error:
            raise StorageFailed("mailbox directories cannot be used", detail=str(error)) from error
