"""One event as one line for people. Texts of strangers are shown, never sent raw to the terminal."""

from collections.abc import Callable
from typing import Any

from aimx.cli import diagnostics

Told = dict[str, Any]
_MAILBOX, _WHAT = 16, 8  # widths of columns
_SIGNAL_OR_START = -1


def line(told: Told) -> str | None:
    """When, where, what; None for what is no news (hello, heartbeat, gap)."""
    kind = str(told.get("type"))
    if kind in ("hello", "heartbeat", "gap"):
        return None
    what, text = news(told)
    where = told.get("mailbox") or "-"
    return _visible(f"{told.get('at')}  {where:<{_MAILBOX}} {what:<{_WHAT}} {text}".rstrip())


def news(told: Told) -> tuple[str, str]:
    """What sort of news an event is, and what it says; nothing of that is safe for a terminal yet."""
    kind = str(told.get("type"))
    return _ROWS[kind](told) if kind in _ROWS else (kind, "")


def trouble(told: Told) -> bool:
    """Whether it is something to look at."""
    kind = told.get("type")
    if kind == "hook_finished":
        return bool(told["exit_code"] or told["timed_out"] or told["reason"])
    return kind == "spooled" or (kind == "sent" and told["status"] != "delivered")


def _received(told: Told) -> tuple[str, str]:
    trusted = {"true": " (trusted)", "false": " (not trusted)"}.get(str(told["trusted"]), "")
    return "received", f"{told['id']}  {told['from']}{trusted}: {told['subject']}"


def _sent(told: Told) -> tuple[str, str]:
    return "sent", f"{told['id'] or '-'}  {told['status']} to {told['to']}: {told['subject']}"


def _spooled(told: Told) -> tuple[str, str]:
    return "waits", f"a message cannot be put into the mailbox: {told['reason']}"


def _read(told: Told) -> tuple[str, str]:
    return ("read" if told["read"] else "unread"), str(told["id"])


def _deleted(told: Told) -> tuple[str, str]:
    return "deleted", f"{told['id']}  from {told['folder']}"


def _hook_started(told: Told) -> tuple[str, str]:
    return "hook", f"{told['hook']} started for {told['id'] or 'a send without record'} (run {told['run']})"


def _hook_finished(told: Told) -> tuple[str, str]:
    took = f"after {told['duration_ms']} ms (run {told['run']})"
    if told["reason"]:
        ended = f"did not finish: {told['reason']}"
    elif told["timed_out"]:
        ended = "was stopped at its time limit"
    elif told["exit_code"] == _SIGNAL_OR_START:
        ended = "was ended by a signal"
    else:
        ended = f"finished with exit code {told['exit_code']}"
    return "hook", f"{told['hook']} {ended} {took}"


def _hook_skipped(told: Told) -> tuple[str, str]:
    return "hook", f"{told['hook']} skipped for {told['id']}: {told['reason']}"


def _mailbox_created(told: Told) -> tuple[str, str]:
    return "mailbox", f"created: {told['address']}"


def _mailbox_deleted(_: Told) -> tuple[str, str]:
    return "mailbox", "deleted"


def _hook_created(told: Told) -> tuple[str, str]:
    return "hook", f"{told['hook']} created for {told['event']} ({told['origin']})"


def _hook_deleted(told: Told) -> tuple[str, str]:
    return "hook", f"{told['hook']} deleted"


def _config_reloaded(told: Told) -> tuple[str, str]:
    return "config", f"reloaded: {told['mailboxes']} mailboxes, {told['hooks']} hooks"


_ROWS: dict[str, Callable[[Told], tuple[str, str]]] = {
    "received": _received,
    "sent": _sent,
    "spooled": _spooled,
    "read": _read,
    "deleted": _deleted,
    "hook_started": _hook_started,
    "hook_finished": _hook_finished,
    "hook_skipped": _hook_skipped,
    "mailbox_created": _mailbox_created,
    "mailbox_deleted": _mailbox_deleted,
    "hook_created": _hook_created,
    "hook_deleted": _hook_deleted,
    "config_reloaded": _config_reloaded,
}


def _visible(text: str) -> str:
    return diagnostics.visible(text).replace("\n", "\\n")
