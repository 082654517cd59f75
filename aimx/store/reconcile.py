"""Does the index say what the directory holds? Compares names when a directory changed, and builds what it lacks.

The files are the truth. Never reads a file whose name, kind and inode are known, but in a sweep; never more often than
RECONCILE_S; never believes that a message is gone without having looked. A sweep looks at every file, for those that
were changed in place: nobody waits for that of a large mailbox, and it goes on beside everything else.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby, islice
from typing import NamedTuple

from aimx import limits, log
from aimx.store import indexread, indexrow, indexwords
from aimx.store.boxrows import BoxRows, Known
from aimx.store.browse import Directory, Name, Place, Stamp
from aimx.store.index import Index, IndexFailed, Promise
from aimx.store.indexrow import Entry
from aimx.store.indexwrite import Writer
from aimx.store.pieces import for_a_while, parts
from aimx.store.stamps import Stamps
from aimx.store.sweepdue import SweepDue

Gone = Callable[[Place, int, list[str]], None]  # where, whose, which
NOWHERE = Stamp(0, 0, 0, -1)


class _Differences(NamedTuple):
    """What is to be read, which of that the index knows; how many rows have their name, unless that is `unclear`."""

    changed: list[str]
    known: set[str]
    found: int
    unclear: bool


class _Care:
    """When a directory was last compared, and what in it is no mail."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sweeping = False  # whoever has the lock gives it back within SWEEP_S, or after one file
        self.compared = self.swept = self.until = float("-inf")
        self.strange: dict[str, Name] = {}
        self.crowded = False


