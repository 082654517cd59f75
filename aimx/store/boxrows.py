"""What the index has of one mailbox directory, as a comparison with it asks and writes."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from aimx.model.delivery import Mark
from aimx.store import indexquery
from aimx.store.browse import Place, Stamp
from aimx.store.index import Index
from aimx.store.indexrow import Entry
from aimx.store.indexwrite import Writer

_OF_BOX = "box = (SELECT id FROM boxes WHERE mailbox = ? AND folder = ? AND live)"


class Known(NamedTuple):
    """What the index has of a message."""

    bundle: bool
    mark: Mark


class BoxRows:
    """Thread-safe. Every method raises StorageFailed."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def stamp(self, place: Place) -> Stamp | None:
        """The directory that the box was built of, as it was last compared; None: there is no such box."""
        with self._index.reader() as db:
            query = "SELECT dev, ino, mtime_ns, uid FROM boxes WHERE mailbox = ? AND folder = ? AND live"
            row = db.execute(query, (place.mailbox, place.folder)).fetchone()
        return Stamp(*row) if row is not None else None

    def known(self, place: Place, stems: Collection[str]) -> dict[str, Known]:
        """Those of the messages that it has."""
        with self._index.reader() as db:
            query = (
                f"SELECT stem, bundle, dev, ino, size, mtime_ns FROM messages WHERE {_OF_BOX}"
                f" AND stem IN ({', '.join('?' * len(stems))})"
            )
            return {
                stem: Known(bool(bundle), Mark(*mark))
                for stem, bundle, *mark in db.execute(query, (place.mailbox, place.folder, *stems))
            }

    def stems(self, place: Place, most: int) -> Iterator[list[str]]:
        """All messages, so many at a time."""
        query = f"SELECT stem FROM messages WHERE {_OF_BOX} AND stem > ? ORDER BY stem LIMIT {most}"
        after = ""
        while True:
            with self._index.reader() as db:
                stems = [stem for (stem,) in db.execute(query, (place.mailbox, place.folder, after))]
            if not stems:
                return
            after = stems[-1]
            yield stems

    def count(self, place: Place) -> int:
        """How many rows there are, counted."""
        with self._index.reader() as db:
            query = f"SELECT count(*) FROM messages WHERE {_OF_BOX}"
            return int(db.execute(query, (place.mailbox, place.folder)).fetchone()[0])

    def total(self, place: Place) -> int:
        """How many it says there are."""
        with self._index.reader() as db:
            box = indexquery.box(db, place)
        return box.total if box is not None else 0

    def put(self, place: Place, entries: Iterable[Entry]) -> None:
        """Rows as they are now, new ones or in the place of those before."""

        def work(writer: Writer) -> None:
            for entry in entries:
                writer.put(place, entry)

        self._index.run(work)

    def drop(self, place: Place, stems: Iterable[str]) -> list[str]:
        """Take rows away; those that there were."""
        return self._index.run(lambda writer: [stem for stem in stems if writer.drop(place, stem)])
