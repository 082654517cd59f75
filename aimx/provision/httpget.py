"""One GET with everything bounded: time, head, body, redirects. Certificates are checked. Uses no proxy.

Through a proxy the verifier would see the proxy's address and try that.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

import h11
import trio

from aimx import limits
from aimx.effects import authorities
from aimx.effects.api import TlsFailed
from aimx.effects.build import build
from aimx.effects.network import handshake
from aimx.provision import reaching, verifyhost
from aimx.provision.reaching import Family, Unreached
from aimx.provision.verifyhost import VerifyHost

_REDIRECTS = (301, 302, 303, 307, 308)
_OK, _JSON = 200, "application/json"
_LOST = (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError, OSError)


Sink = Callable[[bytes, int | None], None]  # a piece of the body; how many octets all of it has, if that was said


class Answer(NamedTuple):
    """What the server said. `location`: where else to ask."""

    status: int
    body: bytes
    location: str = ""

    @property
    def redirects(self) -> bool:
        """It is somewhere else."""
        return self.status in _REDIRECTS


class _Question(NamedTuple):
    """What is asked for. `sink`: takes the body of a 200, and may raise; None: it is part of the answer."""

    target: VerifyHost
    accept: str = _JSON
    sink: Sink | None = None
    stall_s: float = float("inf")  # without an octet


async def get(target: VerifyHost, family: Family, timeout_s: float) -> Answer:
    """The last answer after redirects. Raises: Unreached."""
    asked = target
    try:
        with trio.fail_after(timeout_s):
            for _ in range(limits.HTTP_REDIRECTS + 1):
                answer = await _ask(_Question(asked), (family,))
                if not answer.redirects:
                    return answer
                asked = _next(asked, answer.location)
    except trio.TooSlowError:
        raise Unreached("timeout", f"{asked}: no answer within {timeout_s:.0f} s") from None
    raise Unreached("answer", f"{target}: it redirects again and again")


async def fetch(target: VerifyHost, sink: Sink, stall_s: float) -> Answer:
    """The answer to one request, redirects included; the body of a 200 goes to the sink. Whoever asks bounds its time.

    Raises: Unreached; what the sink raises.
    """
    try:
        return await _ask(_Question(target, "*/*", sink, stall_s), (4, 6))
    except trio.TooSlowError:
        raise Unreached("timeout", f"{target.authority}: nothing comes for {stall_s:.0f} s") from None


def _next(asked: VerifyHost, location: str) -> VerifyHost:
    """Where a redirect leads: never to another scheme, so never out of TLS. Raises: Unreached."""
    if location.startswith("/") and not location.startswith("//"):
        location = f"{asked.scheme}://{asked.authority}{location}"
    found = verifyhost.url(location)
    if found is None or found.scheme != asked.scheme:
        raise Unreached("answer", f"{asked}: it redirects to somewhere that is not asked")
    return found


async def _ask(question: _Question, families: Sequence[Family]) -> Answer:
    target = question.target
    stream = await _connected(target, families)
    try:
        return await _exchange(stream, question)
    except h11.RemoteProtocolError as error:
        raise Unreached("answer", f"{target}: the answer is no HTTP: {error}") from error
    except _LOST as error:
        raise Unreached("broken", f"{target}: the connection broke") from error
    finally:
        await trio.aclose_forcefully(stream)


async def _connected(target: VerifyHost, families: Sequence[Family]) -> trio.abc.Stream:
    """To the first address that takes the connection. Raises: Unreached, as the last one said it."""
    found = await reaching.look_up(target.host)
    refused: Unreached | None = None
    for address in (address for family in families for address in found.of(family)):
        try:
            stream = await reaching.connect(address, target.port)
        except Unreached as error:
            refused = error
            continue
        return stream if target.scheme == "http" else await _secured(stream, target)
    known = f"IPv{families[0]} address" if len(families) == 1 else "address"
    raise refused or Unreached("no-route", f"{target.host} has no {known}")


async def _secured(stream: trio.abc.Stream, target: VerifyHost) -> trio.abc.Stream:
    context = authorities.context()
    try:
        with trio.fail_after(limits.TLS_HANDSHAKE_S):
            return await handshake(stream, context, target.host)
    except TlsFailed as error:
        await trio.aclose_forcefully(stream)
        raise Unreached("tls", f"{target}: TLS failed: {_plain(str(error))}") from error
    except trio.TooSlowError:
        await trio.aclose_forcefully(stream)
        raise Unreached("tls", f"{target}: no TLS within {limits.TLS_HANDSHAKE_S:.0f} s") from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


def _plain(text: str) -> str:
    """OpenSSL's words without the place in its source."""
    return text.rpartition(" (_ssl.c:")[0] or text


async def _exchange(stream: trio.abc.Stream, question: _Question) -> Answer:
    target = question.target
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.HTTP_HEAD_OCTETS)
    headers = [
        ("Host", target.authority), ("User-Agent", f"aimx/{build().tag}"), ("Accept", question.accept),
        ("Connection", "close"),
    ]  # fmt: skip
    request = http.send(h11.Request(method="GET", target=target.path or "/", headers=headers))
    await stream.send_all((request or b"") + (http.send(h11.EndOfMessage()) or b""))
    answer, length, body = Answer(0, b""), None, bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            with trio.fail_after(question.stall_s):
                http.receive_data(bytes(await stream.receive_some(limits.READ_OCTETS)))
        elif isinstance(event, h11.Response):
            fields = {name: value.decode("latin-1") for name, value in event.headers}
            answer = Answer(event.status_code, b"", fields.get(b"location", ""))
            length = int(fields[b"content-length"]) if b"content-length" in fields else None
        elif isinstance(event, h11.Data) and question.sink is not None and answer.status == _OK:
            question.sink(bytes(event.data), length)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > limits.HTTP_ANSWER_OCTETS:
                raise Unreached("answer", f"{target}: the answer is too long")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return answer._replace(body=bytes(body))
