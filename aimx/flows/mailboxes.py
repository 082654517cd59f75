"""Mailboxes: list, show, create, delete."""

import msgspec

from aimx.effects.api import Effects
from aimx.flows import target
from aimx.model.config import Config
from aimx.policy.authorize import Authorized
from aimx.store import layout
from aimx.wire.frames import MailboxList, Response


class Listed(msgspec.Struct, frozen=True):
    """One row of MAILBOX-LIST (reference section 1.3)."""

    name: str
    address: str | None
    inbox_path: str
    sent_path: str
    total: int
    unread: int
    sent_count: int
    registered: bool


async def list_(fx: Effects, config: Config, _frame: MailboxList, authorized: Authorized) -> Response:
    """MAILBOX-LIST."""
    mailboxes = await target.visible(fx, config, authorized.caller)
    counts = await target.desk(fx).mails.counts(tuple(target.box(mailbox) for mailbox in mailboxes))
    rows = []
    for mailbox in mailboxes:
        count = counts[mailbox.name]
        inbox, sent = (layout.mailbox_path(config.data_dir, folder, mailbox.name) for folder in ("inbox", "sent"))
        rows.append(
            Listed(mailbox.name, mailbox.address, inbox, sent, count.inbox, count.unread, count.sent, registered=True)
        )
    return Response("json", body=msgspec.json.encode(rows))
