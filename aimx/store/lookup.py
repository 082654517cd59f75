"""Questions about stored mail, answered from the index after a look at the files: no row whose file is gone or changed.

Runs in threads that may wait. Never follows what an owner put into a directory, never tells of another box.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from aimx import limits
from aimx.errors import EmailNotFound, Refused
from aimx.model.delivery import Folder, Mark
from aimx.model.query import Box, Counts, Found, Page, Query, Row
from aimx.policy import sequence
from aimx.store import diskquery, indexkey, indexquery, indexread, indexrow, indexwords, layout
from aimx.store.browse import Directory, Place, is_id
from aimx.store.index import Index, IndexFailed
from aimx.store.indexkey import Key
from aimx.store.indexquery import Asked, Candidate, Stop
from aimx.store.mailbox import Folders
from aimx.store.reconcile import Reconciler

T = TypeVar("T")
Asking = ParamSpec("Asking")
_FOLDERS: tuple[Folder, ...] = ("inbox", "sent")


def _again(answer: Callable[Asking, T]) -> Callable[Asking, T]:
    """An index that turned out to be damaged has been made anew: ask that one."""

    @functools.wraps(answer)
    def asked(*arguments: Asking.args, **more: Asking.kwargs) -> T:
        index = arguments[0]._index  # type: ignore[attr-defined]
        index.check()
        renewals = index.renewals
        try:
            return answer(*arguments, **more)
        except IndexFailed:
            if index.renewals == renewals:
                raise
            return answer(*arguments, **more)

    return asked


class Lookup:
    """Answers. Thread-safe."""

    def __init__(self, folders: Folders, index: Index, reconciler: Reconciler) -> None:
        self._folders = folders
        self._index = index
        self._reconciler = reconciler

    def find(self, boxes: tuple[Box, ...], query: Query, page: Page) -> Found:
        """One page. Raises: Refused for a cursor that is none, and for too many words; StorageFailed."""
        if sum(len(indexwords.words(term.text)) for term in query.terms) > limits.SEARCH_WORDS:
            raise Refused(f"more than {limits.SEARCH_WORDS} words to look for")
        if sum(map(indexwords.is_prefix, query.terms)) > limits.SEARCH_PREFIXES:
            raise Refused(f"more than {limits.SEARCH_PREFIXES} words with a star to look for")
        after = indexkey.read_cursor(page.cursor) if page.cursor else None
        asked = Asked(query, after, lambda: False, self._index.full_text, lambda *_: ())
        try:
            return self._asked(boxes, asked, page)
        except IndexFailed:
            with self._opened(boxes, query.folder, care=False) as view:
                asked = asked._replace(over=_over_after(limits.SEARCH_S))
                streams = [diskquery.stream(place, directory, asked) for place, directory in view.directories.items()]
                return view.page(indexquery.merged(streams), asked, page.limit, page.offset)

    @_again
    def _asked(self, boxes: tuple[Box, ...], asked: Asked, page: Page) -> Found:
        query = asked.query
        with self._opened(boxes, query.folder) as view, self._index.reader(limits.SEARCH_MOST_S) as db:
            found = {place: indexquery.box(db, place) for place in view.directories}
            alone = len(found) == 1 and None not in found.values() and indexquery.can_skip(query)
            skip = page.offset if alone else 0
            chunk = max(8, 2 * page.limit // max(1, len(found)))
            asked = asked._replace(over=_over_after(limits.SEARCH_S), words=view.words, chunk=chunk, skip=skip)
            streams = [
                indexquery.stream(db, box, asked) if box is not None
                else diskquery.stream(place, view.directories[place], asked)
                for place, box in found.items()
            ]  # fmt: skip
            return view.page(indexquery.merged(streams), asked, page.limit, page.offset - skip)

    @_again
    def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name. Raises: StorageFailed."""
        with self._opened(boxes, None, patient=True) as view, self._index.reader() as db:
            found = {place: indexquery.box(db, place) for place in view.directories}
        counts = {}
        for box in boxes:
            inbox, sent = (found.get(Place(folder, box.name)) for folder in _FOLDERS)
            totals = (inbox.total, inbox.unread) if inbox is not None else (0, 0)
            counts[box.name] = Counts(*totals, sent.total if sent is not None else 0)
        return counts

    @_again
    def row(self, box: Box, folder: Folder, email_id: str) -> Row:
        """One message. Raises: EmailNotFound, StorageFailed."""
        place = Place(folder, box.name)
        self._index.flush([place])
        directory = self._folders.browse(folder, box.name, box.owner) if is_id(email_id) else None
        if directory is not None:
            with _View(self._index, self._reconciler, self._folders) as view:
                view.add(place, box.owner, directory)
                with self._index.reader() as db:
                    known = indexquery.row(db, place, email_id)
                row = view.checked(place, email_id, known)
                if row is not None:
                    return row
        raise EmailNotFound(f"email '{email_id}' not found in {folder}/{box.name}")

    @_again
    def conversation(self, boxes: tuple[Box, ...], of: Row) -> tuple[Row, ...]:
        """The messages that belong together with one of them, oldest first. Raises: StorageFailed."""
        with self._opened(boxes, None, patient=True) as view, self._index.reader() as db:
            found = tuple(filter(None, (indexquery.box(db, place) for place in view.directories)))
            start = indexquery.row(db, Place(of.folder, of.mailbox), of.id)
            joined = _joined(db, found, (Place(of.folder, of.mailbox), start)) if start is not None else {}
        with self._opened(boxes, None, care=False) as view:
            rows = [view.checked(place, stem, row) for (place, stem), row in joined.items()]
        return sequence.oldest_first(row for row in rows if row is not None)

    @contextlib.contextmanager
    def _opened(
        self, boxes: tuple[Box, ...], folder: Folder | None, care: bool = True, patient: bool = False
    ) -> Iterator["_View"]:
        """The directories of some boxes, their rows brought up to date."""
        folders = _FOLDERS if folder is None else (folder,)
        places = {Place(folder, box.name): box.owner for box in boxes for folder in folders}
        self._index.flush(places)
        with _View(self._index, self._reconciler, self._folders) as view:
            for place, owner in places.items():
                directory = self._folders.browse(place.folder, place.mailbox, owner)
                if directory is not None:
                    view.add(place, owner, directory)
                    if care:
                        self._reconciler.care(place, directory, patient)
            yield view


