"""Verification driven to its end against a table of DNS records, as the front and the resolver drive it."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from aimx import limits
from aimx.mailauth.questions import Asked
from aimx.mailauth.spf import check
from aimx.mailauth.verify import verify
from aimx.mime.read import read_message
from aimx.model.authres import AuthResults
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
NOW = 1_700_000_000.0
TEMPERROR = "temperror"

# Name → type → records; a type's records may be the word `temperror`; a CNAME is followed.
Zone = Mapping[str, Mapping[str, list[str] | str]]
Resolve = Callable[[Question], Answer]


class Seen(NamedTuple):
    """How a verification went: its results and the questions of each round."""

    results: AuthResults
    rounds: list[tuple[Question, ...]]


def zone_file(name: str) -> dict[str, object]:
    """One table of `fixtures/zones`."""
    return tomllib.loads((FIXTURES / "zones" / f"{name}.toml").read_text())


def resolver(zone: Zone) -> Resolve:
    """Answers of a recursive resolver over the table."""
    lower = {name.lower(): records for name, records in zone.items()}

    def resolve(question: Question) -> Answer:
        name = question.name
        for _ in range(limits.DNS_ALIASES):
            records = lower.get(name)
            if records is None:
                known = any(other.endswith(f".{name}") for other in lower)
                return Answer(question, "nodata" if known else "nxdomain", ttl_s=60)
            found = records.get(question.rtype, [])
            if TEMPERROR in (found, records.get("*")):
                return Answer(question, "temperror")
            if found:
                return Answer(question, "ok", tuple(found), 60)
            if "CNAME" not in records:
                return Answer(question, "nodata", ttl_s=60)
            name = records["CNAME"][0].lower().removesuffix(".")
        return Answer(question, "temperror")

    return resolve


def run(octets: bytes, zone: Zone, envelope: Envelope | None = None, resolve: Resolve | None = None) -> Seen:
    """Rounds until results; asserts what every verification owes its caller."""
    envelope = envelope or Envelope("a@example.test", (), "192.0.2.1", "mail.example.test", NOW)
    headers = read_message(octets, envelope).headers
    answers: dict[Question, Answer] = {}
    rounds: list[tuple[Question, ...]] = []
    resolve = resolve or resolver(zone)
    while True:
        final = len(rounds) >= limits.DNS_ROUNDS
        result = verify(octets, envelope, headers, answers, final)
        if isinstance(result, AuthResults):
            return Seen(result, rounds)
        assert not final
        assert 0 < len(result) <= limits.DNS_QUESTIONS
        assert len(set(result)) == len(result)
        assert not set(result) & set(answers)
        rounds.append(result)
        answers.update({question: resolve(question) for question in result})


def spf_result(peer_ip: str | None, reverse_path: str, helo: str, resolve: Resolve) -> tuple[str, int]:
    """SPF alone: the RFC 7208 word and the number of rounds."""
    envelope = Envelope(reverse_path, (), peer_ip, helo, NOW)
    answers: dict[Question, Answer] = {}
    for rounds in range(limits.DNS_ROUNDS + 1):
        asked = Asked(answers, final=rounds == limits.DNS_ROUNDS)
        found = check(envelope, asked)
        if found is not None:
            return found.result, rounds
        answers.update({question: resolve(question) for question in asked.missing()})
    raise AssertionError("never ended")
