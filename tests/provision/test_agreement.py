"""What several servers say, made into one verdict per record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.model.dns import Answer
from aimx.provision import agreement, records
from aimx.provision.facts import Names, View
from aimx.provision.records import Zone
from tests.provision import healthy

ZONE = Zone(healthy.DOMAIN, "aimx", healthy.KEY, "198.51.100.7", None, frozenset(), False)
RIGHT = healthy.zone()
_WORST = ("wrong", "warn", "ok", "unknown")
_VIEW = st.builds(
    healthy.zone,
    mx=st.sampled_from([[f"10 {healthy.DOMAIN}"], [], None, ["10 mx.example.net"]]),
    dmarc=st.sampled_from([["v=DMARC1; p=reject"], ["v=DMARC1; p=none"], [], None]),
    dkim=st.sampled_from([[healthy.KEY], ["v=DKIM1; p=AAAA"], None]),
)


def judged(*views: tuple[Answer, ...]):
    names = Names(healthy.DOMAIN, RIGHT, views=tuple(View(f"ns{at}", view) for at, view in enumerate(views, 1)))
    return {verdict.check: verdict for verdict in agreement.verdicts(ZONE, names)}


@given(_VIEW)
def test_one_server_is_judged_as_if_it_were_the_only_voice(view):
    alone = records.judge(ZONE, {answer.question: answer for answer in view}, final=True)[0]
    assert tuple(judged(view).values()) == alone


@given(st.lists(_VIEW, min_size=1, max_size=4))
def test_the_worst_that_is_known_counts_whatever_the_order(views):
    each = [judged(view) for view in views]
    for together in (judged(*views), judged(*reversed(views))):
        for check, verdict in together.items():
            assert verdict.state == min((one[check].state for one in each), key=_WORST.index)


@given(st.lists(_VIEW, min_size=2, max_size=4))
def test_who_differs_is_named_and_only_then(views):
    each = [judged(view) for view in views]
    for check, verdict in judged(*views).items():
        known = {one[check].state for one in each} - {"unknown"}
        assert ("not on every server yet" in verdict.why) == (len(known) > 1)


@pytest.mark.parametrize("names", [Names(healthy.DOMAIN), Names(healthy.DOMAIN, (), views=(View("ns1"),))])
def test_without_any_answer_all_is_unknown(names):
    assert {verdict.state for verdict in agreement.verdicts(ZONE, names)} == {"unknown"}
