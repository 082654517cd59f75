"""All three verifications of one message: the results, or the DNS questions still open.

Inbound `Authentication-Results` fields are never read (A5). Expensive work waits until every answer is there.
"""

from collections.abc import Mapping

from aimx.mailauth import dkim, dmarc, domain, fields, spf
from aimx.mailauth.dmarc import Policy
from aimx.mailauth.fields import Message
from aimx.mailauth.questions import Asked
from aimx.mailauth.spf import SpfResult
from aimx.model.authres import AuthResults, Dkim, Dmarc, SignatureResult, Spf
from aimx.model.dns import Answer, Question
from aimx.model.domain import a_label
from aimx.model.envelope import Envelope
from aimx.model.message import Headers

# The guide's vocabulary has no words for these; `detail` keeps them.
_SPF_WORDS: dict[str, Spf] = {
    "pass": "pass", "fail": "fail", "softfail": "softfail", "neutral": "neutral",
    "none": "none", "temperror": "none", "permerror": "none",
}  # fmt: skip


class Verification:
    """One message between its rounds of questions: cut once, its signatures read once."""

    def __init__(self, octets: bytes, envelope: Envelope, headers: Headers) -> None:
        self._envelope = envelope
        self._headers = headers
        self._message = fields.cut(octets)
        self._signatures = dkim.candidates(self._message, envelope.received_at)
        self._author_domain = _author_domain(self._message, headers)

    def advance(self, answers: Mapping[Question, Answer], final: bool) -> AuthResults | tuple[Question, ...]:
        """The results, or every question that can be asked now (never empty).

        Args:
            final: no more rounds; what is still unanswered counts as a temporary error.
        """
        asked = Asked(answers, final)
        sent_by = spf.check(self._envelope, asked)
        dkim.ask(self._signatures, asked)
        if self._author_domain is not None:
            dmarc.ask(self._author_domain, asked)
        missing = asked.missing()
        if missing:
            return missing
        assert sent_by is not None
        signed_by = dkim.verify(self._message, self._signatures, asked)
        policy = dmarc.NO_POLICY if self._author_domain is None else dmarc.discover(self._author_domain, asked)
        return _results(self._headers, self._author_domain, signed_by, sent_by, policy)


def verify(
    octets: bytes, envelope: Envelope, headers: Headers, answers: Mapping[Question, Answer], final: bool
) -> AuthResults | tuple[Question, ...]:
    """One step of a verification of which nothing is kept."""
    return Verification(octets, envelope, headers).advance(answers, final)


def _author_domain(message: Message, headers: Headers) -> str | None:
    """The A-label domain of the one author; None when the raw header block does not hold exactly one From."""
    if headers.author is None or "@" not in headers.author:
        return None
    if message.fields is not None and len(message.named(b"from")) != 1:
        return None
    return a_label(headers.author.rpartition("@")[2])


def _results(
    headers: Headers,
    author_domain: str | None,
    signed_by: tuple[SignatureResult, ...],
    sent_by: SpfResult,
    policy: Policy,
) -> AuthResults:
    passing = tuple(dict.fromkeys(one.sdid for one in signed_by if one.result == "pass"))
    relaxed: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()
    result: Dmarc = "none"
    if author_domain is not None:
        relaxed = tuple(sdid for sdid in passing if domain.aligned(sdid, author_domain, strict=False))
        strict = tuple(sdid for sdid in passing if domain.aligned(sdid, author_domain, strict=True))
        aligned_spf = sent_by.result == "pass" and domain.aligned(sent_by.domain, author_domain, policy.strict_spf)
        result = dmarc.result(policy, aligned_spf, bool(strict if policy.strict_dkim else relaxed))
    elif headers.from_problem == "multiple-from":
        result = "fail"
    return AuthResults(
        dkim=_dkim(signed_by),
        spf=_SPF_WORDS[sent_by.result],
        dmarc=result,
        author_domain=author_domain,
        passing_sdids=passing,
        aligned_sdids=relaxed,
        strict_sdids=strict,
        dkim_strict=policy.strict_dkim,
        detail=_detail(signed_by, relaxed, sent_by, policy),
    )


def _dkim(signed_by: tuple[SignatureResult, ...]) -> Dkim:
    if not signed_by:
        return "none"
    return "pass" if any(one.result == "pass" for one in signed_by) else "fail"


def _detail(
    signed_by: tuple[SignatureResult, ...], aligned: tuple[str, ...], sent_by: SpfResult, policy: Policy
) -> str:
    """RFC 8601 words where the three fields lose something: who signed when it is not the author's domain, why the
    signatures failed, and the temporary and permanent errors of SPF and DMARC. Holds no text of the message but names.
    """
    words = []
    passing = [one for one in signed_by if one.result == "pass"]
    if passing and not aligned:
        words.append(f"dkim=pass ({passing[0].sdid})")
    elif not passing:
        words += dict.fromkeys(_failure(one) for one in signed_by)
    if sent_by.result in ("temperror", "permerror"):
        words.append(f"spf={sent_by.result}")
    if policy.status in ("temperror", "permerror"):
        words.append(f"dmarc={policy.status}")
    return "; ".join(words)


def _failure(one: SignatureResult) -> str:
    told = f"{one.sdid}: {one.why}" if one.sdid else one.why
    return f"dkim={one.result} ({told})"
