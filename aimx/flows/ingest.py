"""Manual ingestion: the receive flow for a message that somebody hands us (`aimx ingest`, verb INGEST)."""

import hashlib
import re

import msgspec

from aimx.effects.api import Effects
from aimx.effects.payload import Payload
from aimx.flows import receive
from aimx.model.config import Config
from aimx.model.delivery import Outcome, Placed
from aimx.model.envelope import Envelope, ForwardPath
from aimx.policy import route
from aimx.policy.authorize import Authorized
from aimx.wire.frames import Ingest, Response

_BARE_LF = re.compile(rb"(?<!\r)\n")


class Ingested(msgspec.Struct, frozen=True):
    """What became of the message. `id` and `path` are empty while the copy waits in the spool."""

    mailbox: str
    id: str = ""
    path: str = ""
    spooled: str = ""


async def ingest(fx: Effects, config: Config, rcpt: str, octets: bytes) -> Ingested:
    """Store one message for `rcpt`, never de-duplicated; its hooks are queued.

    A file saved on this system has LF line ends: each becomes the CRLF that the message had on the wire.

    Raises: RelayDenied, UnknownRecipient, StorageFailed.
    """
    mailbox = route.by_hand(config, rcpt)
    octets = _BARE_LF.sub(b"\r\n", octets)
    payload = Payload(octets, None, len(octets), hashlib.sha256(octets).digest())
    envelope = Envelope("", (ForwardPath(rcpt, mailbox.name),), None, "", fx.now())
    (outcome,) = await receive.accept(fx, config, envelope, payload, deduplicate=False)
    return _ingested(outcome)


def _ingested(outcome: Outcome) -> Ingested:
    if isinstance(outcome, Placed):
        return Ingested(outcome.mailbox, outcome.id, outcome.path)
    return Ingested(outcome.mailbox, spooled=getattr(outcome, "reason", "duplicate"))


async def by_request(fx: Effects, config: Config, frame: Ingest, _authorized: Authorized) -> Response:
    """INGEST."""
    return Response("json", body=msgspec.json.encode(await ingest(fx, config, frame.rcpt, frame.body)))
