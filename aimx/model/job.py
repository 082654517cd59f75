"""Seam: frames between the front and its helper processes (u32 length + msgpack).

Front to worker: Job. Worker to front: Ready, Done, NeedDns, Declined, Broken.
Front to spawner: Spawn, Signal. Spawner to front: Started, SpawnFailed, Exited.
"""

from typing import Any, Literal

import msgspec

from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from aimx.model.outbound import ComposeOrder

ErrorName = Literal["MalformedMessage", "BodyTooLarge", "Refused"]


class Job(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One computation. A worker keeps a job's parsed state until Done or Broken.

    `octets` is None when the message travels as the descriptor sent with the frame (`has_fd`), or when `resume`
    carries the answers that the job's NeedDns asked for. `compose` is a job of one round.
    """

    id: int
    kind: Literal["examine", "resume", "drop", "compose"]
    envelope: Envelope | None = None
    octets: bytes | None = None
    has_fd: bool = False
    answers: tuple[Answer, ...] = ()
    compose: ComposeOrder | None = None


class Ready(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """First frame of a helper: what it verified about its own privileges after dropping them."""

    pid: int
    uid: int
    checks: dict[str, bool]


class Done(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The job's value, encoded by the worker (the front knows what it asked for)."""

    id: int
    value: msgspec.Raw


class NeedDns(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The job cannot go on without these answers."""

    id: int
    questions: tuple[Question, ...]


class Broken(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The job failed inside the worker, which lives on. `why` is for the log only."""

    id: int
    why: str


class Declined(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The job's input breaks a rule: the caller's fault, told as `reason`. `error` names what it is in `errors`."""

    id: int
    error: ErrorName
    reason: str


class Ask(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Questions for the resolver, answered together."""

    id: int
    questions: tuple[Question, ...]


class Answers(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One Answer per Question, in order."""

    id: int
    answers: tuple[Answer, ...]


class JobSpec(msgspec.Struct, frozen=True, array_like=True):
    """What both hook executors execute. The descriptors travel beside it: stdin, stdout, stderr.

    No string of `argv` and `env` holds NUL, none of `env` a newline. `cwd` is entered after dropping privileges.
    `groups` are the supplementary groups. `change_identity` is False when the daemon itself is not root.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    uid: int
    gid: int
    groups: tuple[int, ...]
    cwd: str
    change_identity: bool = True


class Execution(msgspec.Struct, frozen=True):
    """One run of a hook, as an executor is given it. `unit` is a name that no other run has or will have.

    `memory_max` is in the words of systemd's MemoryMax. `title` names hook and mailbox; it is for everybody to see.
    `outlives`: it may go on while there is no daemon; else nobody would want its outcome then.
    """

    spec: JobSpec
    timeout_s: float
    memory_max: str
    unit: str
    title: str
    outlives: bool = True


class Ended(msgspec.Struct, frozen=True):
    """How a run ended. `exit_code` is -1 when a signal ended it or it never ran its program.

    `problem`: why it never ran, in words for the operator. `lost`: it was seen to begin and nobody saw its end.
    `cpu_ms`, `peak_octets` (of memory) and `ran_ms`, from execve to the end, are None where they are not known.
    `note` is what the operator should read below what the program said.
    """

    exit_code: int
    timed_out: bool = False
    problem: str = ""
    lost: bool = False
    cpu_ms: int | None = None
    peak_octets: int | None = None
    ran_ms: int | None = None
    note: str = ""


class Spawn(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Start a process. role `worker`/`resolver`: one descriptor, its channel. role `hook`: three descriptors.

    `options` of a worker: `memory_octets`, the limit of its address space.
    """

    id: int
    role: Literal["worker", "resolver", "hook"]
    spec: JobSpec | None = None
    options: dict[str, Any] = {}


class Signal(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Signal the process group of a started process that has not been reaped yet."""

    id: int
    signal: int


class Started(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The process runs its program (exec succeeded) or its role."""

    id: int
    pid: int


class SpawnFailed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The process could not be started: which step failed and errno."""

    id: int
    step: str
    errno: int


class Exited(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The process ended. `code` is the exit status; -1 when a signal ended it, which `signal` then names.

    -1 without a signal: nobody saw its end, because the spawner was lost. `cpu_ms` and `peak_octets` are those of the
    program and of the children that it waited for (getrusage); `peak_octets` is the largest of them, 0 when none took
    more than the spawner itself.
    """

    id: int
    code: int
    signal: int
    cpu_ms: int = 0
    peak_octets: int = 0


FromWorker = Ready | Done | NeedDns | Declined | Broken
ToSpawner = Spawn | Signal
FromSpawner = Ready | Started | SpawnFailed | Exited
