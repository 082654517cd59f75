"""Fields that the configuration no longer has: each is refused with what replaced it.

Texts are those that operators of older releases know (reference section 7.4); all point to book/hooks.md.
"""

from typing import Any

from aimx.config.fields import Place

POINTER = "See book/hooks.md for the supported raw-cmd schema"
_TEMPLATES = f"hook sets `template`/`params`; template hooks were removed. {POINTER}"

HOOK_FIELDS = {
    "template": _TEMPLATES,
    "params": _TEMPLATES,
    "run_as": f"hook sets `run_as`; the field was removed — hooks now run as the mailbox's `owner`. {POINTER}",
    "origin": f"hook sets `origin`; the field was removed: delete the line. {POINTER}",
    "dangerously_support_untrusted": (
        f"hook sets `dangerously_support_untrusted`; the field was renamed to `fire_on_untrusted`. {POINTER}"
    ),
}


def refuse_top_level(place: Place, table: dict[str, Any]) -> None:
    """`[[hook_template]]`. Raises: ConfigInvalid."""
    if "hook_template" in table:
        what = "[[hook_template]] blocks are not supported; template hooks were removed."
        raise place.key("hook_template").refuse(f"{what} {POINTER}")


def refuse_mailbox(place: Place, name: str, table: dict[str, Any]) -> None:
    """The schema before hooks had an `event`. Raises: ConfigInvalid."""
    if "on_receive" not in table:
        return
    rules = table["on_receive"] if isinstance(table["on_receive"], list) else [table["on_receive"]]
    matches = any(isinstance(rule, dict) and "match" in rule for rule in rules)
    schema = "on_receive.match" if matches else "on_receive"
    raise place.key("on_receive").refuse(
        f"mailbox '{name}' uses the legacy `{schema}` schema; migrate to `[[mailboxes.{name}.hooks]]`"
        f' with `event = "on_receive"`. {POINTER}'
    )


def refuse_hook(place: Place, label: str, table: dict[str, Any]) -> None:
    """Removed hook fields, whatever their value. Raises: ConfigInvalid."""
    if "stdin" in table:
        raise place.key("stdin").refuse(
            f"hook {label} carries removed field 'stdin' — remove this line and restart aimx serve;"
            f" the email is always piped to hooks. {POINTER}"
        )
    for field, what in HOOK_FIELDS.items():
        if field in table:
            raise place.key(field).refuse(what)
