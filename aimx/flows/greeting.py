"""Ask a mail server whether it is there: greeting, EHLO, QUIT, each within its time. Sends no mail."""

import trio

from aimx import limits
from aimx.smtp.parser import Garbled, Reply, ReplyParser, shortened


async def greet(stream: trio.abc.Stream, name: str) -> str | None:
    """Why it is not there, None when it is. Whatever the peer does is an answer; nothing is raised for it."""
    asking = _Asking(stream)
    why = await asking.expect(220, "the greeting") or await asking.say(f"EHLO {name}")
    why = why or await asking.expect(250, "the answer to EHLO")
    if why is None:
        await asking.say("QUIT")
    return why


class _Asking:
    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._replies = ReplyParser()

    async def say(self, line: str) -> str | None:
        try:
            with trio.fail_after(limits.GREETING_REPLY_S):
                await self._stream.send_all(f"{line}\r\n".encode())
        except trio.TooSlowError:
            return "it takes nothing"
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return "the connection broke"
        return None

    async def expect(self, code: int, what: str) -> str | None:
        """The next reply has this code; else what is wrong. All of the reply within one time, whatever drips in."""
        try:
            with trio.fail_after(limits.GREETING_REPLY_S):
                reply = await self._reply()
        except trio.TooSlowError:
            return f"no {what.removeprefix('the ')} within {limits.GREETING_REPLY_S:.0f} s"
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return f"the connection broke before {what}"
        if reply is None:
            return f"the connection was closed before {what}"
        if isinstance(reply, Garbled):
            return f"{what} is none of a mail server: {shortened(reply.why)}"
        return None if reply.code == code else f"{what} is {reply.text}"

    async def _reply(self) -> Reply | Garbled | None:
        while (reply := self._replies.next()) is None:
            octets = await self._stream.receive_some(limits.READ_OCTETS)
            if not octets:
                return None
            self._replies.receive(octets)
        return reply