class Reconciler:
    """Keeps boxes of the index true to their directories. Thread-safe.

    `gone` is told which messages are no more. `unbuilt` is called when a box lacks that takes long to build, `unswept`
    when one is due for a `sweep` in the background; it says whether anybody will do that.
    """

    def __init__(
        self, index: Index, stamps: Stamps, gone: Gone, monotonic: Callable[[], float] = time.monotonic,
        unbuilt: Callable[[], object] = lambda: None, unswept: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._index = index
        self._boxes = BoxRows(index)
        self._stamps = stamps
        self._gone = gone
        self._unbuilt = unbuilt
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._cares: dict[Place, _Care] = {}
        self._building: set[int] = set()
        self._due = SweepDue(monotonic, unswept)

    def care(self, place: Place, directory: Directory, patient: bool) -> None:
        """Before an answer about a box: build it, or compare it if its directory changed. Raises: StorageFailed.

        While another thread is at it, an answer from what the index says is good enough, if it says anything. A box
        that takes long to build is left to `unbuilt`, unless the caller is `patient`: its files can be asked.
        """
        if patient or self._stamps.known(place) is not None or self._take_up(place):
            wait_s = limits.INDEX_WAIT_S if self._stamps.known(place) is None else 0
            for _ in self.steps(place, directory, wait_s):
                pass
            if self._stamps.known(place) is None:
                raise IndexFailed("the index of this mailbox is being built, try again in a moment")
        elif next(islice(directory.names(), limits.INDEX_BUILD_ROWS, None), None) is not None:
            self._unbuilt()
        else:
            for _ in self.steps(place, directory, wait_s=limits.INDEX_PATIENCE_S):
                pass

    def steps(self, place: Place, directory: Directory, wait_s: float = -1) -> Iterator[int]:
        """The same, some hundred milliseconds of work at a time; how many messages have been read so far.

        `wait_s`: for another thread that is at it, before this one gives up; -1: for ever.
        """
        care = self._care_of(place)
        if not self._needs_care(place, directory, care):
            return
        while not self._had(place, care, wait_s):
            if wait_s >= 0:
                return
            yield 0  # not waiting here: who has it may need the thread of this step for his next one
        try:
            if not self._needs_care(place, directory, care):
                return
            known = self._stamps.known(place) or self._take_up(place)
            if known is None or not known.same_place(directory.stamp()):
                # Another directory or owner: what lay in the one before is not told to anybody.
                yield from self._build(place, directory, care)
                return
            yield from self._read_owed(place, directory)
            true, sweep = self._is_true(place, directory, care), False
            if self._is_due(care):
                sweep = self._due.waits(place, self._boxes.total(place))
                care.swept = care.swept if sweep else self._monotonic()
            if sweep or (not true and self._monotonic() - care.compared >= limits.RECONCILE_S):
                self._compare(place, directory, care, sweep)
        finally:
            care.lock.release()

    def rebuild(self, place: Place, directory: Directory) -> Iterator[int]:
        """A box from nothing but the files, as `steps` does it; the one before is asked until it is done."""
        care = self._care_of(place)
        while not _acquired(care.lock, limits.SWEEP_S):
            yield 0
        try:
            yield from self._build(place, directory, care)
        finally:
            care.lock.release()

    def due(self) -> frozenset[Place]:
        """Boxes whose files are to be looked at now, by `sweep`; each is told once."""
        return self._due.take()

    def sweep(self, place: Place, directory: Directory) -> Iterator[None]:
        """Compare a box with every file of its directory, a little at a time, whatever is asked or stored meanwhile.

        Ends early only when it is not this directory's box any more: that will be built, from every file.
        """
        care = self._care_of(place)
        with contextlib.closing(self._look_into(place, directory, care)) as work:
            while True:
                care.sweeping = True  # before the lock is had: who does not get it is to know that it is not for long
                had = _acquired(care.lock, 0)  # not waiting: a build has it, and needs the thread of this step
                try:
                    if had and (not self._is_of(place, directory) or next(work, None) is None):
                        return
                finally:
                    if had:
                        care.lock.release()
                    care.sweeping = False
                yield

    def _look_into(self, place: Place, directory: Directory, care: _Care) -> Generator[int, None, None]:
        """First what is listed, then what the index has besides; how many messages each piece of it was about."""
        for names in parts(directory.names(), limits.SWEEP_ROWS):
            differences = self._differences(place, directory, care.strange, names, sweep=True)
            changed = deque(differences.changed)
            while changed:
                self._take_in(place, directory, for_a_while(changed, self._monotonic), differences.known, care)
                if len(care.strange) >= limits.STRANGE_ENTRIES:
                    break  # as a comparison does
                if changed:
                    yield len(names)
            yield len(names)
        yield from self._look_for_gone(place, directory, limits.SWEEP_ROWS)

    def _is_of(self, place: Place, directory: Directory) -> bool:
        """Whether what the index has of a place is of this directory, and that still of whom it was opened for."""
        known, stamp = self._stamps.known(place) or self._boxes.stamp(place), directory.stamp()
        return known is not None and known.same_place(stamp) and stamp.uid == directory.owner_uid

    def tidy(self) -> Iterator[None]:
        """Take away what nobody asks any more, and make searches fast again, a part of the work at a time."""
        unused = self._index.run(lambda writer: writer.unused())
        with self._guard:  # afterwards: a box that was seen just now is known to be building by then
            busy = frozenset(self._building)
        for box in unused:
            while box not in busy and self._index.run(partial(_clear, box)):
                yield
        self._index.run(lambda writer: writer.sweep())
        while self._index.run(lambda writer: writer.merge()):
            yield

    def _care_of(self, place: Place) -> _Care:
        with self._guard:
            return self._cares.setdefault(place, _Care())

    def _is_true(self, place: Place, directory: Directory, care: _Care) -> bool:
        return self._stamps.explain(place, directory.stamp()) and self._monotonic() < care.until

    def _needs_care(self, place: Place, directory: Directory, care: _Care) -> bool:
        return not self._is_true(place, directory, care) or self._is_due(care) or bool(self._index.owed(place))

    def _had(self, place: Place, care: _Care, wait_s: float) -> bool:
        """Whether the lock was to be had so soon; who has it for a moment, or reads what is owed, is waited for."""
        if wait_s < 0:
            return _acquired(care.lock, limits.SWEEP_S)
        if _acquired(care.lock, wait_s):
            return True
        return _acquired(care.lock, limits.INDEX_PATIENCE_S if care.sweeping or self._index.owed(place) else 0)

    def _is_due(self, care: _Care) -> bool:
        """Whether every file is to be looked at again."""
        return self._monotonic() - care.swept >= limits.RECONCILE_SWEEP_S

    def _read_owed(self, place: Place, directory: Directory) -> Iterator[int]:
        """Take in mail that the index's own thread left to us, since it takes long to read."""
        for stem, number in self._index.owed(place).items():
            entry = indexread.read(directory, place.folder, stem)
            if entry is not None:
                self._put(place, directory, [entry])
            else:
                self._boxes.drop(place, [stem])
            self._index.paid(place, stem, number)
            yield 0

    def _take_up(self, place: Place) -> Stamp | None:
        """What an earlier process had compared; None: there is no such box."""
        stamp = self._boxes.stamp(place)
        if stamp is not None:
            self._stamps.compared(place, stamp)
        return stamp

    def _build(self, place: Place, directory: Directory, care: _Care) -> Iterator[int]:
        with self._index.watched(place) as touched:  # before the names are listed: mail comes while they are
            stamp = directory.stamp()
            yield from self._fill(place, directory, stamp, care)
        for entries in self._read(place, directory, sorted(touched), care):
            self._boxes.put(place, entries)
        gone = [stem for stem in touched if directory.listed(stem) is None]
        if gone:
            self._boxes.drop(place, gone)
        self._settle(place, stamp, care)

    def _fill(self, place: Place, directory: Directory, stamp: Stamp, care: _Care) -> Iterator[int]:
        """Everything that is listed, into a box that takes the place of the one before."""
        stems = sorted(stem for stem, _ in directory.names())
        box = self._index.run(lambda writer: self._begin(writer, place))
        waiting: deque[Promise] = deque()
        done = 0
        try:
            for entries in self._read(place, directory, (stem for stem, _ in groupby(stems)), care):
                waiting.append(self._index.submit(partial(_fill, box, entries)))
                done += len(entries)
                if len(waiting) > 1:  # read ahead, but not far
                    waiting.popleft().result()
                yield done
            for promise in waiting:
                promise.result()
            self._index.run(lambda writer: writer.make_live(box, place, stamp))
        finally:
            with self._guard:
                self._building.discard(box)

    def _begin(self, writer: Writer, place: Place) -> int:
        """In the transaction that makes the box, so that nobody finds it who does not find it building."""
        box = writer.begin(place)
        with self._guard:
            self._building.add(box)
        return box

    def _compare(self, place: Place, directory: Directory, care: _Care, sweep: bool) -> None:
        """Names against rows, a part of them at a time: memory that grew with every mail no allocator gives back.

        `sweep`: and every file with what is known of it.
        """
        stamp = directory.stamp()
        care.strange = {stem: name for stem, name in care.strange.items() if directory.listed(stem) is not None}
        found, unclear = 0, False
        for names in parts(directory.names(), limits.RECONCILE_ROWS):
            differences = self._differences(place, directory, care.strange, names, sweep)
            found += differences.found
            found += self._take_in(place, directory, differences.changed, differences.known, care)
            unclear = unclear or differences.unclear or not differences.known.isdisjoint(care.strange)
        self._index.flush([place])
        if unclear or found < self._boxes.count(place):
            for _ in self._look_for_gone(place, directory, limits.RECONCILE_ROWS):
                pass
        self._settle(place, stamp, care, sweep)
        self._index.submit(lambda writer: writer.stamp(place, self._stamps.known(place) or NOWHERE))

    def _take_in(
        self, place: Place, directory: Directory, stems: Iterable[str], known: Collection[str], care: _Care
    ) -> int:
        """Read what differs, of which some is `known`. Returns: how many rows more there are for that."""
        more = 0
        for entries in filter(None, self._read(place, directory, stems, care)):
            self._put(place, directory, entries)
            more += sum(entry.stem not in known for entry in entries)
        replaced = [stem for stem in known if stem in care.strange]  # by what is no mail
        self.missing(place, directory, replaced)
        return more

    def _put(self, place: Place, directory: Directory, entries: list[Entry]) -> None:
        """Write what was read; what was marked or removed meanwhile, before there was a row to change, once more."""
        for _ in range(limits.REPLACED_ATTEMPTS):
            self._boxes.put(place, entries)
            stems = [one.stem for one in entries if not indexrow.is_of(one, directory.mark(one.stem, one.bundle))]
            if not stems:
                return
            again = {stem: indexread.read(directory, place.folder, stem) for stem in stems}
            self.missing(place, directory, [stem for stem, entry in again.items() if entry is None])
            entries = [entry for entry in again.values() if entry is not None]

    def _differences(
        self, place: Place, directory: Directory, strange: Mapping[str, Name], names: dict[str, Name], sweep: bool
    ) -> _Differences:
        """What the directory lists (`names`) against what the index has of these."""
        rows = self._boxes.known(place, names)
        if names.keys() - rows.keys() - strange.keys():  # mail of ours that the index has not taken in yet
            self._index.flush([place])
            rows = self._boxes.known(place, names)
        changed: list[str] = []
        known: set[str] = set()
        for stem, name in names.items():
            has = rows.get(stem)
            if has is None:
                if (sweep and stem in strange) or name != strange.get(stem):
                    changed.append(stem)
            elif _differs(name, has) or (sweep and (stem in strange or directory.mark(stem, has.bundle) != has.mark)):
                changed.append(stem)
                known.add(stem)
        unclear = any(rows[stem].bundle != names[stem].bundle for stem in known)
        return _Differences(changed, known, len(rows), unclear)

    def _look_for_gone(self, place: Place, directory: Directory, most: int) -> Iterator[int]:
        """Which of all that the index has is gone, so many at a time."""
        for stems in self._boxes.stems(place, most):
            self.missing(place, directory, [stem for stem in stems if directory.listed(stem) is None])
            yield len(stems)

    def _read(self, place: Place, directory: Directory, stems: Iterable[str], care: _Care) -> Iterator[list[Entry]]:
        """The messages among these names, some at a time; remembers which are none."""
        entries: list[Entry] = []
        size = 0
        for stem in stems:
            entry = indexread.read(directory, place.folder, stem)
            if entry is not None:
                entries.append(entry)
                size += len(entry.words[indexwords.BODY])
                if care.strange:
                    care.strange.pop(stem, None)
            elif (name := directory.listed(stem)) is not None:
                if len(care.strange) >= limits.STRANGE_ENTRIES and stem not in care.strange:
                    self._crowded(place, care)
                    break
                care.strange[stem] = name
            if len(entries) >= limits.INDEX_BUILD_ROWS or size >= limits.INDEX_BUILD_OCTETS:
                yield entries
                entries, size = [], 0
        yield entries

    def _crowded(self, place: Place, care: _Care) -> None:
        if not care.crowded:
            log.warning("mailbox-crowded", mailbox=place.mailbox, folder=place.folder, note="full of what is no mail")
        care.crowded = True

    def _settle(self, place: Place, stamp: Stamp, care: _Care, swept: bool = True) -> None:
        now = care.compared = self._monotonic()
        care.swept = now if swept else care.swept
        fresh = abs(time.time_ns() - stamp.mtime_ns) < limits.RECONCILE_TICK_S * 10**9
        care.until = now + limits.RECONCILE_DOUBT_S if fresh else float("inf")
        self._stamps.compared(place, stamp)

    # Some of it

    def missing(self, place: Place, directory: Directory, stems: Iterable[str]) -> None:
        """Messages that the index has and a look did not find: gone for good, unless they are there after all."""
        gone = []
        for stem in stems:
            if indexread.read(directory, place.folder, stem) is None:
                gone.append(stem)
        if gone:
            dropped = self._boxes.drop(place, gone)
            known = self._stamps.known(place)
            if known is not None and known.same_place(directory.stamp()):
                self._gone(place, directory.owner_uid, dropped)


def _acquired(lock: threading.Lock, wait_s: float) -> bool:
    return lock.acquire(timeout=wait_s) if wait_s else lock.acquire(blocking=False)


def _differs(name: Name, known: Known) -> bool:
    return known.bundle != name.bundle or (not name.bundle and known.mark.ino != name.ino)


def _fill(box: int, entries: list[Entry], writer: Writer) -> None:
    writer.fill(box, entries)


def _clear(box: int, writer: Writer) -> bool:
    return writer.clear(box)
