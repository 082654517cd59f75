"""The configuration of the running process, changed from outside: edited on disk, put in force, told."""

from collections.abc import Callable

import trio

from aimx.config import edit as editing
from aimx.config.live import LiveConfig
from aimx.effects.api import Edit
from aimx.model.config import Config


class Administration:
    """Implements effects.api.Settings. One change at a time; `adopted` is told the new snapshot."""

    def __init__(self, live: LiveConfig, adopted: Callable[[Config], None]) -> None:
        self._live = live
        self._adopted = adopted
        self._lock = trio.Lock()
        self._thread = trio.CapacityLimiter(1)

    @property
    def current(self) -> Config:
        """The snapshot in force."""
        return self._live.current

    async def change(self, edit: Edit) -> Config:
        """Edit what is on disk now, validate, write, put in force and tell. Shielded.

        Raises: ConfigInvalid or what the edit raises, with nothing changed; StorageFailed.
        """
        async with self._lock:
            with trio.CancelScope(shield=True):
                octets, _ = await trio.to_thread.run_sync(
                    editing.transact, self._live.path, self._live.data_dir, edit, limiter=self._thread
                )
            config = self._live.adopt(octets)
            self._adopted(config)
        return config
