"""Run one hook job to its end: environment, process, deadline, log line."""

import os
import signal

import msgspec
import trio

from aimx import limits, log
from aimx.effects.accounts import Account
from aimx.effects.api import Effects, Process, SpawnProblem
from aimx.model.config import Hook
from aimx.model.job import JobSpec


class Task(msgspec.Struct, frozen=True):
    """One runnable job with what the daemon holds for it. `env` are the values that come from the mail."""

    run: int
    hook: Hook
    mailbox: str
    email_id: str
    path: str
    cwd: str
    env: dict[str, str]
    account: Account
    change_identity: bool


class Run(msgspec.Struct, frozen=True):
    """How a hook ended. `exit_code` is -1 when it could not start or a signal ended it."""

    exit_code: int
    timed_out: bool
    duration_ms: int
    stderr_tail: str
    reason: str | None = None


def specification(task: Task) -> JobSpec:
    """The closed environment and identity of one run (U4)."""
    account = task.account
    env = {
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": account.shell or "/bin/sh",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        **task.env,
        "AIMX_HOOK_NAME": task.hook.name,
        "AIMX_EVENT": task.hook.event,
        "AIMX_MAILBOX": task.mailbox,
        "AIMX_FILEPATH": task.path,
        "AIMX_ID": task.email_id,
    }
    return JobSpec(task.hook.cmd, env, account.uid, account.gid, account.groups, task.cwd, task.change_identity)


async def fire(fx: Effects, task: Task, stdin: int) -> Run:
    """Run one hook. Returns its outcome; a failing hook is a value.

    Cancellation: the hook gets TERM, then KILL.
    """
    started = trio.current_time()
    out_r, out_w = os.pipe2(os.O_CLOEXEC)
    err_r, err_w = os.pipe2(os.O_CLOEXEC)
    tail = Tail(limits.HOOK_OUTPUT_OCTETS)
    try:
        try:
            process = await fx.spawner.run_as(specification(task), (stdin, out_w, err_w))
        finally:
            os.close(out_w)
            os.close(err_w)
    except SpawnProblem as problem:
        os.close(out_r)
        os.close(err_r)
        why = f"spawn-failed: {problem.step}: {os.strerror(problem.errno)}"
        return Run(-1, False, _ms(started), why, "spawn-failed")
    code, timed_out = await _supervise(process, task.hook.timeout_secs, (out_r, err_r), tail)
    return Run(code, timed_out, _ms(started), tail.text())


async def _supervise(process: Process, timeout_s: float, outputs: tuple[int, int], tail: "Tail") -> tuple[int, bool]:
    timed_out = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_drain, outputs[0], Tail(limits.HOOK_OUTPUT_OCTETS))
        nursery.start_soon(_drain, outputs[1], tail)
        with trio.move_on_after(timeout_s) as scope:
            ended = await process.wait()
        if scope.cancelled_caught:
            timed_out = True
            await process.signal(signal.SIGTERM)
            with trio.move_on_after(limits.HOOK_KILL_AFTER_S) as grace:
                ended = await process.wait()
            if grace.cancelled_caught:
                await process.signal(signal.SIGKILL)
                ended = await process.wait()
        # The group is gone; whatever still holds the pipes left it on purpose and is not waited for.
        nursery.cancel_scope.deadline = trio.current_time() + 1
    return ended.code, timed_out


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

    def text(self) -> str:
        """The last characters for the log line."""
        return self._octets.decode("utf-8", "replace").strip()[-limits.HOOK_STDERR_TAIL_CHARACTERS :]


async def _drain(fd: int, tail: Tail) -> None:
    stream = trio.lowlevel.FdStream(fd)
    async with stream:
        async for octets in stream:
            tail.add(octets)


def _ms(started: float) -> int:
    return round((trio.current_time() - started) * 1000)


def log_line(task: Task, run: Run, sandbox: str) -> None:
    """The guide's one structured line per fire."""
    text = (
        f"hook_name={task.hook.name} event={task.hook.event} mailbox={task.mailbox} owner={task.account.name}"
        f" sandbox={sandbox} email_id={log.value(task.email_id)} exit_code={run.exit_code}"
        f" duration_ms={run.duration_ms} timed_out={log.value(run.timed_out)} stderr_tail={quoted(run.stderr_tail)}"
    )
    log.emit(f"level={'info' if run.exit_code == 0 else 'warn'} {text}")


def quoted(text: str) -> str:
    """A value that is always in quotes."""
    shown = log.value(text)
    return shown if shown.startswith('"') else f'"{shown}"'
