"""The order of a conversation."""

import itertools

import pytest

from aimx.model.query import Row
from aimx.policy import sequence


def row(name, at, parent="", own=None):
    message_id = f"<{name}@x>" if own is None else own
    return Row("ops", "inbox", name, "", float(at), False, 0, False, message_id=message_id, in_reply_to=parent)


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([row("a", 2), row("b", 1)], "ba"),
        ([row("a", 1), row("b", 1)], "ab"),
        ([row("a", 1, "<b@x>"), row("b", 1)], "ba"),
        ([row("a", 1, "b@x"), row("b", 1, own=" b@x ")], "ba"),
        ([row("a", 1, "<c@x>"), row("b", 1, "<a@x>"), row("c", 1), row("d", 1)], "cabd"),
        ([row("a", 1, "<b@x>"), row("b", 2)], "ab"),
        ([row("a", 1, "<b@x>"), row("b", 1, "<a@x>")], "ba"),
        ([row("a", 1, "<a@x>")], "a"),
        ([row("a", 1, own=""), row("b", 1, "", own="")], "ab"),
        ([row("a", 1, "<c@x>"), row("b", 1, own="<c@x>"), row("c", 1)], "bac"),
    ],
    ids=["time", "id", "answer", "brackets", "chain", "time-first", "circle", "itself", "nameless", "one-id-twice"],
)
def test_oldest_first(rows, order):
    for given in itertools.permutations(rows):
        assert "".join(one.id for one in sequence.oldest_first(given)) == order


def test_a_very_long_chain_of_one_second():
    rows = [row(f"{n:05}", 1, f"<{n + 1:05}@x>") for n in range(20_000)]
    assert [one.id for one in sequence.oldest_first(rows)] == [one.id for one in reversed(rows)]
