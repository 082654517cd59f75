"""Units of systemd, with programs in the place of systemd's: what they are told and what is made of their answers.

`tests/systemd` has the same with a real systemd.
"""

import os
import stat
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from aimx import limits
from aimx.effects.keeping import Keeper
from aimx.effects.tools import Tools
from aimx.effects.unitfile import Programs
from aimx.effects.units import Units
from aimx.model.job import Ended, Execution, Exited, JobSpec
from tests.effects.test_unitstate import FAILED, SHOWN

UNIT = "aimx-hook-e-1.service"
RUN, CTL, JOURNAL = "systemd-run", "systemctl", "journalctl"
NOT_FOUND = {"LoadState": "not-found"}
RUNNING = {**SHOWN, "SubState": "running", "MainPID": "1"}
EXITED = SHOWN
STARTING = {**SHOWN, "ActiveState": "activating", "SubState": "start", "ActiveEnterTimestampMonotonic": "0"}
UNTOUCHED = {
    **SHOWN, "ActiveState": "inactive", "SubState": "dead", "ExecMainCode": "0", "ActiveEnterTimestampMonotonic": "0",
}  # fmt: skip
DOUBTFUL = {**SHOWN, **FAILED, "ExecMainStatus": "203", "ActiveEnterTimestampMonotonic": "0"}

_SYSTEMD_RUN = """#!/bin/sh
echo "$@" >> {d}/started
ls -ld {hooks} {place} {place}/environment > {d}/modes
cat {place}/environment > {d}/environment
cat {place}/stdin > {place}/stdout
cat {d}/said >&2
number=$(wc -l < {d}/started)
exit "$(sed -n "$number"p {d}/codes)"
"""
_SYSTEMCTL = """#!/bin/sh
while case $1 in --*) true;; *) false;; esac; do shift; done
echo "$1 $2" >> {d}/asked
case $1 in
show-environment) echo LANG=C.UTF-8; echo FOREIGN=1 ;;
show)
    number=$(grep -c '^show ' {d}/asked)
    [ -e {d}/shown.$number ] || number=last
    cat {d}/shown.$number ;;
list-units) cat {d}/units ;;
esac
"""
_JOURNALCTL = """#!/bin/sh
case $1 in --sync) ;; *) cat {d}/journal ;; esac
"""


class Stage:
    """The programs and what they answer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hooks = directory / "run" / "hooks"
        names = {"d": directory, "hooks": self.hooks, "place": self.hooks / UNIT}
        for name, text in ((RUN, _SYSTEMD_RUN), (CTL, _SYSTEMCTL), (JOURNAL, _JOURNALCTL)):
            self.write(name, text.format(**names)).chmod(0o755)
        self.codes(0)
        self.shown(EXITED)
        for name in ("said", "journal", "units", "started", "asked"):
            self.write(name, "")

    def write(self, name: str, text: str) -> Path:
        """A file that the programs read."""
        file = self.directory / name
        file.write_text(text)
        return file

    def codes(self, *codes: int) -> None:
        """With what systemd-run ends, time by time."""
        self.write("codes", "".join(f"{code}\n" for code in codes))

    def shown(self, *units: dict[str, str]) -> None:
        """What systemctl shows, time by time, and then always the last."""
        for number, unit in enumerate(units, 1):
            text = "".join(f"{key}={value}\n" for key, value in unit.items())
            self.write(f"shown.{number}", text)
            self.write("shown.last", text)

    def asked(self) -> list[str]:
        """What systemctl was asked for of the unit, each look told once."""
        lines = [line.split()[0] for line in (self.directory / "asked").read_text().splitlines() if UNIT in line]
        return [line for line, before in zip(lines, ["", *lines], strict=False) if (line, before) != ("show", "show")]

    def started(self) -> list[str]:
        """Command lines of systemd-run."""
        return (self.directory / "started").read_text().splitlines()

    def units(self, keeper: Keeper | None = None) -> Units:
        """The executor."""
        programs = Programs(*(str(self.directory / name) for name in (RUN, CTL, JOURNAL)))
        return Units(Tools(Here()), programs, self.hooks, keeper or Keeper())


class Started:
    """Implements effects.api.Process."""

    problem = None

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    async def wait(self) -> Exited:
        """Its end."""
        code = await trio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
        return Exited(0, max(code, -1), max(-code, 0))

    async def signal(self, number: int) -> None:
        """Signal it."""
        self._process.send_signal(number)


class Here:
    """Implements effects.api.Spawner: these processes are of this test's own."""

    async def run_as(self, spec: JobSpec, fds: tuple[int, int, int]) -> Started:
        """Start a program."""
        stdin, stdout, stderr = fds
        start = partial(subprocess.Popen, spec.argv, env=spec.env, stdin=stdin, stdout=stdout, stderr=stderr)
        return Started(start())


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Pauses are short: these programs never need them."""
    for name in ("HOOK_LOOK_AGAIN_S", "HOOK_START_AGAIN_S"):
        monkeypatch.setattr(limits, name, (0.0,))
    return Stage(tmp_path)


def order(*argv: str, outlives: bool = True) -> Execution:
    """A run of this process's own user."""
    env = {"HOME": "/home/alice", "AIMX_SUBJECT": "quarterly `id`"}
    spec = JobSpec(argv or ("/bin/true",), env, os.geteuid(), os.getegid(), (), "/")
    return Execution(spec, 60, "64M", UNIT, "aimx hook h of mailbox a", outlives)


