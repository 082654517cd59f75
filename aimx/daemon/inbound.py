"""Between the SMTP dialog and the flow: what a session may use, and the reply that an outcome becomes."""

import time

import trio

from aimx import limits, log, replies
from aimx.config.live import LiveConfig
from aimx.daemon.smtpd import Services
from aimx.daemon.smtpdata import Intake
from aimx.effects.api import Effects
from aimx.effects.memory import MemoryBudget
from aimx.effects.payload import Payload
from aimx.errors import AimxError, disposition
from aimx.flows import receive
from aimx.model.config import Config
from aimx.model.envelope import Envelope
from aimx.replies import SmtpReply


class Inbound:
    """The receiving side of the daemon."""

    def __init__(self, fx: Effects, memory: MemoryBudget) -> None:
        self._fx = fx
        self._memory = memory
        self._examining = MemoryBudget(limits.EXAMINE_OCTETS, limits.EXAMINE_WAIT_S)

    def services(self, live: LiveConfig) -> Services:
        """What every session shares."""
        staging = live.current.data_dir / ".aimx" / "staging"
        intake = Intake(self._memory, str(staging), trio.CapacityLimiter(limits.STAGING_THREADS))
        return Services(lambda: live.current, self.deliver, self.unseen, intake, time.time)

    async def deliver(self, config: Config, envelope: Envelope, payload: Payload) -> SmtpReply:
        """Store one message."""
        held = min(_cost(envelope, payload), self._examining.capacity)
        try:
            await self._examining.take(held)
        except AimxError as error:
            return disposition(error).reply
        try:
            await receive.accept(self._fx, config, envelope, payload)
        except AimxError as error:
            log.error("deliver-failed", peer=envelope.peer_ip, why=error.detail or error.reason)
            return disposition(error).reply
        finally:
            self._examining.give(held)
        return replies.ACCEPTED

    def unseen(self, envelope: Envelope, digest: bytes) -> None:
        """The peer vanished before it can be known to have read our 250."""
        receive.unseen(self._fx, envelope, digest)


def _cost(envelope: Envelope, payload: Payload) -> int:
    """What the front may need for a message that its worker has read: its text, and a header block for each copy."""
    copies = len({path.mailbox for path in envelope.forward_paths})
    octets = limits.TEXT_FACTOR * payload.size + copies * min(payload.size, limits.HEADER_OCTETS)
    return octets if octets > limits.EXAMINE_FREE_OCTETS else 0
