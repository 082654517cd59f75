"""What an owner may find to do to his own directory: lists stay right, quick and his own."""

import os
import socket

import pytest

from aimx import limits
from aimx.store.browse import is_id
from tests.store.library import DEV, OPS, Library, drop, message
from tests.store.parts import plan

GOOD = "2025-01-01-000000-good"


@pytest.fixture
def library(store):
    return Library(store)


@pytest.fixture
def box(tmp_path):
    return tmp_path / "data/inbox/ops"


def _socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            sock.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def _hard_link(path):
    other = path.with_name(".hidden")
    other.write_bytes(message("x"))
    os.link(other, path)


SQUATS = {
    "fifo": os.mkfifo,
    "socket": _socket,
    "directory": lambda path: path.mkdir(),
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "link to mail of another": lambda path: path.symlink_to("../dev/secret.md"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
    "hard link": _hard_link,
    "device": lambda path: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5)),
}


@pytest.mark.parametrize("squat", SQUATS.values(), ids=SQUATS)
@pytest.mark.parametrize("known", [True, False], ids=["was mail", "never was"])
def test_what_is_no_mail_is_not_listed(library, tmp_path, box, squat, known):
    drop(tmp_path, "secret", mailbox="dev", body="secret words\n")
    drop(tmp_path, GOOD)
    if known:
        drop(tmp_path, "squatted")
    assert library.counts().inbox == (2 if known else 1)
    path = box / "squatted.md"
    path.unlink(missing_ok=True)
    try:
        squat(path)
    except PermissionError:
        pytest.skip("no devices here")
    for _ in range(3):
        assert library.ids() == [GOOD]
        assert library.ids("secret") == library.ids("root") == []
        library.later()
    assert library.counts().inbox == 1
    assert library.ids("secret", boxes=DEV) == ["secret"]


@pytest.mark.parametrize("squat", SQUATS.values(), ids=SQUATS)
def test_a_bundle_that_holds_something_else_is_not_listed(library, tmp_path, box, squat):
    drop(tmp_path, "secret", mailbox="dev", body="secret words\n")
    (box / "bundle").mkdir()
    try:
        squat(box / "bundle/bundle.md")
    except PermissionError:
        pytest.skip("no devices here")
    library.later()
    assert library.ids() == []
    (box / "bundle/bundle.md").rmdir() if squat is SQUATS["directory"] else (box / "bundle/bundle.md").unlink()
    (box / "bundle/bundle.md").write_bytes(message("bundle"))
    library.now += 1
    assert library.ids() == []  # nothing in the directory itself has changed, and it was looked at before
    library.later()
    assert library.ids() == ["bundle"]
    (box / "bundle").rename(box / "other")
    (box / "other/bundle.md").rename(box / "other/other.md")
    library.later()
    assert library.ids() == ["other"]


def test_a_bundle_that_becomes_a_link_is_gone(library, tmp_path, box):
    (box / "bundle").mkdir()
    (box / "bundle/bundle.md").write_bytes(message("bundle"))
    assert library.ids() == ["bundle"]
    (box / "bundle").rename(tmp_path / "elsewhere")
    (box / "bundle").symlink_to(tmp_path / "elsewhere")
    assert library.ids() == []


def test_a_file_comes_before_a_bundle_of_the_same_name(library, tmp_path, box):
    drop(tmp_path, "twice", subject="file")
    (box / "twice").mkdir()
    (box / "twice/twice.md").write_bytes(message("twice", subject="bundle"))
    assert [row.subject for row in library.find().rows] == ["file"]
    (box / "twice.md").unlink()
    library.later()
    assert [row.subject for row in library.find().rows] == ["bundle"]


