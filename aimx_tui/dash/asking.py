"""What the dashboard asks for, as values of its state. Raises what the gateway raises."""

from typing import Any

from aimx import limits
from aimx.wire.frames import EmailList, EmailSearch, HookList, HookRuns, MailboxList, Status
from aimx_tui.dash import state
from aimx_tui.dash.gateway import Gateway, understood
from aimx_tui.dash.state import Asked, Mail, Mailbox

Page = tuple[tuple[Mail, ...], str | None]


async def mailboxes(gateway: Gateway) -> tuple[Mailbox, ...]:
    """The caller's, root's all, by name."""
    told = await gateway.value(MailboxList())
    with understood():
        return tuple(map(state.mailbox, told))


async def page(gateway: Gateway, asked: Asked, cursor: str | None = None) -> Page:
    """A page of mail, newest first, and the cursor of the one after it."""
    narrowed = {"mailbox": asked.mailbox, "folder": asked.folder, "unread": asked.unread}
    where: dict[str, Any] = {**narrowed, "limit": limits.TUI_PAGE, "cursor": cursor}
    request = EmailSearch(asked.query, **where) if asked.query else EmailList(**where)
    found = await gateway.value(request)
    with understood():
        return tuple(map(state.mail, found["emails"])), found["next"]


async def hooks(gateway: Gateway) -> tuple[dict[str, Any], ...]:
    """Those of the caller's mailboxes."""
    return tuple(await gateway.value(HookList()))


async def runs(gateway: Gateway) -> tuple[dict[str, Any], ...]:
    """Past and waiting, the newest first."""
    return tuple(await gateway.value(HookRuns(limit=limits.TUI_PAGE)))


async def status(gateway: Gateway) -> dict[str, Any]:
    """How the daemon is."""
    return dict(await gateway.value(Status()))
