"""Seam: a hook as a file has it, who made it, and what its runs came to."""

from typing import Literal, NamedTuple

import msgspec

Origin = Literal["operator", "mcp"]


class Written(NamedTuple):
    """One hook as it stands in config.toml, by its effective name."""

    mailbox: str
    name: str
    event: str
    cmd: tuple[str, ...]


State = Literal["waiting", "running", "done", "interrupted", "skipped"]


class RunsAsked(NamedTuple):
    """Which runs are asked for. None asks nothing. `uid`: only what ran, or would have, as this user."""

    mailboxes: tuple[str, ...] | None = None
    hook: str | None = None
    email_id: str | None = None
    uid: int | None = None
    limit: int = 1


class HookRun(msgspec.Struct, frozen=True):
    """One run, past, present or to come; times are seconds since the epoch. `test`: it was asked for.

    `cpu_ms` and `peak_octets` (of memory) are None where they are not known.
    """

    run: int
    hook: str
    mailbox: str
    event: str
    email_id: str
    state: State
    test: bool
    created: float
    started: float | None
    ended: float | None
    exit_code: int | None
    timed_out: bool | None
    duration_ms: int | None
    stderr_tail: str | None
    reason: str | None
    cpu_ms: int | None = None
    peak_octets: int | None = None


class Recorded(NamedTuple):
    """What state.db knows of the hooks of one mail: the variables they get, and the conversation that is counted."""

    env: dict[str, str]
    conversation: str


class Tried(msgspec.Struct, frozen=True):
    """How a run that was asked for ended. `exit_code` is -1 when it could not start or a signal ended it."""

    run: int
    exit_code: int
    timed_out: bool
    duration_ms: int
    reason: str | None
    stdout_tail: str
    stderr_tail: str
    cpu_ms: int | None = None
    peak_octets: int | None = None
