"""The index of whole mailboxes, from nothing but their files: at start what is missing, or everything when asked.

Works in steps of some hundred milliseconds, so that who drives it can stop, and so that mail goes on meanwhile.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from aimx import limits, log
from aimx.errors import StorageFailed
from aimx.model.delivery import Folder
from aimx.model.query import Box, Progress
from aimx.store.browse import Directory, Place
from aimx.store.index import Index
from aimx.store.mailbox import Folders
from aimx.store.reconcile import Reconciler

T = TypeVar("T")
_FOLDERS: tuple[Folder, ...] = ("inbox", "sent")


class _Sweep(NamedTuple):
    """One that is under way, or waits for its owner's others."""

    place: Place
    steps: Generator[str, None, None]


class Rebuild:
    """Builds boxes. Thread-safe."""

    def __init__(self, folders: Folders, index: Index, reconciler: Reconciler) -> None:
        self._folders = folders
        self._index = index
        self._reconciler = reconciler

    def missing(self, boxes: tuple[Box, ...]) -> Iterator[int]:
        """Build what the index lacks, compare the rest; how many messages were read. Raises: StorageFailed.

        A mailbox that cannot be built keeps nothing else: what lies in it is its owner's doing.
        """
        done = 0
        for box in boxes:
            for place in _places(box):
                read = 0
                try:
                    for read in self._steps(self._reconciler.steps, place, box):
                        yield done + read
                except (StorageFailed, OSError) as error:
                    _warn("mailbox-not-indexed", place, error)
                done += read
        for _ in self._reconciler.tidy():
            yield done

    def sweeps(self, boxes: Callable[[], tuple[Box, ...]]) -> Iterator[str]:
        """Look at every file of mailboxes that are due, also of those that become so meanwhile; in which mailbox.

        Owners have turns, SWEEP_OWNERS of them at once: what one of them left in his keeps no other waiting. After
        SWEEP_S of work something is yielded. Raises nothing.
        """
        turns: dict[str, deque[_Sweep]] = {}
        begun = time.monotonic()
        try:
            while True:
                due = self._reconciler.due()
                for box in boxes() if due else ():
                    owned = {sweep.place for sweep in turns.get(box.owner, ())}
                    for place in due.intersection(_places(box)) - owned:
                        turns.setdefault(box.owner, deque()).append(_Sweep(place, self._swept(place, box)))
                if not turns:
                    return
                for owner, sweeps in list(islice(turns.items(), limits.SWEEP_OWNERS)):
                    mailbox = sweeps[0].place.mailbox
                    if next(sweeps[0].steps, None) is None:
                        sweeps.popleft()
                    if not sweeps:
                        del turns[owner]
                    if time.monotonic() - begun >= limits.SWEEP_S:
                        yield mailbox
                        begun = time.monotonic()
        finally:
            for sweeps in turns.values():
                sweeps[0].steps.close()

    def _swept(self, place: Place, box: Box) -> Generator[str, None, None]:
        try:
            for _ in self._steps(self._reconciler.sweep, place, box):
                yield box.name
        except Exception as error:  # noqa: BLE001  a shell: what an owner left there ends no sweep of others
            _warn("mailbox-not-swept", place, error)

    def _steps(self, work: Callable[[Place, Directory], Iterator[T]], place: Place, box: Box) -> Iterator[T]:
        directory = self._folders.browse(place.folder, box.name, box.owner)
        if directory is not None:
            with directory:
                yield from work(place, directory)

    def everything(self, boxes: tuple[Box, ...], whole: bool) -> Iterator[Progress]:
        """Build boxes anew, one after the other; each is asked as it was until it is done.

        `whole`: there are no others, and what the index holds besides is let go. Raises: StorageFailed, OSError.
        """
        self._index.check()
        if whole:
            places = frozenset(place for box in boxes for place in _places(box))
            self._index.run(lambda writer: writer.retire(places))
            self._index.run(lambda writer: writer.renew_words())
        for box in boxes:
            yield from self._mailbox(box)
        for _ in self._reconciler.tidy():
            yield Progress("", 0, 0)

    def garbage(self) -> int:
        """Octets of words that only building everything anew would take out. Raises: StorageFailed."""
        return self._index.run(lambda writer: writer.garbage())

    def _mailbox(self, box: Box) -> Iterator[Progress]:
        yield Progress(box.name, 0, None)
        directories: dict[Place, Directory] = {}
        try:
            for place in _places(box):
                directory = self._folders.browse(place.folder, box.name, box.owner)
                if directory is not None:
                    directories[place] = directory
            total = sum(1 for directory in directories.values() for _ in directory.names())
            done = 0
            for place, directory in directories.items():
                read = 0
                for read in self._reconciler.rebuild(place, directory):
                    yield Progress(box.name, done + read, total)
                done += read
        finally:
            for directory in directories.values():
                directory.close()
        yield Progress(box.name, done, total, finished=True)


def _warn(event: str, place: Place, error: Exception) -> None:
    why = error.detail or error.reason if isinstance(error, StorageFailed) else f"{type(error).__name__}: {error}"
    log.warning(event, mailbox=place.mailbox, folder=place.folder, why=why)


def _places(box: Box) -> tuple[Place, ...]:
    return tuple(Place(folder, box.name) for folder in _FOLDERS)
