"""Is this message trusted for this mailbox (A4)? Facts in, verdict and reason out."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from aimx.model.authres import AuthResults
from aimx.model.config import Mailbox
from aimx.model.message import Headers


class Verdict(NamedTuple):
    """The `trusted` and `trust_reason` fields."""

    trusted: Literal["none", "true", "false"]
    reason: str


def evaluate(mailbox: Mailbox, headers: Headers, auth: AuthResults) -> Verdict:
    """The effective trust of one message for one mailbox."""
    if mailbox.trust == "none":
        return Verdict("none", "policy-none")
    if headers.author is None:
        return Verdict("false", headers.from_problem or "no-from")
    if not any(matches(pattern, headers.author) for pattern in mailbox.trusted_senders):
        return Verdict("false", "sender-not-listed")
    aligned = auth.strict_sdids if auth.dkim_strict else auth.aligned_sdids
    if aligned:
        return Verdict("true", f"aligned-dkim:{aligned[0]}")
    if auth.passing_sdids:
        return Verdict("false", f"dkim-unaligned:{auth.passing_sdids[0]}")
    return Verdict("false", f"dkim-{auth.dkim}")


def matches(pattern: str, author: str) -> bool:
    """Whether an addr-spec matches one `trusted_senders` glob, case-insensitively and as a whole.

    `*` any run, `?` one character; everything else is literal (a bracket in an address must not act as a class).
    """
    return _compiled(pattern.strip().casefold()).match(author.casefold()) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Runs of stars collapse: `**…` against a long address would otherwise backtrack exponentially.
    pieces = re.split(r"(\*+|\?)", pattern)
    text = "".join(".*" if piece.startswith("*") else "." if piece == "?" else re.escape(piece) for piece in pieces)
    return re.compile(text + r"\Z", re.DOTALL)
