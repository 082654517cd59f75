"""DMARC (RFC 7489): the author domain's policy record and whether an aligned identifier passed (A3).

What the policy asks for (`p=`, `sp=`, `pct=`) is not acted on: all mail is stored.
"""

import re
from typing import Literal, NamedTuple

from aimx import limits
from aimx.mailauth import domain
from aimx.mailauth.questions import Asked
from aimx.model.authres import Dmarc
from aimx.model.dns import Answer

# The version comes first and is spelled exactly so (RFC 7489 section 6.4).
_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|\Z)")
_POLICIES = ("none", "quarantine", "reject")


class Policy(NamedTuple):
    """What discovery found. `status`: `found`, `none`, `temperror`, or `permerror` for a record that cannot apply.

    Alignment that is not known, because the look-up failed, counts as strict.
    """

    status: Literal["found", "none", "temperror", "permerror"]
    strict_dkim: bool = False
    strict_spf: bool = False


NO_POLICY = Policy("none")
_UNKNOWN = Policy("temperror", strict_dkim=True, strict_spf=True)
_UNUSABLE = Policy("permerror")


def ask(author_domain: str, asked: Asked) -> None:
    """Note the questions of both places where the record may be."""
    for name in _places(author_domain):
        asked.answer(name, "TXT")


def discover(author_domain: str, asked: Asked) -> Policy:
    """The policy that applies to an author domain (section 6.6.3), all answers known or given up."""
    for name in _places(author_domain):
        answer = asked.given_up(name, "TXT")
        if answer.status == "temperror":
            return _UNKNOWN
        policy = _policy(answer)
        if policy.status != "none":
            return policy
    return NO_POLICY


def result(policy: Policy, aligned_spf: bool, aligned_dkim: bool) -> Dmarc:
    """The field's word (A3)."""
    if policy.status != "found":
        return "none"
    return "pass" if aligned_spf or aligned_dkim else "fail"


def _places(author_domain: str) -> tuple[str, ...]:
    names = (author_domain, domain.organizational(author_domain) or author_domain)
    places = (f"_dmarc.{name}" for name in dict.fromkeys(names))
    return tuple(place for place in places if len(place) <= limits.DOMAIN_NAME_OCTETS)


def _policy(answer: Answer) -> Policy:
    records = [record for record in answer.records if _VERSION.match(record)]
    if not records:
        return NO_POLICY
    if len(records) > 1 or len(records[0]) > limits.DMARC_RECORD_CHARACTERS:
        return _UNUSABLE
    tags = _tags(records[0])
    # Section 6.6.3: a policy that is missing or wrong is `none` if reports were asked for, otherwise there is none.
    wrong = tags.get("p", "").lower() not in _POLICIES or tags.get("sp", "none").lower() not in _POLICIES
    if wrong and not tags.get("rua", "").lower().startswith("mailto:"):
        return _UNUSABLE
    return Policy("found", tags.get("adkim", "r").lower() == "s", tags.get("aspf", "r").lower() == "s")


def _tags(record: str) -> dict[str, str]:
    """Tags by name; the first of a name counts, what is malformed is left out (section 6.3: ignored)."""
    tags: dict[str, str] = {}
    for spec in record.split(";"):
        name, equals, text = spec.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), text.strip())
    return tags
