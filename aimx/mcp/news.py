"""News for clients that subscribe: the daemon's events as changed resources.

The daemon is watched while at least one client listens, across its restarts, and never otherwise. News are hints to
look again: what happens in one moment is told once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

import trio

from aimx import limits, log
from aimx.errors import DaemonUnavailable, WireCode, WireError
from aimx.mcp import uris
from aimx.mcp.tool import Daemon, ToolError
from aimx.wire.frames import Watch

_FOLDER = {"received": "inbox", "read": "inbox", "sent": "sent"}
_LISTED = {"received", "deleted", "mailbox_created", "mailbox_deleted", "gap"}
_LATER = {WireCode.TEMP, WireCode.IO}


class Changes(NamedTuple):
    """Resources that are others now, and whether the list of them is."""

    uris: frozenset[str]
    listed: bool

    def __or__(self, other: "Changes") -> "Changes":
        return Changes(self.uris | other.uris, self.listed or other.listed)

    def __bool__(self) -> bool:
        return self.listed or bool(self.uris)


NONE = Changes(frozenset(), False)
_LISTED_ONLY = Changes(frozenset(), True)


def changes(told: dict[str, Any]) -> Changes:
    """What an event changes."""
    kind, name, email_id = told["type"], told.get("mailbox"), told.get("id")
    if not name or kind not in _FOLDER.keys() | _LISTED:
        return _LISTED_ONLY if kind in _LISTED else NONE
    found = {uris.mailbox(name)}
    folder = told.get("folder") or _FOLDER.get(kind)
    if folder and email_id:
        found.add(uris.email(name, folder, email_id))
    return Changes(frozenset(found), kind in _LISTED)


class News:
    """Watches for those who listen, within the nursery of `running`."""

    def __init__(self, daemon: Daemon, publish: Callable[[Changes], Awaitable[None]]) -> None:
        self._daemon = daemon
        self._publish = publish
        self._nursery: trio.Nursery | None = None
        self._listeners = 0
        self._watching = trio.CancelScope()
        self._connected = trio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Where watching happens."""
        async with trio.open_nursery() as self._nursery:
            yield
            self._nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Within it the daemon is watched: what happens from now on is told, or at the latest when it is back."""
        self._listeners += 1
        if self._listeners == 1:
            assert self._nursery
            self._watching, self._connected = trio.CancelScope(), trio.Event()
            self._nursery.start_soon(self._watch, self._watching, self._connected)
        try:
            with trio.move_on_after(limits.CLIENT_CONNECT_S):
                await self._connected.wait()
            self._connected.set()
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._watching.cancel()

    async def _watch(self, scope: trio.CancelScope, connected: trio.Event) -> None:
        held = _Held()
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, held)
                try:
                    await _follow(self._daemon, connected, held)
                except ToolError as error:  # for good: a daemon that has no streams
                    log.warning("news-refused", why=str(error))

    async def _tell(self, held: "_Held") -> None:
        """At once, and after a moment what has come together meanwhile."""
        while True:
            await self._publish(await held.take())
            await trio.sleep(limits.MCP_NEWS_PAUSE_S)


class _Held:
    """News that were not told yet."""

    def __init__(self) -> None:
        self._news = NONE
        self._some = trio.Event()

    def add(self, news: Changes) -> None:
        if news:
            self._news |= news
            self._some.set()

    async def take(self) -> Changes:
        await self._some.wait()
        news, self._news, self._some = self._news, NONE, trio.Event()
        return news


async def _follow(daemon: Daemon, connected: trio.Event, held: _Held) -> None:
    """Every stream after the last, for ever. `connected` is set when news can no longer be missed, or no stream is to
    be had; what may have been missed is told as a changed list. Raises: ToolError, of a daemon that will not."""
    after: str | None = None
    tried = 0
    while True:
        try:
            async with aclosing(daemon.lines(Watch(after))) as lines:
                async for told in lines:
                    if after is None and connected.is_set():
                        held.add(_LISTED_ONLY)
                    after, tried = told.get("cursor") or after, 0
                    connected.set()
                    held.add(changes(told))
        except ToolError as error:
            if error.code not in _LATER:
                raise
        except (DaemonUnavailable, WireError) as error:
            log.info("news-lost", why=error.reason)
        finally:
            connected.set()
        await trio.sleep(limits.WATCH_RETRY_S[min(tried, len(limits.WATCH_RETRY_S) - 1)])
        tried += 1
