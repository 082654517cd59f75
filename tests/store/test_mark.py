"""Marking changes two values of a file and nothing else, whatever its owner does meanwhile."""

import os
import stat
import threading
import tomllib

import msgspec
import pytest
import trio

from aimx import limits
from aimx.daemon.mails import StoredMails
from aimx.daemon.storage import Storage
from aimx.errors import EmailNotFound, StorageFailed, UnreadableMail
from aimx.mime import frontmatter
from aimx.model.delivery import File
from aimx.model.event import Event, Read
from aimx.model.query import Box
from tests.harness import owner
from tests.store.library import indexed
from tests.store.parts import copy, plan, tree_of

BOX = Box("ops", owner())
OWN = (
    b'+++\r\n# mine\r\nid = "x"\r\nsubject = """\r\nread = false\r\n"""\r\nread = false # later\r\n'
    b'labels = ["a",\r\n "read = false"]\r\n+++\r\n\r\nBody \xff\x00\r\n+++\nread = false\n+++\n'
)


class Desk:
    """Marks in a store, and the events that were told."""

    def __init__(self, store, tmp_path):
        self.box = tmp_path / "data/inbox/ops"
        self.staging = tmp_path / "data/.aimx/staging"
        self.store = store
        self.mails = StoredMails(Storage(store.committer, lambda: None), lambda _: None)

    @property
    def told(self) -> list[tuple[str, bool]]:
        """What was logged about marks."""
        rows = self.store.state.run(lambda db: db.execute("SELECT event FROM events ORDER BY seq").fetchall())
        events = [msgspec.json.decode(row[0], type=Event) for row in rows]
        return [(event.id, event.read) for event in events if isinstance(event, Read)]

    def put(self, name: str, octets: bytes, mode: int = 0o600):
        path = self.box / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(octets)
        path.chmod(mode)
        return path

    def mark(self, name: str, read: bool = True) -> None:
        trio.run(self.mails.mark, BOX, name, read)


@pytest.fixture
def desk(store, tmp_path):
    desk = Desk(store, tmp_path)
    before = held()
    yield desk
    assert tree_of(desk.staging) == []
    assert held() == before


def held():
    """Open files and directories of mail."""
    names = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return sorted(name for name in names if "/inbox" in name)


def fields(path):
    return frontmatter.read(path.read_bytes())


@pytest.mark.parametrize("files", [(), (File("a.txt", b"attached"),)], ids=["flat", "bundle"])
def test_a_mail_is_read_and_unread_again(desk, files):
    (placed,) = desk.store.committer.commit(plan(copy(files=files))).outcomes
    path = desk.box / placed.ref.id / placed.ref.file if files else desk.box / placed.ref.file
    assert [row["unread"] for row in indexed(desk.store)] == [1]
    before, body = fields(path)
    desk.mark(placed.id)
    after, same = fields(path)
    assert (after.pop("read"), after.pop("read_at").utcoffset().seconds) == (True, 0)
    assert (after, same) == (before, body)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    desk.mark(placed.id, read=False)
    assert fields(path) == ({**before, "read": False}, body)
    assert desk.told == [(placed.id, True), (placed.id, False)]
    (row,) = indexed(desk.store)
    status = path.stat()
    assert (row["unread"], row["ino"], row["size"], row["mtime_ns"]) == (
        1, status.st_ino, status.st_size, status.st_mtime_ns
    )  # fmt: skip


def test_what_its_owner_wrote_stays(desk):
    path = desk.put("x", OWN)
    desk.mark("x")
    stamp = frontmatter.value(fields(path)[0]["read_at"])
    changed = OWN.replace(b"read = false # later\r\n", f"read = true # later\r\nread_at = {stamp}\r\n".encode())
    assert path.read_bytes() == changed
    desk.mark("x", read=False)
    assert path.read_bytes() == OWN


def test_a_bundle_without_attachments_is_found(desk):
    (desk.box / "x").mkdir(parents=True)
    path = desk.box / "x" / "x.md"
    path.write_bytes(OWN)
    desk.mark("x")
    assert fields(path)[0]["read"] is True
    assert [path.name for path in desk.box.iterdir()] == ["x"]


def test_what_is_so_already_is_not_written(desk):
    path = desk.put("x", OWN)
    before = path.stat()
    desk.mark("x", read=False)
    assert path.stat() == before
    assert desk.told == []


def test_reading_again_is_a_newer_time_and_no_news(desk):
    path = desk.put("x", b"+++\nread = true\nread_at = 2020-01-01T00:00:00Z\n+++\n")
    desk.mark("x")
    assert fields(path)[0]["read_at"].year > 2020
    assert desk.told == []


