"""One SmtpSession on memory streams, with a clock that jumps: what only time can show."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from trio.testing import MockClock, memory_stream_pair

from aimx import replies
from aimx.config import load
from aimx.daemon.smtpd import Services, SmtpSession
from aimx.daemon.smtpdata import Intake
from aimx.effects.memory import MemoryBudget
from aimx.effects.payload import Payload
from aimx.model.config import Config
from aimx.model.envelope import Envelope
from aimx.replies import SmtpReply
from tests.harness import config_text

HELLO = b"HELO client.test\r\n"
ENVELOPE = b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<ops@agent.test>\r\n"
ENVELOPE_OK = f"{replies.SENDER_OK.line}\r\n{replies.RECIPIENT_OK.line}\r\n".encode()
GREETED = b"220 agent.test ESMTP aimx\r\n250 agent.test Hello client.test\r\n"


class Stage:
    """What the session is given, and what became of it."""

    def __init__(self, tree: Path, memory_octets: int = 1 << 20, top: str = "") -> None:
        file = tree / "config.toml"
        file.write_text(config_text(top=top))
        self.config: Config = load.load(file, tree / "data")
        self.memory = MemoryBudget(memory_octets, 30.0)
        self.intake = Intake(self.memory, str(tree), trio.CapacityLimiter(1))
        self.delivered: list[tuple[Envelope, bytes]] = []
        self.unseen: list[bytes] = []
        self.hold: Callable[[], Awaitable[object]] | None = None
        self.answer: SmtpReply = replies.ACCEPTED

    async def deliver(self, config: Config, envelope: Envelope, payload: Payload) -> SmtpReply:
        """Stands where the daemon's flow would be."""
        octets = payload.read()
        if self.hold is not None:
            await self.hold()
        self.delivered.append((envelope, octets))
        return self.answer

    def services(self) -> Services:
        """For a session."""
        return Services(
            lambda: self.config, self.deliver, lambda _, digest: self.unseen.append(digest), self.intake, lambda: 0.0
        )

    def play(self, script: "Callable[[Peer], Awaitable[None]]", tls: ssl.SSLContext | None = None) -> None:
        """Run the peer's side against a session; returns when both have ended."""
        trio.run(self._play, script, tls, clock=MockClock(autojump_threshold=0))

    async def _play(self, script: "Callable[[Peer], Awaitable[None]]", tls: ssl.SSLContext | None) -> None:
        ours, theirs = memory_stream_pair()
        session = SmtpSession(ours, "192.0.2.1", self.services(), tls)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve, session, ours)
            await script(Peer(theirs, session))
            await theirs.aclose()
        assert self.memory.free == self.memory.capacity, "everything that was held is given back"

    async def _serve(self, session: SmtpSession, stream: trio.abc.Stream) -> None:
        async with stream:
            await session.run()


class Peer:
    """The other side."""

    def __init__(self, stream: trio.StapledStream, session: SmtpSession) -> None:
        self.stream = stream
        self.session = session

    async def say(self, octets: bytes) -> None:
        """Send."""
        await self.stream.send_all(octets)

    async def hears(self, octets: bytes | SmtpReply) -> None:
        """Exactly this comes next."""
        expected = f"{octets.line}\r\n".encode() if isinstance(octets, SmtpReply) else octets
        heard = b""
        while len(heard) < len(expected) and (piece := await self.stream.receive_some(len(expected) - len(heard))):
            heard += piece
        assert heard == expected

    async def is_dismissed(self) -> None:
        """The server closes without another word."""
        assert await self.stream.receive_some() == b""

    async def begins_data(self) -> None:
        """Up to 354."""
        await self.say(HELLO + ENVELOPE + b"DATA\r\n")
        await self.hears(GREETED + ENVELOPE_OK)
        await self.hears(replies.START_DATA)
