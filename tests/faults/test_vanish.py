"""Clients that vanish, at every kind of place in what they ask and in what they are answered: nothing of them stays."""

import contextlib
import itertools
import os
import socket
import struct

import psutil
import pytest

from aimx import client, limits
from aimx.wire import codec
from aimx.wire.frames import (
    EmailList,
    EmailRead,
    EmailSearch,
    HookList,
    Ingest,
    MailboxList,
    MailboxShow,
    MarkRead,
    Status,
    Version,
    Watch,
)  # fmt: skip
from tests.faults import shapes
from tests.faults.tally import DOUBTFUL, PROMISED, TALLY
from tests.faults.traffic import PATIENCE_S, ROUNDS, Traffic, until
from tests.harness import DOMAIN, Daemon

EACH = max(1, ROUNDS // 20)
SLACK = 4 * limits.READ_THREADS  # descriptors: each thread that reads keeps a connection to the index, opened at need
GROWN_OCTETS = 8 * limits.MIB  # memory that is not given back to the kernel, however many clients there were

REQUESTS = {
    "VERSION": Version(),
    "MAILBOX-LIST": MailboxList(),
    "MAILBOX-SHOW": MailboxShow("ops"),
    "EMAIL-LIST": EmailList(mailbox="ops", limit=100),
    "EMAIL-SEARCH": EmailSearch("marker", mailbox="ops"),
    "EMAIL-READ": EmailRead("ops", "no-such-mail"),
    "HOOK-LIST": HookList(),
    "STATUS": Status(),
    "MARK-READ": MarkRead("ops", "no-such-mail"),
    "INGEST": Ingest(f"ops@{DOMAIN}", b""),  # each with a message of its own
    "WATCH": Watch(),
}
WAYS = ("closes", "ends and closes", "never reads", "reads one octet")
NUMBERS = itertools.count()


def _dialog(letter):
    return [
        b"", b"EH", b"LO a.test\r", b"\n", b"MAIL FROM:<a@b.test", b">\r\n", f"RCPT TO:<ops@{DOMAIN}".encode(),
        b">\r\n", b"DA", b"TA\r\n", letter[:9], letter[9:-4], letter[-4:-1], b"\n", b".", b"\r\n",
    ]  # fmt: skip


STEPS = len(_dialog(b""))


def cuts(octets):
    """Where a request may end: one place of each kind, and a few within."""
    head = octets.find(b"\n\n")
    head = len(octets) if head < 0 else head + 2
    line = octets.find(b"\n") + 1
    places = {0, 1, line // 2, line - 1, line, (line + head) // 2, head - 1, head, head + 1, (head + len(octets)) // 2,
              len(octets) - 1, len(octets)}  # fmt: skip
    return sorted(place for place in places if 0 <= place <= len(octets))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("vanish"), shapes.CONFIG) as running:
        for number in range(20):
            running.send(shapes.message(f"warm.{number}", 1), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
        yield running


@contextlib.contextmanager
def nothing_stays(daemon):
    """After the block the daemon has as many descriptors as before, and little more memory."""
    process = psutil.Process(daemon.pid)
    for request in REQUESTS.values():  # what it opens once, it has opened
        if not isinstance(request, Watch | Ingest):
            client.call(daemon.socket, request, PATIENCE_S)
    fds, memory = process.num_fds(), process.memory_info().rss
    yield
    until(lambda: process.num_fds() <= fds + SLACK, f"no more than {fds} descriptors")
    assert process.memory_info().rss - memory < GROWN_OCTETS
    assert not [line for line in daemon.log if "Traceback" in line or "failed" in line], daemon.log[-20:]


def vanish(daemon, whole, cut, way):
    """Say so much of a request, and go."""
    octets = whole[:cut]
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(PATIENCE_S)
        made.connect(str(daemon.socket))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before it had all
            made.sendall(octets)
            if way == "ends and closes":
                made.shutdown(socket.SHUT_WR)
            elif way == "reads one octet":
                made.shutdown(socket.SHUT_WR)
                made.recv(1)
            elif way == "never reads":
                made.shutdown(socket.SHUT_WR)
                made.recv(1, socket.MSG_PEEK)  # until there is something to be left unread
    if cut and (cut < len(whole) or "reads" in way):  # else it said nothing, or all that it had to say
        TALLY.fault("socket client vanishes")


def _request(verb):
    """Its octets, and the marker of the message in it."""
    if verb != "INGEST":
        return codec.encode_request(REQUESTS[verb]), ""
    marker = f"ingested.{next(NUMBERS):04}"
    return codec.encode_request(Ingest(f"ops@{DOMAIN}", shapes.message(marker, 0))), marker


def _account(daemon, told, cut):
    """`told`: of what came whole. It may be stored although nobody waited for the answer: once, and whole."""
    until(lambda: not os.listdir(daemon.data / ".aimx/staging"), "nothing staged")
    shapes.assert_nothing_unfinished(daemon)
    found = shapes.counted(shapes.stored(daemon, "ops"))
    TALLY.account(told, found)
    assert not set(cut) & set(found)


@pytest.mark.parametrize("verb", REQUESTS)
def test_of_the_socket(daemon, verb):
    whole, parts = [], []
    cases = [(cut, way) for cut in cuts(_request(verb)[0]) for way in WAYS for _ in range(EACH)]
    with nothing_stays(daemon):
        for cut, way in cases:
            octets, marker = _request(verb)
            (whole if cut == len(octets) else parts).append(marker)
            vanish(daemon, octets, cut, way)
        assert client.call(daemon.socket, Version(), PATIENCE_S).kind == "json"
    if verb == "INGEST":
        _account(daemon, dict.fromkeys(whole, DOUBTFUL), parts)


def _reset(made):
    """Closing resets the connection: nothing that is on its way arrives."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("polite", [False, True], ids=["at-once", "reads-replies"])
def test_of_smtp(daemon, reset, polite):
    told, parts = {}, []
    with Traffic(daemon, f"smtp.{reset}.{polite}", senders=1) as traffic, nothing_stays(daemon):
        for steps in [steps for steps in range(STEPS + 1) for _ in range(EACH)]:
            marker = f"vanished.{next(NUMBERS)}"
            reply = _hang_up(daemon, _dialog(shapes.message(marker, 0))[:steps], reset, polite)
            if steps == STEPS:
                told[marker] = PROMISED if reply.startswith(b"250 ") else DOUBTFUL
            else:
                parts.append(marker)
            if 1 < steps < STEPS or (steps == STEPS and not polite):  # else it said nothing, or heard all
                TALLY.fault("SMTP client resets" if reset else "SMTP client hangs up")
        traffic.more()
    traffic.account()
    _account(daemon, told, parts)
    _come_again(daemon, [marker for marker, how in told.items() if how == PROMISED])
    assert (PROMISED in told.values()) == polite
    assert not traffic.refused


def _come_again(daemon, markers):
    """Who vanished may not have seen the 250, and delivers once more: acknowledged, and not stored again (R5)."""
    for marker in markers:
        daemon.send(shapes.message(marker, 0), sender="a@b.test")
        again = (marker, "again")
        TALLY.account({again: PROMISED}, {again: shapes.copies(daemon, "ops", marker)})


def _hang_up(daemon, pieces, reset, polite):
    """The last reply that the client has read."""
    reply = b""
    with socket.create_connection(("127.0.0.1", daemon.port), PATIENCE_S) as made:
        made.settimeout(PATIENCE_S)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused for its haste
            if polite or pieces:
                made.recv(4096)  # its greeting: who talks before it is turned away
            for number, piece in enumerate(pieces):
                made.sendall(piece)
                if polite and _asks(pieces[: number + 1]):
                    reply = made.recv(4096)
        if reset:
            _reset(made)
    return reply


def _asks(pieces):
    """Whether a reply is due now."""
    text = b"".join(pieces)
    _, data, letter = text.partition(b"DATA\r\n")
    return bool(pieces[-1]) and text.endswith(b"\r\n") and (not data or letter == b"" or letter.endswith(b"\r\n.\r\n"))
