"""What one uid may hold of a budget, and that everything comes back."""

import pytest
import trio
import trio.testing

from aimx.effects.memory import MemoryBudget, Shares
from aimx.errors import ResourcesExhausted


def shares(wait_s: float = 60.0) -> tuple[MemoryBudget, Shares]:
    whole = MemoryBudget(100, wait_s)
    return whole, Shares(whole, 60, wait_s)


def test_one_uid_leaves_room_for_others(autojump_clock):
    whole, budget = shares()

    async def story():
        first = await budget.hold(1001, 50)
        with pytest.raises(ResourcesExhausted):
            await budget.hold(1001, 20)
        other = await budget.hold(1002, 40)
        first.keep(30)
        more = await budget.hold(1001, 20)
        assert whole.free == 10
        for held in (first, other, more):
            held.release()
            held.release()

    trio.run(story, clock=autojump_clock)
    assert whole.free == 100


def test_who_waits_for_the_whole_gives_his_share_back(autojump_clock):
    whole, budget = shares()

    async def story():
        root = await budget.hold(0, 100)
        with pytest.raises(ResourcesExhausted):
            await budget.hold(1001, 60)
        root.release()
        (await budget.hold(1001, 60)).release()

    trio.run(story, clock=autojump_clock)
    assert whole.free == 100


def test_more_than_there_can_be_is_the_whole_share():
    whole, budget = shares()

    async def story():
        held = await budget.hold(1001, 10_000)
        assert (held.octets, whole.free) == (60, 40)
        held.keep(70)
        assert held.octets == 60
        held.release()

    trio.run(story)
    assert whole.free == 100


def test_waiting_is_in_order_and_cancelling_leaves_nothing(autojump_clock):
    whole, budget = shares()

    async def story():
        first = await budget.hold(1001, 60)
        with trio.move_on_after(1) as scope:
            await budget.hold(1001, 1)
        assert scope.cancelled_caught
        first.release()
        (await budget.hold(1001, 60)).release()

    trio.run(story, clock=autojump_clock)
    assert whole.free == 100


@pytest.fixture
def autojump_clock():
    return trio.testing.MockClock(autojump_threshold=0)


def test_little_does_not_wait_for_much():
    async def story():
        whole = MemoryBudget(100, 60.0)
        budget = Shares(whole, 60, 60.0, little_octets=10)
        order = []

        async def ask(name, uid, octets):
            order.append((name, await budget.hold(uid, octets)))

        held = [await budget.hold(1001, 60), await budget.hold(1002, 25)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "much", 1003, 50)
            nursery.start_soon(ask, "much of one uid", 1001, 20)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, "little", 1004, 10)
            await trio.testing.wait_all_tasks_blocked()
            assert [name for name, _ in order] == ["little"]
            nursery.start_soon(ask, "little waits", 1005, 10)
            await trio.testing.wait_all_tasks_blocked()
            held[1].release()
            await trio.testing.wait_all_tasks_blocked()
            assert [name for name, _ in order] == ["little", "little waits"]
            held[0].release()
        for _, one in order:
            one.release()
        assert whole.free == 100

    trio.run(story)
