"""Which stem a new message gets: one that no file, no bundle and no commit in flight uses.

Only chooses names; a squatter may still be faster, which the rename that publishes notices.
"""

import threading

from aimx import limits
from aimx.effects import files
from aimx.model.delivery import Folder
from aimx.store import layout

Key = tuple[Folder, str, str]


class Stems:
    """Claims of commits in flight. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claimed: set[Key] = set()
        self._last: dict[Key, int] = {}

    def claim(self, place: tuple[Folder, str], base: str, taken: frozenset[str], directory: int | None) -> str | None:
        """A free stem made from `base`, claimed until `release`; None when all attempts are taken.

        `taken`: names inside the bundle, none of which may be the message file's. `directory`: None when it cannot
        be looked into.
        """
        first = self._last.get((*place, base), 0) + 1  # only a hint: a thousand equal subjects in one second
        for attempt in range(first, first + limits.NAME_ATTEMPTS):
            stem = layout.numbered(base, attempt)
            if f"{stem}.md" in taken or not self._take((*place, stem)):
                continue
            if directory is None:
                return stem
            if not (files.exists(directory, f"{stem}.md") or files.exists(directory, stem)):
                self._remember((*place, base), attempt)
                return stem
            self.release(place, stem)
        return None

    def release(self, place: tuple[Folder, str], stem: str) -> None:
        """The name is in use on disk now, or not needed."""
        with self._lock:
            self._claimed.discard((*place, stem))

    def hold(self, place: tuple[Folder, str], stem: str) -> bool:
        """Claim this very stem until `release`; False while another commit has it."""
        return self._take((*place, stem))

    def _take(self, key: Key) -> bool:
        with self._lock:
            if key in self._claimed:
                return False
            self._claimed.add(key)
            return True

    def _remember(self, key: Key, attempt: int) -> None:
        with self._lock:
            if len(self._last) > limits.NAME_ATTEMPTS:
                self._last.clear()
            self._last[key] = attempt
