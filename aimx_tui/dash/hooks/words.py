"""Hooks and their runs in words. Pure: values as the verbs tell them in, plain text out; no widget, no clock.

A sign stands before each outcome, so that colour adds nothing.
"""

import json
from typing import Any, NamedTuple

from aimx import limits

Told = dict[str, Any]
_SIGNAL = -1  # the exit code of what a signal ended
SAMPLE = "sample"  # the email id of a test without an email (book/hooks.md)
_UNITS = ((60_000, "min"), (1000, "s"))
_SKIPPED = {
    "automated": "no person wrote the mail",
    "thread-budget": "its conversation has used up its runs",
    "owner-not-found": "the mailbox's owner does not exist",
    "owner-is-root": "the mailbox's owner is another name of root",
    "hook-removed": "the hook was removed",
}
_ENDED = {
    "spawn-failed": "spawn failed",
    "message-gone": "the message was gone",
    "interrupted": "interrupted: the daemon stopped",
    "daemon-restart": "interrupted: the daemon was killed",
}
_ORIGINS = {"mcp": "created over the socket", "operator": "set up by the operator"}
_EVENTS = {"on_receive": "when mail arrives", "after_send": "after a send"}


class Outcome(NamedTuple):
    """`sign` before the words; `role`: good, bad, odd (neither) or none (not over)."""

    sign: str
    words: str
    role: str

    @property
    def text(self) -> str:
        """Both."""
        return f"{self.sign} {self.words}"


def outcome(run: Told) -> Outcome:
    """How a run of HOOK-RUNS ended, or how far it is."""
    found = _outcome(run)
    return found._replace(words=f"{found.words} (test)") if run.get("test") else found


def _outcome(run: Told) -> Outcome:
    match run["state"]:
        case "waiting":
            return Outcome("…", "waiting", "none")
        case "running":
            return Outcome("▸", "running", "none")
        case "skipped":
            return Outcome("–", f"skipped: {skipped(str(run['reason'] or ''))}", "odd")
        case "interrupted":
            return Outcome("✗", _ENDED.get(str(run["reason"]), "interrupted"), "bad")
    return ended(run)


def ended(run: Told) -> Outcome:
    """How a program ended: of a run that is done, or of an answer of HOOK-TEST."""
    if run["reason"]:
        return Outcome("✗", _ENDED.get(str(run["reason"]), str(run["reason"])), "bad")
    if run["timed_out"]:
        return Outcome("✗", "timed out", "bad")
    if run["exit_code"] == 0:
        return Outcome("✓", "finished with exit code 0", "good")
    if run["exit_code"] == _SIGNAL:
        return Outcome("✗", "ended by a signal", "bad")
    return Outcome("✗", f"exit code {run['exit_code']}", "bad")


def skipped(reason: str) -> str:
    """Why a hook did not fire (book/hooks.md)."""
    if reason.startswith("trusted="):
        return "the mail is not trusted"
    return _SKIPPED.get(reason, reason)


def took(milliseconds: int | None) -> str:
    """A duration, short."""
    if milliseconds is None:
        return "-"
    unit = next(((least, name) for least, name in _UNITS if milliseconds >= least), None)
    return f"{milliseconds} ms" if unit is None else f"{milliseconds / unit[0]:.1f} {unit[1]}"


def memory(octets: int | None) -> str:
    """A peak of memory."""
    return "not known" if octets is None else f"{octets / limits.MIB:.1f} MiB"


def used(run: Told) -> str:
    """Time, processor time and memory of a run."""
    cpu = "not known" if run.get("cpu_ms") is None else took(run["cpu_ms"])
    return f"{took(run['duration_ms'])}; processor {cpu}; memory {memory(run.get('peak_octets'))}"


def moment(utc: str | None) -> str:
    """A time of the daemon's as month, day and time of day, UTC."""
    return "-" if not utc else f"{utc[5:10]} {utc[11:19]}"


def command(cmd: list[str]) -> str:
    """The argv, literally."""
    return json.dumps(cmd, ensure_ascii=False)


def fires(hook: Told) -> str:
    """For which mail."""
    if hook["event"] != "on_receive":
        return "every send"
    which = "any mail" if hook["fire_on_untrusted"] else "trusted mail"
    return f"{which}, by people" if hook.get("skip_automated") else which


def fires_in_full(hook: Told) -> str:
    """The same as sentences."""
    if hook["event"] != "on_receive":
        return "every message that its mailbox sends, whatever became of it"
    which = "mail from anybody, trusted or not" if hook["fire_on_untrusted"] else "trusted mail only"
    if "skip_automated" not in hook:
        return which
    automated = "not for mail that no person wrote" if hook["skip_automated"] else "automated mail included"
    return f"{which}; {automated}"


def event(name: str) -> str:
    """When it fires."""
    return f"{name} ({_EVENTS[name]})" if name in _EVENTS else name


def origin(name: str | None) -> str:
    """Who made it."""
    return _ORIGINS.get(name or "", name or "not known")
