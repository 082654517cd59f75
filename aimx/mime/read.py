"""A raw message to an Examined value (without authentication). Total: no octets make it raise."""

import hashlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aimx.mime import clean
from aimx.model.authres import NOTHING_VERIFIED
from aimx.model.envelope import Envelope
from aimx.model.message import Examined, Headers


def read_message(octets: bytes, envelope: Envelope) -> Examined:
    """Parse one message."""
    head, _, body = octets.partition(b"\r\n\r\n")
    fields: dict[str, str] = {}
    for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
        name, colon, text = line.partition(b":")
        if colon:
            fields[name.decode("latin-1").strip().lower()] = clean.one_line(text.decode("utf-8", "replace"))
    sender = fields.get("from", "")
    author = sender.rpartition("<")[2].rstrip(">").strip() or None
    message_id = fields.get("message-id", "").strip("<>")
    headers = Headers(
        from_=sender,
        to=fields.get("to", ""),
        cc=fields.get("cc", ""),
        reply_to=fields.get("reply-to", ""),
        subject=fields.get("subject", "") or "(no subject)",
        date=_date(fields.get("date", ""), envelope.received_at),
        message_id=message_id,
        in_reply_to="",
        references="",
        list_id="",
        auto_submitted="",
        thread_id=hashlib.sha256(message_id.encode()).hexdigest()[:16],
        author=author,
        from_problem="" if author else "no-from",
        automated=envelope.reverse_path == "",
    )
    return Examined(headers, body.decode("utf-8", "replace"), (), NOTHING_VERIFIED, len(octets))


def _date(text: str, received_at: float) -> str:
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError):
        return datetime.fromtimestamp(received_at, UTC).isoformat()
