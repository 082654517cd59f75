"""A message that never was, for trying out a hook: its document and the variables that a hook gets of it."""

from aimx.mime import dates, frontmatter
from aimx.model.config import Hook, Mailbox

ID = "sample"
PATH = "/dev/stdin"  # there is no file; what opens the path gets what stands on standard input
_STRANGER = "AIMX sample <sample@example.invalid>"  # RFC 2606 section 2: nothing that answers it ever leaves
_SUBJECT = "Sample message of aimx hooks test"
_MESSAGE_ID = "sample@example.invalid"
_BODY = "This message was made for trying out a hook. Nobody sent it.\n"


def document(mailbox: Mailbox, hook: Hook, at: float) -> bytes:
    """What the hook reads on standard input."""
    received = hook.event == "on_receive"
    from_, to = _ends(mailbox, hook)
    fields: list[tuple[str, frontmatter.Value]] = [
        ("id", ID), ("message_id", _MESSAGE_ID), ("thread_id", ""), ("from", from_), ("to", to), ("delivered_to", to),
        ("subject", _SUBJECT), ("date", dates.utc(at)),
    ]  # fmt: skip
    fields += [("received_at", dates.utc(at))] if received else []
    fields += [("dkim", "none"), ("spf", "none"), ("dmarc", "none"), ("trusted", "none"), ("mailbox", mailbox.name)]
    fields += [("read", False)]
    fields += [] if received else [("outbound", True), ("outbound_format", "text"), ("delivery_status", "delivered")]
    return frontmatter.write(fields, [], _BODY)


def environment(mailbox: Mailbox, hook: Hook, at: float) -> dict[str, str]:
    """The variables whose values come from a mail."""
    from_, to = _ends(mailbox, hook)
    values = {"AIMX_FROM": from_, "AIMX_TO": to, "AIMX_SUBJECT": _SUBJECT, "AIMX_MESSAGE_ID": _MESSAGE_ID}
    values["AIMX_DATE"] = dates.utc(at)
    return values if hook.event == "on_receive" else {**values, "AIMX_SEND_STATUS": "delivered"}


def _ends(mailbox: Mailbox, hook: Hook) -> tuple[str, str]:
    return (_STRANGER, mailbox.address) if hook.event == "on_receive" else (mailbox.address, _STRANGER)
