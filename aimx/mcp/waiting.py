"""`email_wait`: wait until mail arrives that was asked for; between two calls nothing is missed.

A stream of events says that something arrived, and the index whether it is what was asked for. When the daemon restarts
meanwhile, the stream is opened anew where it ended.
"""

from contextlib import aclosing, suppress
from typing import Annotated, Any

import msgspec
import trio
from msgspec import Meta

from aimx import limits
from aimx.errors import DaemonSilent, DaemonUnavailable, sole
from aimx.mcp import narrowing, reading
from aimx.mcp.cutting import Wanted
from aimx.mcp.searching import Hit, row, told
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError
from aimx.mcp.untrusted import DATA
from aimx.mime import codes
from aimx.model import cursor
from aimx.wire.frames import EmailRead, EmailSearch, Watch


class Wanting(msgspec.Struct, frozen=True):
    """What `email_wait` takes."""

    mailbox: Annotated[str, Meta(description="Only mail for this mailbox; left out: all that you own.")] = ""
    from_: Annotated[str, Meta(description="Words in the sender, e.g. an address.")] = msgspec.field(
        name="from", default=""
    )
    subject: Annotated[str, Meta(description="Words in the subject.")] = ""
    text: Annotated[str, Meta(description="Words in headers or body.")] = ""
    query: Annotated[str, Meta(description="A search as for email_search, e.g. -newsletter has:attachment.")] = ""
    timeout_s: Annotated[int, Meta(description="Seconds to wait; default 60, from 5 to 120.")] = limits.WAIT_S
    since: Annotated[
        str,
        Meta(
            description="next_since of the call before, so that nothing between two calls is missed; or a time:"
            f" {narrowing.WHEN}. Left out: only mail that comes from now on."
        ),
    ] = ""


class Waited(msgspec.Struct, frozen=True):
    """What `email_wait` gives."""

    emails: Annotated[list[Hit], Meta(description="What arrived and was asked for, oldest first.")]
    codes: Annotated[list[str], Meta(description="What may be one-time codes in the newest of them, likeliest first.")]
    links: Annotated[list[str], Meta(description="Links in the newest of them, as text: nothing was opened.")]
    next_since: Annotated[str, Meta(description="since of the next call.")]
    timed_out: Annotated[bool, Meta(description="Nothing came in time.")]
    missed: Annotated[bool, Meta(description="since is too old: look with email_list what came meanwhile.")] = False


class _Waiting:
    """One call. `after`: where in the event log it is; everything up to there is dealt with."""

    def __init__(self, call: Call, asked: Wanting) -> None:
        self._call = call
        self._mailbox = asked.mailbox
        self._request = _request(asked)
        self._moment = asked.since if cursor.parse(asked.since) is None else ""
        self.after = "" if self._moment else asked.since

    async def arrived(self) -> list[dict[str, Any]] | None:
        """Mail that was asked for, oldest first; None: what came after the cursor is not known any more.

        Raises: ToolError; DaemonUnavailable if there is no daemon to begin with.
        """
        first = self._request._replace(limit=1, since=self._moment or None)
        await self._call.daemon.value(first)  # what cannot be looked for is refused at once
        teller, told = trio.open_memory_channel[dict[str, Any]](limits.STREAM_READ_EVENTS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, teller)
            found = await self._taken(told)
            nursery.cancel_scope.cancel()
        return found

    async def _listen(self, teller: trio.MemorySendChannel[dict[str, Any]]) -> None:
        """What happens, in the order of the log, also over restarts of the daemon, which answered a moment ago."""
        after, tries = self.after, iter(limits.WATCH_RETRY_S)
        while True:
            with suppress(DaemonUnavailable):
                async with aclosing(self._call.daemon.lines(Watch(after or None, self._mailbox or None))) as lines:
                    async for event in lines:
                        await teller.send(event)
                        after, tries = event["cursor"], iter(limits.WATCH_RETRY_S)
            await trio.sleep(next(tries, limits.WATCH_RETRY_S[-1]))

    async def _taken(self, told: trio.MemoryReceiveChannel[dict[str, Any]]) -> list[dict[str, Any]] | None:
        async for event in told:
            events = [event]
            with trio.move_on_after(limits.WAIT_TOGETHER_S):
                while len(events) < limits.STREAM_READ_EVENTS:
                    events.append(await told.receive())
            if any(event["type"] == "gap" for event in events):
                self.after = events[-1]["cursor"]
                return None
            found = await self._earlier() if self._moment else []
            found = found or await self._among(
                {(event["mailbox"], event["id"]) for event in events if event["type"] == "received"}
            )
            self.after = events[-1]["cursor"]
            if found:
                return found
        return []

    async def _earlier(self) -> list[dict[str, Any]]:
        """What was there already; looked for once the stream has begun, so that nothing is between the two."""
        page = await self._page(self._request._replace(since=self._moment, limit=limits.WAIT_ROWS))
        self._moment = ""
        return list(reversed(page["emails"]))

    async def _among(self, arrived: set[tuple[str, str]]) -> list[dict[str, Any]]:
        """Those of them that are asked for, oldest first."""
        found: list[dict[str, Any]] = []
        request = self._request
        for _ in range(limits.WAIT_PAGES if arrived else 0):
            page = await self._page(request)
            rows = page["emails"]
            found += [email for email in rows if (email["mailbox"], email["id"]) in arrived]
            if page["next"] is None or (rows and rows[-1]["id"] < min(email_id for _, email_id in arrived)):
                break
            request = request._replace(cursor=page["next"])
        return found[::-1]

    async def _page(self, request: EmailSearch) -> Any:
        """A page of the index, when the daemon is there again."""
        tries = iter(limits.WATCH_RETRY_S)
        while True:
            with suppress(DaemonUnavailable):
                return await self._call.daemon.value(request)
            await trio.sleep(next(tries, limits.WATCH_RETRY_S[-1]))


