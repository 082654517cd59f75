"""A world for `deliver` on memory streams: DNS as a table, mail servers that misbehave as told, a clock that jumps."""

import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from trio.testing import MockClock, memory_stream_pair

from aimx.effects.api import ConnectFailed, Effects, Sending
from aimx.effects.network import TcpNetwork
from aimx.flows.deliver import deliver
from aimx.model.address import Address
from aimx.model.config import Config
from aimx.model.dns import Answer, Question
from aimx.model.outbound import Parcel

MESSAGE = b"From: ops@agent.test\r\nSubject: Hi\r\n\r\nHello.\r\n.\r\nBye.\r\n"
STAGES = ("banner", "ehlo", "starttls", "mail", "rcpt", "data", "dot")
NORMAL = {
    "banner": b"220 mx.test ESMTP\r\n",
    "ehlo": b"250-mx.test\r\n250 8BITMIME\r\n",
    "helo": b"250 mx.test\r\n",
    "starttls": b"220 ready\r\n",
    "mail": b"250 2.1.0 ok\r\n",
    "rcpt": b"250 2.1.5 ok\r\n",
    "data": b"354 go ahead\r\n",
    "dot": b"250 2.0.0 queued as 1\r\n",
    "quit": b"221 bye\r\n",
    "rset": b"250 ok\r\n",
}
DRIP_S = 20.0
LATE_S = 200.0


class Script:
    """One address of a mail server. `says`: octets, or what is done instead of saying anything, by stage.

    `replies` has several for one stage, in order of use. `features` are announced after EHLO.
    """

    def __init__(self, *features: str, tls: ssl.SSLContext | None = None, **says: bytes | str) -> None:
        self.says = says
        self.replies: dict[str, list[bytes]] = {}
        self.features = [*features, *(["STARTTLS"] if tls or "starttls" in says else [])]
        self.tls = tls
        self.heard: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self.open = 0

    def words(self, stage: str) -> bytes | str:
        """What comes at a stage."""
        if self.replies.get(stage):
            return self.replies[stage].pop(0)
        if stage in self.says:
            return self.says[stage]
        if stage == "ehlo" and self.features:
            lines = ["mx.test", *self.features]
            return "".join(f"250{'-' if n < len(lines) else ' '}{line}\r\n" for n, line in enumerate(lines, 1)).encode()
        return NORMAL[stage]


class Gone(Exception):
    """The server has left."""


