"""SPF by the table in fixtures/zones/spf.toml; the openspf.org suite is a lab test."""

import pytest
import spf

from aimx.mailauth import spf as ours
from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from tests.mailauth.signing import message
from tests.mailauth.world import NOW, resolver, run, spf_result, zone_file

TABLE = zone_file("spf")


@pytest.mark.parametrize("check", TABLE["checks"].values(), ids=TABLE["checks"])
def test_the_table(check):
    peer_ip, reverse_path, helo, expected, rounds = check
    assert spf_result(peer_ip, reverse_path, helo, resolver(TABLE["zone"])) == (expected, rounds)


@pytest.mark.parametrize(
    ("reverse_path", "field", "detail"),
    [
        ("a@plain.test", "pass", ""),
        ("a@soft.test", "softfail", ""),
        ("a@neutral.test", "neutral", ""),
        ("a@dead.test", "none", "spf=temperror"),
        ("a@two.test", "none", "spf=permerror"),
        ("a@empty.test", "none", ""),
    ],
)
def test_the_field_keeps_the_guides_words_and_detail_the_rest(reverse_path, field, detail):
    results = run(message(), TABLE["zone"], Envelope(reverse_path, (), "192.0.2.1", "h.test", NOW)).results
    assert (results.spf, results.detail) == (field, detail)


def test_a_message_handed_to_us_has_no_peer_to_check():
    octets = message(extra=b"Received: from x ([192.0.2.1]) by y; now\r\n")
    seen = run(octets, TABLE["zone"], Envelope("a@plain.test", (), None, "", NOW))
    assert seen.results.spf == "none"
    assert not any(question.name == "plain.test" for round_ in seen.rounds for question in round_)


def test_pyspf_cannot_reach_the_network():
    with pytest.raises(spf.TempError):
        spf.DNSLookup("example.com", "TXT")


@pytest.mark.parametrize(
    "error", [RecursionError("deep"), AssertionError("x"), ValueError("x"), IndexError()], ids=repr
)
def test_an_evaluator_that_breaks_is_a_permanent_error(monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr(ours._Query, "check0", broken)
    assert spf_result("192.0.2.1", "a@plain.test", "h.test", resolver(TABLE["zone"])) == ("permerror", 1)


@pytest.mark.parametrize("record", ["x y", "mx.test", "", "-1 mx.test", "\u0661 mx.test"])
def test_an_unreadable_mx_record_is_left_out(record):
    zone = {**TABLE["zone"], "odd.test": {"TXT": ["v=spf1 mx -all"], "MX": [record]}}
    assert spf_result("192.0.2.1", "a@odd.test", "h.test", resolver(zone))[0] == "fail"


def test_each_round_asks_for_all_that_the_record_names():
    envelope = Envelope("a@including.test", (), "192.0.2.1", "h.test", NOW)
    first = Question("including.test", "TXT")
    asked = Asked({first: Answer(first, "ok", ("v=spf1 include:one.test a mx:%{d} include:two-b.test -all",))}, False)
    assert ours.check(envelope, asked) is None
    assert asked.missing() == (
        Question("one.test", "TXT"),
        Question("including.test", "A"),
        Question("two-b.test", "TXT"),
    )


# A record, the word it comes to, and the questions until then.
HOSTILE = {
    "many dots and a macro": ("v=spf1 exists:" + "a." * 30_000 + "%%.test -all", "permerror", 1),
    "long term": ("v=spf1 a:" + "a." * 300 + "%%.test -all", "permerror", 1),
    "60 KB of terms": ("v=spf1 " + "a " * 30_000, "permerror", 1),
    "8 KB of terms": ("v=spf1 " + "a " * 4000, "permerror", 2),
    "8 KB of modifiers": ("v=spf1 " + " ".join(f"m{n}=x" for n in range(1000)), "neutral", 1),
    "8 KB of addresses": ("v=spf1 " + "ip4:198.51.100.1 " * 450, "neutral", 1),
    "macros": ("v=spf1 " + ("exists:" + "%{l128r-}" * 50 + ".test ") * 10, "neutral", 1),
    "percent signs": ("v=spf1 exists:" + "%%" * 200 + ".test", "neutral", 1),
    "colons": ("v=spf1 ip6:" + ":" * 500 + " -all", "permerror", 1),
    "slashes": ("v=spf1 a/" + "9" * 500 + " -all", "permerror", 1),
    "blanks": ("v=spf1" + " " * 8000 + "-all", "fail", 1),
}


@pytest.mark.parametrize(("record", "word", "questions"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_records_are_results_after_few_questions(record, word, questions):
    """In the first of them pyspf alone searches 60 KB thirty thousand times. Time by length: tests/fuzz, `spf`."""
    answered = resolver({"evil.test": {"TXT": [record], "A": ["203.0.113.1"]}})
    asked: list[Question] = []

    def counted(question: Question) -> Answer:
        asked.append(question)
        return answered(question)

    sender = '"' + "a-" * 100 + '"@evil.test'
    assert spf_result("192.0.2.1", sender, "h.test", counted)[0] == word
    assert len(asked) == questions


@pytest.mark.parametrize(
    ("reverse_path", "local_part"), [("", "postmaster"), ("@e.test", "postmaster"), ("a@e.test", "a")]
)
def test_the_identity_of_the_null_reverse_path_is_postmaster_at_helo(reverse_path, local_part):
    zone = {
        "e.test": {"TXT": ["v=spf1 exists:%{l}._local.%{o} -all"]},
        f"{local_part}._local.e.test": {"A": ["127.0.0.2"]},
    }
    assert spf_result("192.0.2.1", reverse_path, "e.test", resolver(zone))[0] == "pass"
