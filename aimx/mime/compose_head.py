"""The header block that leaves: every field written anew from what it was read as (O2).

Must never copy a field that was parsed: who reads what leaves reads what was authorized.
"""

import re

from aimx import limits
from aimx.errors import Refused
from aimx.mime import outbound, write
from aimx.mime.outbound import Leaving, Read
from aimx.model.outbound import ComposeOrder

_NAMES = {"from": "From", "to": "To", "cc": "Cc", "reply-to": "Reply-To", "subject": "Subject", "date": "Date",
          "message-id": "Message-ID", "in-reply-to": "In-Reply-To", "references": "References"}  # fmt: skip
_BODY = re.compile(
    rb"Content-Type: (?:text/plain; charset=utf-8\r\nContent-Transfer-Encoding: (?:7bit|quoted-printable|base64)"
    rb'|multipart/(?:alternative|mixed); boundary="aimx-[0-9a-f]{32}-[0-9]{1,9}")\r\n'
)


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


def is_head_of(order: ComposeOrder, block: bytes) -> bool:
    """Whether a block is octet for octet the one that this order leads to.

    For the front, which signs what a worker wrote: a comment, a spelling or an order of fields of its own choice would
    be room for what was not submitted, the Bcc included.
    """
    try:
        expected = head(outbound.read_block(order.message), order)
    except Refused:
        return False
    return block.startswith(expected) and _BODY.fullmatch(block, len(expected)) is not None


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
