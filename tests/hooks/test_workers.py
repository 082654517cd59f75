"""Workers and the resolver: verified before use, replaced when they die, hang or lie; no mail is lost for it."""

import os
import signal
from pathlib import Path

import msgspec
import psutil
import pytest
import trio
import trio.lowlevel
import trio.testing

from aimx.daemon import helpers
from aimx.daemon.believable import believable
from aimx.daemon.helpers import CHECKS, Kind, Unverified, proven, verified
from aimx.effects.api import WorkerLost
from aimx.flows.examine import examine
from aimx.limits import COMPOSE_LIGHT_OCTETS
from aimx.mime.unexamined import unexamined
from aimx.model.dns import Question
from aimx.model.job import Broken, Ready
from aimx.model.message import Attachment
from aimx.model.outbound import ComposeOrder
from tests.hooks.mails import PLAIN
from tests.hooks.stage import ENVELOPE, alive, gone, payload, stage

ASK = (Question("sender.test", "TXT"),)


def test_a_killed_worker_is_replaced_and_the_message_examined_by_another():
    async def play():
        async with stage(workers=2, resolver=True) as here:
            pids = here.workers.ready
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            results = []

            async def run():
                results.append(await examine(here.fx, ENVELOPE, payload()))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await trio.testing.wait_all_tasks_blocked()
                (busy,) = [slot.helper.child.pid for slot in here.workers._slots if slot.load]
                os.kill(busy, signal.SIGKILL)
                for pid in set(pids) - {busy}:
                    os.kill(pid, signal.SIGCONT)
            assert [result.examined for result in results] == [True]
            await here.ready(2)
            assert busy not in here.workers.ready

    trio.run(play)


def test_a_hung_worker_costs_an_attempt_and_two_cost_the_analysis():
    async def play():
        async with stage(workers=1, compute_s=0.2) as here:
            here.nursery.start_soon(_stop_every_worker, here)
            result = await examine(here.fx, ENVELOPE, payload())
            assert not result.examined
            assert result.body.split() == PLAIN.decode().split()
            assert (result.auth.dkim, result.auth.spf, result.auth.dmarc) == ("none", "none", "none")

    async def _stop_every_worker(here):
        while True:
            for pid in here.workers.ready:
                os.kill(pid, signal.SIGSTOP)
            await trio.lowlevel.checkpoint()

    trio.run(play)


def test_a_message_behind_a_hanging_one_loses_no_attempt():
    async def play():
        async with stage(workers=1, compute_s=0.3) as here:
            (pid,) = here.workers.ready
            os.kill(pid, signal.SIGSTOP)
            culprit, victim = here.workers.session(), here.workers.session()
            losses = {}

            async def lose(name, session):
                with pytest.raises(WorkerLost) as caught:
                    await session.examine(ENVELOPE, payload())
                losses[name] = caught.value.victim

            async with trio.open_nursery() as nursery:
                nursery.start_soon(lose, "culprit", culprit)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(lose, "victim", victim)
            assert losses == {"culprit": False, "victim": True}

    trio.run(play)


