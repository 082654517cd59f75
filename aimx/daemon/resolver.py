"""The front's side of the resolver process."""

import msgspec
import trio

from aimx import limits, log
from aimx.daemon import helpers
from aimx.daemon.helpers import Helper, Kind
from aimx.effects.channel import ChannelClosed
from aimx.effects.process import SpawnerClient
from aimx.model.dns import Answer, Question
from aimx.model.job import Answers, Ask

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answers).decode


class _Waiting:
    """One ask; `answers` stays None when the resolver was lost."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.answers: tuple[Answer, ...] | None = None


class ResolverClient:
    """Questions to the one resolver; everything that fails is a `temperror`.

    `ask_s`: a healthy resolver has answered by then, with a temperror if need be; one that has not is replaced.
    """

    def __init__(self, spawner: SpawnerClient, ask_s: float = limits.DNS_QUERY_S * 2) -> None:
        self._spawner = spawner
        self._ask_s = ask_s
        self._helper: Helper | None = None
        self._hung = trio.Event()
        self._waiting: dict[int, _Waiting] = {}
        self._next_id = 0
        self._sending = trio.Lock()
        self._ready = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the resolver alive; started when it is ready."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(helpers.keep, self._spawner, Kind("resolver"), self._serve)
            await self._ready.wait()
            task_status.started()

    @property
    def pid(self) -> int:
        """The resolver's process id; 0 while there is none."""
        return self._helper.child.pid if self._helper is not None else 0

    async def _serve(self, helper: Helper) -> None:
        self._hung = trio.Event()
        self._helper = helper
        self._ready.set()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, helper, nursery.cancel_scope)
                await self._hung.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._helper = None
            self._ready = trio.Event()
            for waiting in self._waiting.values():
                waiting.done.set()
            self._waiting.clear()

    async def _receive(self, helper: Helper, scope: trio.CancelScope) -> None:
        try:
            while True:
                reply = helpers.decoded(_decode, await helper.channel.receive())
                waiting = self._waiting.pop(reply.id, None)
                if waiting is not None:
                    waiting.answers = reply.answers
                    waiting.done.set()
        except ChannelClosed as error:
            log.warning("resolver-lost", pid=helper.child.pid, why=str(error))
            scope.cancel()

    async def answers(self, questions: tuple[Question, ...]) -> tuple[Answer, ...]:
        """One answer per question, in order. A resolver that is just being replaced is waited for."""
        with trio.move_on_after(self._ask_s):
            await self._ready.wait()
        helper = self._helper
        if helper is not None:
            found = await self._ask(helper, questions)
            if found is not None and tuple(answer.question for answer in found) == questions:
                return found
        return tuple(Answer(question, "temperror") for question in questions)

    async def _ask(self, helper: Helper, questions: tuple[Question, ...]) -> tuple[Answer, ...] | None:
        self._next_id += 1
        ask = Ask(self._next_id, questions)
        waiting = self._waiting[ask.id] = _Waiting()
        try:
            with trio.move_on_after(self._ask_s) as scope:
                await self._send(helper, ask)
                await waiting.done.wait()
            if scope.cancelled_caught:
                self._give_up(helper, "no answer in time")
        except ChannelClosed as error:
            self._give_up(helper, str(error))
        finally:
            self._waiting.pop(ask.id, None)
        return waiting.answers

    async def _send(self, helper: Helper, ask: Ask) -> None:
        async with self._sending:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + self._ask_s) as whole:
                await helper.channel.send(_encode(ask))
        if whole.cancelled_caught:
            raise ChannelClosed("the resolver does not listen")

    def _give_up(self, helper: Helper, why: str) -> None:
        if self._helper is helper and not self._hung.is_set():
            log.warning("resolver-lost", pid=helper.child.pid, why=why)
            self._hung.set()
