"""Several recipients: one connection for each domain, one outcome for each of them."""

import pytest
import trio
from trio.testing import MockClock

from aimx import limits
from aimx.flows.deliver import deliver
from aimx.model.address import Address
from aimx.model.outbound import Parcel
from tests.smtp.stage import MESSAGE, ZONE, MemoryNetwork, Script, World

THREE = ("a@x.test", "b@x.test", "c@x.test")
OK, NO, LATER, FULL = b"250 ok\r\n", b"550 5.1.1 nobody\r\n", b"451 4.2.1 later\r\n", b"452 4.5.3 too many\r\n"
PARTIAL = {
    "one refused": ([OK, NO, OK], {}, ["delivered", "failed", "delivered"], 1),
    "one deferred": ([OK, OK, LATER], {}, ["delivered", "delivered", "deferred"], 1),
    "first refused": ([NO, OK, LATER], {}, ["failed", "delivered", "deferred"], 1),
    "all refused": ([NO, NO, NO], {"data": b"554 no valid recipients\r\n"}, ["failed"] * 3, 0),
    "all refused, DATA is wanted": ([NO, NO, NO], {}, ["failed"] * 3, None),
    "all refused, DATA is wanted, then silence": ([NO, LATER, NO], {"dot": "stall"}, ["failed", "deferred", "failed"],
                                                  None),
    "refused after DATA": ([OK, NO, OK], {"data": b"554 5.7.1 no\r\n"}, ["failed"] * 3, 0),
    "lost after the dot": ([OK, NO, LATER], {"dot": "close"}, ["unknown", "failed", "deferred"], 1),
    "the rest in a second turn": ([OK, FULL, FULL, OK, OK], {}, ["delivered"] * 3, 2),
    "one at a time": ([OK, FULL, FULL, OK, FULL, OK], {}, ["delivered"] * 3, 3),
    "too many, in the code of old": ([OK, b"552 no more\r\n", OK], {}, ["delivered"] * 3, 2),
    "a full mailbox": ([OK, b"552 5.2.2 full\r\n", b"452 4.2.2 full\r\n"], {}, ["delivered", "failed", "deferred"], 1),
    "always too many": ([FULL] * 3, {"data": b"503 no\r\n"}, ["deferred"] * 3, 0),
    "closing at the second": ([OK, b"421 4.3.2 bye\r\n"], {}, ["deferred"] * 3, 0),
    "MAIL refused, the rest taken": ([OK, OK, OK], {"mail": b"451 4.7.1 later\r\n"}, ["deferred"] * 3, None),
    "MAIL refused, then the end": ([], {"mail": b"550 5.7.1 blocked\r\n", "rcpt": "close"}, ["failed"] * 3, 0),
    "MAIL refused, the rest too": ([NO, NO, NO], {"mail": b"550 5.7.1 no\r\n", "data": b"503 x\r\n"}, ["failed"] * 3,
                                   0),
}  # fmt: skip


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize(("replies", "says", "results", "messages"), PARTIAL.values(), ids=PARTIAL)
def test_recipients_have_fates_of_their_own(replies, says, results, messages, pipelining):
    script = Script(*(["PIPELINING"] if pipelining else []), **says)
    script.replies["rcpt"] = list(replies)
    outcomes = World(script).deliver(*THREE)
    assert [outcome.rcpt for outcome in outcomes] == list(THREE)
    assert [outcome.result for outcome in outcomes] == results
    whole = [octets for octets in script.messages if octets != b".\r\n"]
    assert len(whole) == (messages or 0)
    if messages is not None:
        assert script.messages == whole, "nobody is made to take an empty message"


def test_each_recipient_is_told_the_words_about_itself():
    script = Script("PIPELINING")
    script.replies["rcpt"] = [OK, NO, LATER]
    replies = [outcome.reply for outcome in World(script).deliver(*THREE)]
    assert replies == ["250 2.0.0 queued as 1", "550 5.1.1 nobody", "451 4.2.1 later"]


def test_the_deferred_go_to_the_next_host_and_nobody_else():
    zone = {
        "x.test": {"MX": ["1 mx.test", "2 b.test"]},
        "mx.test": {"A": ["192.0.2.1"]},
        "b.test": {"A": ["192.0.2.2"]},
    }
    first, second = Script("PIPELINING"), Script()
    first.replies["rcpt"] = [OK, NO, LATER]
    outcomes = World({"192.0.2.1": first, "192.0.2.2": second}, zone).deliver(*THREE)
    assert [outcome.result for outcome in outcomes] == ["delivered", "failed", "delivered"]
    assert [line for line in second.heard if line.startswith("RCPT")] == ["RCPT TO:<c@x.test>"]


