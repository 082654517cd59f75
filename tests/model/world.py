"""A daemon's insides in this process, over real files: every verb, mail that arrives, a reload, a crash. No sockets.

Messages are examined here instead of in a worker, by the worker's own code, and no name resolves.
"""

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import trio

from aimx.config.live import LiveConfig
from aimx.daemon import local
from aimx.daemon.storage import prepare_mailboxes
from aimx.effects.api import Effects
from aimx.errors import sole
from aimx.flows import dispatch
from aimx.flows.answer import Answer
from aimx.flows.ingest import Ingested, ingest
from aimx.model.caller import Caller
from aimx.model.dns import Answer as DnsAnswer
from aimx.model.job import Job
from aimx.model.message import Examined
from aimx.wire.frames import Request
from aimx.worker.job import Examiner
from tests.harness import DOMAIN

OPERATOR = Caller(os.geteuid(), os.getegid(), operator_uid=os.geteuid())
# Mailboxes of root can only be made by hand; whoever is not root owns whatever he serves.
OWNER = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
STRANGER = Caller(54321, 54321)
TOP = f'# written by hand\ndomain = "{DOMAIN}"  # stays\n'


def table(name: str, more: str = "") -> str:
    """A mailbox of the owner, as a person writes it."""
    return f'\n[mailboxes.{name}]  # {name} by hand\naddress = "{name}@{DOMAIN}"\nowner = "{OWNER.pw_name}"\n{more}'


class _Place:
    """Implements effects.api.Session."""

    def __init__(self) -> None:
        self._examiner = Examiner()

    async def examine(self, envelope, payload):
        return self._answer(Job(1, "examine", envelope, payload.read()))

    async def resume(self, answers):
        return self._answer(Job(1, "resume", answers=answers))

    def drop(self) -> None:
        self._answer(Job(1, "drop"))

    def _answer(self, job: Job):
        answer = self._examiner.handle(job, None)
        return msgspec.msgpack.decode(answer.value, type=Examined) if hasattr(answer, "value") else answer


class HereWorkers:
    """Implements effects.api.Workers, for what arrives."""

    def session(self) -> _Place:
        return _Place()


class NoNames:
    """Implements effects.api.Resolver."""

    async def answers(self, questions):
        return tuple(DnsAnswer(question, "nxdomain") for question in questions)


class World:
    """What one process holds. Each method is one turn of its loop; `bent` may replace the effects for one request."""

    def __init__(self, tree: Path, text: str | None = None) -> None:
        self.file, self.data = tree / "config.toml", tree / "data"
        if text is not None:
            self.file.write_text(text)
        self._open()

    def _open(self) -> None:
        self.live = LiveConfig(self.file, self.data)
        self.here = local._Here(self.live.current, self.live)
        self.fx: Effects = msgspec.structs.replace(self.here.fx, workers=HereWorkers(), resolver=NoNames())

    def close(self) -> None:
        """An orderly end."""
        self.here.__exit__(None, None, None)

    def again(self) -> None:
        """Start after an end."""
        self._open()

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """A turn of the loop; what is posted is logged."""

        async def turn() -> Any:
            result = await work(*arguments)
            await self.here.events.flush()
            return result

        try:
            return trio.run(turn)
        except BaseExceptionGroup as group:
            raise sole(group) from None

    def answer(self, request: Request, caller: Caller = OPERATOR, bent: Effects | None = None) -> Answer:
        """As the socket answers it."""

        async def work() -> Answer:
            answer = await dispatch.dispatch(bent or self.fx, self.live.current, request, caller)
            if answer.afterwards is not None:
                await answer.afterwards()
            return answer

        return self.run(work)

    def ask(self, request: Request, caller: Caller = OPERATOR) -> Any:
        """The JSON of a success, None for a bare one; an error as its code."""
        response = self.answer(request, caller).response
        if response.kind == "error":
            return response.code
        return msgspec.json.decode(response.body) if response.body else None

    def deliver(self, mailbox: str, octets: bytes) -> Ingested:
        """A message for a mailbox in force."""
        return self.run(ingest, self.fx, self.live.current, mailbox, octets)

    def reload(self) -> None:
        """SIGHUP. Raises: ConfigInvalid, with the last good configuration in force."""
        self.run(self.fx.desk.settings.reload)
        prepare_mailboxes(self.here.parts.committer, self.live.current)
