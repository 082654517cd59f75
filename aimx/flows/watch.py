"""WATCH: events as they happen, those of the caller's mailboxes, root's of all."""

from aimx.effects.api import Effects, Watching
from aimx.errors import Failed
from aimx.flows import target
from aimx.flows.answer import Answer
from aimx.model.config import Config
from aimx.policy.authorize import Action, Anyone, Authorized
from aimx.wire.frames import Response, Watch


async def action(fx: Effects, config: Config, frame: Watch) -> Action:
    """Anybody may watch; one mailbox only its owner."""
    return Anyone() if frame.mailbox is None else await target.action(fx, config, frame.mailbox)


async def watch(fx: Effects, _config: Config, frame: Watch, authorized: Authorized) -> Answer:
    """A stream of lines, from the event after the cursor.

    Raises: MailboxNotFound, ResourcesExhausted, StorageFailed.
    """
    name = None if frame.mailbox is None else target.mailbox(authorized, frame.mailbox).name
    lines = await watching(fx).open(authorized.caller, frame.after, name)
    return Answer(Response("stream"), lines=lines)


def watching(fx: Effects) -> Watching:
    """The event log as it is watched. Raises: Failed."""
    if fx.desk is None or fx.desk.watching is None:
        raise Failed("only a daemon can be watched")
    return fx.desk.watching
