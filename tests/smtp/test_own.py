"""Mail to our own domain: to our own listener, never by way of the DNS, and never to anybody else's recipients."""

import pytest

from tests.smtp.stage import Script, World


@pytest.mark.parametrize("rcpt", ["boss@agent.test", "boss@AGENT.test"])
def test_our_own_domain_needs_no_mx(rcpt):
    script = Script(tls=None)
    world = World({"127.0.0.1": script}, {})
    (outcome,) = world.deliver(rcpt)
    assert (outcome.result, outcome.host) == ("delivered", "agent.test")
    assert world.tried == ["127.0.0.1"]
    assert not world.resolver.asked


def test_what_we_say_to_ourselves_needs_no_tls():
    script = Script("STARTTLS")
    World({"127.0.0.1": script}, {}).deliver("boss@agent.test")
    assert "STARTTLS" not in script.heard


def test_our_own_refusals_are_outcomes_like_any():
    script = Script(rcpt=b"550 5.1.1 user unknown\r\n")
    (outcome,) = World({"127.0.0.1": script}, {}).deliver("nobody@agent.test")
    assert (outcome.result, outcome.reply) == ("failed", "550 5.1.1 user unknown")


def test_a_subdomain_is_somebody_elses():
    (outcome,) = World({"127.0.0.1": Script()}, {}).deliver("boss@sub.agent.test")
    assert (outcome.result, "does not exist" in outcome.reply) == ("failed", True)


def test_a_stopped_listener_defers():
    (outcome,) = World({}, {}).deliver("boss@agent.test")
    assert (outcome.result, "refused" in outcome.reply) == ("deferred", True)
