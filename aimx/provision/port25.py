"""Port 25 in both directions: who has it here, whether mail leaves, whether it comes in. Changes nothing.

`preflight` is what setup and `aimx portcheck` call. Where the port is free a temporary listener answers meanwhile.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

import trio

from aimx import limits
from aimx.flows.responding import Responding
from aimx.policy import internet
from aimx.provision import inbound, nameservice, occupancy, outbound, temporary, verdict25, verifyhost
from aimx.provision.inbound import Inbound
from aimx.provision.occupancy import Occupant, OwnPort
from aimx.provision.outbound import Outbound
from aimx.provision.reaching import Family
from aimx.provision.setup.api import Note, Preflight, Reach
from aimx.provision.verifyhost import VerifyHost

__all__ = ["Checked", "OwnPort", "check", "preflight"]

_threads = trio.CapacityLimiter(1)
Tell = Callable[[Note], None]


class Checked(NamedTuple):
    """Who has the port, and what came out."""

    occupant: Occupant
    result: Preflight

    @property
    def fine(self) -> bool:
        """Mail comes in and leaves."""
        return self.result.holder is None and self.result.outbound.ok and self.result.inbound.ok


async def preflight(verify_host: str, own: OwnPort, tell: Tell) -> Preflight:
    """Try both directions; `tell` gets each result as it is there. May be cancelled at any time.

    Takes a minute when much is silent. Raises: Refused for a verify_host that is no URL.
    """
    return (await check(verify_host, own, tell)).result


async def check(verify_host: str, own: OwnPort, tell: Tell) -> Checked:
    """As `preflight`, and who has the port. Raises: Refused."""
    verifier = verifyhost.parse(verify_host, "verify_host")
    occupant = await trio.to_thread.run_sync(occupancy.look, own, limiter=_threads)
    return Checked(occupant, await _Run(verifier, own, occupant, tell).all())


class _Run:
    """One check."""

    def __init__(self, verifier: VerifyHost, own: OwnPort, occupant: Occupant, tell: Tell) -> None:
        self._verifier, self._own, self._occupant, self._tell = verifier, own, occupant, tell
        self._outbound = Outbound(False)
        self._answers: dict[Family, Inbound] = {}

    async def all(self) -> Preflight:
        """Both directions side by side; somebody else's listener would not tell anything about ours."""
        foreign = self._occupant.state == "foreign"
        async with _listening(self._own, self._occupant) as (responding, refused):
            for line in verdict25.situation(self._occupant, self._own.port, responding is not None):
                self._tell(Note("text", line))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._out)
                if not foreign:
                    nursery.start_soon(self._in)
            out = verdict25.out(self._outbound, self._answers, self._verifier, self._own.verifier_port)
            back = verdict25.back(self._answers, self._occupant, responding, refused, self._own.port)
        if not out.ok:
            self._report("Outbound", out)
        if not foreign:
            self._report("Inbound", back)
        for hint in verdict25.hints(self._outbound, self._answers, self._translated()):
            self._tell(Note("hint", hint))
        return Preflight(self._occupant.name if foreign else None, out, back, self._address(4), self._address(6))

    async def _out(self) -> None:
        """A success is told at once. What a failure means depends on whether the verifier answers at all."""
        self._outbound = await outbound.check(self._verifier.host, self._own.verifier_port)
        if self._outbound.ok:
            self._report("Outbound", Reach(True))

    async def _in(self) -> None:
        """Also when nobody can listen here: the answer tells how the verifier sees us."""
        self._answers = await inbound.check(self._verifier)

    def _report(self, direction: str, reach: Reach) -> None:
        kind: Literal["ok", "warn", "fail"] = "ok" if reach.ok else "warn" if reach.unknown else "fail"
        self._tell(Note(kind, f"{direction} port {self._own.port}" + (f": {reach.why}" if reach.why else "")))

    def _translated(self) -> bool:
        """No interface of this machine has the address by which the internet knows it."""
        seen = [address for address in (self._address(4), self._address(6)) if address is not None]
        return bool(seen) and not any(nameservice.is_local(address) for address in seen)

    def _address(self, family: Family) -> str | None:
        answer = self._answers.get(family)
        address = internet.public(answer.address) if answer is not None else None
        return address if address is not None and (":" in address) == (family == 6) else None


@asynccontextmanager
async def _listening(own: OwnPort, occupant: Occupant) -> AsyncIterator[tuple[Responding | None, str]]:
    """The temporary listener where the port is free; else none, with the reason if one was wanted."""
    if occupant.state != "free":
        yield None, ""
        return
    try:
        listeners = await temporary.bind(own)
    except OSError as error:
        yield None, f"cannot listen on port {own.port}: {error.strerror}"
        return
    responding = Responding(temporary.RESPONDER, limits.PORT_SESSIONS)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, responding.session, listeners)
        yield responding, ""
        nursery.cancel_scope.cancel()
