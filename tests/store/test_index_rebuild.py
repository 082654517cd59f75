"""The index says what a fresh one would say, whatever happened; and it is built anew while it serves."""

import contextlib
import tempfile
import threading
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.daemon.mails import StoredMails
from aimx.daemon.storage import Storage
from aimx.errors import StorageFailed, UnreadableMail
from aimx.model.delivery import File
from aimx.model.query import Progress
from aimx.store.rebuild import Rebuild
from tests.store.library import ALL, OPS, Library, drop, indexed
from tests.store.parts import copy, opened, plan

WORDS = ("hi", "hello", "other", "words", "café")
STEMS = ("2025-03-14-150926-hello", "2025-03-14-150926-hello-2", "2026-01-01-000000-later", "strange", "unlike")


def _rebuild(library) -> Rebuild:
    committer = library.parts.committer
    return Rebuild(committer.folders, committer.index, library.reconciler)


def _anew(library, boxes=ALL, whole=True) -> list[Progress]:
    return list(_rebuild(library).everything(boxes, whole))


def _said(library) -> list[object]:
    """Rows, counts and findings."""
    rows = [
        {name: told for name, told in row.items() if name != "id"}
        for name in ("ops", "dev")
        for row in indexed(library.parts, mailbox=name)
    ]
    found = [(word, library.ids(word, boxes=ALL)) for word in WORDS]
    return [rows, library.counts("ops"), library.counts("dev"), found]


class Owner:
    """What an owner and the daemon do to a mailbox, by name."""

    def __init__(self, library, tree) -> None:
        self.library = library
        self.tree = tree
        self.box = tree / "data/inbox/ops"
        self.committer = library.parts.committer
        self.mails = StoredMails(Storage(self.committer, lambda: None), lambda _: None)

    def commit(self, _stem):
        self.committer.commit(plan(copy(), copy(mailbox="dev")))

    def bundle(self, _stem):
        self.committer.commit(plan(copy(files=(File("a.txt", b"one"),))))

    def mark(self, stem, read=True):
        path = self.box / f"{stem}.md"
        if path.exists():
            with contextlib.suppress(UnreadableMail):
                trio.run(self.mails.mark, OPS[0], stem, read)

    def unmark(self, stem):
        self.mark(stem, read=False)

    def remove(self, stem):
        (self.box / f"{stem}.md").unlink(missing_ok=True)

    def put(self, stem):
        drop(self.tree, stem, body="Other words\n", message_id="m@x")

    def edit_in_place(self, stem):
        path = self.box / f"{stem}.md"
        if path.exists():
            path.write_bytes(path.read_bytes().replace(b"Hi", b"Caf\xc3\xa9"))

    def spoil(self, stem):
        drop(self.tree, stem, b"+++\nno TOML\n+++\n\nwords\n")

    def look(self, _stem):
        self.library.ids()

    def wait(self, _stem):
        self.library.now += 1

    def reindex(self, stem):
        _anew(self.library, whole=stem < "3")


ACTS = [name for name in vars(Owner) if not name.startswith("_")]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(STEMS)), max_size=25))
def test_the_index_equals_a_fresh_one_after_anything(acts):
    with tempfile.TemporaryDirectory() as tree:
        parts = opened(Path(tree), "dev")
        try:
            library = Library(parts)
            owner = Owner(library, Path(tree))
            for act, stem in acts:
                getattr(owner, act)(stem)
            library.later()
            library.ids(boxes=ALL)
            before = _said(library)
            _anew(library)
            assert before == _said(library)
        finally:
            parts.close()


@pytest.fixture
def library(store, tmp_path):
    for number in range(20):
        drop(tmp_path, f"2025-01-01-0000{number:02d}-mail", body=f"word{number}\n")
    drop(tmp_path, "other", mailbox="dev")
    return Library(store)


def test_a_rebuild_tells_how_far_it_is(library, monkeypatch):
    monkeypatch.setattr(limits, "INDEX_BUILD_ROWS", 8)
    told = [progress for progress in _anew(library) if progress.mailbox]
    assert told == [
        Progress("ops", 0, None), Progress("ops", 8, 20), Progress("ops", 16, 20), Progress("ops", 20, 20),
        Progress("ops", 20, 20), Progress("ops", 20, 20, True),
        Progress("dev", 0, None), Progress("dev", 1, 1), Progress("dev", 1, 1), Progress("dev", 1, 1, True),
    ]  # fmt: skip


def test_mail_is_listed_marked_and_taken_while_its_box_is_built_anew(store, library, tmp_path, monkeypatch):
    assert library.counts().inbox == 20
    monkeypatch.setattr(limits, "INDEX_BUILD_ROWS", 8)
    owner = Owner(library, tmp_path)
    steps = _rebuild(library).everything(OPS, False)
    for number, _ in enumerate(steps):
        if number == 1:
            owner.mark("2025-01-01-000003-mail")  # has been read
            owner.mark("2025-01-01-000019-mail")  # has not
            store.committer.commit(plan())
            owner.remove("2025-01-01-000005-mail")
            assert (len(library.ids()), library.counts().unread) == (20, 18)
    assert (len(library.ids()), library.counts().unread) == (20, 18)
    library.later()
    before = _said(library)
    _anew(library)
    assert before == _said(library)


