"""Seam: a hook as a file has it, who made it, and what its runs came to."""

from typing import Literal, NamedTuple

import msgspec

from aimx.model.config import HookEvent

Origin = Literal["operator", "mcp"]


class Written(NamedTuple):
    """One hook as it stands in config.toml, by its effective name."""

    mailbox: str
    name: str
    event: str
    cmd: tuple[str, ...]


class Within(msgspec.Struct, frozen=True, array_like=True):
    """The hook run that a message is sent from: of which event, for which message, and what it was counted in."""

    event: HookEvent
    mailbox: str
    message_id: str
    conversation: str


class Thread(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a message's place among others (U9).

    `names`: its own Message-ID, where it has one first, then those that it answers, nearest first. `within`: the hook
    run that it is sent from, if it is.
    """

    names: tuple[str, ...] = ()
    within: Within | None = None


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


class BudgetAsked(NamedTuple):
    """Of which budget something is asked. `conversation`: as it was recorded, or empty; `thread` then finds it.

    `new` is the conversation of a message of none that is known. `since`: from when on runs count.
    """

    hook: str
    mailbox: str
    conversation: str
    thread: Thread
    new: str
    since: float
    most: int


class Budget(NamedTuple):
    """What is used of a budget. `freed`: the start whose end of counting leaves room again; None while there is room.

    `conversation` is empty when the message is of none.
    """

    conversation: str
    used: int
    freed: float | None


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