def test_domains_are_one_whatever_their_case_and_script():
    script = Script()
    zone = {**ZONE, "xn--bcher-kva.test": {"MX": ["10 mx.test"]}}
    world = World(script, zone)
    outcomes = world.deliver("a@X.test", "b@bücher.test", "c@x.TEST", "d@XN--bcher-kva.test")
    assert [outcome.result for outcome in outcomes] == ["delivered"] * 4
    assert script.connections == 2
    assert {line for line in script.heard if line.startswith("RCPT")} == {
        "RCPT TO:<a@x.test>", "RCPT TO:<c@x.test>", "RCPT TO:<b@xn--bcher-kva.test>", "RCPT TO:<d@xn--bcher-kva.test>",
    }  # fmt: skip


@pytest.mark.parametrize("rcpt", ["x@[127.0.0.1]", "x@[IPv6:::1]", "x@", "x@a b", "x@x.test\r\nDATA", "a\r\nb@x.test"])
def test_what_is_no_address_never_meets_the_network(rcpt):
    world = World(Script())
    outcomes = world.deliver(rcpt, "bob@x.test")
    assert [outcome.result for outcome in outcomes] == ["failed", "delivered"]
    assert "5.1.3" in outcomes[0].reply
    assert len(world.tried) == 1


def test_a_slow_domain_holds_no_other_up():
    zone = {**ZONE, "slow.test": {"MX": ["10 slow.test"], "A": ["192.0.2.2"]}}
    world = World({"192.0.2.1": Script(), "192.0.2.2": Script(banner="stall")}, zone)
    outcomes = world.deliver("a@slow.test", "b@x.test", "c@nowhere.test")
    assert [outcome.result for outcome in outcomes] == ["deferred", "delivered", "failed"]
    assert world.seconds == pytest.approx(limits.MX_BANNER_S)


def test_a_hundred_dead_domains_end_together():
    zone = {f"d{n}.test": {"A": ["192.0.2.1"]} for n in range(100)}
    world = World(Script(connect="stall"), zone)
    outcomes = world.deliver(*(f"a@d{n}.test" for n in range(100)))
    assert {outcome.result for outcome in outcomes} == {"deferred"}
    assert world.seconds <= limits.MX_TOTAL_S


def test_one_destination_gets_a_bounded_number_of_connections():
    world, most = World(Script(mail="stall")), []

    async def main():
        async with trio.open_nursery() as nursery:
            network = MemoryNetwork(world.servers, nursery)
            for n in range(3 * limits.MX_CONNECTIONS_PER_DESTINATION):
                parcel = Parcel(f"s{n}@agent.test", MESSAGE)
                nursery.start_soon(deliver, world.effects(network), world.config, parcel, (Address("a", "x.test"),))
            for _ in range(6):
                await trio.sleep(limits.MX_COMMAND_S / 2)
                most.append(network.held)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert max(most) == limits.MX_CONNECTIONS_PER_DESTINATION


def test_the_sender_of_many_slow_mails_leaves_places_for_others():
    zone = {f"d{n}.test": {"A": ["192.0.2.1"]} for n in range(200)} | ZONE
    world, told = World({"192.0.2.1": Script(mail="stall"), "192.0.2.9": Script()}, zone), []
    zone["mx.test"] = {"A": ["192.0.2.9"]}

    async def main():
        async with trio.open_nursery() as nursery:
            network = MemoryNetwork(world.servers, nursery)
            fx = world.effects(network)
            for n in range(200):
                parcel = Parcel(f"greedy.{n % 5}@agent.test", MESSAGE, uid=1001)  # with mailboxes enough
                nursery.start_soon(deliver, fx, world.config, parcel, (Address("a", f"d{n}.test"),))
            await trio.sleep(1)
            told.append(network.held)
            other = Parcel("other@agent.test", MESSAGE, uid=1002)
            told.extend(await deliver(fx, world.config, other, (Address("a", "x.test"),)))
            told.append(trio.current_time())
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert told[0] == limits.MX_CONNECTIONS_PER_SENDER
    assert (told[1].result, told[2]) == ("delivered", 1.0)


@pytest.mark.parametrize("stage", ["banner", "mail", "data", "dot"])
def test_a_caller_that_goes_away_leaves_no_connection(stage):
    world = World(Script(**{stage: "stall"}))

    async def main():
        async with trio.open_nursery() as nursery:
            network = MemoryNetwork(world.servers, nursery)
            with trio.move_on_after(5) as scope:
                await deliver(
                    world.effects(network), world.config, Parcel("o@a.test", MESSAGE), (Address("a", "x.test"),)
                )
            assert scope.cancelled_caught
            assert network.held == 0
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
