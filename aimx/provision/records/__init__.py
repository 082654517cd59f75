"""What the DNS should say about our domain, and whether it does (guide, "DNS configuration").

Pure: answers are arguments. Records are judged by what they mean to a receiver, never as text.
"""

from collections.abc import Mapping

from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer, Question
from aimx.provision.records.addresses import address, pointer, reverse
from aimx.provision.records.exchanges import exchange
from aimx.provision.records.policy import policy
from aimx.provision.records.sender import sender
from aimx.provision.records.signing import signing
from aimx.provision.records.zone import Name, Record, State, Verdict, Zone, public, wanted

__all__ = ["Judged", "Name", "Record", "State", "Verdict", "Zone", "judge", "public", "questions", "wanted"]

Judged = tuple[tuple[Verdict, ...], tuple[Question, ...]]


def questions(zone: Zone) -> tuple[Question, ...]:
    """What to ask first; the evaluation of SPF and of mail exchanges may ask for more."""
    name = zone.name
    asked = [
        Question(name, "A"), Question(name, "CNAME"), Question(name, "MX"), Question(name, "TXT"),
        Question(zone.key_name, "TXT"), Question(f"_dmarc.{name}", "TXT"),
    ]  # fmt: skip
    if zone.with_ipv6:
        asked.append(Question(name, "AAAA"))
    asked += [Question(reverse(one), "PTR") for one in (zone.ipv4, zone.ipv6 if zone.with_ipv6 else None) if one]
    return tuple(asked)


def judge(zone: Zone, answers: Mapping[Question, Answer], final: bool) -> Judged:
    """A verdict per record, and what has still to be asked; with `final` what is open stays unknown."""
    asked = Asked(answers, final)
    verdicts = [address(zone, "A", asked)]
    if zone.with_ipv6:
        verdicts.append(address(zone, "AAAA", asked))
    verdicts.append(exchange(zone, asked))
    if not (zone.only_ipv6 and zone.with_ipv6):
        verdicts.append(sender(zone, "SPF", asked))
    if zone.with_ipv6:
        verdicts.append(sender(zone, "SPF (IPv6)", asked))
    verdicts += [signing(zone, asked), policy(zone, asked), *pointer(zone, "A", asked)]
    if zone.with_ipv6:
        verdicts += pointer(zone, "AAAA", asked)
    return tuple(verdicts), asked.missing()
