"""The executor of hosts with systemd: each run is a transient unit that goes on without this daemon (U7).

Never leaves the values of a mail anywhere but in the hook's environment, nor a unit that is not recorded or known to
run. A start that is given up can never run later: what it needs is named in a directory that is gone by then.
"""

import contextlib
import math
import os
import shutil
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import trio

from aimx import limits, log
from aimx.effects import unitfile, unitstate
from aimx.effects.api import Running, Sandbox
from aimx.effects.controlgroup import Memory, populated
from aimx.effects.keeping import Keeper, Outputs
from aimx.effects.tools import Said, Tools
from aimx.effects.unitfile import Programs
from aimx.effects.unitstate import Seen
from aimx.model.job import Ended, Execution


class _Silent(Exception):
    """The service manager does not answer."""


class Units:
    """Implements effects.api.Executor."""

    name: Sandbox = "systemd-run"
    outlives = True

    def __init__(self, tools: Tools, programs: Programs, directory: Path, keeper: Keeper) -> None:
        """`directory` is ours and root's, and holds for a moment what a start needs."""
        self._tools = tools
        self._keeper = keeper
        self._programs = programs
        self._directory = directory
        # Units that this process started or resumed, until they are forgotten; with their state once they are over.
        self._mine: dict[str, str] = {}
        self._foreign: tuple[str, ...] = ()
        self._foreign_at = -math.inf

    # Starting

    async def start(self, order: Execution, fds: tuple[int, int, int]) -> Running:
        """Start a program as its owner. Shielded: a moment, or as long as systemd takes to say no. Raises: OSError."""
        self._mine[order.unit] = ""
        if order.outlives:
            self._keeper.keep(order.unit, *fds[1:])
        problem = ""
        with trio.CancelScope(shield=True):
            try:
                problem = unitfile.obstacle(order) or await self._execute(order, fds)
            except OSError:
                del self._mine[order.unit]
                self._keeper.drop(order.unit)
                raise
            if problem:
                await self.forget(order.unit)
        return NeverRan(problem) if problem else UnitRun(self, order)

    async def _execute(self, order: Execution, fds: tuple[int, int, int]) -> str:
        """Why it never ran; empty when it did. What it needs is gone when this returns."""
        foreign = await self._manager_variables()
        place = self._directory / order.unit
        try:
            _lay(place, order, fds)
            words = unitfile.start_words(self._programs, order, str(place), foreign)
            return await self._told(order.unit, words)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    async def _told(self, name: str, words: tuple[str, ...]) -> str:
        """As `_execute`. Told again where nothing came of it, as when systemd was restarting."""
        for pause_s in (*limits.HOOK_START_AGAIN_S, None):
            said = await self._tools.run(words, limits.HOOK_MANAGER_S)
            if said.code == 0:
                return ""
            try:
                unit = await self._decided(name)
            except _Silent:
                return "systemd does not answer"
            if unit is not None and not unitstate.untouched(unit):
                return await self._why_not(name, unit, said)
            await self._clear(name)  # a job of it may still wait
            if pause_s is None or said.code is None or unitstate.is_missing(said.err):
                break
            await trio.sleep(pause_s)
        return "systemd does not answer" if said.code is None else unitstate.problem(None, said.err)

    async def _decided(self, name: str) -> Seen | None:
        """A unit once it is known whether its program is executed. Raises: _Silent."""
        pause_s = limits.HOOK_LOOK_S
        with trio.move_on_after(limits.HOOK_START_S + limits.HOOK_KILL_AFTER_S):
            while (unit := await self._look(name)) is not None and unit.stage == "starting":
                await trio.sleep(pause_s)
                pause_s = min(2 * pause_s, limits.HOOK_POLL_S)
            return unit
        raise _Silent

    async def _why_not(self, name: str, unit: Seen, said: Said) -> str:
        """Why the program of a unit never ran; empty when it did, whatever systemd-run said."""
        if unitstate.doubtful(unit):
            return await self._doubt(name, unit)
        return unitstate.problem(unit, said.err) if unitstate.never_ran(unit) else ""

    async def _doubt(self, name: str, unit: Seen) -> str:
        """As `_why_not`, by the journal; where there is none, by the status alone."""
        # Without --boot: names of units are used once, and in a container's sandbox the boot has another identifier.
        words = ("--quiet", "--no-pager", "--output=json", f"--lines={limits.HOOK_JOURNAL_LINES}")
        fields = f"--output-fields={','.join(unitstate.JOURNAL_FIELDS)}"
        journalctl = self._programs.journalctl
        await self._run((journalctl, "--sync"), limits.HOOK_JOURNAL_S)
        said = await self._run((journalctl, *words, fields, f"UNIT={name}"), limits.HOOK_JOURNAL_S)
        told = unitstate.told(said.out)
        return told.problem or ("" if told.anything else unitstate.problem(unit, ""))

    async def _manager_variables(self) -> tuple[str, ...]:
        """What the manager gives to every service, asked now and then: `systemctl set-environment` changes it."""
        if trio.current_time() - self._foreign_at > limits.HOOK_VARIABLES_S:
            said = await self._systemctl("show-environment")
            if said.code == 0:
                self._foreign, self._foreign_at = unitstate.variables(said.out), trio.current_time()
        return self._foreign

    # Ending

    async def resume(self, unit: str, timeout_s: float) -> Ended | None:
        """The end of a run that an earlier daemon started."""
        self._mine[unit] = ""
        return await self.end_of(unit, timeout_s, "")

    def outputs(self, unit: str) -> Outputs:
        """What was kept of the outputs of a run."""
        return self._keeper.take(unit)

    async def end_of(self, unit: str, timeout_s: float, memory_max: str) -> Ended | None:
        """Await the end of a run, and of all that it left behind. None: systemd knows no such unit."""
        most_s = timeout_s + limits.HOOK_KILL_AFTER_S + limits.HOOK_MANAGER_S
        ended: Ended | None = Ended(-1, lost=True)
        with trio.move_on_after(most_s) as scope:
            ended = await self._end_of(unit, memory_max)
        if scope.cancelled_caught:
            log.error("hook-unit-hangs", unit=unit, note="given up; see systemctl status")
        return ended

    async def _end_of(self, unit: str, memory_max: str) -> Ended | None:
        pause_s, peak = limits.HOOK_LOOK_S, None
        try:
            while (found := await self._look(unit)) is not None and found.stage != "over":
                if found.stage == "stopping":  # TERM has been sent; this returns when all are gone
                    await self._systemctl("stop", unit)
                else:
                    with Memory(found.control_group) as memory:
                        if not (found.main_pid and await _gone(found.main_pid, unit)):
                            await trio.sleep(pause_s)
                            pause_s = min(2 * pause_s, limits.HOOK_POLL_S)
                        peak = memory.peak() or peak
            if found is None:
                return None
            self._mine[unit] = found.active
            if populated(found.control_group):
                await self._systemctl("kill", "--signal=KILL", unit)
        except _Silent:
            return Ended(-1, lost=True)
        if found.peak_octets is None:
            found = found._replace(peak_octets=peak)  # that version of systemd does not tell
        problem = await self._problem(unit, found)
        if problem and unitstate.unprepared(found):
            return Ended(-1, lost=True)  # its daemon was killed while it was starting
        return Ended(-1, problem=problem) if problem else unitstate.ended(found, memory_max)

    async def _problem(self, name: str, unit: Seen) -> str:
        """Of a start that an earlier daemon did not see fail."""
        if unitstate.doubtful(unit):
            return await self._doubt(name, unit)
        return unitstate.problem(unit, "") if unitstate.never_ran(unit) else ""

    async def stop(self, unit: str) -> None:
        """End a run before its time: TERM, then KILL. Returns when it is over."""
        await self._systemctl("stop", unit)

    async def forget(self, unit: str) -> None:
        """Its outcome has been recorded, or is nobody's: the unit goes. Shielded."""
        if unit not in self._mine:
            return
        with trio.CancelScope(shield=True):
            try:
                await self._clear(unit)
            finally:
                del self._mine[unit]
                self._keeper.drop(unit)

    async def _clear(self, unit: str) -> None:
        """Stopping removes a unit that did not fail; else its failure has to be forgotten too."""
        state = self._mine.get(unit)
        if state != "failed":
            await self._systemctl("stop", unit)
        if state != "active":
            await self._systemctl("reset-failed", unit)

    async def tidy(self, prefix: str, known: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Remove what earlier daemons left: files of starts, and units with this prefix that nobody waits for."""
        for place in self._left_places():
            shutil.rmtree(place, ignore_errors=True)
        words = ("list-units", "--all", "--plain", "--no-legend", "--full", f"{prefix}*")
        said = await self._systemctl(*words)
        units = {line.split()[0] for line in said.out.splitlines() if line.startswith(prefix)}
        # Asked after the list was made: a run is known before its unit exists.
        waiting = self._mine.keys() | set(await known())
        for unit in self._keeper.left() - waiting:
            self._keeper.close(unit)
        for unit in sorted(units - waiting):
            log.info("hook-unit-removed", unit=unit, why="no run waits for it")
            await self._clear(unit)

    def _left_places(self) -> list[Path]:
        try:
            return [place for place in self._directory.iterdir() if place.name not in self._mine]
        except FileNotFoundError:
            return []

    # Asking

    async def _look(self, unit: str) -> Seen | None:
        """Raises: _Silent."""
        for pause_s in (*limits.HOOK_LOOK_AGAIN_S, None):
            said = await self._systemctl("show", unit, f"--property={','.join(unitstate.PROPERTIES)}")
            if said.code == 0:
                with contextlib.suppress(ValueError):  # half an answer is none
                    return unitstate.seen(said.out)
            if pause_s is None:
                break
            await trio.sleep(pause_s)
        log.error("systemd-silent", unit=unit, said=said.err or None)
        raise _Silent

    async def _systemctl(self, verb: str, *words: str) -> Said:
        argv = (self._programs.systemctl, "--no-pager", "--no-ask-password", "--quiet", verb, *words)
        return await self._run(argv, limits.HOOK_MANAGER_S)

    async def _run(self, argv: tuple[str, ...], limit_s: float) -> Said:
        """A question, which may be asked again; that there are no descriptors left is no answer."""
        try:
            return await self._tools.run(argv, limit_s)
        except OSError as error:
            return Said(None, "", str(error))


class UnitRun:
    """Implements effects.api.Running."""

    def __init__(self, units: Units, order: Execution) -> None:
        self._units = units
        self._order = order

    async def ended(self) -> Ended:
        """Wait for the end. Cancelled: the unit goes on, unless it is of use to nobody then."""
        order = self._order
        try:
            ended = await self._units.end_of(order.unit, order.timeout_s, order.memory_max)
        except trio.Cancelled:
            if not order.outlives:
                with trio.CancelScope(shield=True):
                    await self._units.stop(order.unit)
            raise
        return ended if ended is not None else Ended(-1, lost=True)  # somebody stopped it by hand


class NeverRan:
    """Implements effects.api.Running for a program that was not executed."""

    def __init__(self, problem: str) -> None:
        self._ended = Ended(-1, problem=problem)

    async def ended(self) -> Ended:
        """At once, so that it is recorded whatever else is cancelled."""
        return self._ended


def _lay(place: Path, order: Execution, fds: tuple[int, int, int]) -> None:
    """What systemd reads at the start, behind directories of root's alone. Raises: OSError."""
    parent = place.parent
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(parent)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(0, f"{parent} is not root's alone")
    place.mkdir(mode=0o700)
    for fd, link in zip(fds, unitfile.LINKS, strict=True):
        os.symlink(f"/proc/{os.getpid()}/fd/{fd}", place / link)
    for output in fds[1:]:
        os.fchown(output, order.spec.uid, order.spec.gid)  # opened again by `echo … > /dev/stderr`
    with open(os.open(place / unitfile.ENVIRONMENT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(unitfile.environment_file(order.spec.env))


async def _gone(pid: int, unit: str) -> bool:
    """Wait until a process has ended; False: that cannot be, or its number may be another's by now."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:  # it has ended, or no descriptors are left
        return False
    try:
        if not _is_of(pid, unit):
            return False
        await trio.lowlevel.wait_readable(fd)
        return True
    finally:
        os.close(fd)


def _is_of(pid: int, unit: str) -> bool:
    try:
        return unit in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
