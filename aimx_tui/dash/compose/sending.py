"""A letter on its way. It goes on when its screen is left; what became of it is told there, or else as a notice.

Handed over under a key that is on disk before, so that a lost answer never becomes a second letter.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aimx import limits
from aimx.drafting import attachments, submit
from aimx.errors import AimxError, DaemonSilent, Failed, WireError, told
from aimx.model.draft import DraftFile
from aimx.wire.frames import Send
from aimx_tui.dash.compose import drafts, outcome, taken
from aimx_tui.dash.compose import letter as letters
from aimx_tui.dash.compose.drafts import Kept, Slip
from aimx_tui.dash.compose.letter import Letter
from aimx_tui.dash.compose.outcome import Outcome

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard

Settled = Callable[[Outcome, Kept], bool]


async def send(dashboard: "Dashboard", slip: Slip | None, kept: Kept, settled: Settled) -> None:
    """Hand it over and tell. `settled` is told what became of it; False: its screen is gone.

    A letter that was delivered leaves no draft; of any other the draft says what is known.
    """
    found, kept = await _attempt(dashboard, slip, kept)
    if found.state == "delivered":
        if slip is not None:
            slip.remove()
        dashboard.say(f"Delivered: {_short(kept.letter)} → {', '.join(row.rcpt for row in found.rows)}")
        settled(found, kept)
        return
    if found.state in outcome.SETTLED:
        kept = kept._replace(key=drafts.new_key(), tried_at=None)
    await _save(dashboard, slip, kept)
    if settled(found, kept):
        return
    if slip is not None:
        slip.release()
    told_lines = "\n".join(outcome.lines(found)[:-1])
    dashboard.say(f"{told_lines}\n{_short(kept.letter)}: c offers the draft.", trouble=True)


async def _attempt(dashboard: "Dashboard", slip: Slip | None, kept: Kept) -> tuple[Outcome, Kept]:
    gateway, before = dashboard.gateway, kept.tried_at
    try:
        files = await taken.files(gateway, kept.letter.taken)
        request = await asyncio.to_thread(_request, kept, files)
        recipients = letters.recipients(kept.letter)
        kept = kept._replace(tried_at=before or time.time())
        await _save(dashboard, slip, kept)
    except AimxError as error:
        return Outcome("refused", text=told(error)), kept._replace(tried_at=before)
    try:
        response = await gateway.ask(request, limits.CLIENT_REPLY_S)
    except (DaemonSilent, WireError) as error:
        return Outcome("lost", text=told(error)), kept
    except AimxError as error:
        return Outcome("refused", text=f"{told(error)}; the draft is kept"), kept._replace(tried_at=before)
    found = outcome.of(response, recipients)
    if found.state in ("refused", "deferred"):  # it left nothing behind, and uses no key up
        kept = kept._replace(tried_at=before if found.state == "refused" else None)
    return found, kept


def _request(kept: Kept, files: tuple[DraftFile, ...]) -> Send:
    """Blocking. Raises: Refused."""
    own = attachments.collect(list(kept.letter.files))
    return submit.request(letters.draft(kept.letter, (*files, *own)), False, None, "", key=kept.key)


async def _save(dashboard: "Dashboard", slip: Slip | None, kept: Kept) -> None:
    if slip is None:
        return
    try:
        await asyncio.to_thread(slip.save, kept, slip.ticket())
    except Failed as error:
        dashboard.say(told(error), trouble=True)


def _short(letter: Letter) -> str:
    return letter.subject.strip() or "(no subject)"
