"""The front's side of the spawner: the only way in which the daemon starts processes."""

import os
import signal
import socket
import subprocess
from typing import Any, Literal

import msgspec
import trio

from aimx import limits, log
from aimx.effects.channel import Channel, ChannelClosed
from aimx.effects.running import running
from aimx.errors import Failed
from aimx.model.job import Exited, FromSpawner, JobSpec, Ready, Signal, Spawn, SpawnFailed, Started

Role = Literal["worker", "resolver", "hook"]
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

# Helpers keep a copy in their memory: nothing of whoever started the daemon but what they run by.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "AIMX_TEST_DNS")


class Child:
    """One process that the spawner was asked to start, until it has been reaped."""

    def __init__(self, spawner: "SpawnerClient", request_id: int, role: str) -> None:
        self._spawner = spawner
        self.id = request_id
        self.role = role
        self.pid = 0
        self.begun = trio.Event()  # `pid` is known, or it has ended
        self.problem: SpawnFailed | None = None
        self._ended = trio.Event()
        self._exit: Exited | None = None

    def end(self, exited: Exited) -> None:
        """Called once, when it was reaped or the spawner was lost."""
        self._exit = exited
        self.begun.set()
        self._ended.set()

    async def wait(self) -> Exited:
        """Its end; `problem` is then set when it never ran its program."""
        await self._ended.wait()
        assert self._exit is not None
        return self._exit

    async def signal(self, number: int) -> None:
        """Signal its process group; nothing happens when it is gone."""
        if not self._ended.is_set():
            await self._spawner.signal(self.id, number)


class _Link:
    """One spawner process and the socket to it."""

    def __init__(self, options: dict[str, int]) -> None:
        ours, theirs = socket.socketpair()
        words = [f"{key}={number}" for key, number in options.items()]
        argv = [*running().module_argv, "aimx.spawner", str(theirs.fileno()), *words]
        # Blocked in the child until it ignores them: neither a Ctrl-C nor an init system may end it while it imports.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        try:
            self.process = subprocess.Popen(
                argv, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/",
                start_new_session=True, env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )  # fmt: skip
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        self._socket = ours
        self.channel: Channel | None = None

    def open(self) -> Channel:
        """The channel; only inside trio."""
        if self.channel is None:
            self.channel = Channel(self._socket)
        return self.channel

    async def close(self) -> None:
        """The spawner ends at end of input; one that does not is killed."""
        self.open().close()
        with trio.move_on_after(limits.SPAWNER_EXIT_S) as scope:
            await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True)
        if scope.cancelled_caught:
            self.process.kill()
            await trio.to_thread.run_sync(self.process.wait)


class SpawnerClient:
    """Starts the spawner, replaces it when it ends, talks to it. Nothing happens unless `run` is running."""

    def __init__(self, options: dict[str, int], early: bool = True) -> None:
        """`early`: fork and exec the spawner now, so that it imports while the caller goes on; else `run` does."""
        self._options = options
        self._link: _Link | None = _Link(options) if early else None  # None: not started, or lost
        self._up = trio.Event()
        self._children: dict[int, Child] = {}
        self._next_id = 0
        self._sending = trio.Lock()
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def pid(self) -> int:
        """The spawner's process id; 0 while there is none."""
        return self._link.process.pid if self._link is not None else 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Pass on what the spawner reports; when it ends, its children end with it and another one is started.

        Raises: Failed when it cannot be started.
        """
        announced, failures = False, 0
        while failures < len(limits.SPAWNER_BACKOFF_S):
            await trio.sleep(limits.SPAWNER_BACKOFF_S[failures])
            try:
                channel = await self._connect()
                self._up.set()
                failures = 0
                if not announced:
                    announced = True
                    task_status.started()
                await self._pass_on(channel)
            except (ChannelClosed, trio.TooSlowError, OSError, msgspec.DecodeError) as error:
                failures += 1
                log.error("spawner-lost", failures=failures, why=f"{type(error).__name__}: {error}")
            finally:
                with trio.CancelScope(shield=True):
                    await self._lose()
        raise Failed("the helper processes cannot be started; see event=spawner-lost in the log")

    async def _connect(self) -> Channel:
        if self._link is None:
            self._link = _Link(self._options)
        channel = self._link.open()
        with trio.fail_after(limits.SPAWNER_READY_S):
            ready = msgspec.msgpack.decode(await channel.receive(), type=Ready)
        log.info("spawner-ready", pid=ready.pid, uid=ready.uid)
        return channel

    async def _pass_on(self, channel: Channel) -> None:
        decode = msgspec.msgpack.Decoder(FromSpawner).decode
        while True:
            self._report(decode(await channel.receive()))

    def _report(self, report: FromSpawner) -> None:
        child = None if isinstance(report, Ready) else self._children.get(report.id)
        if child is None:
            return
        if isinstance(report, Started):
            child.pid = report.pid
            child.begun.set()
        elif isinstance(report, SpawnFailed):
            child.problem = report
            if report.step == "fork":
                self._end(child, Exited(child.id, -1, 0))
        elif isinstance(report, Exited):
            self._end(child, report)

    def _end(self, child: Child, exited: Exited) -> None:
        del self._children[child.id]
        child.end(exited)

    async def _lose(self) -> None:
        """Whatever the spawner had started ends with it."""
        if self._up.is_set():  # else there are tasks waiting on it
            self._up = trio.Event()
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        for child in list(self._children.values()):
            if child.role == "hook" and child.pid:
                _kill_group(child.pid)
            self._end(child, Exited(child.id, -1, 0))

    async def _send(self, request: Spawn | Signal, fds: tuple[int, ...] = ()) -> None:
        """Hand a request over as a whole. A spawner that does not take it is killed. Raises: ChannelClosed."""
        if self._link is None:
            raise ChannelClosed("no spawner")
        link = self._link
        with trio.CancelScope(shield=True, deadline=trio.current_time() + limits.HELPER_READY_S) as scope:
            async with self._sending:
                await link.open().send(self._encode(request), fds)
        if scope.cancelled_caught:
            self.replace()
            raise ChannelClosed("the spawner does not listen")

    def replace(self) -> None:
        """Kill a spawner that does not do its work; `run` starts another."""
        if self._link is not None:
            self._link.process.kill()

    async def signal(self, request_id: int, number: int) -> None:
        """Signal the group of a child; nothing happens when the spawner, and so the child, is gone."""
        try:
            await self._send(Signal(request_id, number))
        except ChannelClosed:
            return

    async def spawn(
        self, role: Role, fds: tuple[int, ...], spec: JobSpec | None = None, options: dict[str, Any] | None = None
    ) -> Child:
        """Ask for a process, waiting while there is no spawner. How its start went is seen in the child."""
        await self._up.wait()
        self._next_id += 1
        child = self._children[self._next_id] = Child(self, self._next_id, role)
        try:
            await self._send(Spawn(child.id, role, spec, options or {}), fds)
        except ChannelClosed:
            if child.id in self._children:
                self._end(child, Exited(child.id, -1, 0))
        return child

    async def run_as(self, spec: JobSpec, fds: tuple[int, int, int]) -> Child:
        """Start a hook with stdin, stdout and stderr."""
        return await self.spawn("hook", fds, spec)


def _kill_group(leader: int) -> None:
    """A hook whose spawner just died: its leader was killed by the kernel, the rest of its group is killed here."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def cpu_count() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))
