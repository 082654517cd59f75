"""From no records to right ones, at a real name server on port 53: what is told is what is then found."""

import pytest

from tests.lab import publishing, world

pytestmark = [pytest.mark.lab, pytest.mark.root]
CHECKS = ("A", "MX", "SPF", "DKIM", "DMARC")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return world.play("tests.lab.publishing", tmp_path_factory.mktemp("publishing"))


def _states(told):
    return {line["check"]: line["state"] for line in told["dns"]}


def test_nothing_is_published(said):
    assert said["before"]["exit"] == 1
    assert _states(said["before"]) == {**dict.fromkeys(CHECKS, "wrong"), "PTR": "ok"}


def test_the_name_server_is_asked_and_not_the_resolver_with_its_old_answer(said):
    assert said["before"]["asked"] == publishing.SERVER_NAME
    assert not any("192.0.2.99" in line["text"] for line in said["before"]["dns"])


def test_a_watch_sees_the_records_arrive_and_ends(said):
    assert (said["first"]["verified"], said["last"]["verified"], said["code"]) == (False, True, 0)


def test_the_records_that_were_told_are_right(said):
    assert (said["after"]["exit"], said["after"]["err"]) == (0, "")
    assert _states(said["after"]) == dict.fromkeys((*CHECKS, "PTR"), "ok")
