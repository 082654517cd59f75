"""A submission becomes the wire message: its text, its HTML, its files, under one fresh header block (O1, O2).

Runs in a worker. Must never let a field leave that the submission did not mean, nor Bcc.
"""

from aimx import limits
from aimx.errors import BodyTooLarge
from aimx.mime import attachments, body, outbound, parse, submission
from aimx.model.outbound import Composed, ComposeOrder

_DROPPED = frozenset(("bcc", "dkim-signature", "received", "return-path", "authentication-results", "mime-version"))


def compose(order: ComposeOrder) -> Composed:
    """The wire message, its body not hashed yet. Raises: MalformedMessage, BodyTooLarge, Refused."""
    head = outbound.head_of(order.message)
    entities = parse.entities(order.message)
    selection = body.select(order.message, entities)
    text, unrendered = body.render(order.message, selection.shown)
    files = attachments.collect(order.message, selection.attached + unrendered)
    source = text.rstrip("\n") + (f"\n\n{order.signature}\n" if order.signature else "\n")
    part = submission.text_part(source)
    fields = [(name, raw) for name, raw in parse.entities(head + b"\r\n")[0].fields
              if name not in _DROPPED and not name.startswith("content-")]  # fmt: skip
    names = {name for name, _ in fields}
    lines = [name.title().encode() + b":" + raw.removesuffix(b"\r") + b"\r\n" for name, raw in fields]
    if "message-id" not in names:
        lines.append(f"Message-ID: <{order.message_id}>\r\n".encode())
    if "date" not in names:
        lines.append(f"Date: {submission.date(order.date)}\r\n".encode())
    if order.auto_submitted:
        lines.append(b"Auto-Submitted: auto-replied\r\n")
    mime_head, _, content = part.partition(b"\r\n\r\n")
    block = b"".join([*lines, b"MIME-Version: 1.0\r\n", mime_head, b"\r\n"])
    if len(block) + len(content) > limits.OUTBOUND_OCTETS:
        raise BodyTooLarge("the message is too large to be sent")
    return Composed(block, content, b"", "text", source, files)
