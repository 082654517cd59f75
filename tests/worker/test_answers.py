"""A worker's memory of the DNS: fresh answers only, never errors, bounded, stable within one message."""

import pytest

from aimx import limits
from aimx.model.dns import Answer, Question
from aimx.worker.answers import Known, Memory

QUESTION = Question("sender.test", "TXT")
NOW = 1_000_000.0


def answer(ttl_s=3600, status="ok", question=QUESTION):
    return Answer(question, status, ("v=spf1 -all",), ttl_s)


@pytest.mark.parametrize(
    ("told", "later_s", "known"),
    [
        pytest.param(answer(), 1, True, id="fresh"),
        pytest.param(answer(), limits.DNS_WORKER_TTL_S, False, id="older-than-ours"),
        pytest.param(answer(ttl_s=5), 6, False, id="older-than-its-ttl"),
        pytest.param(answer(ttl_s=0), 0, False, id="ttl-zero"),
        pytest.param(answer(status="nxdomain"), 1, True, id="negative"),
        pytest.param(answer(status="temperror"), 0, False, id="error"),
        pytest.param(answer(), -3600, False, id="clock-set-back"),
    ],
)
def test_what_the_next_message_knows(told, later_s, known):
    memory = Memory()
    Known(memory, NOW).add((told,))
    assert (QUESTION in Known(memory, NOW + later_s)) is known


def test_a_message_keeps_the_answer_it_has_seen():
    memory = Memory()
    Known(memory, NOW).add((answer(),))
    first = Known(memory, NOW)
    seen = first[QUESTION]
    Known(memory, NOW).add((Answer(QUESTION, "ok", ("v=spf1 +all",), 3600),))
    assert first[QUESTION] is seen


def test_the_message_that_asked_knows_even_an_error():
    known = Known(Memory(), NOW)
    known.add((answer(status="temperror"),))
    assert known[QUESTION].status == "temperror"


def test_memory_is_bounded():
    memory = Memory()
    for number in range(limits.DNS_WORKER_ENTRIES + 10):
        memory.learn((answer(question=Question(f"{number}.test", "TXT")),), NOW)
    last = Question(f"{limits.DNS_WORKER_ENTRIES + 9}.test", "TXT")
    assert memory.recall(last, NOW) is not None
    assert memory.recall(Question("0.test", "TXT"), NOW) is None
