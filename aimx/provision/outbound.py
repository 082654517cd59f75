"""Whether mail can leave: greeting and EHLO with the verifier's own port 25. Sends no mail."""

from collections.abc import Sequence
from typing import NamedTuple

import trio

from aimx import limits
from aimx.flows.greeting import greet
from aimx.provision import reaching
from aimx.provision.reaching import Cause, Unreached

_NAME = "aimx"


class Outbound(NamedTuple):
    """`cause` and `why` are empty when it is ok. `family`: by which address family it was ok.

    `itself`: the address is one of this machine, so that nothing went anywhere.
    """

    ok: bool
    cause: Cause | None = None
    why: str = ""
    family: reaching.Family = 4
    itself: bool = False


async def check(host: str, port: int) -> Outbound:
    """IPv4 decides, as mail goes over it; IPv6 does where one side has no other. Never raises for what the net does."""
    try:
        addresses = await reaching.look_up(host)
    except Unreached as error:
        return Outbound(False, error.cause, error.why)
    found = await _family(addresses.ipv4, port)
    if found is None or found.cause == "no-route":
        other = await _family(addresses.ipv6, port)
        if other is not None and (other.ok or found is None):
            return other._replace(family=6)
    return found or Outbound(False, "name", f"the name {host} has no address")


async def _family(addresses: Sequence[str], port: int) -> Outbound | None:
    """The first address that answers as it should, else what the first one says; None without addresses."""
    found: dict[str, Outbound] = {}
    with trio.move_on_after(limits.PORT_OUTBOUND_S):
        async with trio.open_nursery() as nursery:

            async def one(address: str) -> None:
                found[address] = await _try(address, port)
                if found[address].ok:
                    nursery.cancel_scope.cancel()

            for address in addresses:
                nursery.start_soon(one, address)
    if addresses and not found:
        return Outbound(False, "timeout", f"no answer within {limits.PORT_OUTBOUND_S:.0f} s")
    return next((one for one in found.values() if one.ok), None) or next(
        (found[address] for address in addresses if address in found), None
    )


async def _try(address: str, port: int) -> Outbound:
    try:
        stream = await reaching.connect(address, port)
    except Unreached as error:
        return Outbound(False, error.cause, error.why)
    try:
        itself = stream.socket.getsockname()[0] == address
        why = await greet(stream, _NAME)
    except OSError:
        return Outbound(False, "refused", f"{address} port {port}: the connection broke at once")
    finally:
        await trio.aclose_forcefully(stream)
    return Outbound(True, itself=itself) if why is None else Outbound(False, "answer", f"{address} port {port}: {why}")
