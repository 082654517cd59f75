"""Answer those who only try whether port 25 answers, within strict bounds. Takes no mail, and remembers nothing."""

import trio

from aimx import limits
from aimx.smtp.responder import Responder

_LOST = (trio.BrokenResourceError, trio.ClosedResourceError)


class Responding:
    """Sessions with strangers, no more than `most` at once; who comes then is turned away without a word.

    `seen` counts connections, `greeted` those that got a reply to EHLO.
    """

    def __init__(self, responder: Responder, most: int) -> None:
        self._responder = responder
        self._most = most
        self._now = 0
        self.seen = 0
        self.greeted = 0

    async def session(self, stream: trio.abc.Stream) -> None:
        """One connection, until it ends or its time is over."""
        self.seen += 1
        if self._now >= self._most:
            await trio.aclose_forcefully(stream)
            return
        self._now += 1
        try:
            with trio.move_on_after(limits.RESPONDER_SESSION_S):
                await self._converse(stream)
        except _LOST:
            return
        finally:
            self._now -= 1
            await trio.aclose_forcefully(stream)

    async def _converse(self, stream: trio.abc.Stream) -> None:
        await stream.send_all(self._responder.greeting)
        buffer = bytearray()
        for _ in range(limits.RESPONDER_LINES):
            line = await _line(stream, buffer)
            if line is None:
                return
            reply = self._responder.reply(line)
            await stream.send_all(reply)
            self.greeted += reply.startswith(b"250")
            if self._responder.ends(line):
                return


async def _line(stream: trio.abc.Stream, buffer: bytearray) -> bytes | None:
    """The next line; None when it does not come in time, is too long, or the peer has gone."""
    with trio.move_on_after(limits.RESPONDER_LINE_S):
        while (end := buffer.find(b"\n")) < 0:
            if len(buffer) > limits.RESPONDER_LINE_OCTETS:
                return None
            octets = await stream.receive_some(limits.RESPONDER_LINE_OCTETS)
            if not octets:
                return None
            buffer += octets
        line = bytes(buffer[:end]).removesuffix(b"\r")
        del buffer[: end + 1]
        return line if len(line) <= limits.RESPONDER_LINE_OCTETS else None
    return None
