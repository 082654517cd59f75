"""The event stream of a daemon across its restarts: what is told, and whether anybody tells. Never draws."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NamedTuple

from aimx import errors, limits
from aimx.errors import AimxError
from aimx.wire.frames import Watch
from aimx_tui.dash.gateway import Gateway


class Told(NamedTuple):
    """A line of the stream (book/events.md): an event, or `hello`, `gap`, `heartbeat`."""

    line: dict[str, Any]


class Away(NamedTuple):
    """Nobody tells; asked again in `again_s` seconds."""

    why: str
    again_s: float


async def happenings(
    gateway: Gateway, after: str | None = None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncGenerator[Told | Away, None]:
    """For ever: lines as they come, and `Away` whenever the stream is lost; it goes on behind the last cursor.

    A refusal is no end: the daemon may be stopping, or have too many watchers.
    """
    tried = 0
    while True:
        why = "the daemon ended the stream"
        try:
            async for line in gateway.lines(Watch(after)):
                tried = 0
                cursor = line.get("cursor")
                after = cursor if isinstance(cursor, str) and cursor else after
                yield Told(line)
        except AimxError as error:
            why = errors.told(error)
        again_s = limits.WATCH_RETRY_S[min(tried, len(limits.WATCH_RETRY_S) - 1)]
        tried += 1
        yield Away(why, again_s)
        await sleep(again_s)
