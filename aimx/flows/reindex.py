"""REINDEX: build the index anew from the mail itself, of everything or of one mailbox, told as it goes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from aimx.effects.api import Effects, Mails
from aimx.errors import MailboxNotFound
from aimx.flows import target
from aimx.flows.answer import Answer
from aimx.model.config import Config
from aimx.model.query import Box
from aimx.policy.authorize import Authorized
from aimx.wire.frames import Reindex, Response


async def reindex(fx: Effects, config: Config, frame: Reindex, _authorized: Authorized) -> Answer:
    """A stream of progress, a line of JSON each; its end means that all is done.

    Commits: mailbox by mailbox, each when it is complete. Cancellation: those that were complete stay.
    Raises: MailboxNotFound.
    """
    if frame.mailbox is not None and frame.mailbox not in config.mailboxes:
        raise MailboxNotFound(f"mailbox-not-found: {frame.mailbox}")
    names = sorted(config.mailboxes) if frame.mailbox is None else [frame.mailbox]
    boxes = tuple(target.box(config.mailboxes[name]) for name in names)
    return Answer(Response("stream"), lines=_lines(target.desk(fx).mails, boxes, frame.mailbox is None))


async def _lines(mails: Mails, boxes: tuple[Box, ...], whole: bool) -> AsyncGenerator[bytes, None]:
    async with aclosing(mails.reindex(boxes, whole)) as steps:
        async for progress in steps:
            if progress.mailbox:
                yield msgspec.json.encode(progress) + b"\n"
