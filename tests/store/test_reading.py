"""Pieces of a message file are whole characters and together the file."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimx.errors import EmailNotFound
from aimx.model.delivery import File
from aimx.model.query import Box
from aimx.store import reading
from tests.harness import owner
from tests.store.parts import copy, plan

BOX = Box("ops", owner())


@pytest.fixture
def put(store, tmp_path):
    def made(octets):
        path = tmp_path / "data/inbox/ops/x.md"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(octets)
        return lambda offset, most: reading.piece(store.committer.tree, BOX, "inbox", "x", offset, most)

    return made


def pieces(read, most):
    at = 0
    while at is not None:
        piece = read(at, most)
        assert piece.offset == at
        assert piece.next is None or piece.next > at
        yield piece
        at = piece.next


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(st.sampled_from("aé€😀\n\0"), max_size=40), st.integers(4, 12))
def test_pieces_together_are_the_file(put, text, most):
    read = put(text.encode())
    found = list(pieces(read, most))
    assert "".join(piece.text for piece in found) == text
    assert all(len(piece.text.encode()) <= most for piece in found)
    assert {(piece.total, piece.version) for piece in found} == {(len(text.encode()), found[0].version)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=40), st.integers(4, 8))
def test_any_octets_come_to_an_end(put, octets, most):
    read = put(octets)
    found = list(pieces(read, most))
    assert found[-1].next is None
    assert sum((piece.next or piece.total) - piece.offset for piece in found) == len(octets)


PLACES = {
    "inside-a-character": ("aé€😀", 2, 9, (3, "€😀", None)),
    "inside-the-last": ("aé€😀", 7, 9, (10, "", None)),
    "behind-the-end": ("abc", 9, 9, (3, "", None)),
    "too-little": ("😀b", 0, 0, (0, "😀", 4)),
    "empty": ("", 0, 9, (0, "", None)),
}


@pytest.mark.parametrize(("text", "offset", "most", "expected"), PLACES.values(), ids=PLACES)
def test_places(put, text, offset, most, expected):
    piece = put(text.encode())(offset, most)
    assert (piece.offset, piece.text, piece.next) == expected


def test_the_version_is_another_one_when_the_file_is(put):
    read = put(b"one")
    before = read(0, 9).version
    assert read(0, 9).version == before
    assert put(b"two!")(0, 9).version != before


def test_a_bundle_is_read_by_its_id(store, tmp_path):
    (placed,) = store.committer.commit(plan(copy(files=(File("a.txt", b"attached"),)))).outcomes
    piece = reading.piece(store.committer.tree, BOX, "inbox", placed.id, 0, 9999)
    assert piece.path == placed.path
    assert piece.text.encode() == (tmp_path / "data/inbox/ops" / placed.id / f"{placed.id}.md").read_bytes()


@pytest.mark.parametrize("name", ["nothing", "", ".", "..", "../dev/x", "x\0y", "x" * 300])
def test_what_is_not_there_is_not_found(put, store, name):
    put(b"x")
    with pytest.raises(EmailNotFound):
        reading.piece(store.committer.tree, BOX, "inbox", name, 0, 9)
