"""Bring one message to one domain: hosts by preference, their addresses, a connection, a dialog, until all is decided.

Nobody is asked twice about a recipient that was accepted, refused for good, or whose fate is unknown.
"""

from contextlib import AsyncExitStack

import msgspec
import trio

from aimx import limits, log
from aimx.effects.api import ConnectFailed, Effects, Sending
from aimx.flows import exchanges
from aimx.flows.converse import Link
from aimx.model.config import Config
from aimx.model.outbound import RecipientOutcome
from aimx.smtp.client import Dialog, Letter
from aimx.smtp.fate import Fate
from aimx.smtp.parser import shortened


class Load(msgspec.Struct, frozen=True):
    """What goes to one domain. `own`: to our own listener. `until`: when the message must have left. `uid`: whose."""

    letter: Letter
    octets: bytes
    domain: str
    rcpts: tuple[str, ...]
    own: bool
    until: float
    uid: int | None = None


class Courier:
    """One delivery to one domain."""

    def __init__(self, fx: Effects, config: Config, load: Load) -> None:
        assert fx.sending is not None
        self._fx = fx
        self._sending: Sending = fx.sending
        self._config = config
        self._load = load
        self._fates: list[list[tuple[str, Fate]]] = [[] for _ in load.rcpts]

    async def run(self) -> tuple[RecipientOutcome, ...]:
        """One outcome per recipient, in order. Cancellation: the connection is closed."""
        try:
            async with AsyncExitStack() as held:
                with trio.fail_at(self._load.until):
                    hosts = [self._load.domain] if self._load.own else await self._hosts()
                    place = self._sending.network.place(str(self._load.uid), self._load.domain)
                    await held.enter_async_context(place)
                await self._try_hosts(hosts)
        except trio.TooSlowError:
            self._note_open(self._load.domain, Fate("deferred", f"4.4.7 gave up after {limits.MX_TOTAL_S:.0f} seconds"))
        return tuple(map(_outcome, self._load.rcpts, self._fates))

    async def _hosts(self) -> list[str]:
        found = await exchanges.hosts(self._fx, self._load.domain)
        if isinstance(found, Fate):
            self._note_open(self._load.domain, found)
            return []
        return found

    async def _try_hosts(self, hosts: list[str]) -> None:
        """Raises: TooSlowError."""
        for host in hosts:
            await self._try_host(host)
            if not self._open():
                return

    async def _try_host(self, host: str) -> None:
        if self._load.own:
            await self._try_address(host, *self._sending.own_smtp())
            return
        with trio.fail_at(self._load.until):
            found = await exchanges.addresses(self._fx, self._config, host)
        if isinstance(found, Fate):
            self._note_open(host, found)
            return
        for address in found:
            if await self._try_address(host, address, self._sending.mx_port) or not self._open():
                return

    async def _try_address(self, host: str, address: str, port: int) -> bool:
        """With TLS where it is offered, then without where that failed; whether the server itself answered."""
        dialog = await self._connect(host, address, port, tls=not self._load.own)
        if dialog is not None and dialog.tls_failed:
            dialog = await self._connect(host, address, port, tls=False)
        return dialog is not None and dialog.answered

    async def _connect(self, host: str, address: str, port: int, tls: bool) -> Dialog | None:
        """One connection and its dialog. Raises: TooSlowError when no time is left for one."""
        load, indexes = self._load, self._open()
        dialog = Dialog(load.letter, tuple(load.rcpts[index] for index in indexes), tls)
        connection = self._sending.network.connect(address, port, load.own)
        try:
            async with AsyncExitStack() as held:
                now = trio.current_time()
                with trio.fail_at(min(now + limits.MX_CONNECT_S, load.until)):
                    stream = await held.enter_async_context(connection)
                await Link(self._sending.network, stream, host, load.until).converse(dialog, load.octets)
        except ConnectFailed as error:
            self._unreachable(host, address, str(error))
        except trio.TooSlowError:
            if trio.current_time() >= load.until:
                raise
            self._unreachable(host, address, "no connection in time")
        else:
            self._conclude(dialog, indexes, host, address)
            return dialog
        return None

    def _unreachable(self, host: str, address: str, why: str) -> None:
        self._note_open(host, Fate("deferred", f"4.4.1 {address}: {why}"))
        log.info("mx", domain=self._load.domain, host=host, address=address, result="unreachable", reply=why)

    def _conclude(self, dialog: Dialog, indexes: list[int], host: str, address: str) -> None:
        fates = [dialog.fates.of(number) for number in range(len(indexes))]
        for index, fate in zip(indexes, fates, strict=True):
            # A connection without TLS follows: what it says is what counts.
            if not dialog.tls_failed or fate.final:
                self._fates[index].append((host, fate))
        first = fates[0]
        log.info(
            "mx", domain=self._load.domain, host=host, address=address, tls=dialog.secure,
            tls_failed=dialog.tls_failed or None, rcpts=len(fates), result=first.result, reply=first.text,
        )  # fmt: skip

    def _open(self) -> list[int]:
        return [index for index, fates in enumerate(self._fates) if not (fates and fates[-1][1].final)]

    def _note_open(self, host: str, fate: Fate) -> None:
        for index in self._open():
            self._fates[index].append((host, fate))


def _outcome(rcpt: str, fates: list[tuple[str, Fate]]) -> RecipientOutcome:
    """What all hosts together mean: for good only when none of them may take it later."""
    host, last = fates[-1]
    if last.final:
        return RecipientOutcome(rcpt, last.result, last.text, host)
    deferred = [(host, fate) for host, fate in fates if fate.result == "deferred"]
    told = deferred or fates
    texts = tuple(dict.fromkeys(f"{host}: {fate.text}" for host, fate in told))
    text = told[0][1].text if len(texts) == 1 else shortened("; ".join(texts))
    return RecipientOutcome(rcpt, "deferred" if deferred else "failed", text, told[-1][0])
