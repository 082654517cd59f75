"""The header block that leaves: every field written anew from what it was read as (O2).

Must never copy a field that was parsed: who reads what leaves reads what was authorized.
"""

from aimx import limits
from aimx.mime import write
from aimx.mime.outbound import Leaving, Read
from aimx.model.outbound import ComposeOrder

_NAMES = {"from": "From", "to": "To", "cc": "Cc", "reply-to": "Reply-To", "subject": "Subject", "date": "Date",
          "message-id": "Message-ID", "in-reply-to": "In-Reply-To", "references": "References"}  # fmt: skip


def head(found: Read, order: ComposeOrder) -> bytes:
    """The fields in the submitted order, then those that were missing; without those of the body.

    Raises: Refused.
    """
    kept = [field for field in found.kept if field.key != "auto-submitted" or not order.auto_submitted]
    lines = [write.field(_NAMES.get(field.key, field.name), _value(field, found)) for field in kept]
    if not found.ids["message-id"]:
        lines.append(write.field("Message-ID", write.msg_ids("Message-ID", [order.message_id])))
    if found.date is None:
        lines.append(write.field("Date", write.date(order.date)))
    if order.auto_submitted:
        lines.append(write.field("Auto-Submitted", "auto-replied"))  # RFC 3834 section 5
    lines.append(write.field("MIME-Version", "1.0"))
    return b"".join(lines)


def _value(field: Leaving, found: Read) -> str:
    key = field.key
    label = _NAMES.get(key, field.name)
    if key in found.addresses:
        return write.addresses(label, found.addresses[key])
    if key in found.ids:
        return write.msg_ids(label, found.ids[key])
    if key == "date" and found.date is not None:
        return write.date_of(found.date)
    if key != "subject" and field.raw.isascii() and len(field.raw) <= limits.LINE_OCTETS // 2:
        return write.folded(label, field.raw)  # it may have a structure of its own, encoded words included
    return write.unstructured(label, field.text)
