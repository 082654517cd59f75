"""Which hooks fire for a message (guide, "How hooks fire"; U5), and with what environment?"""

from typing import NamedTuple

from aimx import limits
from aimx.model.config import Hook, Mailbox
from aimx.model.delivery import Skip
from aimx.model.message import Headers


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


def bounded(text: str) -> str:
    """A value without NUL and line breaks, cut on a character boundary."""
    octets = text.replace("\0", "").replace("\n", " ").replace("\r", " ").encode("utf-8", "replace")
    return octets[: limits.HOOK_ENV_VALUE_OCTETS].decode("utf-8", "ignore")
