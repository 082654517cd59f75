"""Run one hook job to its end: environment, process, deadline, log line."""

import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

import msgspec
import trio

from aimx import limits, log
from aimx.effects.accounts import Account
from aimx.effects.api import Effects
from aimx.model.config import Hook
from aimx.model.hook import Within
from aimx.model.job import Ended, Execution, JobSpec
from aimx.policy import firing

_Ended = TypeVar("_Ended", bound=Ended | None)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Task(msgspec.Struct, frozen=True):
    """One runnable job with what the daemon holds for it. `env` are the values that come from the mail.

    `token` is the secret by which processes of this run are recognised (U5). `test`: somebody asked for this run.
    `unit` is the name by which a run that outlives its daemon is found again, `memory_max` as in config.toml,
    `conversation` what the run is counted in.
    """

    run: int
    hook: Hook
    mailbox: str
    email_id: str
    path: str
    cwd: str
    env: dict[str, str]
    account: Account
    change_identity: bool
    token: str
    test: bool = False
    unit: str = ""
    memory_max: str = ""
    conversation: str = ""

    @property
    def within(self) -> Within:
        """What is known of a message that is sent from this run."""
        return Within(self.hook.event, self.mailbox, self.env.get("AIMX_MESSAGE_ID", ""), self.conversation)


class Run(msgspec.Struct, frozen=True):
    """How a hook ended. `exit_code` is -1 when it could not start or a signal ended it.

    `reason`: `spawn-failed`, `message-gone`, `interrupted`; None when the program ran to its own end or its limit.
    """

    exit_code: int
    timed_out: bool
    duration_ms: int
    stderr_tail: str
    reason: str | None = None
    stdout_tail: str = ""
    cpu_ms: int | None = None
    peak_octets: int | None = None


def execution(task: Task) -> Execution:
    """The run as its executor gets it."""
    title = f"aimx hook {task.hook.name} of mailbox {task.mailbox}"
    return Execution(
        specification(task), task.hook.timeout_secs, task.memory_max, task.unit, title, outlives=not task.test
    )


def specification(task: Task) -> JobSpec:
    """The closed environment and identity of one run (U4). Nothing of the daemon's own environment is in it."""
    account = task.account
    ours = {
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": account.shell or "/bin/sh",
        "PATH": PATH,
        "AIMX_HOOK_NAME": task.hook.name,
        "AIMX_EVENT": task.hook.event,
        "AIMX_MAILBOX": task.mailbox,
        "AIMX_FILEPATH": task.path,
        "AIMX_ID": task.email_id,
        "AIMX_JOB": task.token,
    }
    env = firing.environment(task.env, ours)
    return JobSpec(task.hook.cmd, env, account.uid, account.gid, account.groups, task.cwd, task.change_identity)


async def fire(fx: Effects, task: Task, stdin: int, shown: int = limits.HOOK_STDERR_TAIL_CHARACTERS) -> Run:
    """Run one hook. Returns its outcome with the last `shown` characters of its output; a failing hook is a value.

    Cancellation: as `effects.api.Running.ended`.
    """
    started = trio.current_time()
    out_r, out_w = os.pipe2(os.O_CLOEXEC)
    err_r, err_w = os.pipe2(os.O_CLOEXEC)
    told, tail = Tail(limits.HOOK_OUTPUT_OCTETS), Tail(limits.HOOK_OUTPUT_OCTETS)
    async with trio.lowlevel.FdStream(out_r) as stdout, trio.lowlevel.FdStream(err_r) as stderr:
        try:
            running = await fx.executor.start(execution(task), (stdin, out_w, err_w))
        finally:
            os.close(out_w)
            os.close(err_w)
        ended = await _listen(((stdout, told), (stderr, tail)), running.ended)
    duration_ms = round((trio.current_time() - started) * 1000)
    return outcome(ended, duration_ms, told.text(shown), tail.text(shown))


