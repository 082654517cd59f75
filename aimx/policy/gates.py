"""Why does a hook fire for a stored message, or not? For people: nothing is decided here (policy.firing does that).

What the message was when it came is read from its front matter, which its owner may have changed since; each gate says
where its knowledge comes from.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from aimx import limits
from aimx.model.config import Hook, Mailbox
from aimx.model.delivery import Folder
from aimx.model.hook import Budget, Thread
from aimx.policy import firing
from aimx.policy.trust import matches

Source = Literal["config.toml", "front matter", "state.db", "system"]


class Message(NamedTuple):
    """A stored message, by what its front matter says."""

    folder: Folder
    fields: dict[str, Any]

    def text(self, key: str) -> str:
        """A field that is a text; empty when it is not there."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""


class Gate(msgspec.Struct, frozen=True):
    """One question on the way to a run. `passes` None: it could not be told, or does not apply."""

    gate: str
    passes: bool | None
    why: str
    source: Source


def event(hook: Hook, message: Message) -> Gate:
    """Does the hook wait for what happened to this message?"""
    wanted = "inbox" if hook.event == "on_receive" else "sent"
    happened = "received" if message.folder == "inbox" else "sent"
    return Gate("event", message.folder == wanted, f"event = {hook.event}, the message was {happened}", "config.toml")


def trust(hook: Hook, mailbox: Mailbox, message: Message, author: str) -> Gate:
    """The guide's rule: what was decided stands in the message, and beside it what the policy says of `author` now."""
    if hook.event != "on_receive":
        return Gate("trust", None, "after_send hooks have no trust gate", "config.toml")
    trusted = message.text("trusted") or "none"
    if hook.fire_on_untrusted:
        return Gate("trust", True, f"trusted={trusted} fire_on_untrusted=true", "config.toml")
    reason = message.text("trust_reason")
    why = f"trusted={trusted} fire_on_untrusted=false" + (f" ({reason})" if reason else "")
    dkim = f"; dkim={message.text('dkim')}" if message.text("dkim") else ""
    return Gate("trust", trusted == "true", f"{why}; {_policy(mailbox, author)}{dkim}", "front matter")


def _policy(mailbox: Mailbox, author: str) -> str:
    if mailbox.trust == "none":
        return "trust = none now: no mail is trusted"
    if not author:
        return f"trust = {mailbox.trust} now, there is no one author to look for in trusted_senders"
    found = next((pattern for pattern in mailbox.trusted_senders if matches(pattern, author)), None)
    if found is not None:
        return f"trust = {mailbox.trust} now, {author} matches {found}"
    count = len(mailbox.trusted_senders)
    patterns = "the one pattern" if count == 1 else f"any of {count} patterns"
    return f"trust = {mailbox.trust} now, {author} does not match {patterns} of trusted_senders"


def automated(hook: Hook, message: Message) -> Gate:
    """A hook may leave out what no person wrote."""
    if not hook.skip_automated:
        return Gate("automated", True, "skip_automated=false", "config.toml")
    written = message.fields.get("automated") is True
    why = f"skip_automated=true automated={'true' if written else 'false'}"
    return Gate("automated", not written, why, "front matter")


def budget(most: int, found: Budget, frees: str) -> Gate:
    """Two agents cannot mail each other for ever (U5). `frees`: when there is room again; empty while there is."""
    hours = limits.HOOK_BUDGET_WINDOW_S // 3600
    if not most:
        return Gate("budget", True, "hook_thread_budget = 0: there is none", "config.toml")
    if not found.conversation:
        return Gate("budget", True, "no conversation to count in", "state.db")
    why = f"{found.used} of {most} runs within {hours} hours in this conversation"
    return Gate("budget", found.used < most, f"{why}; room again at {frees}" if frees else why, "state.db")


def owner(mailbox: Mailbox, uid: int | None) -> Gate:
    """Somebody has to be there as whom it runs."""
    problem = firing.owner_problem(mailbox.owner, uid)
    return Gate("owner", problem is None, problem or f"{mailbox.owner} has uid {uid}", "system")


def place(gate: str, path: str, obstacle: str | None, privileged: bool = False) -> Gate:
    """A program or a directory. `obstacle` None: it took too long to look. `privileged`: it counts on being set-uid."""
    if obstacle is None:
        return Gate(gate, None, f"{path} could not be looked at in time", "system")
    note = " (set-uid or set-gid, which has no effect in the sandbox)" if privileged else ""
    return Gate(gate, not obstacle, obstacle or path + note, "system")


def without_owner(mailbox: Mailbox) -> tuple[Gate, ...]:
    """All gates of a mailbox that is nobody's: its mail is not read, and there is nobody for whom to look at files."""
    unread, unasked = "mail is not read while its mailbox is nobody's", "there is nobody for whom it has to be reached"
    return (
        *(Gate(gate, None, unread, "system") for gate in ("event", "trust", "automated", "budget")),
        owner(mailbox, None),
        *(Gate(gate, None, unasked, "system") for gate in ("directory", "program")),
    )


def conversation(hook: Hook, message: Message) -> str:
    """As `firing.conversation`, of a message for which nothing was recorded. Sent mail is not counted."""
    named = any(message.text(key) for key in ("message_id", "in_reply_to", "references"))
    return message.text("thread_id") if named and hook.event == "on_receive" else ""


def thread(hook: Hook, message: Message) -> Thread:
    """By what its conversation is known, as `conversation`."""
    if hook.event != "on_receive":
        return Thread()
    texts = (message.text(key) for key in ("message_id", "in_reply_to", "references"))
    own, parent, references = texts
    return Thread(firing.names(own, parent, references.split()))


def environment(message: Message, hook: Hook) -> dict[str, str]:
    """The variables that come from a mail, when none were recorded for it."""
    fields = {"AIMX_FROM": "from", "AIMX_TO": "to", "AIMX_SUBJECT": "subject", "AIMX_MESSAGE_ID": "message_id"}
    values = {name: message.text(key) for name, key in fields.items()}
    values["AIMX_DATE"] = message.text("date")
    if hook.event == "after_send":
        values["AIMX_SEND_STATUS"] = message.text("delivery_status")
    elif message.fields.get("automated") is True:
        values["AIMX_AUTOMATED"] = "1"
    return {name: firing.bounded(value) for name, value in values.items()}