@pytest.mark.parametrize("edge", [-2, -1, 0, 1, 2, 3, 4])
def test_a_long_frontmatter_ends_anywhere(desk, edge):
    head = b"+++\nread = false\nx = '%s'\n"
    filling = b"x" * (limits.MARK_HEAD_OCTETS - len(head) + 2 + edge)
    path = desk.put("x", head % filling + b"+++\nrest\n")
    desk.mark("x")
    assert fields(path)[0]["x"] == filling.decode()
    assert fields(path)[1] == b"rest\n"


REFUSED = {
    "empty": (b"", "malformed frontmatter in {}"),
    "no-end": (b"+++\nread = false\n", "malformed frontmatter in {}"),
    "no-toml": (b"+++\nread = \n+++\n", "the frontmatter is not TOML in {}"),
    "no-utf-8": (b"+++\nread = false # \xff\n+++\n", "the frontmatter is not UTF-8 in {}"),
    "a-table": (b"+++\n[read]\n+++\n", "the frontmatter has a table in the place of read in {}"),
}


@pytest.mark.parametrize(("octets", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_left_alone(desk, octets, why):
    path = desk.put("x", octets)
    with pytest.raises(UnreadableMail) as caught:
        desk.mark("x")
    assert caught.value.reason == why.format(path)
    assert path.read_bytes() == octets


def test_what_is_too_large_is_left_alone(desk):
    path = desk.put("x", OWN)
    os.truncate(path, limits.MARK_OCTETS + 1)
    with pytest.raises(UnreadableMail, match=f"more than {limits.MARK_OCTETS} octets"):
        desk.mark("x")


def _symlink(desk):
    desk.put("y", OWN)
    (desk.box / "x.md").symlink_to("y.md")


def _hard_link(desk):
    os.link(desk.put("y", OWN), desk.box / "x.md")


def _fifo(desk):
    desk.put("y", OWN)
    os.mkfifo(desk.box / "x.md")


def _directory(desk):
    (desk.box / "x.md").mkdir(parents=True)


NONE = {
    "nothing": lambda desk: None,
    "symlink": _symlink,
    "hard-link": _hard_link,
    "fifo": _fifo,
    "directory": _directory,
}


@pytest.mark.parametrize("make", NONE.values(), ids=NONE)
def test_what_is_no_mail_is_not_found(desk, make):
    make(desk)
    with pytest.raises(EmailNotFound) as caught:
        desk.mark("x")
    assert caught.value.reason == "email 'x' not found in inbox/ops"


def test_many_marks_at_once_and_an_owner_who_edits_lose_nothing(desk):
    path = desk.put("x", OWN)
    edits = 40

    def edit():
        for number in range(edits):
            while True:
                before = path.stat()
                text = path.read_bytes().replace(b"# mine\r\n", b"# mine\r\nedit%d = 1\r\n" % number, 1)
                other = path.with_suffix(".new")
                other.write_bytes(text)
                if path.stat() == before:  # as careful as an editor: what changed meanwhile is read again
                    os.replace(other, path)
                    break

    async def marks():
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(marked, number % 2 == 0)
            nursery.start_soon(trio.to_thread.run_sync, edit)
        await desk.mails.mark(BOX, "x", read=True)

    async def marked(read):
        for _ in range(5):
            await desk.mails.mark(BOX, "x", read)

    trio.run(marks)
    octets = path.read_bytes()
    told, body = frontmatter.read(octets)
    assert told.pop("read") is True
    assert told.pop("read_at")
    assert body == frontmatter.read(OWN)[1]
    beside = [frontmatter.read(path.read_bytes())[0] for path in desk.box.glob("x.md.*")]  # lost a race, given back
    kept = {key for fields in (told, *beside) for key in fields if key.startswith("edit")}
    assert kept == {f"edit{number}" for number in range(edits)}
    own = tomllib.loads(OWN.split(b"+++\r\n")[1].decode())
    own.pop("read")
    assert {key: value for key, value in told.items() if not key.startswith("edit")} == own


def test_a_file_that_never_rests_is_a_failure_of_its_own(desk, monkeypatch):
    path = desk.put("x", OWN)
    real = desk.mails._marker.prepare
    changes = threading.Semaphore(limits.MARK_ATTEMPTS)

    def prepare(*arguments):
        marking = real(*arguments)
        assert changes.acquire(blocking=False)
        path.write_bytes(path.read_bytes() + b"x")
        return marking

    monkeypatch.setattr(desk.mails._marker, "prepare", prepare)
    with pytest.raises(StorageFailed, match="being changed by somebody else"):
        desk.mark("x")
    assert path.read_bytes() == OWN + b"x" * limits.MARK_ATTEMPTS
