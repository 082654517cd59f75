"""The routes of the service: `/` and `/health`, and `/probe`, which is the story. One log line for each request."""

import json

import trio

from aimx import limits, log
from aimx.policy.internet import Address
from aimx.verifier.caller import Unknown, caller, share
from aimx.verifier.gate import Full, Gate, Rate
from aimx.verifier.probing import Probed, probe, refusal
from aimx.verifier.requests import Answer, Bad, Exchange, Request
from aimx.verifier.settings import Settings

_OK, _BAD_REQUEST, _NOT_FOUND, _NO_METHOD, _TOO_MANY, _BUSY = 200, 400, 404, 405, 429, 503
_HEALTHY = {"status": "ok", "service": "aimx-verifier"}
_LATER = (("Retry-After", str(limits.VERIFIER_RETRY_S)),)


class Routes:
    """What is answered. Holds the counts of probes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._probes = Gate(settings.probe_concurrent, limits.VERIFIER_PROBES_PER_CALLER)
        self._rate = Rate(settings.probes_per_minute)
        self._waiting: set[trio.CancelScope] = set()

    def stop(self) -> None:
        """Hang up on who has not asked for anything yet."""
        for scope in self._waiting:
            scope.cancel()

    async def serve(self, stream: trio.abc.HalfCloseableStream, peer: str) -> None:
        """One connection."""
        since = trio.current_time()
        exchange = Exchange(stream)
        asked: Request | None = None
        told: dict[str, object] = {}
        try:
            asked = await self._asked(exchange)
            if asked is None:
                return
            answer = await self._answer(asked, peer, exchange, told)
        except Bad as error:
            told["why"] = error.why
            answer = _json(error.status, error=error.why)
        except trio.BrokenResourceError:
            return
        if answer is not None:
            method, path = (asked.method, asked.path) if asked is not None else (None, None)
            took = round((trio.current_time() - since) * 1000)
            told.setdefault("ip", peer)
            log.info("request", method=method, path=path, status=answer.status, ms=took, **told)
            try:
                await exchange.answer(answer, head_only=method == "HEAD")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def _asked(self, exchange: Exchange) -> Request | None:
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                return await exchange.request()
            finally:
                self._waiting.discard(scope)
        return None

    async def _answer(self, asked: Request, peer: str, exchange: Exchange, told: dict[str, object]) -> Answer | None:
        if asked.path in ("/", "/health"):
            allowed = "GET, HEAD"
        elif asked.path == "/probe":
            allowed = "GET"
        else:
            return _json(_NOT_FOUND, error="no such path")
        if asked.method not in allowed.split(", "):
            return _json(_NO_METHOD, error="no such method")._replace(extra=(("Allow", allowed),))
        if asked.path != "/probe":
            return _json(_OK, **_HEALTHY)
        try:
            address = caller(peer, asked.headers)
        except Unknown as error:
            told["why"] = str(error)
            return _json(_BAD_REQUEST, error=str(error))
        told["ip"] = address
        return await self._probe(address, exchange, told)

    async def _probe(self, address: Address, exchange: Exchange, told: dict[str, object]) -> Answer | None:
        """Within rate and places; None when the caller did not wait for the answer."""
        key = share(address)
        try:
            refused = refusal(address, self._settings)
            if refused is not None:
                told.update(reachable=False, why=refused)
                return _json(_OK, reachable=False, ip=str(address))
            with self._probes.place(key):
                if not self._rate.take(key, trio.current_time()):
                    raise Full(own=True)
                found = await self._waited_for(address, exchange)
        except Full as full:
            told["why"] = "the caller's share is used up" if full.own else "all places are taken"
            status = _TOO_MANY if full.own else _BUSY
            return _json(status, error="too many probes, try again later")._replace(extra=_LATER)
        if found is None:
            log.info("request", path="/probe", ip=address, why="the caller hung up")
            return None
        told.update(reachable=found.reachable, why=found.why or None)
        return _json(_OK, reachable=found.reachable, ip=str(address))

    async def _waited_for(self, address: Address, exchange: Exchange) -> Probed | None:
        """None when the caller hung up. Raises: Full."""
        found: Probed | Full | None = None
        async with trio.open_nursery() as nursery:

            async def leave() -> None:
                await exchange.gone()
                nursery.cancel_scope.cancel()

            nursery.start_soon(leave)
            try:
                found = await probe(address, self._settings)
            except Full as full:
                found = full
            nursery.cancel_scope.cancel()
        if isinstance(found, Full):
            raise found
        return found


def _json(code: int, **fields: object) -> Answer:
    return Answer(code, json.dumps(fields, separators=(",", ":")).encode())
