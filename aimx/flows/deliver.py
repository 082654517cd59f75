"""Deliver one signed message to the mail servers of its recipients."""

from aimx.effects.api import Effects
from aimx.model.address import Address
from aimx.model.config import Config
from aimx.model.outbound import Parcel, RecipientOutcome


async def deliver(
    fx: Effects, _config: Config, parcel: Parcel, recipients: tuple[Address, ...]
) -> tuple[RecipientOutcome, ...]:
    """One outcome per recipient, in order."""
    drop = fx.sending.drop if fx.sending is not None else None
    if drop is None:
        return tuple(RecipientOutcome(str(rcpt), "deferred", "no mail server could be reached") for rcpt in recipients)
    await drop(parcel.octets)
    return tuple(RecipientOutcome(str(rcpt), "delivered", "dropped") for rcpt in recipients)
