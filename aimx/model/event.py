"""Seam: one tagged union of events for the bus, the event log, WATCH and the dashboard."""

import msgspec


class EventBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Common to all events. `at` is seconds since the epoch. `owner_uid` filters who may see it; None: root only."""

    at: float
    mailbox: str
    owner_uid: int | None


class Received(EventBase, frozen=True, kw_only=True, tag="received", rename={"from_": "from"}):
    """A message was stored in an inbox."""

    id: str
    from_: str
    subject: str
    trusted: str
    thread_id: str


class Sent(EventBase, frozen=True, kw_only=True, tag="sent"):
    """A send ended, and how. `id` is empty when no record is kept (`deferred`)."""

    id: str
    to: str
    subject: str
    message_id: str
    status: str


class Spooled(EventBase, frozen=True, kw_only=True, tag="spooled"):
    """A copy waits in the root-only spool because its mailbox directory could not be written."""

    reason: str


class HookStarted(EventBase, frozen=True, kw_only=True, tag="hook_started"):
    """A hook's program runs."""

    hook: str
    id: str
    run: int


class HookFinished(EventBase, frozen=True, kw_only=True, tag="hook_finished"):
    """A hook ended or could not be started (`exit_code` -1). `reason` is empty when its program came to its own end."""

    hook: str
    id: str
    run: int
    exit_code: int
    duration_ms: int
    timed_out: bool
    reason: str


class HookSkipped(EventBase, frozen=True, kw_only=True, tag="hook_skipped"):
    """A hook did not run, and why."""

    hook: str
    id: str
    reason: str


class Read(EventBase, frozen=True, kw_only=True, tag="read"):
    """A message was marked read or unread."""

    id: str
    read: bool


class Deleted(EventBase, frozen=True, kw_only=True, tag="deleted"):
    """A message that was listed is no longer on disk."""

    folder: str
    id: str


class MailboxCreated(EventBase, frozen=True, kw_only=True, tag="mailbox_created"):
    """A mailbox is configured now."""

    address: str


class MailboxDeleted(EventBase, frozen=True, kw_only=True, tag="mailbox_deleted"):
    """A mailbox is no longer configured."""


class HookCreated(EventBase, frozen=True, kw_only=True, tag="hook_created"):
    """A hook is configured now. `origin`: `operator` or `mcp` (U3)."""

    hook: str
    event: str
    origin: str


class HookDeleted(EventBase, frozen=True, kw_only=True, tag="hook_deleted"):
    """A hook is no longer configured."""

    hook: str


class ConfigReloaded(EventBase, frozen=True, kw_only=True, tag="config_reloaded"):
    """A new configuration is in force."""

    mailboxes: int
    hooks: int


Event = (
    Received | Sent | Spooled | Read | Deleted | HookStarted | HookFinished | HookSkipped | MailboxCreated
    | MailboxDeleted | HookCreated | HookDeleted | ConfigReloaded
)  # fmt: skip
