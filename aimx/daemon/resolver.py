"""The front's side of the resolver process."""

import signal

import msgspec
import trio

from aimx import limits
from aimx.daemon import helpers
from aimx.daemon.helpers import Helper
from aimx.effects.channel import ChannelClosed
from aimx.effects.process import SpawnerClient
from aimx.model.dns import Answer, Question
from aimx.model.job import Answers, Ask

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answers).decode


class _Waiting:
    def __init__(self) -> None:
        self.done = trio.Event()
        self.answers: tuple[Answer, ...] | None = None


class ResolverClient:
    """Questions to the one resolver; everything that fails is a `temperror`."""

    def __init__(self, spawner: SpawnerClient) -> None:
        self._spawner = spawner
        self._helper: Helper | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._next_id = 0
        self._sending = trio.Lock()
        self._ready = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the resolver alive; started when it is ready."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(helpers.keep, self._spawner, "resolver", self._serve)
            await self._ready.wait()
            task_status.started()

    async def _serve(self, helper: Helper) -> None:
        self._helper = helper
        self._ready.set()
        try:
            while True:
                reply = _decode(await helper.channel.receive())
                waiting = self._waiting.pop(reply.id, None)
                if waiting is not None:
                    waiting.answers = reply.answers
                    waiting.done.set()
        except ChannelClosed:
            pass
        finally:
            self._helper = None
            for waiting in self._waiting.values():
                waiting.done.set()
            self._waiting.clear()
            with trio.CancelScope(shield=True):
                await self._kill(helper)

    async def _kill(self, helper: Helper) -> None:
        try:
            await helper.child.signal(signal.SIGKILL)
        except ChannelClosed:
            return

    async def answers(self, questions: tuple[Question, ...]) -> tuple[Answer, ...]:
        """One answer per question, in order."""
        self._next_id += 1
        ask = Ask(self._next_id, questions)
        waiting = self._waiting[ask.id] = _Waiting()
        try:
            with trio.move_on_after(limits.DNS_QUERY_S * 2):
                await self._send(ask)
                await waiting.done.wait()
        finally:
            self._waiting.pop(ask.id, None)
        if waiting.answers is None:
            return tuple(Answer(question, "temperror") for question in questions)
        return waiting.answers

    async def _send(self, ask: Ask) -> None:
        helper = self._helper
        if helper is None:
            self._waiting[ask.id].done.set()
            return
        try:
            async with self._sending:
                with trio.CancelScope(shield=True):
                    await helper.channel.send(_encode(ask))
        except ChannelClosed:
            self._waiting[ask.id].done.set()
