"""email_wait: what came since, what comes meanwhile, codes and links, times out, goes on, is cancelled."""

import os

import pytest
import trio

from aimx import limits
from tests.harness import mail
from tests.mcp.agent import Agent, alternating, checked

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root is told more")
SIGN_UP = (
    "Your verification code is 482 913.\r\n\r\nOr open https://shop.test/verify?token=aBc123 (valid 10 minutes).\r\n"
    "Help: https://shop.test/help\r\n"
)


@pytest.fixture
def agent(request, daemon):
    return alternating(request.node.name)


def wait(agent, box, **arguments):
    return agent("email_wait", **{"mailbox": box.name, "since": "1h"} | arguments)


def ids(told):
    return [email["id"] for email in told.structured["emails"]]


async def waiting(agent, progressed, **arguments):
    """Wait with a client that listens to progress."""
    async with agent.client() as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        result = await client.call_tool("email_wait", arguments, progress_callback=progressed)
    return checked(result, schemas["email_wait"])


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(limits, "WAIT_MIN_S", 0)
    monkeypatch.setattr(limits, "WAIT_PROGRESS_S", 0.01)


def test_the_code_and_the_link_of_a_sign_up(agent, box):
    email_id = box.receive(mail("Confirm your account", SIGN_UP, From="Shop <no-reply@shop.test>"))
    told = wait(agent, box, **{"from": "shop.test"})
    assert told.rows == told.structured
    (row,) = told.structured["emails"]
    assert (row["mailbox"], row["folder"], row["id"], row["read"]) == (box.name, "inbox", email_id, False)
    assert (row["from"], row["subject"]) == ("Shop <no-reply@shop.test>", "Confirm your account")
    assert told.structured["codes"] == ["482913"]
    assert told.structured["links"] == ["https://shop.test/verify?token=aBc123", "https://shop.test/help"]
    assert (told.structured["timed_out"], told.structured["missed"]) == (False, False)


def test_what_came_between_two_calls_is_not_missed_and_not_told_twice(agent, box, hurried):
    first = box.receive(mail("first", "code: 1111\r\n"))
    told = wait(agent, box)
    assert ids(told) == [first]
    later = [box.receive(mail(subject, f"code: {code}\r\n")) for subject, code in (("a", 2222), ("b", 3333))]
    seen = []
    while len(seen) < 2:
        told = wait(agent, box, since=told.structured["next_since"])
        seen += ids(told)
    assert seen == later
    assert told.structured["codes"] == ["3333"], "of the newest only"
    place = told.structured["next_since"]
    for _ in range(2):
        told = wait(agent, box, since=place, timeout_s=0)
        assert told.structured == {
            "emails": [], "codes": [], "links": [], "next_since": place, "timed_out": True, "missed": False,
        }  # fmt: skip


def test_mail_that_comes_meanwhile_and_signs_of_life_until_then(agent, box, hurried):
    """Only mail from now on: so it is sent again until the call has noticed one."""
    told = []

    async def progressed(done, total, message):
        told.append((total, message))
        await trio.to_thread.run_sync(box.receive)

    result = trio.run(lambda: waiting(agent, progressed, mailbox=box.name, timeout_s=10_000))
    assert ids(result)
    assert set(told) == {(limits.WAIT_MAX_S, f"waiting for mail in {box.name}")}


@pytest.mark.parametrize(
    "conditions",
    [
        {"from": "ann@x.test"}, {"subject": "Tea"}, {"text": "biscuits"}, {"query": "biscuits -coffee"},
        {"query": "from:ann", "subject": "tea", "text": "biscuits"},
    ],
    ids=str,
)  # fmt: skip
def test_all_conditions_have_to_hold(agent, box, conditions):
    box.receive(mail("Coffee", "coffee and cake\r\n", From="Bob <bob@x.test>"))
    cursor = wait(agent, box).structured["next_since"]
    wanted = box.receive(mail("Tea", "with biscuits\r\n", From="Ann <ann@x.test>"))
    assert ids(wait(agent, box, since=cursor, **conditions)) == [wanted]


def test_all_mailboxes_and_only_their_inboxes(agent, box):
    agent("email_send", from_mailbox=box.name, to="b@remote.test", subject=f"Word {box.name}", body="x")
    email_id = box.receive(subject=f"Word {box.name}")
    assert ids(wait(agent, box, mailbox="", subject=f"Word {box.name}")) == [email_id]


def test_a_place_that_is_not_known_any_more(agent, box):
    box.receive()
    told = wait(agent, box, since=f"{'0' * 16}-5")
    assert (ids(told), told.structured["missed"], told.structured["timed_out"]) == ([], True, False)
    email_id = box.receive(subject="new")
    assert ids(wait(agent, box, since=told.structured["next_since"])) == [email_id]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"since": "some day"}, "VALIDATION: "),
        ({"query": '"'}, "VALIDATION: "),
        ({"mailbox": "a\nb"}, "MALFORMED: "),
        pytest.param({"mailbox": "nope"}, "ENOENT: mailbox-not-found: nope", marks=AS_ROOT),
    ],
)
def test_what_cannot_be_waited_for_is_refused_at_once(agent, box, arguments, reason):
    told = wait(agent, box, **arguments)
    assert told.failed
    assert told.text.startswith(reason)


def test_a_call_that_is_cancelled_ends_and_the_session_goes_on(agent, box, hurried):
    async def cancelled():
        async with agent.client() as client:
            with trio.CancelScope() as scope:

                async def progressed(*_):
                    scope.cancel()

                await client.call_tool("email_wait", {"mailbox": box.name}, progress_callback=progressed)
            assert scope.cancelled_caught
            return await client.call_tool("email_list", {"mailbox": box.name})

    assert trio.run(cancelled).content[0].text == "[]"


def test_many_wait_at_once(daemon, box):
    """One session, ten calls; each gets the mail."""
    box.receive()
    cursor = wait(Agent("modern"), box).structured["next_since"]
    found = []

    async def one(client):
        result = await client.call_tool("email_wait", {"mailbox": box.name, "since": cursor})
        found.append([email["id"] for email in result.structured_content["emails"]])

    async def all_of_them():
        async with Agent("modern").client() as client, trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(one, client)
            email_id = await trio.to_thread.run_sync(box.receive)
        assert found == [[email_id]] * 10

    trio.run(all_of_them)
