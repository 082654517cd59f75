"""Send a message once, however often it is submitted under the same key.

The key and what became of the message are in one transaction with its record, so that a crash can make an outcome
unknown and never a second delivery.
"""

import hashlib
from collections.abc import Awaitable, Callable

from aimx import limits
from aimx.effects.api import Effects
from aimx.errors import Failed, Refused
from aimx.flows.answer import Answer
from aimx.mime import block
from aimx.model.outbound import Claim
from aimx.store import claims
from aimx.wire.frames import Response, Send

_ANEW = ("date", "message-id")  # whoever sends the same again writes them anew


def digest(frame: Send) -> bytes:
    """What makes two submissions the same message. Raises: MalformedMessage, Refused."""
    key = frame.idempotency_key or ""
    if len(key) > limits.CLAIM_KEY_CHARACTERS:
        raise Refused(f"Idempotency-Key has more than {limits.CLAIM_KEY_CHARACTERS} characters")
    head = block.split(frame.message)
    said = hashlib.sha256()
    for field in head.fields:
        if field.key not in _ANEW:
            said.update(b"%s:%d:%s" % (field.key.encode(), len(field.value), field.value))
    html = b"-" if frame.html is None else b"%d:%s" % (len(frame.html), frame.html)
    said.update(b"\n%d:%s%s" % (frame.text_only, html, memoryview(frame.message)[head.body :]))
    return said.digest()


def message_id(key: str, content: bytes, domain: str) -> str:
    """The Message-ID of a message under a key, without brackets: the same for the same (RFC 9562 section 5.8)."""
    octets = bytearray(hashlib.sha256(key.encode() + b"\n" + content).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x80
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return f"{'-'.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))}@{domain}"


async def once(fx: Effects, claim: Claim, first: Callable[[], Awaitable[Answer]]) -> Answer:
    """Carry out `first`, or answer as it was answered. Who comes while it is under way waits for it.

    Commits, Cancellation: as `first`.
    Raises: KeyConflict, DeliveryUnknown, ResourcesExhausted, StorageFailed; what `first` raises.
    """
    if fx.sending is None:
        raise Failed("this process sends no mail")
    turns, key = fx.sending.turns, (claim.uid, claim.key)
    if turns.about(key) not in (None, claim.digest):
        raise claims.conflict(claim)
    async with turns.one(key, claim.digest):
        told = await fx.store.claimed(claim, fx.now())
        if told is None:
            return await first()
    if told.code:
        return Answer(Response("error", code=told.code, reason=told.text))
    return Answer(Response("ok", note=told.text))
