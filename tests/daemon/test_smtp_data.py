"""DATA: what comes out does not depend on how it came in, and costs no more than its length."""

import errno
import hashlib
import os
import resource

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits, replies
from aimx.daemon import smtpdata
from aimx.daemon.smtpdata import Intake, Unstuffer
from aimx.daemon.smtpstream import Reader, SessionEnd, Writer
from aimx.effects import payload as payloads
from aimx.effects.memory import MemoryBudget
from aimx.effects.payload import Payload
from tests.daemon.stage import Stage

_TROUBLE = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"..", b"\0", b"x", b"\xff"]), max_size=30
).map(b"".join)
_LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")), max_size=12)


def _feed(octets: bytes, step: int) -> tuple[bytes, Unstuffer, bytes]:
    """Message, its reader, and what followed the end."""
    data = Unstuffer()
    out = b""
    for at in range(0, len(octets), step):
        out += data.feed(octets[at : at + step])
        if data.rest is not None:
            return out, data, data.rest + octets[at + step :]
    return out, data, b""


def by_the_line(octets: bytes) -> tuple[bytes, bytes] | None:
    """RFC 5321 section 4.5.2 word by word: lines end with CRLF, `.` alone ends the text, one dot in front goes."""
    out, rest = b"", octets
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return out, rest
        out += line.removeprefix(b".") + end


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
@given(octets=_TROUBLE)
@settings(max_examples=300, deadline=None)
def test_the_end_is_crlf_dot_crlf_and_nothing_else_however_it_is_cut(step, octets):
    out, data, rest = _feed(octets, step)
    expected = by_the_line(octets)
    assert (data.rest is not None) == (expected is not None)
    if expected is not None:
        assert (out, rest) == expected
        bare = octets[: len(octets) - len(rest)].replace(b"\r\n", b"")
        assert (data.problem is replies.BARE_LINE_END) == (b"\r" in bare or b"\n" in bare)


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
@given(lines=_LINES)
@settings(max_examples=100, deadline=None)
def test_what_a_client_stuffs_comes_out_as_it_was(step, lines):
    message = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
    out, data, rest = _feed(stuffed + b".\r\nQUIT\r\n", step)
    assert (out, rest, data.problem, data.size) == (message, b"QUIT\r\n", None, len(message))


class _Counted(bytes):
    """Octets that know how much work was done on them."""

    work = 0

    def __radd__(self, other: bytes) -> "_Counted":
        _Counted.work += len(other) + len(self)
        return _Counted(bytes(other) + bytes(self))

    def find(self, *args):
        _Counted.work += len(self)
        return super().find(*args)


@pytest.mark.parametrize("text", [b"x" * 1024, b"\r\n." * 342, b"\r\n" * 512, b"\r" * 1024])
def test_the_cost_is_linear_in_the_length(text):
    def work(pieces: int) -> int:
        data, _Counted.work = Unstuffer(), 0
        for _ in range(pieces):
            data.feed(_Counted(text))
        return _Counted.work

    once, four_times = work(100), work(400)
    assert once > 0
    assert four_times <= once * 4.1


@pytest.mark.parametrize("step", [1, 7, 65536])
@pytest.mark.parametrize(
    ("header", "problem"),
    [(b"", None), (b"A: b\r\n" * 10, None), (b"A: b\r\n" * 11, replies.HEADER_TOO_BIG)],
    ids=["none", "at the limit", "over it"],
)
def test_the_header_block_is_bounded_as_a_whole(monkeypatch, step, header, problem):
    monkeypatch.setattr(limits, "HEADER_OCTETS", 60)
    _, data, _ = _feed(header + b"\r\n" + b"body\r\n" * 100 + b".\r\n", step)
    assert data.problem is problem
    assert data.rest is not None


def test_a_message_that_is_all_header_is_bounded_too(monkeypatch):
    monkeypatch.setattr(limits, "HEADER_OCTETS", 60)
    assert _feed(b"A: b\r\n" * 11 + b".\r\n", 7)[1].problem is replies.HEADER_TOO_BIG


@pytest.mark.parametrize(("excess", "problem"), [(0, None), (1, replies.TOO_BIG)], ids=["at the limit", "over it"])
def test_the_size_is_that_of_the_message_not_of_its_stuffing(monkeypatch, excess, problem):
    monkeypatch.setattr(limits, "MESSAGE_OCTETS", 100)
    message = b"." * (98 + excess) + b"\r\n"
    out, data, _ = _feed(b"." + message + b".\r\n", 5)
    assert (out, data.problem) == (message, problem)


