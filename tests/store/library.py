"""Questions to a store on real files, with a clock that tests turn."""

import os

from aimx.model.query import Box, Page, Query, Row, Term
from aimx.store import indexquery, indexrow
from aimx.store.browse import Place
from aimx.store.lookup import Lookup
from aimx.store.rebuild import Rebuild
from aimx.store.reconcile import Reconciler
from tests.harness import owner
from tests.store.parts import AT

ALL = (Box("ops", owner()), Box("dev", owner()))
OPS, DEV = (ALL[0],), (ALL[1],)
INBOX = Place("inbox", "ops")


class Library:
    """What `StoredMails` asks of a store. `now` is the clock of reconciliation; `gone` what it was told is no more,
    `unbuilt` and `unswept` how often it was told so."""

    def __init__(self, parts) -> None:
        self.parts = parts
        self.now = 0.0
        self.gone: list[str] = []
        self.unbuilt: list[int] = []
        self.unswept: list[int] = []
        committer = parts.committer
        self.index = committer.index
        self.reconciler = Reconciler(
            committer.index, committer.tree.stamps, lambda _place, _uid, stems: self.gone.extend(stems),
            lambda: self.now, lambda: self.unbuilt.append(1), self._later_swept,
        )  # fmt: skip
        self.lookup = Lookup(committer.folders, committer.index, self.reconciler)

    def _later_swept(self) -> bool:
        self.unswept.append(1)
        return True

    def find(self, *terms: Term | str, boxes=OPS, limit: int = 200, offset: int = 0, cursor: str = "", **query):
        """A page; a string is a term anywhere."""
        wanted = tuple(Term(term) if isinstance(term, str) else term for term in terms)
        return self.lookup.find(boxes, Query(terms=wanted, **query), Page(limit, offset, cursor))

    def ids(self, *terms: Term | str, **more) -> list[str]:
        """The ids of one page."""
        return [row.id for row in self.find(*terms, **more).rows]

    def pages(self, *terms: Term | str, **more) -> list[Row]:
        """All pages, by cursor."""
        rows, cursor = [], ""
        while True:
            found = self.find(*terms, cursor=cursor, **more)
            rows += found.rows
            cursor = found.next
            if not cursor:
                return rows

    def counts(self, name: str = "ops"):
        """Of one mailbox."""
        return self.lookup.counts(ALL)[name]

    def swept(self) -> None:
        """Carry out the sweeps that are due."""
        committer = self.parts.committer
        for _ in Rebuild(committer.folders, self.index, self.reconciler).sweeps(lambda: ALL):
            pass

    def later(self) -> None:
        """Long enough for the next comparison with the directory."""
        self.now += 1000


def message(stem: str, subject: str = "Hello", body: str = "Hi.\n", **fields: str) -> bytes:
    """A document as a mailbox owner may drop it in."""
    told = {"id": stem, "subject": subject, "from": "a@sender.test"}
    told |= {key.rstrip("_"): text for key, text in fields.items()}
    lines = [f'{key} = "{text}"' for key, text in told.items()]
    return "\n".join(["+++", *lines, "read = false", "+++", "", body]).encode()


def drop(tree, stem: str, octets: bytes | None = None, folder: str = "inbox", mailbox: str = "ops", **fields: str):
    """Put a message file into a mailbox as its owner would; its path."""
    path = tree / "data" / folder / mailbox / f"{stem}.md"
    path.write_bytes(message(stem, **fields) if octets is None else octets)
    os.utime(path, (AT, AT))
    return path


def indexed(parts, folder: str = "inbox", mailbox: str = "ops") -> list[dict[str, object]]:
    """What the index holds of a box, without a look at its files; built when it was never asked before."""
    index = parts.committer.index
    index.flush()
    place = Place(folder, mailbox)
    if index.run(lambda writer: writer.live(place)) is None:
        Library(parts).counts()
    columns = ("id", *indexrow.COLUMNS)
    with index.reader() as db:
        box = indexquery.box(db, place)
        query = f"SELECT {', '.join(columns)} FROM messages WHERE box = ? ORDER BY stem"
        return [dict(zip(columns, row, strict=True)) for row in db.execute(query, (box.id if box else -1,))]
