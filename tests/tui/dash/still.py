"""A daemon that stands still for a picture: what differs from run to run is told as if it were the same."""

import asyncio
import json

from aimx.errors import AimxError, DaemonAbsent
from aimx.wire.frames import MarkRead, Status
from aimx_tui.dash.gateway import Gateway
from tests.harness import owner

_STILL = {
    "version": {"tag": "1.2.3", "git_hash": "abcdef0", "target": "x86_64", "build_date": "2026-11-18"}, "pid": 4711,
    "started_at": "2026-11-18T09:00:00Z", "uptime_s": 7200, "privileged": True, "index_healthy": True,
}  # fmt: skip


class Still(Gateway):
    """Paths lie below /srv, mailboxes belong to agent, and no mail becomes read for the next picture.

    Once the daemon is gone nobody tries again.
    """

    def __init__(self, daemon):
        super().__init__(daemon.socket)
        self._tree = str(daemon.tree)
        self._lost = False

    async def value(self, request, *more):
        """As told, but for what never is the same."""
        if isinstance(request, MarkRead):
            return None
        told = await super().value(request, *more)
        text = json.dumps(told).replace(self._tree, "/srv").replace(f'"owner": "{owner()}"', '"owner": "agent"')
        told = json.loads(text)
        return {**told, **_STILL} if isinstance(request, Status) else told

    async def lines(self, request):
        """As told; the loss of it once, in the same words."""
        if self._lost:
            await asyncio.Event().wait()
        try:
            async for line in super().lines(request):
                yield line
        except AimxError:
            pass
        self._lost = True
        raise DaemonAbsent("no aimx daemon answers on /run/aimx/aimx.sock")
