"""Standard input and output as lines of JSON-RPC: the transport of the server.

Nothing but the protocol is ever written to standard output: whatever a library prints goes to standard error. What is
no message is told so, and whoever closes standard input still gets the answers to what was asked before.
"""

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import anyio
import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from aimx import limits
from aimx.errors import Failed
from aimx.mcp.sdk import SessionMessage, types

CLOSED = "aimx mcp talks to an agent over standard input and output, and one of them is closed"
# JSON allows them in a string; some clients end a line at them, and terminals obey the others.
_LINE_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
_NO_ID = "Invalid Request: an id is a string or an integer"
_ENDLESS = "subscriptions/listen"  # nobody waits for its answer
_THREADS = trio.CapacityLimiter(1)

Messages = MemoryObjectReceiveStream[SessionMessage | Exception]
Answers = MemoryObjectSendStream[SessionMessage]


class Ends(NamedTuple):
    """The descriptors that carry the protocol."""

    incoming: int
    outgoing: int


def claim() -> Ends:
    """Take both for the protocol alone; from now on 0 reads nothing and 1 is standard error. Raises: Failed."""
    try:
        ends = Ends(*map(_above, (0, 1)))
    except OSError:
        raise Failed(CLOSED) from None
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        os.dup2(null, 1)
    return ends


def _above(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)  # above the three that every program has


class _Pending:
    """The requests that have no answer yet."""

    def __init__(self) -> None:
        self._ids: set[Any] = set()
        self._none = trio.Event()

    def asked(self, message: Any) -> None:
        """Something came in."""
        if isinstance(message, types.JSONRPCRequest) and message.method != _ENDLESS:
            self._ids.add(message.id)
        elif getattr(message, "method", "") == "notifications/cancelled":  # never answered
            number = (message.params or {}).get("requestId")
            if isinstance(number, str | int):
                self._ids.discard(number)

    def answered(self, message: Any) -> None:
        """Something went out."""
        if getattr(message, "method", None) is None:
            self._ids.discard(message.id)
        if not self._ids:
            self._none.set()

    async def none(self) -> None:
        """Wait until there are none."""
        if self._ids:
            self._none = trio.Event()
            await self._none.wait()


@asynccontextmanager
async def transport(ends: Ends) -> AsyncIterator[tuple[Messages, Answers]]:
    """What comes in, and where answers go. Raises: BrokenPipeError when the client is gone."""
    to_server, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    answers, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    pending = _Pending()
    lock = trio.Lock()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read, ends, lock, to_server, pending, nursery.cancel_scope)
        nursery.start_soon(_write, ends, lock, from_server, pending)
        yield messages, answers


async def _read(
    ends: Ends,
    lock: trio.Lock,
    to_server: MemoryObjectSendStream[SessionMessage | Exception],
    pending: _Pending,
    scope: trio.CancelScope,
) -> None:
    async with to_server:
        async for line in _lines(ends.incoming):
            if line is None:
                await _put(ends, lock, _problem(types.INVALID_REQUEST, f"longer than {limits.MCP_LINE_OCTETS} bytes"))
                continue
            if not line.strip():
                continue
            try:
                message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError as error:
                await _put(ends, lock, _problem(*_why(error)))
                continue
            if isinstance(message, types.JSONRPCNotification) and "id" in json.loads(line):
                await _put(ends, lock, _problem(types.INVALID_REQUEST, _NO_ID))
                continue
            pending.asked(message)
            try:
                await to_server.send(SessionMessage(message))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # the server has ended
        with trio.move_on_after(limits.MCP_DRAIN_S) as draining:
            await pending.none()
        if draining.cancelled_caught:
            scope.cancel()  # perhaps the client does not read: nothing else ends a write


async def _write(
    ends: Ends, lock: trio.Lock, from_server: MemoryObjectReceiveStream[SessionMessage], pending: _Pending
) -> None:
    async with from_server:
        async for sent in from_server:
            text = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
            await _put(ends, lock, _LINE_BREAKS.sub(_escaped, text).encode() + b"\n")
            pending.answered(sent.message)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _why(error: ValueError) -> tuple[int, str]:
    """What is wrong with a line: no JSON, or JSON that is no message."""
    found: list[dict[str, Any]] = getattr(error, "errors", list)()
    if any(one["type"] == "json_invalid" for one in found):
        return types.PARSE_ERROR, "Parse error: not JSON"
    return types.INVALID_REQUEST, "Invalid Request: not a JSON-RPC 2.0 message (batches are not supported)"


def _problem(code: int, message: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"%s"}}\n' % (code, message.encode())


async def _lines(fd: int) -> AsyncIterator[bytes | None]:
    """Lines without their ends; None in place of one that is too long. A last one may lack its end."""
    held, skipping = bytearray(), False
    while octets := await _octets(fd):
        *whole, rest = octets.split(b"\n")
        for piece in whole:
            held += piece
            yield None if skipping or len(held) > limits.MCP_LINE_OCTETS else bytes(held)
            held, skipping = bytearray(), False
        held += rest
        if len(held) > limits.MCP_LINE_OCTETS:
            held, skipping = bytearray(), True
    if held:
        yield bytes(held)


async def _octets(fd: int) -> bytes:
    while True:
        try:
            await trio.lowlevel.wait_readable(fd)
        except PermissionError:
            await trio.lowlevel.checkpoint()  # a regular file, which is always ready
        try:
            return os.read(fd, limits.READ_OCTETS)
        except BlockingIOError:
            continue


async def _put(ends: Ends, lock: trio.Lock, octets: bytes) -> None:
    """All of it, in a thread: the client may be slow, and its pipe is not ours to make non-blocking."""
    left = memoryview(octets)
    async with lock:
        while left:
            try:
                write = partial(os.write, ends.outgoing, left)
                left = left[await trio.to_thread.run_sync(write, limiter=_THREADS, abandon_on_cancel=True) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(ends.outgoing)