class _View(contextlib.AbstractContextManager["_View"]):
    """The directories that one answer is about, held open, and what is found to be otherwise than the index says."""

    def __init__(self, index: Index, reconciler: Reconciler, folders: Folders) -> None:
        self._index = index
        self._reconciler = reconciler
        self._folders = folders
        self.directories: dict[Place, Directory] = {}
        self._owners: dict[Place, str] = {}
        self._missing: dict[Place, list[str]] = {}
        self._reads = 0

    def __exit__(self, *_: object) -> None:
        try:
            for place, stems in self._missing.items():
                self._reconciler.missing(place, self.directories[place], stems)
        finally:
            for directory in self.directories.values():
                directory.close()

    def add(self, place: Place, owner: str, directory: Directory) -> None:
        """One more."""
        self.directories[place] = directory
        self._owners[place] = owner

    def page(self, stream: indexquery.Stream, asked: Asked, limit: int, offset: int) -> Found:
        """The first rows of a stream that are true, after so many left out."""
        rows: list[Row] = []
        last: Key | None = None
        for found in stream:
            if isinstance(found, Stop):
                return Found(tuple(rows), indexkey.cursor(found.key), cut=True)
            if offset > 0:
                offset -= 1
                continue
            if len(rows) == limit:
                return Found(tuple(rows), indexkey.cursor(last) if last is not None else "")
            row = self._still(found, asked.query)
            if row is not None:
                rows.append(row)
                last = found.key
            if self._reads and asked.over():  # reading files takes as long as their owner wants
                return Found(tuple(rows), indexkey.cursor(found.key), cut=True)
        return Found(tuple(rows))

    def _still(self, found: Candidate, query: Query) -> Row | None:
        place = Place(found.key.folder, found.key.mailbox)  # type: ignore[arg-type]
        mark = self.directories[place].mark(found.key.stem, bool(indexquery.value(found.row, "bundle")))
        if mark == _mark(found.row):
            return self._row(place, found.row)
        entry = self._again(place, found.key.stem)
        if entry is None:
            return None
        changed = (found.row[0], *entry.values)
        if not indexquery.wanted(query, changed) or not indexwords.match(query.terms, entry.words):
            return None
        return self._row(place, changed)

    def checked(self, place: Place, stem: str, known: indexquery.Row | None) -> Row | None:
        """A message as it is now, whatever the index knows of it; None when there is none that may be read."""
        directory = self.directories.get(place)
        if directory is None:
            return None
        if known is not None and directory.mark(stem, bool(indexquery.value(known, "bundle"))) == _mark(known):
            return self._row(place, known)
        entry = self._again(place, stem, known is not None)
        return self._row(place, (0, *entry.values)) if entry is not None else None

    def _again(self, place: Place, stem: str, known: bool = True) -> indexrow.Entry | None:
        """A message file that is not what the index knows."""
        self._reads += 1
        entry = indexread.read(self.directories[place], place.folder, stem)
        if entry is not None:
            self._index.seen(place, self._owners[place], entry)
        elif known:
            self._missing.setdefault(place, []).append(stem)
        return entry

    def words(self, place: Place, row: indexquery.Row) -> tuple[str, ...]:
        """What a search looks at, by the file: where there is no full text."""
        entry = indexread.read(self.directories[place], place.folder, indexquery.value(row, "stem"))
        return entry.words if entry is not None else ("",) * len(indexwords.COLUMNS)

    def _row(self, place: Place, values: indexquery.Row) -> Row:
        of = dict(zip(indexrow.COLUMNS, values[1:], strict=True))
        return Row(
            place.mailbox, place.folder, of["stem"],
            layout.message_path(self._folders.path, place.folder, place.mailbox, of["stem"], of["bundle"]),
            of["received_at"], bool(of["bundle"]), of["attachments"], not of["unread"],
            from_=of["from_"], to=of["to_"], subject=of["subject"], date=of["date"], message_id=of["message_id"],
            in_reply_to=of["in_reply_to"], thread_id=of["thread_id"], trusted=of["trusted"], dkim=of["dkim"],
            spf=of["spf"], dmarc=of["dmarc"], automated=of["automated"], status=of["status"], size=of["size"],
            readable=bool(of["readable"]),
        )  # fmt: skip


def _over_after(seconds: float) -> Callable[[], bool]:
    """What says whether the time of a search is over, which begins now: its boxes are up to date."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _mark(row: indexquery.Row) -> Mark:
    return Mark(*row[-4:])


def _joined(db: Any, boxes: tuple[indexquery.Box, ...], start: tuple[Place, indexquery.Row]):  # type: ignore[no-untyped-def]
    """Messages reached from one over shared Message-IDs, by place and id; as many as CONVERSATION_ROWS."""
    joined: dict[tuple[Place, str], indexquery.Row] = {}
    seen: set[int] = set()
    waiting = [start]
    while waiting and len(joined) < limits.CONVERSATION_ROWS:
        numbers: set[int] = set()
        for place, row in waiting:
            joined[place, indexquery.value(row, "stem")] = row
            texts = (indexquery.value(row, name) for name in ("message_id", "in_reply_to", "references_"))
            numbers |= indexrow.mentioned(*texts)
        numbers -= seen
        if len(seen) + len(numbers) > limits.CONVERSATION_IDS:
            break
        seen |= numbers
        found = indexquery.mentioning(db, boxes, numbers)
        waiting = [(place, row) for place, row in found if (place, indexquery.value(row, "stem")) not in joined]
    return joined