def _order(octets):
    return ComposeOrder(
        b"From: a@agent.test\nTo: b@c.test\n\n" + b"x\n" * (octets // 2), None, False, "", "i@a.test", 0.0
    )


def test_large_messages_to_compose_leave_a_worker_to_what_arrives():
    async def play():
        async with stage(workers=2, resolver=True) as here:
            pids = here.workers.ready
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(here.workers.compose, _order(COMPOSE_LIGHT_OCTETS))
                await trio.testing.wait_all_tasks_blocked()
                (busy,) = [slot.helper.child.pid for slot in here.workers._slots if slot.load]
                (free,) = set(pids) - {busy}
                os.kill(free, signal.SIGCONT)
                with trio.fail_after(30):
                    assert (await examine(here.fx, ENVELOPE, payload())).examined
                    await here.workers.compose(_order(100))
                os.kill(busy, signal.SIGCONT)
            assert [(slot.load, slot.heavy) for slot in here.workers._slots] == [(0, 0)] * 2

    trio.run(play)


def test_what_arrives_waits_for_one_composition_however_many_are_in_line():
    async def play():
        async with stage(workers=1, resolver=True) as here:
            (pid,) = here.workers.ready
            os.kill(pid, signal.SIGSTOP)
            ended = []

            async def note(name, work):
                await work
                ended.append(name)

            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(note, "composed", here.workers.compose(_order(100)))
                await trio.testing.wait_all_tasks_blocked()
                session = here.workers.session()
                nursery.start_soon(note, "examined", session.examine(ENVELOPE, payload()))
                await trio.testing.wait_all_tasks_blocked()
                os.kill(pid, signal.SIGCONT)
            assert ended.index("examined") <= 2
            session.drop()

    trio.run(play)


def test_memory_is_bounded_and_a_message_over_it_is_stored_unexamined():
    async def play():
        large = PLAIN + b"x" * 24_000_000
        async with stage(workers=1, memory_octets=64 * 1024 * 1024) as here:
            lost = await examine(here.fx, msgspec.structs.replace(ENVELOPE, reverse_path=""), payload(large))
            assert (lost.examined, lost.headers.automated) == (False, True)
        async with stage(workers=1, resolver=True) as here:
            assert (await examine(here.fx, ENVELOPE, payload(large))).examined

    trio.run(play)


def test_a_hundred_deaths_leave_neither_zombies_nor_descriptors():
    async def play():
        async with stage(workers=2) as here:
            fds = len(os.listdir("/proc/self/fd"))
            spawner = psutil.Process(here.spawner.pid)
            spawner_fds = spawner.num_fds()
            for _ in range(50):
                pids = await here.ready(2)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                for pid in pids:
                    await gone(pid)
                with trio.fail_after(30):
                    while set(pids) & set(here.workers.ready):
                        await trio.lowlevel.checkpoint()
            await here.ready(2)
            assert len(os.listdir("/proc/self/fd")) == fds
            assert spawner.num_fds() == spawner_fds
            assert sorted(child.pid for child in here.children()) == sorted(here.workers.ready)

    trio.run(play)


def test_a_lost_spawner_takes_its_helpers_along_and_all_are_replaced():
    async def play():
        async with stage(workers=2, resolver=True) as here:
            old = {here.spawner.pid, here.resolver.pid, *here.workers.ready}
            os.kill(here.spawner.pid, signal.SIGKILL)
            for pid in old:
                await gone(pid)
            assert (await examine(here.fx, ENVELOPE, payload())).examined
            await here.ready(2)
            assert not old & {here.spawner.pid, here.resolver.pid, *here.workers.ready}

    trio.run(play)


def test_helpers_do_not_end_by_signals_meant_for_the_front():
    async def play():
        async with stage(workers=1, resolver=True) as here:
            pids = (here.spawner.pid, here.resolver.pid, *here.workers.ready)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                for pid in pids:
                    os.kill(pid, number)
            assert (await examine(here.fx, ENVELOPE, payload())).examined
            assert all(alive(pid) for pid in pids)
            assert all(os.getsid(pid) != os.getsid(0) for pid in pids)

    trio.run(play)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_lost_resolver_answers_temperror_and_is_replaced(number):
    async def play():
        async with stage(resolver=True, ask_s=0.5) as here:
            old = here.resolver.pid
            os.kill(old, signal.SIGSTOP)
            answers = []

            async def ask():
                answers.extend(await here.resolver.answers(ASK))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await trio.testing.wait_all_tasks_blocked()
                os.kill(old, number)
            assert [answer.status for answer in answers] == ["temperror"]
            await gone(old)
            with trio.fail_after(30):
                while here.resolver.pid in (0, old):
                    await trio.sleep(0.01)

    trio.run(play)


def test_a_helper_says_what_it_verified():
    async def play():
        async with stage() as here:
            helper = await helpers.start(here.spawner, Kind("worker"))
            status = Path(f"/proc/{helper.child.pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status
            assert "CapEff:\t0000000000000000" in status
            helper.channel.close()
            await gone(helper.child.pid)

    trio.run(play)


def test_only_what_applies_is_said_to_be_proven():
    assert proven("worker", True) == CHECKS
    assert proven("resolver", True) == CHECKS - {"no_network"}
    without_root = {"capabilities", "no_new_privs", "not_dumpable", "limits"}
    assert proven("worker", False) == proven("resolver", False) == without_root


@pytest.mark.parametrize("missing", sorted(CHECKS))
def test_a_helper_that_fails_a_check_is_not_used(missing):
    checks = {name: name != missing for name in CHECKS}
    with pytest.raises(Unverified, match=missing):
        verified("worker", Ready(1, 1, checks))


def test_a_helper_that_proves_nothing_is_not_used():
    with pytest.raises(Unverified, match="capabilities"):
        verified("worker", Ready(1, 1, {}))
    with pytest.raises(Unverified, match="EPERM"):
        verified("worker", Broken(0, "EPERM"))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../etc/cron.d/x", "a\0", "x" * 256], ids=repr)
def test_an_attachment_name_that_is_no_name_is_not_believed(name):
    message = msgspec.structs.replace(unexamined(PLAIN, 0.0), attachments=(Attachment(name, "a/b", b""),))
    with pytest.raises(ValueError, match="attachment"):
        believable(message, len(PLAIN))
