"""The pool of workers: one computation at a time each, every computation under a deadline, dead ones replaced."""

import signal

import msgspec
import trio

from aimx import limits
from aimx.daemon import helpers
from aimx.daemon.helpers import Helper
from aimx.effects.api import WorkerLost
from aimx.effects.channel import ChannelClosed
from aimx.effects.payload import Payload
from aimx.effects.process import SpawnerClient
from aimx.model.dns import Answer
from aimx.model.envelope import Envelope
from aimx.model.job import Broken, Done, FromWorker, Job, NeedDns
from aimx.model.message import Examined

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FromWorker).decode
_examined = msgspec.msgpack.Decoder(Examined).decode


class Slot:
    """One worker process. `load` counts the messages that are placed on it."""

    def __init__(self, helper: Helper) -> None:
        self.helper = helper
        self.load = 0
        self.lost = trio.Event()
        self._turn = trio.Lock()

    async def compute(self, job: Job, fd: int | None) -> Done | NeedDns:
        """One computation. Raises: WorkerLost."""
        async with self._turn:
            if self.lost.is_set():
                raise WorkerLost("worker ended")
            try:
                with trio.fail_after(limits.EXAMINE_S):
                    return await self._exchange(job, fd)
            except (ChannelClosed, trio.TooSlowError) as error:
                self.lost.set()
                raise WorkerLost(str(error) or "deadline") from error

    async def _exchange(self, job: Job, fd: int | None) -> Done | NeedDns:
        channel = self.helper.channel
        with trio.CancelScope(shield=True, deadline=trio.current_time() + limits.EXAMINE_S):
            await channel.send(_encode(job), () if fd is None else (fd,))
        while True:
            answer = _decode(await channel.receive())
            if isinstance(answer, Broken) and answer.id == job.id:
                raise WorkerLost(f"broken: {answer.why}")
            if isinstance(answer, Done | NeedDns) and answer.id == job.id:
                return answer
            # Anything else answers a job whose flow was cancelled.

    async def tell(self, job: Job) -> None:
        """Send a job that has no answer."""
        async with self._turn:
            if not self.lost.is_set():
                try:
                    with trio.move_on_after(limits.EXAMINE_S):
                        await self.helper.channel.send(_encode(job))
                except ChannelClosed:
                    self.lost.set()


class WorkerPool:
    """Places messages on workers."""

    def __init__(self, spawner: SpawnerClient, size: int) -> None:
        self._spawner = spawner
        self._size = size
        self._slots: list[Slot] = []
        self._changed = trio.Condition()
        self._next_id = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep all workers alive; started when the first one is ready."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._size):
                nursery.start_soon(helpers.keep, self._spawner, "worker", self._serve)
            await self.any_slot()
            task_status.started()

    async def _serve(self, helper: Helper) -> None:
        slot = Slot(helper)
        self._slots.append(slot)
        async with self._changed:
            self._changed.notify_all()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_exit, helper, slot)
                await slot.lost.wait()
                nursery.cancel_scope.cancel()
        finally:
            slot.lost.set()
            self._slots.remove(slot)
            with trio.CancelScope(shield=True):
                await self._kill(helper)

    async def _watch_exit(self, helper: Helper, slot: Slot) -> None:
        await helper.child.wait()
        slot.lost.set()

    async def _kill(self, helper: Helper) -> None:
        try:
            await helper.child.signal(signal.SIGKILL)
        except ChannelClosed:
            return

    async def any_slot(self) -> Slot:
        """The least busy worker, waiting until there is one."""
        async with self._changed:
            while not self._slots:
                await self._changed.wait()
        return min(self._slots, key=lambda slot: slot.load)

    def session(self) -> "WorkerSession":
        """A place for one message."""
        self._next_id += 1
        return WorkerSession(self, self._next_id)


class WorkerSession:
    """One message at one worker, which keeps the parsed state between rounds."""

    def __init__(self, pool: WorkerPool, job_id: int) -> None:
        self._pool = pool
        self._id = job_id
        self._slot: Slot | None = None

    async def examine(self, envelope: Envelope, payload: Payload) -> Examined | NeedDns:
        """First round. Raises: WorkerLost."""
        self._slot = await self._pool.any_slot()
        self._slot.load += 1
        job = Job(self._id, "examine", envelope, payload.octets, payload.fd is not None)
        return self._result(await self._slot.compute(job, payload.fd))

    async def resume(self, answers: tuple[Answer, ...]) -> Examined | NeedDns:
        """A further round. Raises: WorkerLost."""
        assert self._slot is not None
        return self._result(await self._slot.compute(Job(self._id, "resume", answers=answers), None))

    def _result(self, answer: Done | NeedDns) -> Examined | NeedDns:
        if isinstance(answer, NeedDns):
            return answer
        self._release()
        return _examined(answer.value)

    def _release(self) -> None:
        if self._slot is not None:
            self._slot.load -= 1
            self._slot = None

    async def drop(self) -> None:
        """Forget the job."""
        slot = self._slot
        self._release()
        if slot is not None:
            await slot.tell(Job(self._id, "drop"))
