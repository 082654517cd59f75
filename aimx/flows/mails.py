"""What an owner does with stored mail: find, read and mark it."""

import msgspec

from aimx import limits
from aimx.effects.api import Effects
from aimx.errors import EmailNotFound, Refused
from aimx.flows import target
from aimx.mime import dates
from aimx.model.config import Config
from aimx.model.delivery import Folder
from aimx.model.query import Box, FileOf, Page, Row
from aimx.policy import search as language
from aimx.policy.authorize import Action, Anyone, Authorized
from aimx.policy.search import Filter
from aimx.store import layout
from aimx.wire.frames import (
    AttachmentRead,
    EmailList,
    EmailRead,
    EmailSearch,
    MarkRead,
    MarkUnread,
    Response,
    Thread,
)

_FOLDERS: dict[str, Folder] = {"inbox": "inbox", "sent": "sent"}
OfMailbox = MarkRead | MarkUnread | EmailRead | AttachmentRead | Thread


async def of_mailbox(fx: Effects, config: Config, frame: OfMailbox) -> Action:
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
    return _json(told)


async def attachment(fx: Effects, _config: Config, frame: AttachmentRead, authorized: Authorized) -> Response:
    """ATTACHMENT-READ: a piece of a file that lies beside the message, as it is, in base64."""
    email_id = _email_id(frame.id)
    folder = _folder(frame.folder)
    box = target.box(target.mailbox(authorized, frame.mailbox))
    most = limits.READ_PIECE_OCTETS if frame.most is None else frame.most
    file = FileOf(folder, email_id, frame.name)
    chunk = await target.desk(fx).mails.attachment(box, file, frame.offset or 0, most)
    told = {"mailbox": box.name, "folder": folder, "id": email_id, "name": frame.name}
    return _json({**told, **msgspec.structs.asdict(chunk)})


async def of_mailboxes(fx: Effects, config: Config, frame: EmailList | EmailSearch) -> Action:
    """The mailbox that is named, or everybody's own."""
    return Anyone() if frame.mailbox is None else await target.action(fx, config, frame.mailbox)


async def list_(fx: Effects, config: Config, frame: EmailList, authorized: Authorized) -> Response:
    """EMAIL-LIST: a page of mail, newest first."""
    return await _find(fx, config, frame, "", authorized)


async def search(fx: Effects, config: Config, frame: EmailSearch, authorized: Authorized) -> Response:
    """EMAIL-SEARCH: the same, narrowed by words."""
    return await _find(fx, config, frame, frame.query, authorized)


async def _find(
    fx: Effects, config: Config, frame: EmailList | EmailSearch, words: str, authorized: Authorized
) -> Response:
    wanted = Filter(
        frame.folder, frame.unread, frame.has_attachment, frame.from_, frame.to, frame.subject, frame.since,
        frame.before, frame.thread, frame.text,
    )  # fmt: skip
    query = language.query(wanted, words, fx.now())
    limit = limits.LIST_ROWS if frame.limit is None else min(frame.limit, limits.LIST_ROWS_MAX)
    page = Page(limit, frame.offset or 0, frame.cursor or "")
    boxes = await _boxes(fx, config, frame.mailbox, authorized)
    found = await target.desk(fx).mails.find(boxes, query, page)
    return _json({"emails": [_shown(row) for row in found.rows], "next": found.next or None})


async def _boxes(fx: Effects, config: Config, name: str | None, authorized: Authorized) -> tuple[Box, ...]:
    if name is not None:
        return (target.box(target.mailbox(authorized, name)),)
    return tuple(target.box(mailbox) for mailbox in await target.visible(fx, config, authorized.caller))


async def thread(fx: Effects, _config: Config, frame: Thread, authorized: Authorized) -> Response:
    """THREAD: the conversation of a message, both folders of its mailbox, oldest first (U9)."""
    email_id = _email_id(frame.id)
    folder = _folder(frame.folder)
    box = target.box(target.mailbox(authorized, frame.mailbox))
    mails = target.desk(fx).mails
    rows = await mails.conversation((box,), await mails.row(box, folder, email_id))
    return _json({"emails": [_shown(row) for row in rows]})


def _shown(row: Row) -> dict[str, object]:
    """A message as lists tell it; only the inbox has read and unread mail, only sent mail an outcome (guide)."""
    sent = row.folder == "sent"
    return {
        "mailbox": row.mailbox, "folder": row.folder, "id": row.id, "from": row.from_, "to": row.to,
        "subject": row.subject, "date": row.date,
        "delivery_status" if sent else "read": row.status if sent else row.read,
        "received_at": dates.utc(row.received_at), "path": row.path, "bundle": row.bundle,
        "attachments": row.attachments, "size": row.size, "readable": row.readable, "message_id": row.message_id,
        "in_reply_to": row.in_reply_to, "thread_id": row.thread_id, "trusted": row.trusted, "dkim": row.dkim,
        "spf": row.spf, "dmarc": row.dmarc, "automated": row.automated == "true",
    }  # fmt: skip


def _json(value: object) -> Response:
    return Response("json", body=msgspec.json.encode(value))


def _email_id(text: str) -> str:
    """Raises: EmailNotFound for what cannot be one (reference section 1.6)."""
    if not layout.is_email_id(text):
        raise EmailNotFound(f"email id '{text}' contains invalid characters")
    return text


def _folder(text: str | None) -> Folder:
    """The one folder that is meant. Raises: Refused."""
    folder = _FOLDERS.get(text or "inbox")
    if folder is None:
        raise Refused(f"invalid Folder value: '{text}' (expected inbox or sent)")
    return folder
