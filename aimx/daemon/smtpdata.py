"""DATA in bulk: octets up to CRLF.CRLF, dot-stuffing undone, everything else byte for byte (R2).

Memory is bounded whatever arrives, and the cost is linear. Nothing here knows commands or recipients.
"""

import hashlib

import msgspec
import trio

from aimx import limits, log, replies
from aimx.daemon.smtpstream import Reader, SessionEnd
from aimx.effects.memory import MemoryBudget
from aimx.effects.payload import Payload, append, open_unlinked
from aimx.errors import ResourcesExhausted
from aimx.replies import SmtpReply

_END = b"\r\n.\r\n"


class Intake(msgspec.Struct, frozen=True):
    """Where the octets of messages may be: memory that is granted, and the directory of unlinked files."""

    memory: MemoryBudget
    directory: str
    threads: trio.CapacityLimiter


class Unstuffer:
    """Chunks of DATA in, message octets out; the result does not depend on how they were cut.

    `rest` is None until the end of data, then what followed it. `problem` is the reply to an unacceptable message.
    """

    def __init__(self) -> None:
        self.rest: bytes | None = None
        self.problem: SmtpReply | None = None
        self.size = 0
        self._held = b"\r\n"  # of the line DATA: a dot on the first line looks like any other
        self._virtual = len(self._held)
        self._before = self._held  # the last octets of an unfinished header block

    def feed(self, chunk: bytes) -> bytes:
        """The next octets of the message; what may belong to its end is held back."""
        octets = self._held + chunk
        end = octets.find(_END)
        if end >= 0:
            self.rest = octets[end + len(_END) :]
            octets = octets[: end + 2]
        else:
            held = next((n for n in range(len(_END) - 1, 0, -1) if octets.endswith(_END[:n])), 0)
            self._held = octets[len(octets) - held :]
            octets = octets[: len(octets) - held]
        # Neither cut separates a CR from its LF, so every piece can be judged alone.
        pairs = octets.count(b"\r\n")
        if octets.count(b"\n") != pairs or octets.count(b"\r") != pairs:
            self.problem = self.problem or replies.BARE_LINE_END
        piece = octets.replace(b"\r\n.", b"\r\n")
        if self._virtual and piece:
            piece, self._virtual = piece[self._virtual :], 0
        self._measure(piece)
        return piece

    def _measure(self, piece: bytes) -> None:
        if self._before:
            window = self._before + piece
            blank = window.find(b"\r\n\r\n")
            header = self.size + len(piece) if blank < 0 else self.size + blank + 2 - len(self._before)
            if header > limits.HEADER_OCTETS:
                self.problem = self.problem or replies.HEADER_TOO_BIG
            self._before = window[-3:] if blank < 0 else b""
        self.size += len(piece)
        if self.size > limits.MESSAGE_OCTETS:
            self.problem = replies.TOO_BIG


class _Message:
    """The octets received so far: a block in memory, everything before it in the file."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._block: list[bytes] = []
        self._held = 0
        self._size = 0
        self._fd: int | None = None
        self._digest = hashlib.sha256()

    async def add(self, piece: bytes) -> None:
        """Keep octets. Raises: ResourcesExhausted, OSError."""
        if not self._intake.memory.try_take(len(piece)):
            if self._held:
                await self._spill()
            await self._intake.memory.take(len(piece))
        self._block.append(piece)
        self._held += len(piece)
        self._size += len(piece)
        self._digest.update(piece)
        if self._held > limits.SPILL_OCTETS:
            await self._spill()

    async def _spill(self) -> None:
        octets = b"".join(self._block)
        self._block = [octets]
        await trio.to_thread.run_sync(self._write, octets, limiter=self._intake.threads)
        self._block = []
        self._free()

    def _write(self, octets: bytes) -> None:
        if self._fd is None:
            self._fd = open_unlinked(self._intake.directory)
        append(self._fd, octets)

    def _free(self) -> None:
        held, self._held = self._held, 0
        self._intake.memory.give(held)

    async def finish(self) -> Payload:
        """The whole message; the caller owns it. Raises: OSError."""
        if self._fd is None:
            octets = b"".join(self._block)
            self._block = []
            return Payload(octets, None, self._size, self._digest.digest(), self._free)
        if self._block:
            await self._spill()
        fd, self._fd = self._fd, None
        return Payload(None, fd, self._size, self._digest.digest())

    def drop(self) -> None:
        """Forget everything."""
        self._block = []
        self._free()
        Payload(None, self._fd, 0, b"").close()
        self._fd = None


async def receive(reader: Reader, intake: Intake) -> Payload | SmtpReply:
    """Read one message to its real end.

    Returns: the payload, or the reply that refuses it; the end of data has been consumed either way.
    Raises: SessionEnd when it does not come in time or at all; nothing of it may be parsed as commands then.
    """
    message = _Message(intake)
    end = trio.current_time() + limits.DATA_TOTAL_S
    try:
        with trio.CancelScope(deadline=end) as scope:
            problem = await _consume(reader, message, scope)
            if problem is None:
                return await message.finish()
            message.drop()
            return problem
    except OSError as error:
        message.drop()
        if isinstance(error, SessionEnd):
            raise
        return _staging_failed(error)
    except BaseException:
        message.drop()
        raise
    message.drop()
    raise SessionEnd("DATA took too long", replies.DATA_TIMEOUT)


async def _consume(reader: Reader, message: _Message, scope: trio.CancelScope) -> SmtpReply | None:
    """One scope for the whole of DATA, its deadline moved: cheaper than a scope per read."""
    end = scope.deadline
    data = Unstuffer()
    problem: SmtpReply | None = None
    chunk = bytes(reader.buffer)
    reader.buffer.clear()
    while True:
        piece = data.feed(chunk)
        if problem is None:
            problem = data.problem or await _keep(message, piece)
            if problem is not None:
                message.drop()
        if data.rest is not None:
            reader.buffer += data.rest
            return data.problem or problem
        scope.deadline = min(end, trio.current_time() + limits.DATA_BLOCK_S)
        chunk = await reader.receive(limits.READ_OCTETS)
        scope.deadline = end


async def _keep(message: _Message, piece: bytes) -> SmtpReply | None:
    try:
        await message.add(piece)
    except ResourcesExhausted:
        return replies.OUT_OF_MEMORY
    except OSError as error:
        return _staging_failed(error)
    return None


def _staging_failed(error: OSError) -> SmtpReply:
    log.error("staging-failed", why=error.strerror or "input/output error")
    return replies.STORAGE_FAILED
