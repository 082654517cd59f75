"""The front's side of the spawner: the only way in which the daemon starts processes."""

import os
import socket
import subprocess
from typing import Literal

import msgspec
import trio

from aimx.effects.api import SpawnProblem
from aimx.effects.channel import Channel, ChannelClosed
from aimx.effects.running import running
from aimx.model.job import Exited, FromSpawner, JobSpec, Ready, Signal, Spawn, SpawnFailed, Started

_START_S = 30.0


class Child:
    """One started process, until it has been reaped."""

    def __init__(self, spawner: "SpawnerClient", request_id: int) -> None:
        self._spawner = spawner
        self._id = request_id
        self.pid = 0
        self.started = trio.Event()
        self.problem: SpawnFailed | None = None
        self._ended = trio.Event()
        self._exit: Exited | None = None

    def end(self, exited: Exited) -> None:
        """Called once, when it was reaped or the spawner was lost."""
        self._exit = exited
        self.started.set()
        self._ended.set()

    async def wait(self) -> Exited:
        """Its end; code -1 when a signal ended it."""
        await self._ended.wait()
        assert self._exit is not None
        return self._exit

    async def signal(self, number: int) -> None:
        """Signal its process group; nothing happens when it is gone."""
        await self._spawner.send(Signal(self._id, number))


class SpawnerClient:
    """Starts the spawner and talks to it. `run` must be running for anything to happen."""

    def __init__(self, options: dict[str, int]) -> None:
        """Fork and exec the spawner; it imports while the caller goes on."""
        ours, theirs = socket.socketpair()
        words = [f"{key}={number}" for key, number in options.items()]
        argv = [*running().module_argv, "aimx.spawner", str(theirs.fileno()), *words]
        self._process = subprocess.Popen(argv, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, cwd="/")
        theirs.close()
        self._socket = ours
        self._channel: Channel | None = None
        self._children: dict[int, Child] = {}
        self._next_id = 0
        self._sending = trio.Lock()
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def pid(self) -> int:
        """The spawner's process id."""
        return self._process.pid

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Wait until the spawner is ready, then pass on its reports until it ends.

        Raises: ChannelClosed when it ends by itself.
        """
        self._channel = Channel(self._socket)
        decode = msgspec.msgpack.Decoder(FromSpawner).decode
        try:
            with trio.fail_after(_START_S):
                ready = decode(await self._channel.receive())
            assert isinstance(ready, Ready)
            task_status.started()
            while True:
                self._report(decode(await self._channel.receive()))
        finally:
            self._channel.close()
            for request_id, child in list(self._children.items()):
                child.end(Exited(request_id, -1, 0))
            self._process.wait()

    def _report(self, report: FromSpawner) -> None:
        if isinstance(report, Ready):
            return
        child = self._children.get(report.id)
        if child is None:
            return
        if isinstance(report, Started):
            child.pid = report.pid
            child.started.set()
        elif isinstance(report, SpawnFailed):
            child.problem = report
            child.started.set()
            if report.step == "fork":
                del self._children[report.id]
        else:
            del self._children[report.id]
            child.end(report)

    async def send(self, request: Spawn | Signal, fds: tuple[int, ...] = ()) -> None:
        """Hand a request to the spawner. Raises: ChannelClosed."""
        if self._channel is None:
            raise ChannelClosed("the spawner is not running")
        async with self._sending:
            with trio.CancelScope(shield=True):
                await self._channel.send(self._encode(request), fds)

    async def spawn(
        self, role: Literal["worker", "resolver", "hook"], fds: tuple[int, ...], spec: JobSpec | None = None
    ) -> Child:
        """Start a process. Raises: SpawnProblem."""
        self._next_id += 1
        child = self._children[self._next_id] = Child(self, self._next_id)
        try:
            await self.send(Spawn(self._next_id, role, spec), fds)
        except ChannelClosed as error:
            raise SpawnProblem("spawner", 0) from error
        await child.started.wait()
        if child.problem is not None:
            raise SpawnProblem(child.problem.step, child.problem.errno)
        if not child.pid:
            raise SpawnProblem("spawner", 0)
        return child

    async def run_as(self, spec: JobSpec, fds: tuple[int, int, int]) -> Child:
        """Start a hook with stdin, stdout and stderr. Raises: SpawnProblem."""
        return await self.spawn("hook", fds, spec)


def cpu_count() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))
