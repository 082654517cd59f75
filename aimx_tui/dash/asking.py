"""What the dashboard asks for, as values of its state. Raises what the gateway raises."""

from contextlib import suppress
from typing import Any

from aimx import limits
from aimx.errors import DaemonRefused
from aimx.wire.frames import EmailList, EmailSearch, HookList, HookRuns, MailboxList, MailboxShow, Status, Thread
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
    if asked.about is not None and asked.mailbox is not None:
        return await _conversation(gateway, asked, Thread(asked.mailbox, asked.about[1], asked.about[0])), None
    narrowed = {"mailbox": asked.mailbox, "folder": asked.folder, "unread": asked.unread}
    where: dict[str, Any] = {**narrowed, "limit": limits.TUI_PAGE, "cursor": cursor}
    request = EmailSearch(asked.query, **where) if asked.query else EmailList(**where)
    found = await gateway.value(request)
    with understood():
        return tuple(map(state.mail, found["emails"])), found["next"]


async def _conversation(gateway: Gateway, asked: Asked, request: Thread) -> tuple[Mail, ...]:
    """As the reader joins it: by Message-IDs, which a field of the mails cannot tell."""
    found = await gateway.value(request)
    with understood():
        rows = map(state.mail, reversed(found["emails"]))
        return tuple(row for row in rows if asked.unread is None or asked.unread is not row.read)


async def hooks(gateway: Gateway) -> tuple[dict[str, Any], ...]:
    """Those of the caller's mailboxes, with what only MAILBOX-SHOW tells: `skip_automated` and `origin`.

    A mailbox that went meanwhile is left out of that, and so are all after the first TUI_HOOK_MAILBOXES.
    """
    found = await gateway.value(HookList())
    more: dict[str, dict[str, Any]] = {}
    for name in list(dict.fromkeys(hook["mailbox"] for hook in found))[: limits.TUI_HOOK_MAILBOXES]:
        with suppress(DaemonRefused):
            shown = await gateway.value(MailboxShow(name))
            more |= {hook["name"]: hook for told in shown["hooks"].values() for hook in told}
    return tuple({**more.get(hook["name"], {}), **hook} for hook in found)


async def runs(gateway: Gateway, hook: str | None = None) -> tuple[dict[str, Any], ...]:
    """Past and waiting, the newest first; of one hook, or of all."""
    return tuple(await gateway.value(HookRuns(hook=hook, limit=limits.TUI_PAGE)))


async def status(gateway: Gateway) -> dict[str, Any]:
    """How the daemon is."""
    return dict(await gateway.value(Status()))
