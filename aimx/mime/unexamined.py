"""What is stored when the analysis of a message was lost: the raw text, nothing believed."""

import hashlib

from aimx.mime import clean, dates
from aimx.model.authres import NOTHING_VERIFIED
from aimx.model.message import Examined, Headers


def unexamined(octets: bytes, received_at: float, bounce: bool = False) -> Examined:
    """The message without any parsing: no sender, no subject, the octets as text, `examined` False.

    `bounce`: it came with the null reverse-path, and is automatic whatever its fields say (U5).
    """
    headers = Headers(
        from_="",
        to="",
        cc="",
        reply_to="",
        subject="(no subject)",
        date=dates.utc(received_at),
        message_id="",
        in_reply_to="",
        references="",
        list_id="",
        auto_submitted="",
        thread_id=hashlib.sha256(b"").hexdigest()[:16],
        author=None,
        from_problem="unexamined",
        automated=bounce,
    )
    return Examined(
        headers, clean.body(octets.decode("utf-8", "replace")), (), NOTHING_VERIFIED, len(octets), examined=False
    )
