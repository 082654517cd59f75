"""Which conversation a message is counted in: by what it names, by what was sent from a hook, for a day."""

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.model.hook import Thread, Within
from aimx.store import conversations, schema
from aimx.store.state import State


@pytest.fixture
def state(tmp_path):
    state = State(str(tmp_path / "state.db"))
    yield state
    state.close()


def received(state, mailbox, *names, at=1.0):
    return state.run(lambda db: conversations.received(db, mailbox, Thread(names), f"new:{names[:1]}", at))


def sent(state, mailbox, *names, within=None, at=1.0):
    state.run(lambda db: conversations.sent(db, mailbox, Thread(names, within), at))


def test_answers_to_answers_are_one_conversation_though_each_names_only_its_parent(state):
    first = received(state, "a", "m1")
    for number in range(2, 9, 2):
        sent(state, "a", f"m{number}", f"m{number - 1}")
        assert received(state, "a", f"m{number + 1}", f"m{number}") == first


def test_two_answers_to_a_message_that_nobody_saw_here_are_one_conversation(state):
    assert received(state, "a", "m2", "m1") == received(state, "a", "m3", "m1")


def test_mailboxes_do_not_share_what_they_know(state):
    assert received(state, "a", "m1") == received(state, "b", "m1")  # the same name for it, known to each by itself
    sent(state, "a", "m2", "m1")
    assert received(state, "b", "m3", "m2") == "new:('m3',)"


def test_what_is_sent_from_a_hook_is_of_its_conversation_wherever_it_arrives(state):
    """Agents that answer with new threads only."""
    first = received(state, "a", "m1")
    sent(state, "a", "m2", within=Within("on_receive", "a", "m1", first))
    assert received(state, "b", "m2") == first
    sent(state, "b", "m3", within=Within("on_receive", "b", "m2", first))
    assert received(state, "a", "m3") == first


def test_what_a_hook_sends_after_a_send_is_of_that_send_s_conversation(state):
    first = received(state, "a", "m1")
    sent(state, "a", "m2", within=Within("on_receive", "a", "m1", first))
    sent(state, "c", "m3", within=Within("after_send", "a", "m2", ""))
    assert received(state, "b", "m3") == first
    sent(state, "c", "m4", within=Within("after_send", "a", "", ""))
    assert received(state, "b", "m4") != first


def test_what_is_of_no_known_conversation_is_not_kept(state):
    sent(state, "a", "m1")
    sent(state, "a")
    assert state.run(lambda db: conversations.received(db, "a", Thread(), "", 1.0)) == ""
    assert state.run(lambda db: db.execute("SELECT count(*) FROM conversations").fetchone()) == (0,)


def test_the_nearest_name_decides(state):
    one, two = received(state, "a", "m1"), received(state, "a", "m2")
    assert one != two
    assert received(state, "a", "m3", "m2", "m1") == two
    assert received(state, "a", "m3", "m1") == two  # the same mail once more
    assert received(state, "a", "m4", "m1") == one  # what another mail named as well stays where it was


def test_it_is_known_for_as_long_as_a_budget_counts_and_not_without_bound(state, monkeypatch):
    received(state, "a", "old", at=1.0)
    received(state, "a", "new", at=2.0)
    state.run(lambda db: conversations.prune(db, 1.5 + limits.HOOK_BUDGET_WINDOW_S))
    known = [state.run(lambda db, n=name: conversations.known(db, "a", Thread((n,)))) for name in ("old", "new")]
    assert known == ["", "new:('new',)"]
    monkeypatch.setattr(limits, "CONVERSATION_NAMES_KEPT", 1)
    received(state, "a", "newer", at=3.0)
    state.run(lambda db: conversations.prune(db, 4.0))
    assert state.run(lambda db: conversations.known(db, "a", Thread(("newer",))))
    assert not state.run(lambda db: conversations.known(db, "a", Thread(("new",))))


def test_a_clock_that_was_ahead_makes_none_that_stays(state):
    received(state, "a", "m", at=1e9)
    state.run(lambda db: conversations.prune(db, 4.0))
    assert state.run(lambda db: conversations.known(db, "a", Thread(("m",))))
    state.run(lambda db: conversations.prune(db, 4.0 + limits.HOOK_BUDGET_WINDOW_S))
    assert not state.run(lambda db: conversations.known(db, "a", Thread(("m",))))


# An answer names its parent, everything before it, something that nobody here knows, or nothing; to any of three.
ANSWERS = st.lists(st.tuples(st.sampled_from(["parent", "chain", "stranger", "nothing"]), st.sampled_from("abc")))


@given(ANSWERS)
def test_agents_of_one_host_stay_in_one_conversation_however_they_answer(answers):
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema.SCHEMA)
        holder, chain = "a", ["m0"]
        first = conversations.received(db, holder, Thread(("m0",)), "new", 1.0)
        for number, (style, to) in enumerate(answers, 1):
            named = {"parent": chain[:1], "chain": chain, "stranger": [f"x{number}"], "nothing": []}[style]
            names = (f"m{number}", *named)
            within = Within("on_receive", holder, chain[0], first)
            conversations.sent(db, holder, Thread(names, within), 1.0)
            holder, chain = to, [names[0], *chain]
            assert conversations.received(db, holder, Thread(names), f"new:{number}", 1.0) == first
