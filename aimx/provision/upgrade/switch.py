"""Carries out a plan: the programs are exchanged and the service is on the new one, or all is what it was before.

Whatever ends it, a failure or an interruption, the way back is taken to its end. Who kills it outright leaves a
journal, and `settle` does the same for him later.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio

from aimx import limits
from aimx.errors import AimxError, Failed
from aimx.provision.service.api import Service
from aimx.provision.upgrade.health import Health
from aimx.provision.upgrade.place import Journal, Place
from aimx.provision.upgrade.plan import Step

Tell = Callable[[str], None]


class StepFailed(Failed):
    """A step failed. `changed`: something had been; it was taken back, but for what `trouble` says."""

    def __init__(self, step: str, cause: str, back_to: str | None = None, trouble: str = "") -> None:
        super().__init__(f"{step}: {cause}{f'; rollback failed at {trouble}' if trouble else ''}")
        self.step = step
        self.cause = cause
        self.back_to = back_to or "what was there"
        self.changed = back_to is not None
        self.trouble = trouble


class Machine(NamedTuple):
    """What is exchanged and on what. `health`: None where no service runs the program."""

    place: Place
    service: Service | None
    health: Health | None


class Switch:
    """One exchange."""

    def __init__(self, machine: Machine, journal: Journal, tell: Tell) -> None:
        self._machine, self._journal, self._tell = machine, journal, tell
        self._begun: list[Step] = []

    async def carry_out(self, steps: tuple[Step, ...]) -> None:
        """The steps in order. Raises: StepFailed; trio.Cancelled, with everything as it was."""
        acts = self._acts()
        step: Step = steps[0]
        try:
            for step in steps:
                await trio.lowlevel.checkpoint()
                self._begun.append(step)
                await acts[step]()
        except BaseException as error:
            with trio.CancelScope(shield=True):
                trouble = await self.take_back()
            if isinstance(error, Exception):
                raise StepFailed(step, _why(error), self._journal.current, trouble) from error
            if trouble:
                raise StepFailed(step, "interrupted", self._journal.current, trouble) from error
            raise
        try:
            self._machine.place.confirm(self._journal)
        except Failed as error:  # it runs, and goes on running
            self._tell(f"{error.reason}: the next upgrade clears up what is left of this one")

    def _acts(self) -> dict[Step, Callable[[], Awaitable[None]]]:
        place = self._machine.place

        async def preserve() -> None:
            place.preserve(self._journal)

        async def install() -> None:
            place.switch()

        return {
            "preserve old binary": preserve,
            "stop service": self._stop,
            "install new binary": install,
            "renew service file": self._renew,
            "start service": self._start,
            "wait for service ready": self._ready,
        }

    async def _stop(self) -> None:
        assert self._machine.service is not None
        self._tell("Stopping the service; it ends its sessions first")
        await self._machine.service.stop()

    async def _renew(self) -> None:
        assert self._machine.service is not None
        assert self._journal.unit is not None
        self._tell("Renewing the service file, which nobody has changed")
        await self._machine.service.renew(self._journal.unit[1])

    async def _start(self) -> None:
        assert self._machine.service is not None
        self._tell(f"Starting the service on {self._journal.target}")
        await self._machine.service.start()

    async def _ready(self) -> None:
        assert self._machine.health is not None
        await self._machine.health.wait(self._journal.target)

    async def take_back(self) -> str:
        """What ran before runs again, at its path. What did not succeed, in words; empty: all did."""
        back: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        place, service = self._machine.place, self._machine.service
        if "start service" in self._begun:
            back.append(("stop service", self._stop_new))
        if "install new binary" in self._begun:
            back.append(("restore old binary", self._restore))
        if "renew service file" in self._begun:
            back.append(("restore service file", self._restore_unit))
        if "stop service" in self._begun and service is not None:
            back.append(("start service", service.start))
            back.append(("wait for service ready", self._ready_again))
        trouble: dict[str, str] = {}
        for step, act in back:
            if "start service" in trouble:  # nobody is waited for who did not start
                break
            try:
                with trio.fail_after(limits.UNDO_S):
                    await act()
            except (AimxError, OSError, trio.TooSlowError) as error:
                trouble[step] = _why(error)
        if "restore old binary" not in trouble:  # else `.prev` is the one copy of what ran before
            try:
                # The next upgrade starts what this one has stopped and not started again.
                place.forget(self._journal, journal_stays="start service" in trouble)
            except AimxError as error:
                trouble["restore aimx.prev"] = error.reason
        return "; ".join(f"{step}: {why}" for step, why in trouble.items())

    async def take_back_all(self) -> str:
        """The same when every step may have been made, by somebody else."""
        self._begun = ["preserve old binary", "install new binary"]
        if self._journal.unit is not None:
            self._begun.append("renew service file")
        if self._journal.smtp is not None:
            self._begun += ["stop service", "start service"]
        return await self.take_back()

    async def resume(self) -> str:
        """The same when the old program lies at its path: only what is around it may be another."""
        self._begun = ["preserve old binary"]
        service, unit = self._machine.service, self._journal.unit
        if unit is not None and service is not None and service.installed(unit[1]):
            self._begun.append("renew service file")
        if self._journal.smtp is not None:
            self._begun.append("stop service")
        return await self.take_back()

    async def _stop_new(self) -> None:
        assert self._machine.service is not None
        self._tell(f"Going back to {self._journal.current or 'what was there'}")
        await self._machine.service.stop()

    async def _restore(self) -> None:
        self._machine.place.switch_back()

    async def _restore_unit(self) -> None:
        assert self._machine.service is not None
        assert self._journal.unit is not None
        await self._machine.service.renew(self._journal.unit[0])

    async def _ready_again(self) -> None:
        assert self._machine.health is not None
        await self._machine.health.wait(self._journal.current)


async def settle(machine: Machine, journal: Journal, tell: Tell) -> None:
    """End what somebody began who was killed: confirmed if the new program is at its path and well, else taken back.

    Raises: Failed when it was taken back, for then this process may be the program that was.
    """
    place, service = machine.place, machine.service
    tell(f"An upgrade from {journal.current or 'what was there'} to {journal.target} was interrupted")
    reached = place.reached(journal)
    if reached == "elsewhere":  # somebody has put a third program there; what is `.prev` now is what ran before
        place.clear()
        return
    switch = Switch(machine, journal, tell)
    if reached == "before":
        with trio.CancelScope(shield=True):
            trouble = await switch.resume()
        if trouble:
            raise Failed(f"what an interrupted upgrade left is not taken back: {trouble}")
        return
    try:
        if journal.smtp is not None and service is not None:
            assert machine.health is not None
            await service.start()
            await machine.health.wait(journal.target)
    except Failed as error:
        with trio.CancelScope(shield=True):
            trouble = await switch.take_back_all()
        raise StepFailed("wait for service ready", error.reason, journal.current, trouble) from error
    place.confirm(journal)


def _why(error: BaseException) -> str:
    if isinstance(error, AimxError):
        return error.reason
    if isinstance(error, trio.TooSlowError):
        return "it takes too long"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
