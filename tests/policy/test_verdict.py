"""The table of S6: every mix of outcomes decides record, answer, exit code and what hooks see."""

import itertools

import pytest

from aimx.errors import Exit, WireCode, disposition
from aimx.model.outbound import RecipientOutcome
from aimx.policy import verdict
from aimx.policy.verdict import PARTIAL, UNKNOWN, decide

AT = 1_741_964_966.0
SAID = {
    "delivered": "250 2.0.0 queued",
    "failed": "550 no such user",
    "deferred": "451 4.2.0 later",
    "unknown": "no answer after the final dot",
}

# results of the recipients → status (None: no record), code of the answer (None: OK), how its reason begins
TABLE = {
    "delivered": ("delivered", None, None),
    "failed": ("failed", WireCode.DELIVERY, ""),
    "deferred": (None, WireCode.TEMP, ""),
    "unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "delivered failed": ("failed", WireCode.DELIVERY, PARTIAL),
    "delivered deferred": ("delivered", WireCode.DELIVERY, PARTIAL),
    "delivered unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "failed deferred": ("failed", WireCode.DELIVERY, ""),
    "failed unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "deferred unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "delivered failed deferred": ("failed", WireCode.DELIVERY, PARTIAL),
    "delivered failed unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "delivered deferred unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "failed deferred unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
    "delivered failed deferred unknown": ("pending", WireCode.DELIVERY, UNKNOWN),
}


def outcomes(*results):
    """One recipient for each."""
    return tuple(RecipientOutcome(f"r{n}@x.test", result, SAID[result]) for n, result in enumerate(results))


def test_the_table_has_every_mix():
    mixes = {frozenset(c) for size in range(1, 5) for c in itertools.combinations(SAID, size)}
    assert {frozenset(mix.split()) for mix in TABLE} == mixes


@pytest.mark.parametrize("twice", [False, True], ids=["once each", "twice each"])
@pytest.mark.parametrize("mix", TABLE)
def test_every_mix_in_every_order(mix, twice):
    status, code, lead = TABLE[mix]
    for results in itertools.permutations(mix.split()):
        found = decide(outcomes(*results * (2 if twice else 1)), AT)
        assert found.status == (status or "deferred")
        assert (found.record.status if found.record else None) == status
        assert (disposition(found.problem).code if found.problem else None) == code
        assert disposition(found.problem).exit == Exit.FAILED if found.problem else code is None
        if found.record:
            assert found.record.delivered_at == (AT if status == "delivered" else None)
        if lead:
            assert found.problem.reason.startswith(lead)


@pytest.mark.parametrize(
    ("result", "details", "reason"),
    [
        ("delivered", "", None),
        ("failed", "550 no such user", "550 no such user"),
        ("deferred", None, "451 4.2.0 later"),
        ("unknown", f"{UNKNOWN}; no answer after the final dot", UNKNOWN),
    ],
)
def test_one_recipient_is_told_the_plain_words(result, details, reason):
    found = decide(outcomes(result), AT)
    assert (found.record.details if found.record else None) == details
    assert (found.problem.reason if found.problem else None) == reason


def test_a_mix_names_every_recipient_in_record_and_answer():
    found = decide(outcomes("delivered", "deferred", "failed"), AT)
    assert found.record.details == (
        "r0@x.test: delivered: 250 2.0.0 queued; r1@x.test: deferred: 451 4.2.0 later;"
        " r2@x.test: failed: 550 no such user"
    )
    assert found.problem.reason == (
        f"{PARTIAL}; r0@x.test: delivered; r1@x.test: deferred: 451 4.2.0 later; r2@x.test: failed: 550 no such user"
    )


def test_nobody_is_told_to_try_again_what_somebody_may_have():
    for mix, (_, code, _) in TABLE.items():
        if "delivered" in mix or "unknown" in mix:
            assert code != WireCode.TEMP


def test_an_answer_about_a_hundred_recipients_fits_its_line():
    many = tuple(RecipientOutcome(f"{'ä' * 60}{n}@x.test", "failed", "550 " + "n" * 400) for n in range(100))
    found = decide(many, AT)
    assert found.problem.reason.endswith(verdict.MORE)
    assert len(found.problem.reason.encode()) < 8000
    assert found.record.details.count("failed: 550") == 100
