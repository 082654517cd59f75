"""The pool of workers: one computation at a time each, every computation under a deadline, dead ones replaced.

What a worker answers is hostile: it is decoded, checked and never acted upon.
"""

import msgspec
import trio

from aimx import limits, log
from aimx.daemon import helpers
from aimx.daemon.believable import believable, believable_message
from aimx.daemon.helpers import Helper, Kind
from aimx.effects.api import WorkerLost
from aimx.effects.channel import ChannelClosed
from aimx.effects.payload import Payload
from aimx.effects.process import SpawnerClient
from aimx.errors import BodyTooLarge, MalformedMessage, Refused
from aimx.flows import composing
from aimx.mime import clean, outbound
from aimx.model.dns import Answer
from aimx.model.envelope import Envelope
from aimx.model.job import Broken, Declined, Done, FromWorker, Job, NeedDns
from aimx.model.message import Examined
from aimx.model.outbound import Composed, ComposeOrder

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FromWorker).decode
_examined = msgspec.msgpack.Decoder(Examined).decode
_composed = msgspec.msgpack.Decoder(Composed).decode
_DECLINED: dict[str, type[Refused]] = {"MalformedMessage": MalformedMessage, "BodyTooLarge": BodyTooLarge}


class Slot:
    """One worker process. `load` counts the messages that are placed on it; `heavy`: large ones to compose are."""

    def __init__(self, helper: Helper, compute_s: float) -> None:
        self.helper = helper
        self.load = 0
        self.heavy = 0
        self.lost = trio.Event()
        self._compute_s = compute_s
        self._turn = trio.Lock()
        self._composing = trio.Lock()
        self._forgotten: list[int] = []

    async def compose(self, job: Job, within_s: float) -> Done | NeedDns | Declined:
        """One computation, of which only one at a time stands in line: what arrives never waits behind many.

        Raises: WorkerLost.
        """
        async with self._composing:
            return await self.compute(job, None, within_s)

    async def compute(self, job: Job, fd: int | None, within_s: float | None = None) -> Done | NeedDns | Declined:
        """One computation, `within_s` when it may take longer or shorter than others. Raises: WorkerLost."""
        try:
            self._turn.acquire_nowait()  # `acquire` would yield even when it is free
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            return await self._compute(job, fd, self._compute_s if within_s is None else within_s)
        finally:
            self._turn.release()

    async def _compute(self, job: Job, fd: int | None, within_s: float) -> Done | NeedDns | Declined:
        if self.lost.is_set():
            raise WorkerLost("worker ended", victim=True)
        try:
            with trio.CancelScope(deadline=trio.current_time() + within_s):
                return await self._exchange(job, fd)
        except ChannelClosed as error:
            self.give_up(str(error))
            raise WorkerLost(str(error), victim=await self._fell_with_the_spawner()) from error
        self.give_up("deadline")
        raise WorkerLost("deadline")

    async def _fell_with_the_spawner(self) -> bool:
        """All workers end with the spawner: then this message is not to blame."""
        with trio.move_on_after(limits.WORKER_EXIT_S):
            ended = await self.helper.child.wait()
            return ended.code == -1 and ended.signal == 0
        return False

    async def _exchange(self, job: Job, fd: int | None) -> Done | NeedDns | Declined:
        while self._forgotten:
            await self._send(Job(self._forgotten.pop(), "drop"), ())
        await self._send(job, () if fd is None else (fd,))
        while True:
            answer = helpers.decoded(_decode, await self.helper.channel.receive())
            if isinstance(answer, Broken) and answer.id == job.id:
                raise WorkerLost(f"broken: {answer.why}")
            if isinstance(answer, Done | NeedDns | Declined) and answer.id == job.id:
                return answer
            # Anything else answers a job whose flow was cancelled.

    async def _send(self, job: Job, fds: tuple[int, ...]) -> None:
        unsent = self.helper.channel.begin(_encode(job), fds)
        if unsent is None:
            return
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._compute_s) as whole:
            await self.helper.channel.finish(unsent)
        if whole.cancelled_caught:
            raise ChannelClosed("the worker does not listen")

    def forget(self, job_id: int) -> None:
        """Have the worker drop a job's state before its next computation; nobody waits for that."""
        self._forgotten.append(job_id)

    def give_up(self, why: str) -> None:
        """Have this worker killed and replaced."""
        if not self.lost.is_set():
            log.warning("worker-lost", pid=self.helper.child.pid, why=why)
            self.lost.set()