# Where it is kept


def _receive(intake: Intake, octets: bytes, piece: int = 65536):
    async def receive():
        ours, theirs = trio.testing.memory_stream_pair()
        reader = Reader(ours, Writer(ours))

        async def send():
            for at in range(0, len(octets), piece):
                await theirs.send_all(octets[at : at + piece])
            await theirs.send_eof()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            try:
                return await smtpdata.receive(reader, intake), bytes(reader.buffer)
            except SessionEnd:
                return None, b""

    return trio.run(receive)


@pytest.fixture
def intake(tmp_path):
    return Intake(MemoryBudget(4 * limits.SPILL_OCTETS, 1.0), str(tmp_path), trio.CapacityLimiter(1))


@pytest.mark.parametrize("size", [0, 1000, limits.SPILL_OCTETS, limits.SPILL_OCTETS + 1, 5 * limits.SPILL_OCTETS])
def test_large_messages_travel_as_files_without_a_name(intake, tmp_path, size):
    message = os.urandom(size).replace(b"\r", b"-").replace(b"\n", b"-").replace(b".", b"-") + b"\r\n"
    received, rest = _receive(intake, message + b".\r\nQUIT\r\n")
    assert (received.fd is None) == (len(message) <= limits.SPILL_OCTETS)
    assert received.read() == message
    assert (received.size, received.digest) == (len(message), hashlib.sha256(message).digest())
    assert rest == b"QUIT\r\n"
    assert os.listdir(tmp_path) == []
    assert intake.memory.capacity - intake.memory.free == (len(message) if received.fd is None else 0)
    received.close()
    received.close()
    assert intake.memory.free == intake.memory.capacity


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_peer_that_leaves_in_data_leaves_nothing_behind(intake, tmp_path, share):
    before = len(os.listdir("/proc/self/fd"))
    message = b"x" * 3 * limits.SPILL_OCTETS
    assert _receive(intake, message[: int(len(message) * share)]) == (None, b"")
    assert len(os.listdir("/proc/self/fd")) == before
    assert os.listdir(tmp_path) == []
    assert intake.memory.free == intake.memory.capacity


def test_a_full_disk_is_a_temporary_refusal_at_the_real_end(intake, tmp_path, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.SPILL_OCTETS, hard))  # EFBIG: what a quota looks like
    try:
        received, rest = _receive(intake, b"x" * 5 * limits.SPILL_OCTETS + b"\r\n.\r\nNOOP\r\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (received, rest) == (replies.STORAGE_FAILED, b"NOOP\r\n")
    assert os.listdir(tmp_path) == []
    assert intake.memory.free == intake.memory.capacity


def test_a_staging_directory_that_is_gone_is_a_temporary_refusal(intake, tmp_path):
    tmp_path.rmdir()
    received, rest = _receive(intake, b"x" * 2 * limits.SPILL_OCTETS + b"\r\n.\r\n")
    assert (received, rest) == (replies.STORAGE_FAILED, b"")
    tmp_path.mkdir()


def test_without_o_tmpfile_a_file_loses_its_name_at_once(tmp_path, monkeypatch):
    real = os.open

    def refuse(path, flags, *rest, **more):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not on this file system")
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    fd = payloads.open_unlinked(str(tmp_path))
    payloads.append(fd, b"octets")
    payload = Payload(None, fd, 6, b"")
    assert payload.read() == b"octets"
    assert os.listdir(tmp_path) == []
    payload.close()


def test_many_large_messages_at_once_fit_into_a_small_budget(tmp_path):
    stage = Stage(tmp_path, memory_octets=2 * limits.SPILL_OCTETS)
    intake = stage.intake

    async def receive_all():
        got = []

        async def one(number: int) -> None:
            ours, theirs = trio.testing.memory_stream_pair()
            octets = bytes([65 + number]) * 3 * limits.SPILL_OCTETS + b"\r\n"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(theirs.send_all, octets + b".\r\n")
                received = await smtpdata.receive(Reader(ours, Writer(ours)), intake)
            assert received.read() == octets
            received.close()
            got.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(one, number)
        return got

    assert sorted(trio.run(receive_all)) == list(range(6))
    assert stage.memory.free == stage.memory.capacity
