"""Is this message trusted for this mailbox (A4)? Facts in, verdict and reason out."""

from typing import Literal, NamedTuple

from aimx import limits
from aimx.model.authres import AuthResults
from aimx.model.config import Mailbox
from aimx.model.message import Headers


class Verdict(NamedTuple):
    """The `trusted` and `trust_reason` fields."""

    trusted: Literal["none", "true", "false"]
    reason: str


def evaluate(mailbox: Mailbox, headers: Headers, auth: AuthResults) -> Verdict:
    """The effective trust of one message for one mailbox.

    True only when one author is listed and a signature of the author's own domain verified: a valid signature of
    somebody else says nothing about who wrote the From field.
    """
    if mailbox.trust == "none":
        return Verdict("none", "policy-none")
    if headers.author is None:
        return Verdict("false", headers.from_problem or "no-from")
    if headers.repeated:  # a second Subject or Content-Type may be the part that nobody signed
        return Verdict("false", "duplicate-headers")
    if auth.author_domain is None or len(headers.author) > limits.AUTHOR_CHARACTERS:
        return Verdict("false", "unreadable-from")
    local_part = headers.author.rpartition("@")[0]
    # A pattern may name an internationalized domain in either form.
    forms = (headers.author, f"{local_part}@{auth.author_domain}")
    if not any(matches(pattern, form) for pattern in mailbox.trusted_senders for form in forms):
        return Verdict("false", "sender-not-listed")
    aligned = auth.strict_sdids if auth.dkim_strict else auth.aligned_sdids
    if aligned:
        return Verdict("true", f"aligned-dkim:{aligned[0]}")
    if auth.passing_sdids:
        return Verdict("false", f"dkim-unaligned:{auth.passing_sdids[0]}")
    return Verdict("false", f"dkim-{auth.dkim}")


def matches(pattern: str, author: str) -> bool:
    """Whether an addr-spec matches one `trusted_senders` glob as a whole, in any case.

    `*` any run, `?` one character; everything else is literal (a bracket in an address must not act as a class).
    Case is folded by `lower`: `casefold` would make `fußball.example` and `fussball.example` one domain.
    """
    glob, text = pattern.strip().lower(), author.lower()
    at = in_glob = 0
    star = retry = -1
    while at < len(text):
        if in_glob < len(glob) and glob[in_glob] == "*":
            star, retry = in_glob, at
            in_glob += 1
        elif in_glob < len(glob) and glob[in_glob] in ("?", text[at]):
            in_glob += 1
            at += 1
        elif star >= 0:
            # Only the last star is ever widened, so the work is bounded by the product of the lengths.
            retry += 1
            in_glob, at = star + 1, retry
        else:
            return False
    return not glob[in_glob:].strip("*")
