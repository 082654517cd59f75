"""What travels between our own programs: AIMX/1 in both roles and its streams, frames of helpers, JSON-RPC of agents."""

import json
import socket
import tempfile
from collections.abc import Callable

import msgspec
import trio

from aimx import limits
from aimx.daemon import helpers
from aimx.effects.framing import Pipe, pack
from aimx.errors import WireCode, WireError
from aimx.mcp import stdio
from aimx.mcp.sdk import SessionMessage, types
from aimx.model import job, message, outbound
from aimx.model.dns import Question
from aimx.wire import codec, frames
from aimx.wire.streamed import Streamed
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.pieces import pieces, step
from tests.wire.feed import an_answer_or_an_error, outcome, parse

_NAMES = sorted({header.name for shape in frames.SHAPES for header in shape.headers})
_REQUEST = (
    b'AIMX/1~ \\n \\r\\n \\n\\n : :~ 0 2 26214401 +2 1048577 true false X:~y\\n {"name":~"a"} '
    b'{"name":"h","event":"on_receive","cmd":["/bin/true"],"mailbox":"ops"} [ { "\\\\ud800" \\\\u0000 \\0 1e400 '
    + " ".join([*(shape.verb for shape in frames.SHAPES), *_NAMES]).encode()
)


def _requests() -> list[bytes]:
    """One of each verb, with all of its headers."""
    made = []
    for shape in frames.SHAPES:
        head = b"AIMX/1 " + shape.verb.encode() + b"\n"
        lines = [header.name.encode() + b": " + (b"2" if header.reading in ("number", "body") else b"true") + b"\n"
                 for header in shape.headers]  # fmt: skip
        made += [b"\x07" + head + b"\n", b"\x07" + head + b"".join(lines) + b"\n{}"]
    return made


def _request_cost(octets: bytes) -> None:
    try:
        parse(octets)
    except WireError:
        return


@target(
    "wire-request",
    "aimx/wire/",
    _REQUEST,
    seeds=_requests,
    bound=4 * limits.HEADER_LINE_OCTETS,
    cost=_request_cost,
    frames=(
        Frame(),
        Frame(b"AIMX/1 SEND\n"),
        Frame(b"AIMX/1 SEND\nFrom: "),
        Frame(b"AIMX/1 HOOK-CREATE\nContent-Length: 60000\n\n{"),
    ),
    units=(b'{"a":', b'"a":1,', b"\\u00e9", b"X-A: b\n"),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
)
def wire_request(octets: bytes) -> None:
    """Any octets are a request or a WireError, the same in any pieces; what is read can be written and read again."""
    size, octets = step(octets)
    result = outcome(octets, size)
    assert result == outcome(octets, len(octets) + 1)
    kind, value = result
    if kind in frames.BY_FRAME:
        written = codec.encode_request(value)
        assert outcome(written, size) == result
        head, end, rest = written.partition(b"\n\n")
        for line in head.split(b"\n")[1:]:  # each header once, the same or another
            assert outcome(head + b"\n" + line + end + rest, size)[0] not in frames.BY_FRAME


_ANSWER = (
    b"AIMX/1~OK AIMX/1~ERR~ Code:~ Content-Length:~ \\n \\n\\n <a@b> {} [] ~ : 0 5 99999999 Message-ID:~ Warning:~ "
)
_ANSWER += " ".join(WireCode).encode()


@target(
    "wire-answer",
    "aimx/wire/",
    _ANSWER,
    bound=4 * limits.HEADER_LINE_OCTETS,
    frames=(Frame(), Frame(b"AIMX/1 OK\n"), Frame(b"AIMX/1 ERR ")),
    units=(b"A: b\n",),
    seeds=lambda: [
        b"AIMX/1 OK\n\n",
        b"AIMX/1 OK <a@b>\n\n",
        b"AIMX/1 OK\nContent-Length: 2\n\n{}",
        b"AIMX/1 ERR no such mailbox\nCode: ENOENT\n\n",
    ],
)
def wire_answer(octets: bytes) -> None:
    """Any octets are an answer or a WireError; what is read is written and read the same."""
    an_answer_or_an_error(octets)


def _streamed(chunks: list[bytes]) -> tuple[object, ...]:
    stream = Streamed(frames.Watch)
    lines: list[bytes] = []
    try:
        for chunk in chunks:
            lines += stream.feed(chunk)
            if stream.error is not None:
                break
    except WireError as error:
        return lines, "refused", error.reason
    return lines, stream.error, stream.answered


@target(
    "wire-stream",
    "aimx/wire/",
    b'AIMX/1~OK\\n\\n AIMX/1~ERR~ Code:~ \\n \\n\\n {"seq":1}\\n X:~y\\n : ~ {} "',
    bound=65536,
    frames=(Frame(b"\x07"), Frame(b"\x00AIMX/1 OK\n\n")),
    units=(b"x",),
    seeds=lambda: [b'\x07AIMX/1 OK\n\n{"seq":1}\n{"seq":2}\n', b"\x03AIMX/1 OK\n\n{}\nAIMX/1 ERR gone\n"],
)
def wire_stream(octets: bytes) -> None:
    """Lines and ends do not depend on how the octets were cut."""
    size, octets = step(octets)
    assert _streamed(pieces(octets, size)) == _streamed([octets] if octets else [])


