"""`[[mailboxes.<name>.hooks]]`: one table to a Hook, and what must hold between all of them."""

import re
from collections.abc import Iterable
from typing import Any

from aimx import limits
from aimx.config import fields, legacy, naming, schema, suggest
from aimx.config.fields import Place, quoted, single
from aimx.model.config import Hook, HookEvent

_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}\Z")
_EVENTS: tuple[HookEvent, ...] = ("on_receive", "after_send")
_ANONYMOUS = "'<anonymous>'"


def read(place: Place, mailbox: str, table: dict[str, Any]) -> Hook:
    """Validate one hook table. Raises: ConfigInvalid."""
    name = table.get("name")
    label = single(name) if isinstance(name, str) else _ANONYMOUS
    legacy.refuse_hook(place, label, table)
    _refuse_unknown(place, label, mailbox, table)
    values = schema.read(place, table, schema.HOOK)
    for key in ("event", "cmd"):
        if key not in values:
            raise place.refuse(f"hook {label} on mailbox '{mailbox}' is missing required field '{key}'; add it")
    if name is not None:
        check_name(place.key("name"), name)
    event, cmd = check_event(place.key("event"), values["event"]), _cmd(place.key("cmd"), values["cmd"])
    if values.get("type", "cmd") != "cmd":
        raise place.key("type").refuse(f"hook has unsupported type {single(values['type'])}: only `cmd` is supported")
    untrusted = values.get("fire_on_untrusted", False)
    _on_receive_only(place, f"hook {label} on mailbox '{mailbox}'", event, values)
    return Hook(
        name=name or naming.derived(event, cmd, untrusted),
        event=event,
        cmd=cmd,
        fire_on_untrusted=untrusted,
        timeout_secs=_timeout(place.key("timeout_secs"), values.get("timeout_secs", limits.HOOK_TIMEOUT_DEFAULT_S)),
        skip_automated=values.get("skip_automated", False),
        explicit_name=name is not None,
    )


def refuse_duplicates(hooks: Iterable[tuple[Place, Hook]]) -> None:
    """Effective names are unique across all mailboxes, derived ones too. Raises: ConfigInvalid naming both places."""
    seen: dict[str, tuple[Place, Hook]] = {}
    for place, hook in hooks:
        if hook.name in seen:
            first, other = seen[hook.name]
            raise place.refuse(_duplicate(hook, other, first.path))
        seen[hook.name] = (place, hook)


def _duplicate(hook: Hook, other: Hook, where: str) -> str:
    if hook.explicit_name and other.explicit_name:
        return (
            f"duplicate hook name '{hook.name}', already used by {where}; names are unique across mailboxes: rename one"
        )
    if hook.explicit_name or other.explicit_name:
        return (
            f"hook name '{hook.name}' is given to one hook and derived for another ({where});"
            " give the one without a name a `name` of its own"
        )
    return (
        f"derived hook name '{hook.name}' is the same as that of {where}: both run the same cmd on the same event;"
        " give one of them a `name`"
    )


def _refuse_unknown(place: Place, label: str, mailbox: str, table: dict[str, Any]) -> None:
    for key in table:
        if key not in schema.HOOK:
            meant = suggest.nearest(key, schema.HOOK)
            hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(schema.HOOK)}."
            raise place.key(key).refuse(
                f"unknown field {quoted(key)} on hook {label} of mailbox '{mailbox}'; {hint} {legacy.POINTER}"
            )


def check_name(place: Place, name: str) -> None:
    """Raises: ConfigInvalid."""
    if not _NAME.match(name):
        raise place.refuse(f"invalid hook name {single(name)}: must match [a-zA-Z0-9_][a-zA-Z0-9_.-]{{0,127}}")


def check_event(place: Place, value: str) -> HookEvent:
    """The event of this name. Raises: ConfigInvalid."""
    for event in _EVENTS:
        if value == event:
            return event
    raise place.refuse(f"invalid event {single(value)}: expected 'on_receive' or 'after_send'")


def _cmd(place: Place, cmd: tuple[str, ...]) -> tuple[str, ...]:
    if not cmd:
        raise place.refuse('hook has empty `cmd`; write the program and its arguments, e.g. ["/bin/echo", "hello"]')
    program = cmd[0]
    if not program.strip():
        raise place.item(0).refuse("hook has blank `cmd[0]`; write the absolute path of the program")
    if not program.startswith("/"):
        raise place.item(0).refuse(
            f"hook has non-absolute `cmd[0]` {single(program)}: hooks start in the mailbox's directory without a PATH"
            " look-up; use an absolute path"
        )
    return cmd


def _timeout(place: Place, seconds: int) -> int:
    if seconds < 1:
        raise place.refuse(f"`timeout_secs = {fields.brief(seconds)}`: must be > 0 (1 to {limits.HOOK_TIMEOUT_MAX_S})")
    if seconds > limits.HOOK_TIMEOUT_MAX_S:
        raise place.refuse(
            f"`timeout_secs = {fields.brief(seconds)}` exceeds the max of {limits.HOOK_TIMEOUT_MAX_S} seconds"
        )
    return seconds


def _on_receive_only(place: Place, hook: str, event: HookEvent, values: dict[str, Any]) -> None:
    for key in ("fire_on_untrusted", "skip_automated"):
        if event != "on_receive" and values.get(key):
            raise place.key(key).refuse(
                f"{hook} sets `{key} = true` on event '{event}': {key} is on_receive only; remove the line"
                f" (ERR {key} is on_receive only)"
            )