class Descriptors:
    """stdin with a text, and a pipe for each output."""

    def __init__(self, text: bytes = b"mail\n") -> None:
        stdin = os.memfd_create("stdin")
        os.pwrite(stdin, text, 0)
        self.out, out_w = os.pipe()
        self.err, err_w = os.pipe()
        self.given = stdin, out_w, err_w

    def read(self) -> bytes:
        """What came out, once all that could write is closed."""
        for fd in self.given:
            os.close(fd)
        with open(self.out, "rb") as out, open(self.err, "rb"):
            return out.read()


def run(stage: Stage, given: Execution | None = None, fds: Descriptors | None = None) -> Ended:
    """A run from its start until it is forgotten."""

    async def main() -> Ended:
        units = stage.units()
        running = await units.start(given or order(), (fds or Descriptors()).given)
        ended = await running.ended()
        await units.forget(UNIT)
        return ended

    return trio.run(main)


def test_a_run_from_start_to_end(stage: Stage) -> None:
    stage.shown(RUNNING, EXITED)
    fds = Descriptors()
    assert run(stage, fds=fds) == Ended(0, cpu_ms=12, peak_octets=4096, ran_ms=25)
    assert fds.read() == b"mail\n"
    assert stage.asked() == ["show", "stop"]
    assert len(stage.started()) == 1


def test_what_a_start_needs_is_root_s_alone_and_gone_afterwards(stage: Stage) -> None:
    run(stage)
    modes = [line.split()[0] for line in (stage.directory / "modes").read_text().splitlines()]
    assert modes == ["drwx------", "drwx------", "-rw-------"]
    assert 'AIMX_SUBJECT="quarterly \\`id\\`"\n' in (stage.directory / "environment").read_text()
    assert list(stage.hooks.iterdir()) == []
    assert "quarterly" not in "".join(stage.started())


def test_variables_of_the_manager_are_asked_for_and_taken_away(stage: Stage) -> None:
    run(stage)
    assert " FOREIGN " in stage.started()[0]


def test_a_failed_unit_is_forgotten_without_being_stopped(stage: Stage) -> None:
    stage.shown({**SHOWN, **FAILED, "ExecMainStatus": "3"})
    assert run(stage).exit_code == 3
    assert stage.asked() == ["show", "reset-failed"]


