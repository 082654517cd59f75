"""Deliver one signed message to the mail servers of its recipients: domains side by side, one connection for each."""

import trio

from aimx import limits
from aimx.effects.api import Effects
from aimx.errors import DeliveryDeferred, Failed
from aimx.flows.courier import Courier, Load
from aimx.model.address import Address
from aimx.model.config import Config
from aimx.model.domain import a_label
from aimx.model.outbound import Parcel, RecipientOutcome
from aimx.smtp import address
from aimx.smtp.client import Letter


async def deliver(
    fx: Effects, config: Config, parcel: Parcel, recipients: tuple[Address, ...]
) -> tuple[RecipientOutcome, ...]:
    """One outcome per recipient, in order. Takes at most MX_TOTAL_S and then MX_FINAL_S.

    Cancellation: every connection is closed; what a server has not yet answered for is not known.
    Raises: Failed for a reverse-path that cannot be written.
    """
    if fx.sending is None:
        raise Failed("this process sends no mail")
    if fx.sending.drop is not None:
        try:
            await fx.sending.drop(parcel.octets)
        except DeliveryDeferred as error:
            return tuple(RecipientOutcome(str(rcpt), "deferred", error.reason) for rcpt in recipients)
        return tuple(RecipientOutcome(str(rcpt), "delivered", "dropped") for rcpt in recipients)
    outcomes: dict[int, RecipientOutcome] = {}
    loads = _loads(config, parcel, recipients, outcomes)
    if len(loads) == 1:
        await _bring(fx, config, loads[0], outcomes)
    else:
        await _bring_all(fx, config, loads, outcomes)
    return tuple(
        RecipientOutcome(str(rcpt), outcomes[index].result, outcomes[index].reply, outcomes[index].host)
        for index, rcpt in enumerate(recipients)
    )


Addressed = tuple[Load, tuple[int, ...]]


def _loads(
    config: Config, parcel: Parcel, recipients: tuple[Address, ...], outcomes: dict[int, RecipientOutcome]
) -> list[Addressed]:
    """Recipients by domain; those that cannot be written in SMTP have failed."""
    letter = _letter(config, parcel)
    domains: dict[str, list[tuple[int, str]]] = {}
    for index, rcpt in enumerate(recipients):
        domain = a_label(rcpt.domain)
        path = address.path(rcpt, domain) if domain is not None else None
        if domain is None or path is None:
            outcomes[index] = RecipientOutcome(str(rcpt), "failed", "5.1.3 this is not an address that mail can go to")
        else:
            domains.setdefault(domain, []).append((index, path))
    until, own = trio.current_time() + limits.MX_TOTAL_S, a_label(config.domain)
    return [
        (
            Load(letter, parcel.octets, domain, tuple(path for _, path in rcpts), domain == own, until, parcel.uid),
            tuple(index for index, _ in rcpts),
        )
        for domain, rcpts in domains.items()
    ]


def _letter(config: Config, parcel: Parcel) -> Letter:
    local_part, _, domain = parcel.reverse_path.rpartition("@")
    reverse_path = address.path(Address(local_part, domain), a_label(domain) or "") if parcel.reverse_path else ""
    if reverse_path is None:
        raise Failed("the sender's address cannot be written in SMTP")
    head = parcel.octets[: parcel.octets.find(b"\r\n\r\n") + 1]
    return Letter(
        hello=a_label(config.domain) or config.domain,
        reverse_path=reverse_path,
        size_octets=len(parcel.octets),
        smtputf8=parcel.smtputf8 or not (head.isascii() and reverse_path.isascii()),
        eight_bit=parcel.eight_bit or not parcel.octets.isascii(),
    )


async def _bring(fx: Effects, config: Config, addressed: Addressed, outcomes: dict[int, RecipientOutcome]) -> None:
    load, indexes = addressed
    outcomes.update(zip(indexes, await Courier(fx, config, load).run(), strict=True))


async def _bring_all(
    fx: Effects, config: Config, loads: list[Addressed], outcomes: dict[int, RecipientOutcome]
) -> None:
    """Each domain has its own task; a slow one holds no other up, unless there are very many of them."""
    at_once = trio.CapacityLimiter(limits.MX_DOMAINS)

    async def bring(addressed: Addressed) -> None:
        async with at_once:
            await _bring(fx, config, addressed, outcomes)

    async with trio.open_nursery() as nursery:
        for addressed in loads:
            nursery.start_soon(bring, addressed)
