"""From the wish to write to the screen of a letter: which draft, what the letter begins with, and where it is kept."""

import asyncio
from typing import TYPE_CHECKING

from aimx import limits
from aimx.errors import AimxError, Failed, told
from aimx_tui.dash.compose import beginnings, drafts
from aimx_tui.dash.compose.asks import Offer
from aimx_tui.dash.compose.drafts import Drafts, Kept, Slip
from aimx_tui.dash.compose.letter import Kind, Letter
from aimx_tui.dash.compose.screen import ComposeScreen
from aimx_tui.dash.state import Mail

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard

_FRESH: dict[Kind, str] = {"new": "A new letter", "reply": "A new answer", "all": "A new answer to all",
                           "forward": "Forward it anew"}  # fmt: skip


async def begin(dashboard: "Dashboard", kind: Kind, mail: Mail | None, to: str = "") -> None:
    """In a worker. What goes wrong is said."""
    desk = Drafts(drafts.directory())
    try:
        kept = [] if to else await asyncio.to_thread(desk.all)
        offered = [one for one in kept if mail is None or one[1].letter.of == mail.key]
        chosen = await dashboard.push_screen_wait(Offer(offered, _FRESH[kind])) if offered else ""
        if chosen is None:
            return
        if chosen:
            slip, found = await asyncio.to_thread(desk.take, chosen)
            dashboard.push_screen(ComposeScreen(found, slip, resumed=True))
            return
        letter = await _letter(dashboard, kind, mail)
        letter = letter._replace(to=to) if to else letter
    except AimxError as error:
        dashboard.say(told(error), trouble=True)
        return
    dashboard.push_screen(ComposeScreen(Kept(letter, drafts.new_key()), await _slip(dashboard, desk), resumed=False))


async def _letter(dashboard: "Dashboard", kind: Kind, mail: Mail | None) -> Letter:
    boxes = dashboard.state.mailboxes
    if dashboard.state.mailboxes_loaded and not beginnings.senders(boxes):
        raise Failed("none of your mailboxes can send: a catchall only receives; + makes a mailbox")
    if mail is None or kind == "new":
        return beginnings.empty(boxes, dashboard.state.listing.asked.mailbox)
    asked = asyncio.create_task(beginnings.about(dashboard.gateway, kind, mail, boxes))
    try:
        done, _ = await asyncio.wait({asked}, timeout=limits.TUI_PATIENCE_S)
        if not done:
            dashboard.say("Reading the mail …")
        return await asked
    finally:
        asked.cancel()


async def _slip(dashboard: "Dashboard", desk: Drafts) -> Slip | None:
    try:
        return await asyncio.to_thread(desk.begin)
    except Failed as error:
        dashboard.say(f"{told(error)}; what you write is lost when the program ends", trouble=True)
        return None