STARTS = [
    pytest.param(
        (1,), "Failed to find executable /nope: No such file or directory", (NOT_FOUND,), "",
        Ended(-1, problem="exec: No such file or directory"), 1, id="missing",
    ),
    pytest.param((1, 0), "Failed to connect to bus", (NOT_FOUND, EXITED), "", 0, 2, id="systemd-restarts"),
    pytest.param((1, 0), "Connection reset", (UNTOUCHED, EXITED), "", 0, 2, id="systemd-restarted-before-it-began"),
    pytest.param((1,), "Connection reset", (STARTING, STARTING, EXITED), "", 0, 1, id="systemd-restarted-within"),
    pytest.param(
        (1, 1), "Access denied", (NOT_FOUND,), "", Ended(-1, problem="systemd-run: Access denied"), 2, id="refused"
    ),
    pytest.param(
        (1,), "", (DOUBTFUL,), '{"MESSAGE_ID":"641257651c1b4ec9a8624d7a40a9e1e7","ERRNO":"13"}',
        Ended(-1, problem="exec: Permission denied"), 1, id="not-executable",
    ),
    pytest.param((1,), "", (DOUBTFUL,), '{"MESSAGE":"Started"}', 203, 1, id="own-203-at-once"),
    pytest.param(
        (1,), "", (DOUBTFUL,), "", Ended(-1, problem="exec: the program cannot be executed (systemd: 203)"), 1,
        id="no-journal",
    ),
    pytest.param((1,), "", ({**DOUBTFUL, "ExecMainStatus": "5"},), "", 5, 1, id="own-5-at-once"),
    pytest.param(
        (1,), "", ({**DOUBTFUL, "Result": "timeout", "ExecMainCode": "2"},), "",
        Ended(-1, problem="exec: it was not executed within 20 seconds"), 1, id="hangs",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("codes", "said", "shown", "journal", "expected", "starts"), STARTS)
def test_a_start_that_systemd_run_calls_failed(
    stage: Stage, codes, said, shown, journal, expected: Ended | int, starts: int
) -> None:
    stage.codes(*codes)
    stage.write("said", said + "\n")
    stage.write("journal", journal)
    stage.shown(*shown)
    ended = run(stage)
    assert (ended if isinstance(expected, Ended) else ended.exit_code) == expected
    assert len(stage.started()) == starts
    assert list(stage.hooks.iterdir()) == []


def test_a_word_that_systemd_does_not_take_is_no_start(stage: Stage) -> None:
    ended = run(stage, order("/bin/echo", "a\ufffe"))
    assert "U+FFFE" in ended.problem
    assert stage.started() == []


def test_a_manager_that_hangs_is_an_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HOOK_MANAGER_S", 0.1)
    for name in (RUN, CTL):
        stage.write(name, "#!/bin/sh\nexec sleep 1000\n")
    assert run(stage) == Ended(-1, problem="systemd does not answer")
    assert list(stage.hooks.iterdir()) == []


def test_a_manager_that_falls_silent_leaves_an_end_that_nobody_saw(stage: Stage) -> None:
    stage.write(CTL, "#!/bin/sh\nexit 1\n")
    assert run(stage) == Ended(-1, lost=True)


def test_a_unit_that_somebody_removed_is_an_end_that_nobody_saw(stage: Stage) -> None:
    stage.shown(RUNNING, NOT_FOUND)
    assert run(stage) == Ended(-1, lost=True)


@pytest.mark.parametrize(("outlives", "verbs"), [(True, ["show"]), (False, ["show", "stop"])], ids=["mail", "test"])
def test_a_run_goes_on_when_nobody_waits_unless_nobody_would_ask_again(stage: Stage, outlives, verbs) -> None:
    stage.shown(RUNNING)

    async def main() -> None:
        running = await stage.units().start(order(outlives=outlives), Descriptors().given)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(running.ended)
            with trio.fail_after(60):
                while not stage.asked():
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert stage.asked() == verbs


RESUMED = [
    pytest.param((NOT_FOUND,), None, id="unknown"),
    pytest.param((EXITED,), Ended(0, cpu_ms=12, peak_octets=4096, ran_ms=25), id="ended-meanwhile"),
    pytest.param((RUNNING, EXITED), Ended(0, cpu_ms=12, peak_octets=4096, ran_ms=25), id="runs"),
    pytest.param(
        ({**RUNNING, "ActiveState": "activating", "MainPID": "0"}, EXITED),
        Ended(0, cpu_ms=12, peak_octets=4096, ran_ms=25), id="begins",
    ),
    pytest.param(
        ({**SHOWN, "ActiveState": "deactivating"}, {**SHOWN, **FAILED, "Result": "timeout", "ExecMainCode": "2"}),
        Ended(-1, True, cpu_ms=12, peak_octets=4096, ran_ms=25), id="is-being-stopped",
    ),
    pytest.param(
        (DOUBTFUL,), Ended(-1, problem="exec: the program cannot be executed (systemd: 203)"), id="never-ran"
    ),
    pytest.param(({**DOUBTFUL, "ExecMainStatus": "208"},), Ended(-1, lost=True), id="its-daemon-had-gone"),
    pytest.param(
        ({**UNTOUCHED, "ActiveState": "failed", "SubState": "failed", "Result": "resources"},),
        Ended(-1, lost=True), id="so-had-its-environment",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "expected"), RESUMED)
def test_a_run_of_an_earlier_daemon(stage: Stage, shown, expected: Ended | None) -> None:
    stage.shown(*shown)

    async def main() -> Ended | None:
        return await stage.units().resume(UNIT, 600)

    assert trio.run(main) == expected
    assert stage.started() == []


def test_outputs_of_runs_that_nobody_waits_for_are_closed(stage: Stage) -> None:
    """And those of others are there for whoever resumes them, once."""
    pipes = {name: os.pipe() for name in ("1.service/stdout", "1.service/stderr", "2.service/stderr")}
    prefix = "aimx-hook-e-"
    units = stage.units(Keeper("", {f"{prefix}{name}": reader for name, (reader, _) in pipes.items()}))

    async def known() -> list[str]:
        return [f"{prefix}1.service"]

    trio.run(units.tidy, prefix, known)
    stdout, stderr = pipes["1.service/stdout"][0], pipes["1.service/stderr"][0]
    assert units.outputs(f"{prefix}1.service") == (stdout, stderr)
    assert units.outputs(f"{prefix}1.service") == (None, None)
    with pytest.raises(BrokenPipeError):
        os.write(pipes["2.service/stderr"][1], b"x")
    for fd in (stdout, stderr, *(writer for _, writer in pipes.values())):
        os.close(fd)


def test_what_earlier_daemons_left_goes_but_for_what_is_known(stage: Stage) -> None:
    prefix = "aimx-hook-e-"
    stage.write("units", "".join(f"{prefix}{run}.service loaded active exited x\n" for run in (1, 2, 3)))
    left = stage.hooks / f"{prefix}9.service"
    left.mkdir(parents=True)
    stage.hooks.chmod(0o700)
    (left / "environment").write_text("K=1")

    async def known() -> list[str]:
        return [f"{prefix}2.service"]

    async def main() -> None:
        units = stage.units()
        await units.start(order(), Descriptors().given)
        await units.tidy(prefix, known)

    trio.run(main)
    asked = (stage.directory / "asked").read_text()
    assert f"stop {prefix}3.service" in asked
    assert f"stop {prefix}1.service" not in asked  # this process started it
    assert f"stop {prefix}2.service" not in asked
    assert not left.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda hooks: hooks.chmod(0o755), id="open-to-others"),
        pytest.param(lambda hooks: (hooks.rmdir(), hooks.symlink_to("/tmp")), id="symlink"),
    ],
)
def test_a_directory_that_others_see_is_not_used(stage: Stage, spoil: Callable[[Path], object]) -> None:
    stage.hooks.mkdir(parents=True, mode=0o700)
    spoil(stage.hooks)
    with pytest.raises(PermissionError):
        run(stage)
    assert stage.started() == []
    assert not stat.S_ISDIR(stage.hooks.lstat().st_mode) or list(stage.hooks.iterdir()) == []