_DECODERS = [
    msgspec.msgpack.Decoder(kind).decode
    for kind in (
        job.Job, job.Ready | job.Done | job.NeedDns | job.Broken | job.Declined, job.Ask, job.Answers,
        job.Spawn | job.Signal, job.Started | job.SpawnFailed | job.Exited, message.Examined, outbound.Composed,
    )
]  # fmt: skip


@target(
    "helper-frames",
    "aimx/effects/framing aimx/daemon/helpers",
    b"\x93 \x95 \xc4 \xc0 \xff\xff\xff\xff \0\0\0\x04 \xa4Done \xa5Ready",
    bound=65536,
    nests=((b"\x91", b""), (b"\x81\xa1a", b"")),
    seeds=lambda: [
        pack(msgspec.msgpack.encode(value))
        for value in (
            job.Signal(1, 9),
            job.Started(1, 2),
            job.Broken(1, "x"),
            job.Ask(1, (Question("a.test", "TXT"),)),
            [1, [2]],
            {"a": 1},
        )
    ],
)
def helper_frames(octets: bytes) -> None:
    """A helper that lies gets its peer to see the end, an OSError, or Garbled: never anything else.

    The frames are those that lengths in front of them cut; what one of them says is written and read the same.
    """
    expected, over = _framed(octets[:65536])
    got = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        theirs.sendall(octets[:65536])
        theirs.shutdown(socket.SHUT_WR)
        pipe = Pipe(ours)
        try:
            while (payload := pipe.receive()) is not None:
                got.append(payload)
                for decode in _DECODERS:
                    _decoded(decode, payload)
        except OSError:
            assert over
        else:
            assert not over
    assert got == expected


def _framed(octets: bytes) -> tuple[list[bytes], bool]:
    """Whole frames, and whether one claims to be longer than any may be."""
    found = []
    while len(octets) >= 4:
        length = int.from_bytes(octets[:4], "big")
        if length > limits.FRAME_OCTETS:
            return found, True
        if len(octets) < 4 + length:
            break
        found.append(octets[4 : 4 + length])
        octets = octets[4 + length :]
    return found, False


def _decoded(decode: Callable[[bytes], object], payload: bytes) -> None:
    try:
        value = helpers.decoded(decode, payload)
    except helpers.Garbled:
        return
    written = msgspec.msgpack.encode(value)
    assert msgspec.msgpack.encode(decode(written)) == written


_RPC = (
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"email_list","arguments":{}}}\\n "id":null "id":1 '
    b'"id":"a" "method":"ping" "result":{} "error":{"code":1,"message":""} [ ] { } , : \\n \\r "\\\\ud800" 1e999 -0 NaN '
    b'"_meta":{} "jsonrpc":"1.0" tools/list initialize notifications/cancelled'
)


@target(
    "mcp-lines",
    "aimx/mcp/stdio",
    _RPC,
    longest=2048,
    bound=65536,
    seeds=lambda: [_RPC.replace(b"~", b" ")],
    frames=(Frame(), Frame(b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":')),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b'"a":1,', b"x\n"),
    within_s=PROGRAM_S,
)
def mcp_lines(octets: bytes) -> None:
    """Each line is a message or gets an error; every line that is written is one of JSON-RPC."""
    with tempfile.TemporaryFile() as incoming, tempfile.TemporaryFile() as outgoing:
        incoming.write(octets)
        incoming.seek(0)
        got = trio.run(_answered, stdio.Ends(incoming.fileno(), outgoing.fileno()))
        outgoing.seek(0)
        written = outgoing.read()
    lines = [line for line in octets.split(b"\n") if line.strip()]
    told = written.split(b"\n")
    assert told.pop() == b""
    for line in told:
        said = json.loads(line)
        assert said["jsonrpc"] == "2.0" and ("result" in said) != ("error" in said)
        assert line.decode().isprintable()
    assert len(told) <= len(lines)
    assert len(got) + sum(b'"error"' in line for line in told) == len(lines)


async def _answered(ends: stdio.Ends) -> list[object]:
    """A server that answers every request, and keeps what it got."""
    got: list[object] = []
    async with stdio.transport(ends) as (messages, answers_), messages, answers_:
        async for one in messages:
            assert isinstance(one, SessionMessage)
            got.append(one.message)
            if isinstance(one.message, types.JSONRPCRequest):
                told = types.JSONRPCResponse(jsonrpc="2.0", id=one.message.id, result={"a": "\u2028\x9b\u20ac"})
                await answers_.send(SessionMessage(told))
    return got
