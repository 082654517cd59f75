"""Carry out a plan, change by change; undo on failure what can be undone, and say what stands.

A change is whole or not there, whatever happens at any moment; a run after a crash finds the rest to do. Nothing is
removed that this run did not make.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio

from aimx import limits
from aimx.errors import AimxError, Failed
from aimx.provision.setup.api import Change, Note

AGAIN = "Then run `sudo aimx setup` again."


class Undo(NamedTuple):
    """How a change is taken back, also when it was not finished or not begun: `what` is so once that is done."""

    what: str
    act: Callable[[], Awaitable[None]]


Register = Callable[[Undo], None]


class Action(NamedTuple):
    """How a change is made. Before it changes anything it registers how that is taken back; else it `stands`."""

    act: Callable[[Register], Awaitable[None]]
    stands: str = ""


class Ledger:
    """What this run has changed and not taken back, in words; for whoever has to say it."""

    def __init__(self) -> None:
        self._stands: list[str] = []
        self._undone: list[str] = []

    def made(self, what: str) -> None:
        """This stands now."""
        if what and what not in self._stands:
            self._stands.append(what)

    def taken_back(self, what: str) -> None:
        """This was undone."""
        self._undone.append(what)

    @property
    def words(self) -> tuple[str, ...]:
        """What was undone, what stands; nothing when this run has changed nothing."""
        undone = (f"Undone: {', '.join(self._undone)}.",) if self._undone else ()
        stands = (f"What stands: {', '.join(self._stands)}.",) if self._stands else ()
        return (*undone, *stands)


async def carry_out(
    changes: tuple[Change, ...], actions: dict[str, Action], ledger: Ledger, tell: Callable[[Note], None]
) -> None:
    """Make the changes in order. Cancelled or interrupted: what can be is undone first, too.

    Raises: Failed with what happened, what was undone, what stands and what to do.
    """
    undos: list[Undo] = []
    now = ""
    try:
        for change in changes:
            await trio.lowlevel.checkpoint()
            now = change.what
            await actions[change.name].act(undos.append)
            ledger.made(actions[change.name].stands)
            tell(Note("ok", f"{change.what}{f' ({change.where})' if change.where else ''}"))
    except BaseException as error:
        trouble = await _take_back(undos, ledger)
        if isinstance(error, Exception):
            raise Failed("\n".join((f"{now}: {_why(error)}", *trouble, *ledger.words, AGAIN))) from error
        for text in trouble:
            tell(Note("warn", text))
        raise


async def _take_back(undos: list[Undo], ledger: Ledger) -> tuple[str, ...]:
    """In reverse order, within a time; what could not be undone."""
    trouble = []
    with trio.CancelScope(shield=True):
        for undo in reversed(undos):
            try:
                with trio.fail_after(limits.UNDO_S):
                    await undo.act()
            except (AimxError, OSError, trio.TooSlowError) as error:
                trouble.append(f"Not undone: {undo.what} ({_why(error)}).")
            else:
                ledger.taken_back(undo.what)
    return tuple(trouble)


def _why(error: Exception) -> str:
    if isinstance(error, AimxError):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, trio.TooSlowError):
        return "it takes too long"
    return f"{type(error).__name__}: {error}"
