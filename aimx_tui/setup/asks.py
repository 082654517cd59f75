"""What the story asks and says, as values that go from its thread to the screen's, and the way of the answers back."""

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

import trio
from textual.message import Message

from aimx.provision.setup.api import Check, Note, Question, Seen, Zone
from aimx.provision.setup.steps import Checklist

T = TypeVar("T")


class Slot(Generic[T]):
    """One answer on its way from the screen's thread to the story's. Any thread may `fill` it, once or more."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()
        self._value: T

    async def wait(self) -> T:
        """The first answer."""
        await self._event.wait()
        return self._value

    def fill(self, value: T) -> None:
        """Answer; after the first, and after the story's end, nothing happens."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._set, value)

    def _set(self, value: T) -> None:
        if not self._event.is_set():
            self._value = value
            self._event.set()


class GoBack(NamedTuple):
    """An answer: the question before, please."""


class AskText(NamedTuple):
    """A line of text. `about`: its prompt; `empty`: what an empty line would mean, None when that is no answer."""

    name: str
    about: tuple[str, ...]
    offered: str
    check: Check
    empty: str | None
    back: bool


class AskYes(NamedTuple):
    """A yes or no."""

    question: Question
    back: bool


class AskRecords(NamedTuple):
    """The records are on the screen until they are right, or put off. `look` makes a look at the DNS begin now."""

    zone: Zone
    every_s: float
    look: Callable[[], None]
    back: bool


class AskAgain(NamedTuple):
    """Something failed. True: try again."""

    reason: str


class AskFinish(NamedTuple):
    """Everything has been said."""


Ask = AskText | AskYes | AskRecords | AskAgain | AskFinish


class Moved(Message, namespace="story"):
    """The checklist changed."""

    def __init__(self, checklist: Checklist) -> None:
        super().__init__()
        self.checklist = checklist


class Told(Message, namespace="story"):
    """A note."""

    def __init__(self, note: Note) -> None:
        super().__init__()
        self.note = note


class Working(Message, namespace="story"):
    """Something has begun, or with None has ended."""

    def __init__(self, what: str | None) -> None:
        super().__init__()
        self.what = what


class Asked(Message, namespace="story"):
    """A question; its answer goes into the slot."""

    def __init__(self, ask: Ask, slot: Slot[object]) -> None:
        super().__init__()
        self.ask, self.slot = ask, slot


class Looking(Message, namespace="story"):
    """A look at the DNS begins."""


class Looked(Message, namespace="story"):
    """What it saw, or why it saw nothing."""

    def __init__(self, seen: Seen | None, problem: str = "") -> None:
        super().__init__()
        self.seen, self.problem = seen, problem


class Over(Message, namespace="story"):
    """The story's thread has ended."""
