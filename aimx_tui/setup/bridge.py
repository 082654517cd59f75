"""The wizard's side of the story: a Ui that runs with it on trio, in a thread of its own, and tells a screen of it.

Draws nothing. What the screen's thread calls here is said at each method; everything else belongs to the story's.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import trio
from textual.message import Message

from aimx import errors, limits
from aimx.errors import AimxError
from aimx.provision.setup import texts
from aimx.provision.setup.api import Back, Check, Note, Options, Question, SetupCancelled, Watch, Works
from aimx.provision.setup.steps import Checklist
from aimx.provision.setup.story import Setup
from aimx_tui.setup import asks


class Bridge:
    """Ui for one run of the wizard, over as many attempts as the operator makes."""

    def __init__(
        self, post: Callable[[Message], object], works: Works, options: Options, again_s: float = limits.SETUP_LOOK_S
    ) -> None:
        self._post, self._works, self._options, self._again_s = post, works, options, again_s
        self._typed: dict[str, str] = {}
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._stopped = False
        self.outcome: BaseException | None = None

    def run(self) -> None:
        """All of it, in a thread; how it ended is in `outcome` afterwards, None after a complete setup."""
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001  whoever started the thread raises it again
            self.outcome = errors.sole(error)
        self._post(asks.Over())

    def stop(self) -> None:
        """Any thread: end the story where it is."""
        self._stopped = True
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            if self._stopped:
                self._scope.cancel()
            while await self._attempt():
                pass
        if self._scope.cancelled_caught:
            raise SetupCancelled(texts.CANCELLED)

    async def _attempt(self) -> bool:
        """One run of the story; whether another is wanted."""
        try:
            await Setup(self, self._works, self._options).run()
        except (AimxError, OSError, ExceptionGroup) as error:
            cause = errors.sole(error)
            if isinstance(cause, SetupCancelled) or not isinstance(cause, (AimxError, OSError)):
                raise
            if not await self._ask(asks.AskAgain(_reason(cause))):
                raise
            return True
        await self._ask(asks.AskFinish())
        return False

    async def _ask(self, ask: asks.Ask) -> object:
        slot = asks.Slot[object]()
        self._post(asks.Asked(ask, slot))
        answer = await slot.wait()
        if isinstance(answer, asks.GoBack):
            raise Back
        return answer

    def checklist(self, checklist: Checklist) -> None:
        """Ui."""
        self._post(asks.Moved(checklist))

    def tell(self, note: Note) -> None:
        """Ui. Titles are on the screen anyway."""
        if note.kind != "title":
            self._post(asks.Told(note))

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Ui."""
        self._post(asks.Working(what))
        try:
            yield
        finally:
            self._post(asks.Working(None))

    async def domain(self, offered: str | None, check: Check) -> str:
        """Ui."""
        return await self._text(
            asks.AskText("domain", texts.DOMAIN_PROMPT, offered or "", check, empty=None, back=False)
        )

    async def senders(self, check: Check, back: bool = False) -> str:
        """Ui."""
        empty = "Nobody: mail is stored, hooks do not fire"
        return await self._text(asks.AskText("senders", texts.SENDERS_PROMPT, "", check, empty, back))

    async def _text(self, ask: asks.AskText) -> str:
        """What has been typed here before is offered again."""
        answer = cast(str, await self._ask(ask._replace(offered=self._typed.get(ask.name, ask.offered))))
        self._typed[ask.name] = answer
        return answer

    async def confirm(self, question: Question, back: bool = False) -> bool:
        """Ui."""
        return bool(await self._ask(asks.AskYes(question, back)))

    async def records(self, watch: Watch, back: bool = False) -> bool:
        """Ui. Looks when told to, and every `again_s`, until the answer is there."""
        wakes, sleeps = trio.open_memory_channel[None](1)
        token, verified = trio.lowlevel.current_trio_token(), False

        def look() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(_wake, wakes)

        slot = asks.Slot[object]()
        self._post(asks.Asked(asks.AskRecords(watch.zone, self._again_s, look, back), slot))
        async with trio.open_nursery() as nursery:

            async def keep_looking() -> None:
                nonlocal verified
                while True:
                    verified = await self._look(watch)
                    with trio.move_on_after(math.inf if verified else self._again_s):
                        await sleeps.receive()

            nursery.start_soon(keep_looking)
            answer = await slot.wait()
            nursery.cancel_scope.cancel()
        if isinstance(answer, asks.GoBack):
            raise Back
        return verified

    async def _look(self, watch: Watch) -> bool:
        self._post(asks.Looking())
        try:
            seen = await watch.look()
        except AimxError as error:
            self._post(asks.Looked(None, errors.told(error)))
            return False
        self._post(asks.Looked(seen))
        return seen.verified


def _wake(wakes: trio.MemorySendChannel[None]) -> None:
    with suppress(trio.WouldBlock):
        wakes.send_nowait(None)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'system'}: {error.strerror}"
    return errors.told(error)
