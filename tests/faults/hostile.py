"""`python -m tests.faults.hostile FD …`: the spawner as it is; its helpers do what a message or a name tells them to.

`Subject: fault KIND SLOT TIMES` in a message, `kind.slot.times.fault.test` in a question: the fault happens TIMES
times, then the helper does its work. `AIMX_FAULT_BOARD` names a file of one octet per slot, where each is counted; in
its first it is told how many workers begin badly.
"""

import mmap
import os
import re
import socket
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import trio

from aimx import limits
from aimx.effects import framing
from aimx.effects.channel import Channel, ChannelClosed
from aimx.model.job import Answers, Ask, Job, Ready
from aimx.resolver.lookup import Lookup
from aimx.spawner import main as spawner
from aimx.worker.job import Examiner
from tests.faults import lies

SLOTS = 4096
STARTS = 0
_SUBJECT = re.compile(rb"^Subject: fault ([a-z0-9-]+) (\d+) (\d+)\r?$", re.MULTILINE)
_NAME = re.compile(r"(?:.*\.)?([a-z0-9-]+)\.(\d+)\.(\d+)\.fault\.test")
_encode = msgspec.msgpack.Encoder().encode


class Told(NamedTuple):
    """What a helper is to do."""

    kind: str
    slot: int
    times: int


class Board:
    """How often each fault has happened, seen by all helpers and by the test."""

    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self._octets = mmap.mmap(file.fileno(), SLOTS)

    def takes(self, told: Told | None) -> bool:
        """Whether it is to happen once more."""
        if told is None or self._octets[told.slot] >= told.times:
            return False
        self._octets[told.slot] += 1
        return True

    def begins_badly(self) -> int:
        """How many are still to do so, this one included."""
        left = self._octets[STARTS]
        self._octets[STARTS] = max(0, left - 1)
        return left


def _in_message(job: Job, fd: int | None) -> Told | None:
    octets = job.compose.message if job.compose is not None else job.octets
    if fd is not None:
        octets = os.pread(fd, limits.KIB, 0)
    found = _SUBJECT.search(octets or b"")
    return Told(found[1].decode(), int(found[2]), int(found[3])) if found else None


def _in_names(ask: Ask) -> Told | None:
    found = [match for question in ask.questions if (match := _NAME.fullmatch(question.name))]
    return Told(found[0][1], int(found[0][2]), int(found[0][3])) if found else None


def worker(board: Board) -> Callable[[socket.socket, dict[str, bool]], None]:
    """The role of a worker."""

    def serve(sock: socket.socket, checks: dict[str, bool]) -> None:
        pipe = framing.Pipe(sock)
        decode = msgspec.msgpack.Decoder(Job).decode
        if left := board.begins_badly():
            lies.STARTS[left % len(lies.STARTS)](sock)
        pipe.send(_encode(Ready(os.getpid(), os.getuid(), checks)))
        examiner = Examiner()
        told: dict[int, Told] = {}
        while (payload := pipe.receive()) is not None:
            job = decode(payload)
            fd = pipe.fds.pop(0) if job.has_fd else None
            fault = told.get(job.id) or _in_message(job, fd)
            if fault is not None and fault.kind in lies.EVERY_ROUND:
                told[job.id] = fault
            if board.takes(fault):
                assert fault is not None
                lies.WORKER[fault.kind](lies.Here(sock, pipe, job, examiner, fd))
                continue
            answer = examiner.handle(job, fd)
            if answer is not None:
                pipe.send(_encode(answer))

    return serve


def resolver(board: Board) -> Callable[[socket.socket, dict[str, bool]], None]:
    """The role of the resolver."""

    def serve(sock: socket.socket, checks: dict[str, bool]) -> None:
        trio.run(_resolve, board, sock, checks)

    return serve


async def _resolve(board: Board, sock: socket.socket, checks: dict[str, bool]) -> None:
    channel = Channel(sock)
    decode = msgspec.msgpack.Decoder(Ask).decode
    lookup = Lookup()
    sending = trio.Lock()
    await channel.send(_encode(Ready(os.getpid(), os.getuid(), checks)))

    async def answer(ask: Ask) -> None:
        fault = _in_names(ask)
        if board.takes(fault):
            assert fault is not None
            frames: Any = lies.RESOLVER[fault.kind](lies.Asked(sock, ask))
        else:
            frames = (_encode(Answers(ask.id, await lookup.all(ask.questions))),)
        async with sending:
            for frame in frames:
                await channel.send(frame)

    async with trio.open_nursery() as nursery:
        try:
            while True:
                nursery.start_soon(answer, decode(await channel.receive()))
        except ChannelClosed:
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    shared = Board(os.environ["AIMX_FAULT_BOARD"])
    limits.DNS_QUERY_S = float(os.environ["AIMX_FAULT_PATIENCE_S"])
    spawner._ROLES.update(worker=worker(shared), resolver=resolver(shared))
    sys.exit(spawner.main())
