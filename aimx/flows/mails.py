"""What an owner does with stored mail: mark and read it."""

import msgspec

from aimx import limits
from aimx.effects.api import Effects
from aimx.errors import EmailNotFound, Refused
from aimx.flows import target
from aimx.model.config import Config
from aimx.model.delivery import Folder
from aimx.policy.authorize import Action, Authorized
from aimx.wire.frames import EmailRead, MarkRead, MarkUnread, Response, Thread

_FOLDERS: dict[str, Folder] = {"inbox": "inbox", "sent": "sent"}


async def of_mailbox(fx: Effects, config: Config, frame: MarkRead | MarkUnread | EmailRead | Thread) -> Action:
    """Mail is its mailbox's owner's."""
    return await target.action(fx, config, frame.mailbox)


async def mark_read(fx: Effects, _config: Config, frame: MarkRead, authorized: Authorized) -> Response:
    """MARK-READ."""
    return await _mark(fx, frame, authorized, read=True)


async def mark_unread(fx: Effects, _config: Config, frame: MarkUnread, authorized: Authorized) -> Response:
    """MARK-UNREAD."""
    return await _mark(fx, frame, authorized, read=False)


async def _mark(fx: Effects, frame: MarkRead | MarkUnread, authorized: Authorized, read: bool) -> Response:
    email_id = _email_id(frame.id)
    box = target.box(target.mailbox(authorized, frame.mailbox))
    await target.desk(fx).mails.mark(box, email_id, read)
    return Response("ok")


async def read(fx: Effects, _config: Config, frame: EmailRead, authorized: Authorized) -> Response:
    """EMAIL-READ: a piece of the message file."""
    email_id = _email_id(frame.id)
    folder = _folder(frame.folder)
    box = target.box(target.mailbox(authorized, frame.mailbox))
    most = limits.READ_PIECE_OCTETS if frame.most is None else frame.most
    piece = await target.desk(fx).mails.read(box, folder, email_id, frame.offset or 0, most)
    told = {"mailbox": box.name, "folder": folder, "id": email_id, **msgspec.structs.asdict(piece)}
    return Response("json", body=msgspec.json.encode(told))


def _email_id(text: str) -> str:
    """Raises: EmailNotFound for what cannot be one (reference section 1.6)."""
    if not text or ".." in text or any(character in text for character in "/\\\0"):
        raise EmailNotFound(f"email id '{text}' contains invalid characters")
    return text


def _folder(text: str | None) -> Folder:
    """The one folder that is meant. Raises: Refused."""
    folder = _FOLDERS.get(text or "inbox")
    if folder is None:
        raise Refused(f"invalid Folder value: '{text}' (expected inbox or sent)")
    return folder