def test_a_rebuild_that_is_given_up_leaves_the_index_as_it_was(library, monkeypatch):
    monkeypatch.setattr(limits, "INDEX_BUILD_ROWS", 8)
    before = _said(library)
    for steps in range(1, 6):
        rebuild = _rebuild(library).everything(ALL, True)
        for _ in range(steps):
            next(rebuild)
        rebuild.close()
        assert before == _said(library)
    _anew(library)
    assert before == _said(library)
    query = "SELECT (SELECT count(*) FROM boxes), (SELECT count(*) FROM messages), (SELECT count(*) FROM dead)"
    assert library.index.run(lambda writer: writer.db.execute(query).fetchone()) == (4, 21, 0)


def test_a_whole_rebuild_takes_out_what_cannot_be_taken_out_otherwise(library, tmp_path):
    for _ in range(5):
        Owner(library, tmp_path).put("2025-01-01-000003-mail")
        library.ids()
        drop(tmp_path, "2025-01-01-000003-mail")
        library.ids()
    assert library.index.run(lambda writer: writer.garbage()) > 0
    _anew(library, OPS, whole=False)
    assert library.index.run(lambda writer: writer.garbage()) == 0  # of boxes that are no more nothing need be known
    _anew(library)
    query = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'"
    assert library.index.run(lambda writer: writer.db.execute(query).fetchall()) == [("words1",)]


def test_at_start_everything_is_built_in_the_background(store, library, told):
    mails = StoredMails(Storage(store.committer, lambda: None), lambda _: None)

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mails.care, lambda: ALL)
            while "event=index-built" not in told.getvalue():
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert "messages=21" in told.getvalue()
    assert [len(indexed(store, mailbox=name)) for name in ("ops", "dev")] == [20, 1]


def test_two_rebuilds_and_a_reader_at_once(store, library, monkeypatch):
    monkeypatch.setattr(limits, "INDEX_BUILD_ROWS", 4)
    problems = []

    def work(act):
        try:
            for _ in range(5):
                act()
        except Exception as error:
            problems.append(error)

    def look():
        assert len(library.ids()) == 20
        assert library.ids("word7") == ["2025-01-01-000007-mail"]

    library.ids()
    acts = (lambda: _anew(library), lambda: _anew(library, OPS, False), look, look)
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems
    assert len(library.ids()) == 20


def test_rows_of_one_second_beyond_the_order_are_found_all_the_same(store, library, tmp_path, monkeypatch):
    monkeypatch.setattr("aimx.store.indexkey.COUNTED", 4)
    for number in range(12):
        drop(tmp_path, f"same-{number:02d}", body="same\n")
    library.later()
    expected = [f"same-{number:02d}" for number in reversed(range(12))]
    assert library.ids(limit=12) == expected
    assert library.ids("same") == expected
    assert [row.id for row in library.pages("same", limit=5)] == expected
    drop(tmp_path, "same-00-later", body="same\n")
    expected.insert(-1, "same-00-later")
    library.later()
    for most in (10_000, 3):
        monkeypatch.setattr(limits, "SEARCH_ROWS", most)
        assert [row.id for row in library.pages("same", limit=5)] == expected
        assert library.ids("same", "word1") == []
    _anew(library)
    assert [row.id for row in library.pages("same", limit=5)] == expected


def test_a_mailbox_that_cannot_be_built_keeps_no_other(store, monkeypatch, told):
    library = Library(store)
    store.committer.commit(plan(copy(), copy(mailbox="dev")))
    build = library.reconciler.steps

    def fails(place, directory, patient=True):
        if place.mailbox == "ops":
            raise StorageFailed("index.db cannot be written", detail="whatever it was")
        yield from build(place, directory, patient)

    monkeypatch.setattr(library.reconciler, "steps", fails)
    assert sum(1 for _ in _rebuild(library).missing(ALL)) >= 1
    assert [row["stem"] for row in indexed(store, mailbox="dev")] == ["2025-03-14-150926-hello"]
    assert "event=mailbox-not-indexed mailbox=ops folder=inbox" in told.getvalue()


def test_a_box_that_takes_long_to_build_is_read_from_its_files_meanwhile(library, monkeypatch):
    expected = [library.ids(*terms, **query) for terms, query in QUESTIONS]
    library.index.run(lambda writer: writer.retire(frozenset()))
    library.parts.committer.tree.stamps.forget()
    monkeypatch.setattr(limits, "INDEX_BUILD_ROWS", 8)
    assert [library.ids(*terms, **query) for terms, query in QUESTIONS] == expected
    assert [row.id for row in library.pages("hello", limit=3)] == expected[0]
    assert indexed_boxes(library) == 0
    assert library.unbuilt
    assert library.counts().inbox == 20  # counts wait
    assert indexed_boxes(library) > 0


def test_without_any_index_mail_is_listed_from_its_files(library, tmp_path):
    expected = [library.ids(*terms, **query) for terms, query in QUESTIONS]
    library.index.flush()
    path = tmp_path / "data/.aimx/index.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.mkdir()
    (path / "in-the-way").touch()
    assert [library.ids(*terms, **query) for terms, query in QUESTIONS] == expected
    (path / "in-the-way").unlink()
    path.rmdir()
    assert [library.ids(*terms, **query) for terms, query in QUESTIONS] == expected
    assert indexed_boxes(library) > 0


QUESTIONS = [
    ((), {}), ((), {"limit": 7, "offset": 5}), (("word7",), {}), (("hello",), {"limit": 3}), ((), {"unread": False}),
    (("hello",), {"since": 1735689605, "before": 1735689610}),
]  # fmt: skip


def indexed_boxes(library) -> int:
    """How many boxes can be asked."""
    query = "SELECT count(*) FROM boxes WHERE live"
    return library.index.run(lambda writer: writer.db.execute(query).fetchone())[0]
