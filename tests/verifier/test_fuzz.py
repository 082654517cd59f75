"""Any octets at all: an answer or the end, never an exception, and never a connection to whom nobody may name."""

import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aimx.flows.greeting import greet
from aimx.flows.responding import Responding
from aimx.smtp.responder import Responder
from aimx.verifier.requests import Bad, Exchange, Request

_HEAD = st.lists(
    st.sampled_from(
        [b"GET ", b"POST ", b"/probe", b"/", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: x\r\n", b"X-AIMX-Client-IP: ",
         b"9.9.9.9", b"\r\n", b"\n", b"\r", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b":", b" ",
         b"\x00", b"\xff", b"?", b"#", b"0\r\n\r\n"]
    ) | st.binary(max_size=8), max_size=20,
).map(b"".join)  # fmt: skip


def alone(task, octets):
    """What the task makes of these octets and then the end of input."""

    async def run():
        mine, theirs = trio.testing.memory_stream_pair()
        await theirs.send_all(octets)
        await theirs.send_eof()
        return await task(mine)

    return trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


@given(_HEAD)
@example(b"GET /probe HTTP/1.1\r\nHost: x\r\nX-AIMX-Client-IP: 9.9.9.9\r\n\r\n")
@settings(deadline=None)
def test_any_head_is_a_request_or_refused(octets):
    async def ask(stream):
        try:
            return await Exchange(stream).request()
        except Bad as bad:
            return bad.status

    found = alone(ask, octets)
    assert found is None or found in (400, 408, 413, 431) or isinstance(found, Request)
    if isinstance(found, Request):
        assert not any(c in value for _, value in found.headers for c in b"\r\n\x00")


@given(st.binary(max_size=300))
@example(b"220 a\r\n250 b\r\n")
@settings(deadline=None)
def test_any_server_is_one_or_is_told_not_to_be(octets):
    why = alone(lambda stream: greet(stream, "x"), octets)
    assert why is None or (why and why.isprintable() and len(why) < 1200)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_client_of_the_responder_gets_little(octets):
    responding = Responding(Responder("here", "SMTP", "500 no"), 1)
    alone(responding.session, octets)
    assert responding.greeted <= octets.upper().count(b"ELO") + octets.upper().count(b"HLO")
