"""The configuration of the running process, changed from outside: edited on disk, put in force, told.

The order of locks, which nobody else can take in another one because only this module takes the first:
1. the settings lock: one change of the configuration at a time, a reload as much as an edit, so that none of them puts
   an older snapshot back;
2. the gate of one mailbox (`daemon/gates.py`), when the mailbox itself changes: commits in flight end first, later ones
   wait and then see the new configuration;
3. the lock of config.toml (`config/edit.py`), for as long as the file is read, edited and replaced.
Under all of them one may write into directories and state.db; neither knows any of these locks.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext

import trio

from aimx import limits
from aimx.config import edit as editing
from aimx.config.live import LiveConfig
from aimx.daemon.gates import Gates
from aimx.effects.api import Alone, Edit
from aimx.errors import ResourcesExhausted
from aimx.model.config import Config

# What was in force, what had been changed by hand since, what is in force now.
Adopted = Callable[[Config, Config, Config], Awaitable[None]]
# Nothing is left of what earlier snapshots gave up. Raises: StorageFailed.
Settled = Callable[[], Awaitable[None]]


class Administration:
    """Implements effects.api.Settings. One change at a time; `adopted` is told of each, under the settings lock."""

    def __init__(self, live: LiveConfig, adopted: Adopted, gates: Gates, settled: Settled) -> None:
        self._live = live
        self._adopted = adopted
        self._gates = gates
        self._settled = settled
        self._lock = trio.Lock()
        self._thread = trio.CapacityLimiter(1)

    @property
    def current(self) -> Config:
        """The snapshot in force."""
        return self._live.current

    async def change(self, edit: Edit) -> Config:
        """Edit what is on disk now, validate, write, put in force and tell. Shielded once it is its turn.

        Raises: ConfigInvalid or what the edit raises, with nothing changed; StorageFailed; ResourcesExhausted.
        """
        async with self._turn():
            return await self._change(edit)

    @asynccontextmanager
    async def alone(self, mailbox: str | None = None) -> AsyncIterator[Alone]:
        """Nobody changes the configuration, and nobody writes into the mailbox. Shielded inside.

        Raises: ResourcesExhausted.
        """
        async with self._turn(), self._gates.alone(mailbox) if mailbox is not None else nullcontext():
            yield _Alone(self)

    async def reload(self) -> Config:
        """Read the file, put it in force and tell; the old snapshot stays when it is not valid.

        Raises: ConfigInvalid; ResourcesExhausted; StorageFailed.
        """
        async with self._turn():
            await self._settled()  # a mailbox that it brings back must not inherit the end of its predecessor
            before = self._live.current
            found = await trio.to_thread.run_sync(self._live.read, limiter=self._thread)
            config = self._live.take(found)
            await self._adopted(before, config, config)
            return config

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        with trio.move_on_after(limits.SETTINGS_TURN_S) as waited:
            await self._lock.acquire()
        if waited.cancelled_caught:
            raise ResourcesExhausted("the configuration is being changed, try again later")
        try:
            with trio.CancelScope(shield=True):
                yield
        finally:
            self._lock.release()

    async def _change(self, edit: Edit) -> Config:
        await self._settled()  # as above: what was changed by hand comes into force too
        before = self._live.current
        merged = await trio.to_thread.run_sync(
            editing.merge, self._live.path, self._live.data_dir, edit, limiter=self._thread
        )
        config = self._live.take(merged.config)
        await self._adopted(before, merged.found, config)
        return config


class _Alone:
    """Implements effects.api.Alone: what its holder may do with the locks that he has."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    @property
    def current(self) -> Config:
        """The snapshot in force."""
        return self._administration.current

    async def change(self, edit: Edit) -> Config:
        """As `Settings.change`."""
        return await self._administration._change(edit)