class WorkerPool:
    """Places messages on workers. `compute_s`: deadline of one computation."""

    def __init__(
        self,
        spawner: SpawnerClient,
        size: int,
        compute_s: float = limits.EXAMINE_S,
        memory_octets: int = limits.WORKER_MEMORY_OCTETS,
    ) -> None:
        self._spawner = spawner
        self.size = size
        self._compute_s = compute_s
        self._kind = Kind("worker", {"memory_octets": memory_octets})
        self._heavy = trio.CapacityLimiter(max(1, size // 2))  # workers that large messages to compose may take
        self._slots: list[Slot] = []
        self._changed = trio.Condition()
        self._next_id = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep all workers alive; started when the first one is ready."""
        async with trio.open_nursery() as nursery:
            for _ in range(self.size):
                nursery.start_soon(helpers.keep, self._spawner, self._kind, self._serve)
            await self.any_slot()
            task_status.started()

    async def _serve(self, helper: Helper) -> None:
        slot = Slot(helper, self._compute_s)
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

    async def _watch_exit(self, helper: Helper, slot: Slot) -> None:
        ended = await helper.child.wait()
        slot.give_up(f"ended with {ended.code}, signal {ended.signal}")

    @property
    def ready(self) -> tuple[int, ...]:
        """Process ids of the workers that take work now."""
        return tuple(slot.helper.child.pid for slot in self._slots if not slot.lost.is_set())

    async def any_slot(self) -> Slot:
        """The least busy living worker, one without a large message to compose first; waits until there is one."""
        if not self.ready:
            async with self._changed:
                while not self.ready:
                    await self._changed.wait()
        return min((slot for slot in self._slots if not slot.lost.is_set()), key=lambda slot: (slot.heavy, slot.load))

    def session(self) -> "WorkerSession":
        """A place for one message."""
        return WorkerSession(self, self._job_id())

    def _job_id(self) -> int:
        self._next_id += 1
        return self._next_id

    async def compose(self, order: ComposeOrder) -> Composed:
        """A submission as a wire message. Raises: WorkerLost; Refused for input that breaks a rule.

        Large ones take some of the workers only, so that mail which arrives finds one that answers soon.
        """
        if len(order.message) + len(order.html or b"") <= limits.COMPOSE_LIGHT_OCTETS:
            return await self._compose(order, 0, self._compute_s)
        async with self._heavy:
            return await self._compose(order, 1, limits.COMPOSE_FACTOR * self._compute_s)

    async def _compose(self, order: ComposeOrder, heavy: int, within_s: float) -> Composed:
        slot = await self.any_slot()
        slot.load += 1
        slot.heavy += heavy
        try:
            answer = await slot.compose(Job(self._job_id(), "compose", compose=order), within_s)
            if isinstance(answer, Declined):
                raise _DECLINED.get(answer.error, Refused)(clean.one_line(answer.reason[: limits.REASON_OCTETS]))
            if not isinstance(answer, Done):
                raise ChannelClosed("a worker asked when it had to compose")
            composed = helpers.decoded(_composed, answer.value)
            return await composing.aside(outbound.is_long(order.message), believable_message, order, composed)
        except (ChannelClosed, ValueError) as error:
            slot.give_up(str(error))
            raise WorkerLost(str(error)) from error
        finally:
            slot.load -= 1
            slot.heavy -= heavy


class WorkerSession:
    """One message at one worker, which keeps the parsed state between rounds."""

    def __init__(self, pool: WorkerPool, job_id: int) -> None:
        self._pool = pool
        self._id = job_id
        self._size_octets = 0
        self._slot: Slot | None = None

    async def examine(self, envelope: Envelope, payload: Payload) -> Examined | NeedDns:
        """First round. Raises: WorkerLost."""
        self._size_octets = payload.size
        self._slot = await self._pool.any_slot()
        self._slot.load += 1
        job = Job(self._id, "examine", envelope, payload.octets, payload.fd is not None)
        return await self._result(await self._slot.compute(job, payload.fd))

    async def resume(self, answers: tuple[Answer, ...]) -> Examined | NeedDns:
        """A further round. Raises: WorkerLost."""
        assert self._slot is not None
        return await self._result(await self._slot.compute(Job(self._id, "resume", answers=answers), None))

    async def _result(self, answer: Done | NeedDns | Declined) -> Examined | NeedDns:
        if isinstance(answer, NeedDns):
            return answer
        try:
            if isinstance(answer, Declined):
                raise ChannelClosed("a worker declined to examine")
            message = helpers.decoded(_examined, answer.value)
            long = len(message.body) > limits.BODY_PIECE_CHARACTERS
            return await composing.aside(long, believable, message, self._size_octets)
        except (ChannelClosed, ValueError) as error:
            assert self._slot is not None
            self._slot.give_up(str(error))
            raise WorkerLost(str(error)) from error
        finally:
            self._release()

    def _release(self) -> None:
        if self._slot is not None:
            self._slot.load -= 1
            self._slot = None

    def drop(self) -> None:
        """Forget the job."""
        if self._slot is not None:
            self._slot.forget(self._id)
        self._release()
