"""What a worker computes: parse once, verify as far as the answers go, ask for the rest."""

import os

import msgspec

from aimx import limits
from aimx.errors import BodyTooLarge, MalformedMessage, Refused
from aimx.mailauth import sign
from aimx.mailauth.verify import Verification
from aimx.mime import charset, compose, read
from aimx.model.envelope import Envelope
from aimx.model.job import Broken, Declined, Done, ErrorName, Job, NeedDns
from aimx.model.message import with_auth
from aimx.model.outbound import ComposeOrder
from aimx.worker.answers import Known, Memory

_DECLINED: dict[type[Refused], ErrorName] = {MalformedMessage: "MalformedMessage", BodyTooLarge: "BodyTooLarge"}


class _State:
    """One job between its rounds."""

    def __init__(self, octets: bytes, envelope: Envelope, answers: Known) -> None:
        self.message = read.read_message(octets, envelope)
        self.verification = Verification(octets, envelope, self.message.headers)
        self.answers = answers
        self.rounds = 0


class Examiner:
    """Handles jobs; keeps the parsed state of those that wait for DNS."""

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self._memory = Memory()
        self._encode = msgspec.msgpack.Encoder().encode

    def handle(self, job: Job, fd: int | None) -> Done | NeedDns | Declined | Broken | None:
        """The answer to one job; None for `drop`. Never raises: hostile octets must not end the worker."""
        try:
            if job.kind == "drop":
                self._states.pop(job.id, None)
                return None
            if job.kind == "compose":
                return self._compose(job)
            if job.kind == "examine":
                self._start(job, fd)
            else:
                self._states[job.id].answers.add(job.answers)
            return self._advance(job.id)
        except (Exception, RecursionError, MemoryError) as error:  # noqa: BLE001  a worker is a shell
            self._states.pop(job.id, None)
            return Broken(job.id, f"{type(error).__name__}: {error}"[:500])

    def _compose(self, job: Job) -> Done | Declined:
        assert job.compose is not None
        try:
            composed = compose.compose(job.compose)
        except Refused as error:
            return Declined(job.id, _DECLINED.get(type(error), "Refused"), error.reason)
        hashed = msgspec.structs.replace(composed, body_hash=sign.body_hash(composed.body))
        return Done(job.id, msgspec.Raw(self._encode(hashed)))

    def _start(self, job: Job, fd: int | None) -> None:
        octets = job.octets if fd is None else _read_all(fd)
        assert octets is not None
        assert job.envelope is not None
        self._states[job.id] = _State(octets, job.envelope, Known(self._memory, job.envelope.received_at))

    def _advance(self, job_id: int) -> Done | NeedDns:
        state = self._states[job_id]
        state.rounds += 1
        final = state.rounds > limits.DNS_ROUNDS
        result = state.verification.advance(state.answers, final)
        if isinstance(result, tuple):
            return NeedDns(job_id, result)
        del self._states[job_id]
        return Done(job_id, msgspec.Raw(self._encode(with_auth(state.message, result))))

    def warm_up(self) -> None:
        """Run every lazy import once."""
        envelope = Envelope("a@example.test", (), "192.0.2.1", "example.test", 0.0)
        octets = b"From: a@example.test\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n"
        self.handle(Job(0, "examine", envelope, octets), None)
        self.handle(Job(0, "drop"), None)
        charset.warm_up()
        order = ComposeOrder(b"From: a@example.test\nTo: a@example.test\n\nx", None, False, "x", "a@example.test", 0.0)
        self.handle(Job(0, "compose", compose=order), None)


def _read_all(fd: int) -> bytes:
    """The whole file behind a descriptor that the front shares: pread leaves its offset alone."""
    try:
        size = os.fstat(fd).st_size
        pieces = bytearray()
        while len(pieces) < size:
            piece = os.pread(fd, size - len(pieces), len(pieces))
            if not piece:
                break
            pieces += piece
        return bytes(pieces)
    finally:
        os.close(fd)
