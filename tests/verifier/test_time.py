"""Slow peers, on a clock that jumps: every wait has an end, whatever drips in."""

from contextlib import suppress

import pytest
import trio
import trio.testing

from aimx import limits
from aimx.flows.greeting import greet
from aimx.flows.responding import Responding
from aimx.smtp.responder import Responder
from aimx.verifier.requests import Answer, Bad, Exchange
from aimx.verifier.routes import Routes
from aimx.verifier.settings import Settings


def timed(task):
    """What it returns, and how long it took on its own clock."""

    async def run():
        return await task(), trio.current_time()

    clock = trio.testing.MockClock(autojump_threshold=0)
    start = clock.current_time()
    value, end = trio.run(run, clock=clock)
    return value, end - start


async def dripping(stream, octets, pause_s):
    """An octet after each pause, for as long as anybody is there."""
    try:
        for octet in octets:
            await stream.send_all(bytes([octet]))
            await trio.sleep(pause_s)
        await trio.sleep_forever()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def beside(peer, ours, *arguments):
    """Ours on one end of a pair of streams, the peer's behaviour on the other."""
    mine, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer, theirs, *arguments)
        try:
            return await ours(mine)
        finally:
            nursery.cancel_scope.cancel()


SLOW = {
    "says nothing": (b"", "no greeting within 10 s", 10),
    "drips its greeting": (b"220 " + b"a" * 1000, "no greeting within 10 s", 10),
    "drips many lines": (b"220-a\r\n" * 100, "no greeting within 10 s", 10),
    "greets and falls silent": (b"220 a\r\n", "no answer to EHLO within 10 s", 16),
}


@pytest.mark.parametrize(("octets", "why", "most_s"), SLOW.values(), ids=SLOW)
def test_a_slow_server_is_given_up(octets, why, most_s):
    said, took_s = timed(lambda: beside(dripping, lambda stream: greet(stream, "x"), octets, 1.0))
    assert said == why and took_s == pytest.approx(most_s, abs=0.1)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"554 no service\r\n", "the greeting is 554 no service"),
        (b"220 a\r\n502 no\r\n", "the answer to EHLO is 502 no"),
        (
            b"220 a\r\n250-b\r\n220 c\r\n",
            "the answer to EHLO is none of a mail server: a reply of two codes: 250 and 220",
        ),
        (b"220-a\r\n" * 101, "the greeting is none of a mail server: a reply of too many lines"),
        (b"2" * 5000, "the greeting is none of a mail server: a reply line without end"),
        (b"SSH-2.0-OpenSSH\r\n", "the greeting is none of a mail server: not a reply: SSH-2.0-OpenSSH"),
        (b"\x1b]0;x\x07\r\n", "the greeting is none of a mail server: not a reply: ?]0;x?"),
    ],
)
def test_what_is_no_mail_server_is_told_in_characters_that_can_be_shown(octets, why):
    said, _ = timed(lambda: beside(dripping, lambda stream: greet(stream, "x"), octets, 0.0001))
    assert said == why


def responding():
    return Responding(Responder("here", "SMTP", "500 no"), 1)


@pytest.mark.parametrize(
    ("octets", "pause_s", "most_s"),
    [(b"", 1.0, 10), (b"EHLO", 1.0, 10), (b"NOOP\r\n" * 100, 1.0, 30), (b"A" * 2000, 0.001, 2)],
    ids=["silent", "half a line", "drips", "long line"],
)
def test_a_slow_client_of_the_responder_is_hung_up_on(octets, pause_s, most_s):
    _, took_s = timed(lambda: beside(dripping, responding().session, octets, pause_s))
    assert took_s <= most_s + 0.1


async def deaf(stream):
    """Says a lot, and takes nothing."""
    with suppress(trio.BrokenResourceError):
        await stream.send_all(b"NOOP\r\n" * 100)
        await trio.sleep_forever()


def test_a_client_that_reads_nothing_costs_a_session_and_no_more():
    async def ours(_):
        # A stream that takes nothing at all, as a full socket.
        mine, theirs = trio.testing.lockstep_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deaf, theirs)
            await responding().session(mine)
            nursery.cancel_scope.cancel()

    _, took_s = timed(lambda: ours(None))
    assert took_s == pytest.approx(limits.RESPONDER_SESSION_S, abs=0.1)


@pytest.mark.parametrize(
    "octets", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100], ids=["nothing", "one octet", "fields"]
)
def test_a_request_that_does_not_come_is_answered_408(octets):
    async def ours(stream):
        with pytest.raises(Bad) as bad:
            await Exchange(stream).request()
        return bad.value.status

    status, took_s = timed(lambda: beside(dripping, ours, octets, 1.0))
    assert status == 408 and took_s == pytest.approx(limits.VERIFIER_HEAD_S, abs=0.1)


def test_an_answer_that_nobody_takes_is_given_up():
    async def ours():
        mine, _theirs = trio.testing.lockstep_stream_pair()
        await Exchange(mine).answer(Answer(200, b"{}"))

    _, took_s = timed(ours)
    assert took_s <= limits.VERIFIER_HEAD_S + limits.LINGER_S + 0.1


def test_who_hangs_up_before_the_answer_has_no_probe_under_way():
    """The probe itself goes to an address of which no answer would ever come."""

    async def ours():
        mine, theirs = trio.testing.memory_stream_pair()
        await theirs.send_all(b"GET /probe HTTP/1.1\r\nHost: x\r\nX-AIMX-Client-IP: 127.0.0.1\r\n\r\n")
        await theirs.aclose()
        await Routes(Settings()).serve(mine, "127.0.0.1")

    timed(ours)
