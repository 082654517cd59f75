"""The budget of octets: first come, first served, and nothing is ever lost."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from aimx.effects.memory import MemoryBudget
from aimx.errors import ResourcesExhausted


def _run(story) -> None:
    async def main() -> None:
        budget = MemoryBudget(100, 30.0)
        await story(budget)
        assert budget.free == 100

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_who_waits_is_served_in_order_and_nobody_overtakes():
    async def story(budget):
        served = []

        async def taker(name, octets):
            await budget.take(octets)
            served.append(name)

        await budget.take(90)
        async with trio.open_nursery() as nursery:
            for name, octets in (("large", 60), ("small", 50)):
                nursery.start_soon(taker, name, octets)
                await wait_all_tasks_blocked()
            assert not budget.try_take(5), "somebody is waiting for these"
            budget.give(90)
            await wait_all_tasks_blocked()
            assert served == ["large"]
            budget.give(60)
        assert served == ["large", "small"]
        budget.give(50)

    _run(story)


def test_who_gives_up_makes_room_for_the_next():
    async def story(budget):
        await budget.take(50)
        async with trio.open_nursery() as nursery:
            hopeless = trio.CancelScope()

            async def wait() -> None:
                with hopeless:
                    await budget.take(80)

            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            nursery.start_soon(budget.take, 40)
            await wait_all_tasks_blocked()
            assert budget.free == 50
            hopeless.cancel()
        assert budget.free == 10
        budget.give(90)

    _run(story)


def test_what_is_granted_to_somebody_already_cancelled_comes_back():
    async def story(budget):
        await budget.take(100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(budget.take, 100)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            budget.give(100)

    _run(story)


def test_waiting_ends():
    async def story(budget):
        await budget.take(60)
        start = trio.current_time()
        with pytest.raises(ResourcesExhausted):
            await budget.take(60)
        assert trio.current_time() - start == 30
        budget.give(60)

    _run(story)
