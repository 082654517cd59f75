"""Which hooks fire for a message (guide, "How hooks fire"; U5), and with what environment?"""

from collections.abc import Sequence
from typing import NamedTuple

from aimx import limits
from aimx.model.config import Hook, HookEvent, Mailbox
from aimx.model.delivery import HookJob, Skip
from aimx.model.message import Headers
from aimx.model.outbound import SendStatus, Submission

FAULTS = ("owner-not-found", "owner-is-root")  # reasons for a skip that somebody has to repair
_NONCHARACTERS = dict.fromkeys(
    (*range(0xFDD0, 0xFDF0), *range(0xFFFE, 0x110000, 0x10000), *range(0xFFFF, 0x110000, 0x10000))
)
_CLEANING: dict[int, str | None] = {
    **_NONCHARACTERS,
    **dict.fromkeys((*range(0x20), 0x7F)),  # control characters of ASCII
    ord("\t"): "\t",
    ord("\n"): " ",
    ord("\r"): " ",
}
CHAIN = "after_send"  # the one conversation of everything that after_send hooks send


class Firing(NamedTuple):
    """The hooks to run, in config order, and those that will not, with their reasons."""

    fire: tuple[Hook, ...]
    skips: tuple[Skip, ...]


def on_receive(mailbox: Mailbox, trusted: str, automated: bool) -> Firing:
    """The guide's rule: trusted == "true" or fire_on_untrusted; a hook may opt out of automated mail."""
    fire: list[Hook] = []
    skips: list[Skip] = []
    for hook in mailbox.hooks:
        if hook.event != "on_receive":
            continue
        if trusted != "true" and not hook.fire_on_untrusted:
            skips.append(Skip(hook.name, f"trusted={trusted} fire_on_untrusted=false"))
        elif automated and hook.skip_automated:
            skips.append(Skip(hook.name, "automated"))
        else:
            fire.append(hook)
    return Firing(tuple(fire), tuple(skips))


def mail_environment(headers: Headers) -> dict[str, str]:
    """The variables whose values come from the mail; each safe for execve and bounded (threats.md row 23)."""
    values = {
        "AIMX_FROM": headers.from_,
        "AIMX_TO": headers.to,
        "AIMX_SUBJECT": headers.subject,
        "AIMX_MESSAGE_ID": headers.message_id,
        "AIMX_DATE": headers.date,
    }
    if headers.automated:
        values["AIMX_AUTOMATED"] = "1"
    return {key: bounded(text) for key, text in values.items()}


def after_send(
    mailbox: Mailbox, submission: Submission, status: SendStatus, at: str, within: HookEvent | None
) -> tuple[HookJob, ...]:
    """The hooks of a send that ended `at`: all of them, the guide knows no gate.

    An audit log wants every send, so a conversation's budget does not count them; what an after_send hook sends by
    itself is counted, or a hook that sends a mail for every mail would never stop.
    """
    env = _sent_environment(submission, status, at)
    counted = CHAIN if within == "after_send" else ""
    hooks = (hook for hook in mailbox.hooks if hook.event == "after_send")
    return tuple(HookJob(hook.name, mailbox.name, "after_send", env, counted) for hook in hooks)


def _sent_environment(submission: Submission, status: SendStatus, at: str) -> dict[str, str]:
    """The variables of a message that was sent, with how that ended."""
    values = {
        "AIMX_FROM": submission.from_,
        "AIMX_TO": submission.to,
        "AIMX_SUBJECT": submission.subject,
        "AIMX_MESSAGE_ID": submission.message_id,
        "AIMX_DATE": at,
        "AIMX_SEND_STATUS": status,
    }
    return {key: bounded(text) for key, text in values.items()}


def conversation(headers: Headers) -> str:
    """What the budget counts over; empty for mail that names no message, not even itself: it has none in common."""
    named = headers.message_id or headers.in_reply_to or headers.references
    return headers.thread_id if named else ""


def names(own: str, in_reply_to: str, references: Sequence[str]) -> tuple[str, ...]:
    """The Message-IDs by which a message's conversation is found: its own, its parent's, the nearest and the first."""
    chain = [*reversed(references)]
    nearest = dict.fromkeys(name for name in (own, in_reply_to, *chain) if name)
    kept = [*nearest][: limits.CONVERSATION_NAMES - 1]
    return tuple(dict.fromkeys([*kept, *chain[-1:]]))


def environment(mail: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """All variables of one run: those of the mail can replace none of ours; every value and their sum are bounded."""
    values = {key: bounded(text) for key, text in {**mail, **ours}.items()}
    excess = sum(_size(key, text) for key, text in values.items()) - limits.HOOK_ENV_OCTETS
    for key in sorted(mail.keys() - ours.keys(), key=lambda name: -len(values[name])):
        if excess <= 0:
            break
        octets = values[key].encode()
        values[key] = octets[: max(0, len(octets) - excess)].decode("utf-8", "ignore")
        excess -= len(octets) - len(values[key].encode())
    return values


def _size(key: str, text: str) -> int:
    return len(key.encode()) + len(text.encode()) + 2  # `=` and NUL


def bounded(text: str) -> str:
    """A value that every executor passes on as it is, cut on a character boundary.

    Line breaks become spaces. What execve (NUL) or systemd (other control characters, noncharacters) does not take is
    removed; systemd would drop the whole variable, or not start the hook.
    """
    octets = text.translate(_CLEANING).encode("utf-8", "replace")
    return octets[: limits.HOOK_ENV_VALUE_OCTETS].decode("utf-8", "ignore")


def without_noncharacters(text: str) -> str:
    """Without the 66 code points that are no characters."""
    return text.translate(_NONCHARACTERS)


def owner_problem(owner: str, uid: int | None) -> str | None:
    """Why no hook of a mailbox may run as this account; `uid` None: it does not resolve (U6)."""
    if uid is None:
        return "owner-not-found"
    if uid == 0 and owner != "root":
        return "owner-is-root"
    return None
