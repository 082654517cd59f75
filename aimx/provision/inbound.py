"""Whether mail can come in: the verifier is asked by GET <verify_host>/probe to connect back and say so."""

import json
from typing import NamedTuple

import trio

from aimx import limits
from aimx.policy import internet
from aimx.provision import httpget
from aimx.provision.reaching import Cause, Family, Unreached
from aimx.provision.verifyhost import VerifyHost

_HTTP_OK = 200
_HTTP_TOO_MANY, _HTTP_BUSY = 429, 503


class Inbound(NamedTuple):
    """The verifier's answer over one address family. `reachable` None: it gave none, because of `cause` and `why`."""

    reachable: bool | None
    address: str | None = None
    cause: Cause | None = None
    why: str = ""


async def check(verifier: VerifyHost) -> dict[Family, Inbound]:
    """Both families side by side; once one has answered the other gets little more time."""
    found: dict[Family, Inbound] = {}
    async with trio.open_nursery() as nursery:

        async def one(family: Family) -> None:
            found[family] = await _ask(verifier, family)
            if found[family].reachable is not None:
                nursery.cancel_scope.deadline = trio.current_time() + limits.PORT_SECOND_S

        nursery.start_soon(one, 4)
        nursery.start_soon(one, 6)
    return found


async def _ask(verifier: VerifyHost, family: Family) -> Inbound:
    try:
        answer = await httpget.get(verifier._replace(path=f"{verifier.path}/probe"), family, limits.PORT_PROBE_S)
        return _read(answer, verifier)
    except Unreached as error:
        return Inbound(None, cause=error.cause, why=error.why)


def _read(answer: httpget.Answer, verifier: VerifyHost) -> Inbound:
    """The guide's JSON, strictly. Raises: Unreached."""
    if answer.status in (_HTTP_TOO_MANY, _HTTP_BUSY):
        raise Unreached("answer", f"{verifier}: it is busy (HTTP {answer.status}); try again in a minute")
    if answer.status != _HTTP_OK:
        raise Unreached("answer", f"{verifier}: it answers HTTP {answer.status}")
    try:
        told = json.loads(answer.body.decode())
    except (ValueError, RecursionError):
        told = None
    reachable = told.get("reachable") if isinstance(told, dict) else None
    address = told.get("ip") if isinstance(told, dict) else None
    seen = internet.parse(address) if isinstance(address, str) else None
    if not isinstance(reachable, bool) or seen is None:
        raise Unreached("answer", f"{verifier}: what it answers is not what a verifier does; is this URL right?")
    return Inbound(reachable, str(seen))
