"""book/event-types.md: every event with its fields and a line of the stream, made from the structs."""

import types
import typing

import msgspec

from aimx.model import event
from aimx.store import eventlog
from tests.docs.generated.markup import document, sentence, table

HEAD = """\
# Every event

Made from the program's own types. How to follow them, and the other lines of the stream: [Events](events.md). Each
line has `cursor`, `type`, `at` and `mailbox` first.
"""
_COMMON = {"at", "mailbox", "owner_uid"}
_AT = 1_799_000_000.0
_VALUES = {
    "id": "2026-01-31-120000-hello", "from_": "Ann <ann@example.org>", "to": "bob@example.com", "subject": "Hello",
    "trusted": "true", "thread_id": "4b1c5e0a9d2f7788", "message_id": "0f1e2d3c@agent.example.com",
    "status": "delivered", "hook": "note", "run": 7, "exit_code": 0, "duration_ms": 12, "timed_out": False,
    "read": True, "folder": "inbox", "address": "support@agent.example.com", "event": "on_receive", "origin": "mcp",
    "mailboxes": 3, "hooks": 2,
}  # fmt: skip
_REASONS = {event.Spooled: "not-a-directory", event.HookFinished: "", event.HookSkipped: "automated"}
_KINDS = {str: "string", int: "integer", bool: "boolean", float: "number"}


def page() -> str:
    """The whole page."""
    return document(HEAD, *map(_section, typing.get_args(event.Event)))


def _section(kind: type[event.EventBase]) -> list[str]:
    tag = kind.__struct_config__.tag
    lines = [f"## `{tag}`", "", sentence(kind.__doc__), ""]
    own = [field for field in msgspec.structs.fields(kind) if field.name not in _COMMON]
    if own:
        lines += table(["field", "type"], [[f"`{field.encode_name}`", _kind(field.type)] for field in own])
    return [*lines, "```json", line(kind), "```", ""]


def _kind(found: object) -> str:
    if isinstance(found, types.UnionType):
        return " or ".join(_KINDS[one] for one in typing.get_args(found) if one is not types.NoneType)
    assert isinstance(found, type)
    return _KINDS[found]


def example(kind: type[event.EventBase]) -> event.EventBase:
    """One event of that type."""
    own = [name for name in kind.__struct_fields__ if name not in _COMMON]
    values = {name: _REASONS[kind] if name == "reason" else _VALUES[name] for name in own}
    values["mailbox"] = "" if kind is event.ConfigReloaded else "support"
    return kind(at=_AT, owner_uid=1000, **values)


def line(kind: type[event.EventBase]) -> str:
    """The line of the stream that tells it, by the reader of the log."""
    reader = eventlog.Reader.__new__(eventlog.Reader)  # without a database to read
    reader.epoch = "1f2e3d4c5b6a7988"
    return reader._entry(42, 1000, _AT, msgspec.json.encode(example(kind)).decode()).line.decode().rstrip("\n")