NAMES = {
    "newline": "a\nb",
    "escape": "a\x1b[2Jb",
    "not UTF-8": b"\xff\xfe",
    "direction": "a\u202eb",
    "hidden": ".swp",
    "nothing": "",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_that_cannot_be_an_id_is_no_mail(library, tmp_path, box, name):
    octets = name if isinstance(name, bytes) else name.encode()
    with open(os.fsencode(box) + b"/" + octets + b".md", "wb") as file:
        file.write(message("x"))
    drop(tmp_path, GOOD)
    assert library.ids() == [GOOD]
    assert not is_id(os.fsdecode(octets))


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"+++\n", b"\xff" * 999, b"+++\nsubject = 1\nread = 7\nfrom = []\nattachments = 3\n+++\n",
        b"+++\nfrom.x = 1\nto = 2025-01-01T00:00:00Z\nsubject = true\nreferences = [1]\n+++\n\nbody\n",
        b"+++\nreceived_at = 9999-12-31T23:59:59+14:00\ndate = 0001-01-01T00:00:00-23:59\n+++\n",
        b'+++\nmessage_id = "' + b"x" * 99_999 + b'"\nreferences = "' + b"y " * 99_999 + b'"\n+++\n',
        b"+++\n" + b"a = 1\n" * 2 + b"+++\n", b"+++\n" + b"[" * 99_999 + b"\n+++\n", b"\0" * 99_999,
        b"+++\nsubject = \"\\u0000\"\n+++\n", "+++\nsubject = \"\u0130\ufb01\u1e9e\"\n+++\n".encode(),
    ],
    ids=["empty", "cut", "octets", "types", "more types", "times", "long", "twice", "deep", "zeros", "zero", "folding"],
)  # fmt: skip
def test_whatever_a_file_holds_it_is_listed_and_fails_no_page(library, tmp_path, octets):
    drop(tmp_path, "odd", octets)
    drop(tmp_path, GOOD)
    assert library.ids() == ["odd", GOOD]
    assert library.ids("hi") == [GOOD]
    assert library.lookup.row(OPS[0], "inbox", "odd").id == "odd"


def test_a_sparse_file_and_a_long_one_are_read_in_part(library, tmp_path, box):
    drop(tmp_path, GOOD, body="early " + "x " * limits.INDEX_TEXT_OCTETS + "late\n")
    with open(box / "sparse.md", "wb") as file:
        file.truncate(2**40)
    assert set(library.ids()) == {GOOD, "sparse"}
    assert (library.ids("early"), library.ids("late")) == ([GOOD], [])


def test_a_million_names_are_not_read_and_a_crowd_of_others_is_left_alone(library, tmp_path, box, monkeypatch, told):
    monkeypatch.setattr(limits, "MAILBOX_ENTRIES", 50)
    monkeypatch.setattr(limits, "STRANGE_ENTRIES", 20)
    for number in range(30):
        os.mkfifo(box / f"{number}.md")
    assert library.ids() == []
    for _ in range(3):
        drop(tmp_path, GOOD)
        library.later()
        library.ids()
    assert told.getvalue().count("event=mailbox-crowded") == 1
    for number in range(100):
        drop(tmp_path, f"more-{number}")
    library.later()
    assert len(library.ids()) <= 50


def test_a_directory_that_is_replaced_or_given_away_is_not_listed(library, tmp_path, box):
    drop(tmp_path, GOOD)
    drop(tmp_path, "secret", mailbox="dev")
    assert library.ids() == [GOOD]
    box.rename(tmp_path / "moved")
    assert library.ids() == []
    assert library.counts().inbox == 0
    box.symlink_to("dev")
    assert library.ids() == []
    box.unlink()
    box.mkdir(0o700)
    library.later()
    assert library.ids() == []
    assert library.counts().inbox == 0
    assert library.gone == []


def test_mail_of_an_earlier_owner_is_not_told_to_the_next(library, tmp_path, box):
    drop(tmp_path, GOOD)
    assert library.ids() == [GOOD]
    (box / f"{GOOD}.md").unlink()
    library.index.run(lambda writer: writer.db.execute("UPDATE boxes SET uid = 4242"))
    library.parts.committer.tree.stamps.forget()
    assert library.ids() == []
    assert library.gone == []


def test_mail_that_changes_while_it_is_listed_is_listed_as_it_is(store, library, tmp_path, box):
    store.committer.commit(plan())
    (known,) = library.ids()
    for number in range(5):
        new = box / ".new"
        new.write_bytes(message(known, subject=f"Version {number}"))
        new.rename(box / f"{known}.md")
        assert [row.subject for row in library.find().rows] == [f"Version {number}"]
    assert library.index.run(lambda writer: writer.garbage()) > 0
    assert library.ids("version 4") == [known]
    assert library.ids("version 3") == library.ids("hello") == []