async def resume(fx: Effects, unit: str, timeout_s: float, before_ms: float) -> Run | None:
    """As `fire`, of a run that an earlier daemon started `before_ms` ago; None: nothing is known of its end.

    Of its output there is what that daemon had not read.
    """
    started = trio.current_time()
    tail = Tail(limits.HOOK_OUTPUT_OCTETS)
    async with AsyncExitStack() as stack:
        heard = []
        for fd, into in zip(fx.executor.outputs(unit), (Tail(limits.HOOK_OUTPUT_OCTETS), tail), strict=True):
            if fd is not None:
                heard.append((await stack.enter_async_context(trio.lowlevel.FdStream(fd)), into))
        ended = await _listen(heard, partial(fx.executor.resume, unit, timeout_s))
    if ended is None:
        return None
    after_ms = (trio.current_time() - started) * 1000
    return outcome(ended, max(0, round(before_ms + after_ms)), stderr=tail.text())


async def _listen(
    outputs: Iterable[tuple[trio.lowlevel.FdStream, "Tail"]], end: Callable[[], Awaitable[_Ended]]
) -> _Ended:
    """Await an end, and read meanwhile."""
    async with trio.open_nursery() as nursery:
        for stream, tail in outputs:
            nursery.start_soon(_drain, stream, tail)
        ended = await end()
        # The group is gone; whatever still holds the pipes left it on purpose and is not waited for.
        nursery.cancel_scope.deadline = trio.current_time() + limits.HOOK_LINGER_S
    return ended


def outcome(ended: Ended, duration_ms: int, stdout: str = "", stderr: str = "") -> Run:
    """How a run ended, as it is recorded."""
    usage = ended.cpu_ms, ended.peak_octets
    if ended.problem:
        return Run(-1, ended.timed_out, duration_ms, f"spawn-failed: {ended.problem}", "spawn-failed", "", *usage)
    reason = "interrupted" if ended.lost else None
    if ended.ran_ms is not None:
        duration_ms = ended.ran_ms
    stderr = "\n".join(text for text in (stderr, ended.note) if text)
    return Run(ended.exit_code, ended.timed_out, duration_ms, stderr, reason, stdout, *usage)


class Tail:
    """The last octets of an output, bounded."""

    def __init__(self, size_octets: int) -> None:
        self._size = size_octets
        self._octets = bytearray()

    def add(self, octets: bytes | bytearray) -> None:
        """Append, forgetting the oldest."""
        self._octets += octets
        if len(self._octets) > self._size:
            del self._octets[: -self._size]

    def text(self, characters: int = limits.HOOK_STDERR_TAIL_CHARACTERS) -> str:
        """The last characters, by default as many as a log line takes."""
        return self._octets.decode("utf-8", "replace").strip()[-characters:]


async def _drain(stream: trio.lowlevel.FdStream, tail: Tail) -> None:
    """Read for as long as anybody writes, so that a hook is never blocked by its own output."""
    async for octets in stream:
        tail.add(octets)


def log_line(task: Task, run: Run, sandbox: str) -> None:
    """The guide's one structured line per fire; failures at warn. A command that tries a hook out shows more itself."""
    if task.test and log.is_quiet():
        return
    fields: dict[str, object] = {
        "hook_name": task.hook.name,
        "event": task.hook.event,
        "mailbox": task.mailbox,
        "owner": task.account.name,
        "sandbox": sandbox,
        "email_id": task.email_id,
        "exit_code": run.exit_code,
        "duration_ms": run.duration_ms,
        "timed_out": run.timed_out,
    }
    text = " ".join(f"{key}={log.value(field)}" for key, field in fields.items())
    level = "info" if run.exit_code == 0 and not run.timed_out and run.reason is None else "warn"
    more = f" reason={log.value(run.reason)}" if run.reason else ""
    more += " test=true" if task.test else ""
    log.emit(f"level={level} {text} stderr_tail={quoted(run.stderr_tail)}{more}")


def log_skip(hook: str, event: str, mailbox: str, email_id: str, reason: str) -> None:
    """One line per hook that did not run; only what an operator has to repair is a warning."""
    say = log.warning if reason in firing.FAULTS else log.info
    say("hook-skipped", hook_name=hook, trigger=event, mailbox=mailbox, email_id=email_id, reason=reason)


def quoted(text: str) -> str:
    """A value that is always in quotes."""
    shown = log.value(text)
    return shown if shown.startswith('"') else f'"{shown}"'
