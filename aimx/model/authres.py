"""Authentication results: the guide's vocabularies beside the registered words of RFC 8601."""

from typing import Literal

import msgspec

Dkim = Literal["pass", "fail", "none"]
Spf = Literal["pass", "fail", "softfail", "neutral", "none"]
Dmarc = Literal["pass", "fail", "none"]


class SignatureResult(msgspec.Struct, frozen=True, array_like=True):
    """Outcome of one DKIM-Signature field. `result` is an RFC 8601 section 2.7.1 word."""

    sdid: str
    selector: str
    result: str
    why: str = ""


class AuthResults(msgspec.Struct, frozen=True, array_like=True):
    """What was established about one message, once, for all its recipients.

    `author_domain` is the A-label form of the one From domain; None when there is not exactly one From address.
    `aligned_sdids` are the d= of passing signatures in relaxed alignment with it, `strict_sdids` those equal to it.
    `dkim_strict`: the domain publishes `adkim=s`. `detail` holds RFC 8601 words where the vocabularies lose them.
    """

    dkim: Dkim = "none"
    spf: Spf = "none"
    dmarc: Dmarc = "none"
    author_domain: str | None = None
    passing_sdids: tuple[str, ...] = ()
    aligned_sdids: tuple[str, ...] = ()
    strict_sdids: tuple[str, ...] = ()
    dkim_strict: bool = False
    detail: str = ""


NOTHING_VERIFIED = AuthResults()