class Session:
    """The server's side of one connection."""

    def __init__(self, script: Script, stream: "Ours", raw: trio.StapledStream) -> None:
        self.script = script
        self.ours = stream
        self.stream: trio.abc.Stream = raw
        self.raw = raw
        self.buffer = b""

    async def run(self) -> None:
        """Until either side leaves."""
        self.script.open += 1
        try:
            await self._serve()
        except (Gone, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.script.open -= 1
            await trio.aclose_forcefully(self.raw)

    async def _serve(self) -> None:
        await self.say("banner")
        while True:
            line = (await self.until(b"\r\n")).decode().removesuffix("\r\n")
            self.script.heard.append(line)
            stage = line[:8].split(" ")[0].lower()
            await self.say(stage)
            if stage == "starttls" and self.script.words("starttls") == NORMAL["starttls"]:
                await self._secure()
            if stage == "data" and self.said.startswith(b"354"):
                octets = await self.until(b"\r\n.\r\n", b".\r\n")
                self.script.messages.append(octets)
                await self.say("dot")
            if stage == "quit":
                raise Gone

    async def _secure(self) -> None:
        assert self.script.tls is not None
        secure = trio.SSLStream(self.raw, self.script.tls, server_side=True)
        await secure.do_handshake()
        self.stream, self.buffer = secure, b""

    async def until(self, end: bytes, alone: bytes | None = None) -> bytes:
        """All up to a marker, or a marker at the very beginning."""
        while True:
            if alone is not None and self.buffer.startswith(alone):
                found, self.buffer = alone, self.buffer[len(alone) :]
                return found
            head, marker, rest = self.buffer.partition(end)
            if marker:
                self.buffer = rest
                return head + marker
            octets = await self.stream.receive_some()
            if not octets:
                raise Gone
            self.buffer += octets

    async def say(self, stage: str) -> None:
        """The stage's reply, or what is done in its place."""
        words = self.said = self.script.words(stage)
        if isinstance(words, bytes):
            await self.stream.send_all(words)
            return
        self.said = b""
        if words == "reset":
            self.ours.reset = True
        if words == "stall":
            await trio.sleep_forever()
        if words == "late":
            await trio.sleep(LATE_S)
            await self.stream.send_all(NORMAL[stage])
            return
        if words == "drip":
            for octet in NORMAL[stage]:
                await self.stream.send_all(bytes((octet,)))
                await trio.sleep(DRIP_S)
        raise Gone


class Ours(trio.abc.Stream):
    """The client's end; it breaks instead of ending when the server resets."""

    def __init__(self, stream: trio.StapledStream) -> None:
        self._stream = stream
        self.reset = False

    async def send_all(self, data: bytes) -> None:
        """Write."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Always at once."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read."""
        octets = await self._stream.receive_some(max_bytes)
        if not octets and self.reset:
            raise trio.BrokenResourceError("reset")
        return bytes(octets)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


class MemoryNetwork(TcpNetwork):
    """Scripts in the place of hosts, by address."""

    def __init__(self, servers: dict[str, Script], nursery: trio.Nursery) -> None:
        super().__init__()
        self.servers = servers
        self.nursery = nursery
        self.tried: list[str] = []
        self.held = 0

    @asynccontextmanager
    async def connect(self, address: str, port: int, own: bool):
        """A connection to a script."""
        self.tried.append(address)
        script = self.servers.get(address)
        await trio.lowlevel.checkpoint()
        if script is None:
            raise ConnectFailed("Connection refused")
        if script.says.get("connect") == "stall":
            await trio.sleep_forever()
        script.connections += 1
        client, server = memory_stream_pair()
        ours = Ours(client)
        self.nursery.start_soon(Session(script, ours, server).run)
        self.held += 1
        try:
            yield ours
        finally:
            self.held -= 1
            await trio.aclose_forcefully(ours)


class Table:
    """The resolver: a zone by name and type; a string is a status."""

    def __init__(self, zone: dict[str, dict[str, list[str] | str]]) -> None:
        self.zone = zone
        self.asked: list[Question] = []

    async def answers(self, questions: tuple[Question, ...]) -> tuple[Answer, ...]:
        """One for each."""
        await trio.lowlevel.checkpoint()
        self.asked += questions
        return tuple(map(self._answer, questions))

    def _answer(self, question: Question) -> Answer:
        if question.name not in self.zone:
            return Answer(question, "nxdomain")
        found = self.zone[question.name].get(question.rtype, "nodata")
        return Answer(question, found) if isinstance(found, str) else Answer(question, "ok", tuple(found))


ZONE = {"x.test": {"MX": ["10 mx.test"]}, "mx.test": {"A": ["192.0.2.1"]}}


class World:
    """Servers by address and a zone; `deliver` sends one message and tells how long it took."""

    def __init__(self, servers: dict[str, Script] | Script, zone=None, **config) -> None:
        self.servers = servers if isinstance(servers, dict) else {"192.0.2.1": servers}
        self.resolver = Table(ZONE if zone is None else zone)
        self.config = Config("agent.test", Path("/nowhere"), {}, **config)
        self.seconds = 0.0
        self.tried: list[str] = []

    def deliver(self, *rcpts: str, octets: bytes = MESSAGE, sender: str = "ops@agent.test", **parcel):
        """One outcome for each recipient."""
        addresses = tuple(Address(*rcpt.rsplit("@", 1)) for rcpt in rcpts or ("bob@x.test",))
        return trio.run(
            self._deliver, Parcel(sender, octets, **parcel), addresses, clock=MockClock(autojump_threshold=0)
        )

    async def _deliver(self, parcel: Parcel, addresses: tuple[Address, ...]):
        async with trio.open_nursery() as nursery:
            network = MemoryNetwork(self.servers, nursery)
            began = trio.current_time()
            try:
                outcomes = await deliver(self.effects(network), self.config, parcel, addresses)
            finally:
                self.seconds, self.tried = trio.current_time() - began, network.tried
            with trio.move_on_after(1):
                while any(script.open for script in self.servers.values()):
                    await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
        return outcomes

    def effects(self, network: TcpNetwork) -> Effects:
        """What deliver may touch."""
        sending = Sending(
            signer=None, token=lambda: "", in_hook=lambda token: False, network=network,
            own_smtp=lambda: ("127.0.0.1", 25), shuffle=lambda names: names.reverse(),
        )  # fmt: skip
        return Effects(
            now=lambda: 0.0, workers=None, resolver=self.resolver, store=None, executor=None, accounts=None,
            events=None, sending=sending,
        )  # fmt: skip