async def _wait(call: Call, asked: Wanting) -> Told:
    timeout_s = min(max(asked.timeout_s, limits.WAIT_MIN_S), limits.WAIT_MAX_S)
    waiting = _Waiting(call, asked)
    try:
        with trio.move_on_after(timeout_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_report, call, timeout_s, asked.mailbox)
                found = await waiting.arrived()
                nursery.cancel_scope.cancel()
            return await _told(call, found, waiting.after)
    except BaseExceptionGroup as group:
        raise sole(group) from None
    if not waiting.after:
        raise DaemonSilent("the aimx daemon did not answer in time")
    nothing: dict[str, Any] = {"emails": [], "codes": [], "links": [], "next_since": waiting.after}
    return told({**nothing, "timed_out": True, "missed": False})


async def _report(call: Call, timeout_s: int, mailbox: str) -> None:
    """Say from time to time that it goes on."""
    begun = trio.current_time()
    what = f"waiting for mail in {mailbox}" if mailbox else "waiting for mail"
    while True:
        await trio.sleep(limits.WAIT_PROGRESS_S)
        await call.progress(round(trio.current_time() - begun, 1), timeout_s, what)


def _request(asked: Wanting) -> EmailSearch:
    named = {"from_": asked.from_, "subject": asked.subject, "text": asked.text, "mailbox": asked.mailbox}
    given: dict[str, Any] = {name: value for name, value in named.items() if value}
    words = " ".join(asked.query.split()) or "in:inbox"
    return EmailSearch(words, folder="inbox", limit=limits.LIST_ROWS_MAX, **given)


async def _told(call: Call, found: list[dict[str, Any]] | None, after: str) -> Told:
    about: dict[str, Any] = await _extracted(call, found[-1]) if found else {"codes": [], "links": []}
    value = {"emails": [row(email) for email in found or ()], **about, "next_since": after}
    return told({**value, "timed_out": False, "missed": found is None})


async def _extracted(call: Call, email: dict[str, Any]) -> dict[str, Any]:
    request = EmailRead(email["mailbox"], email["id"], most=limits.FRONTMATTER_OCTETS + 4 * limits.CODE_CHARACTERS)
    try:
        body = (await reading.part(call.daemon, request, Wanted("body", 0, limits.CODE_CHARACTERS))).text
    except (ToolError, DaemonUnavailable):  # gone again: that it came is still to be told
        body = ""
    return {"codes": list(codes.codes(email["subject"], body)), "links": list(codes.links(body))}


TOOL = Tool(
    "email_wait",
    "Wait for an email",
    "Wait until mail arrives in an inbox, at most timeout_s, instead of listing again and again: a reply, or the code"
    " or link that confirms a sign-up. Conditions that are given must all hold. If it timed out, call it again with"
    " since = next_since." + DATA,
    Wanting,
    Waited,
    Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    _wait,
    strict=True,
    core=False,
)
