"""Whether a daemon is there, of one version, on its socket and at its port; and still is a moment later."""

from pathlib import Path
from typing import NamedTuple

import trio

from aimx import limits
from aimx.errors import Failed
from aimx.provision import probe
from aimx.provision.service.api import Service


class Health(NamedTuple):
    """Where the daemon of a service is looked for."""

    service: Service
    socket: Path
    smtp: tuple[str, int]
    limit_s: float

    async def wait(self, tag: str) -> None:
        """Until it is well. `tag`: that it has to have; empty: any.

        Raises: Failed, with the end of its log: it failed, is of another version, or does not come in time.
        """
        missing = "it did not start"
        with trio.move_on_after(self.limit_s):
            while True:
                pid, missing, final = await self._look(tag)
                if not missing:
                    await trio.sleep(limits.UPGRADE_SETTLE_S)
                    again, missing, final = await self._look(tag)
                    if not missing and again == pid:
                        return
                if final:
                    break
                await trio.sleep(limits.SERVICE_LOOK_S)
        words = await self.service.last_words()
        raise Failed("\n".join((missing or "it is another process all the time", *(f"  {line}" for line in words))))

    async def _look(self, tag: str) -> tuple[int | None, str, bool]:
        """The daemon's process, what is missing, and whether it will never come; nothing: it is well."""
        life = await self.service.life()
        if life.failed:
            return None, f"it failed ({life.why})", True
        if not life.active:
            return None, "it is not running", False
        found = await trio.to_thread.run_sync(probe.daemon, self.socket, limiter=_thread)
        if found.state != "running":
            return None, f"it does not answer on {self.socket}", False
        if not found.tag:
            return found.pid, f"it has not said its version on {self.socket} in time", False
        # One that is late with VERSION, on a busy machine, has said it in STATUS.
        version = found.tag or (found.status.version.get("tag", "") if found.status is not None else "")
        if tag and version != tag:
            said = f"is {version}, process {found.pid}" if version else "does not say its version in time"
            return found.pid, f"what answers on {self.socket} {said}", bool(version)
        listener, _ = await trio.to_thread.run_sync(probe.smtp, self.smtp, limiter=_thread)
        greets = listener.state == "ours"
        return found.pid, "" if greets else f"it does not greet at {probe.shown(self.smtp)}", False


_thread = trio.CapacityLimiter(1)
