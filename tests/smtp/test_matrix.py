"""Eight stages at which a mail server misbehaves in every way: each outcome is classified, none takes for ever."""

import pytest

from aimx import limits
from tests.smtp.stage import STAGES, Script, World

BEHAVIOURS = {
    "4yz": b"451 4.3.0 later\r\n",
    "5yz": b"550 5.7.1 never\r\n",
    "421": b"421 4.3.2 closing\r\n",
    "close": "close",
    "reset": "reset",
    "stall": "stall",
    "drip": "drip",
    "garbage": b"\x00\xff what?\r\n",
    "600 lines": b"250-x\r\n" * 600 + b"250 x\r\n",
    "wrong code": b"354 go ahead\r\n",
    "999": b"999 x\r\n",
    "1 MB": b"2" * 2**20,
    "two replies": b"250 ok\r\n250 ok\r\n",
    "LF only": None,
    "escapes": b"550 \x1b[2J\x07 \xff\r\n",
}
MOST_S = limits.MX_TOTAL_S + limits.MX_FINAL_S


def expected(stage, behaviour):
    """Result, and the words that the outcome keeps."""
    if stage == "starttls" or behaviour == "LF only" or (stage, behaviour) in ALL_THE_SAME:
        return "delivered", "queued as 1"
    if stage == "dot" and behaviour == "two replies":
        return "delivered", "250 ok"
    if behaviour in ("5yz", "escapes"):
        return "failed", "5.7.1 never" if behaviour == "5yz" else "550 ?[2J?"
    if behaviour in ("4yz", "421"):
        return "deferred", "4.3.0 later" if behaviour == "4yz" else "4.3.2 closing"
    if stage == "dot":
        return "unknown", "after the message was sent"
    return "deferred", {"drip": "in time", "stall": "in time", "close": "closed", "reset": "broke"}.get(
        behaviour, "broke the protocol"
    )


# EHLO refused for good: HELO. 354 is what DATA wants.
ALL_THE_SAME = {("ehlo", "5yz"), ("ehlo", "escapes"), ("data", "wrong code")}


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_misbehaviour_has_its_outcome(stage, behaviour, pipelining):
    octets = BEHAVIOURS[behaviour]
    if behaviour == "LF only":
        octets = Script("8BITMIME").words(stage).replace(b"\r\n", b"\n") if stage != "starttls" else b"454 no\n"
    script = Script(*(["PIPELINING"] if pipelining else []), "8BITMIME", **{stage: octets})
    world = World(script)
    (outcome,) = world.deliver()
    result, words = expected(stage, behaviour)
    assert (outcome.result, words in outcome.reply) == (result, True), outcome
    assert outcome.reply.isprintable()
    assert outcome.host == "mx.test"
    assert world.seconds <= MOST_S
    assert script.open == 0, "the connection is closed"
    assert (outcome.result == "delivered") <= (script.messages != []), "nothing is delivered that was not sent"


@pytest.mark.parametrize("behaviour", ["refused", "stall", "all stall"])
def test_connections_that_do_not_come_about(behaviour):
    zone = {"x.test": {"MX": ["10 mx.test"]}, "mx.test": {"A": ["192.0.2.1", "192.0.2.2"]}}
    stalling = Script(connect="stall")
    servers = {
        "refused": {"192.0.2.1": Script()},
        "stall": {"192.0.2.2": stalling, "192.0.2.1": Script()},
        "all stall": {"192.0.2.2": stalling, "192.0.2.1": stalling},
    }[behaviour]
    world = World(servers, zone)
    (outcome,) = world.deliver()
    assert world.tried == ["192.0.2.2", "192.0.2.1"]
    if behaviour == "all stall":
        assert (outcome.result, outcome.host) == ("deferred", "mx.test")
        assert "no connection in time" in outcome.reply
        assert world.seconds == 2 * limits.MX_CONNECT_S
    else:
        assert outcome.result == "delivered"


@pytest.mark.parametrize("stage", [*STAGES, "quit"])
def test_silence_ends_in_the_time_of_its_stage(stage):
    world = World(Script(**{stage: "stall"}))
    world.deliver()
    most = {"banner": limits.MX_BANNER_S, "starttls": limits.MX_TLS_S, "dot": limits.MX_FINAL_S, "quit": 0}
    assert world.seconds == pytest.approx(most.get(stage, limits.MX_COMMAND_S))


def test_many_slow_hosts_share_one_deadline():
    zone = {"x.test": {"MX": [f"{n} mx{n}.test" for n in range(10)]}}
    zone |= {f"mx{n}.test": {"A": [f"192.0.2.{n}"]} for n in range(10)}
    world = World({f"192.0.2.{n}": Script(mail="stall") for n in range(10)}, zone)
    (outcome,) = world.deliver()
    assert outcome.result == "deferred"
    assert "gave up after 300 seconds" in outcome.reply
    assert world.seconds == pytest.approx(limits.MX_TOTAL_S)
    assert len(world.tried) == 5


def test_the_last_host_in_time_still_gets_its_answer():
    zone = {"x.test": {"MX": [f"{n} mx{n}.test" for n in range(5)]}}
    zone |= {f"mx{n}.test": {"A": [f"192.0.2.{n}"]} for n in range(5)}
    slow = {f"192.0.2.{n}": Script(mail="stall") for n in range(4)}
    world = World({**slow, "192.0.2.4": Script(dot="stall")}, zone)
    (outcome,) = world.deliver()
    assert outcome.result == "unknown"
    assert world.seconds == pytest.approx(4 * limits.MX_COMMAND_S + limits.MX_FINAL_S)


def test_a_server_that_answers_late_is_still_told_goodbye():
    zone = {"x.test": {"MX": [f"{n} mx{n}.test" for n in range(5)]}}
    zone |= {f"mx{n}.test": {"A": [f"192.0.2.{n}"]} for n in range(5)}
    servers = {f"192.0.2.{n}": Script(mail="stall") for n in range(4)}
    servers["192.0.2.4"] = Script(dot="late")
    world = World(servers, zone)
    (outcome,) = world.deliver()
    assert (outcome.result, world.seconds > limits.MX_TOTAL_S) == ("delivered", True)
    assert servers["192.0.2.4"].heard[-1] == "QUIT"
