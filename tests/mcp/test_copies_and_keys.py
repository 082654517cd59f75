"""What email_send and email_reply take beside the guide's: several recipients, copies, answers to all, keys."""

import json

import pytest

from tests.harness import DOMAIN
from tests.mcp.agent import alternating
from tests.mcp.test_sending_tools import parsed, reply, send


@pytest.fixture
def agent(request, daemon):
    return alternating(request.node.name)


def outgoing(box):
    """The record of what was sent last."""
    (path,) = box.files("sent")
    return path.read_text()


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"cc": ["c@x.test", "d@x.test"]}, {"cc": "c@x.test, d@x.test"}),
        ({"cc": "c@x.test, d@x.test"}, {"cc": "c@x.test, d@x.test"}),
        ({"bcc": ["c@x.test", "d@x.test"]}, {"bcc": ["c@x.test", "d@x.test"]}),
        ({"to": ["a@x.test", "B <b@x.test>"]}, {"to": "a@x.test, B <b@x.test>"}),
        ({"to": "a@x.test, b@x.test"}, {"to": "a@x.test, b@x.test"}),
        ({"cc": [], "bcc": [""]}, {}),
    ],
    ids=["cc", "cc-text", "bcc", "to-list", "to-text", "none"],
)
def test_several_recipients(agent, box, sent, arguments, fields):
    told = send(agent, box, **arguments)
    assert not told.failed
    record = outgoing(box)
    for name, value in fields.items():
        assert f"\n{name} = {json.dumps(value)}\n" in record
    message = parsed(sent())
    assert message["Bcc"] is None
    assert (message["Cc"] is None) == ("cc" not in fields)


@pytest.mark.parametrize("header", ["cc", "bcc"])
def test_copies_to_what_is_no_address(agent, box, header):
    told = send(agent, box, **{header: ["fine@x.test", "nobody"]})
    assert told.failed
    assert told.text.startswith(f"{header.title()}: not an address: 'nobody'")
    assert box.files("sent") == []


def test_an_answer_to_all_goes_to_each_once_and_not_to_oneself(agent, box, sent):
    email_id = box.receive(
        From="Ann <ann@x.test>",
        To=f"{box.name}@{DOMAIN}, Bob <bob@x.test>, ANN@x.test",
        Cc="carl@y.test, bob@x.test, undisclosed:;",
    )
    reply(agent, box, email_id, reply_all=True, cc=["dora@z.test"])
    message = parsed(sent())
    assert (message["To"], message["Cc"]) == ("ann@x.test", "dora@z.test, bob@x.test, carl@y.test")


def test_an_answer_is_to_its_author_alone_unless_all_are_meant(agent, box, sent, tmp_path):
    (tmp_path / "a.txt").write_text("A")
    email_id = box.receive(To=f"{box.name}@{DOMAIN}, bob@x.test", Cc="carl@y.test")
    reply(agent, box, email_id, attachments=[str(tmp_path / "a.txt")])
    message = parsed(sent())
    assert message["Cc"] is None
    assert [part.get_filename() for part in message.iter_attachments()] == ["a.txt"]


def test_the_same_under_a_key_is_sent_once(agent, box, sent, tmp_path):
    (tmp_path / "a.txt").write_text("A")
    asked = {"idempotency_key": f"invoice {box.name}", "attachments": [str(tmp_path / "a.txt")], "cc": ["c@x.test"]}
    first = send(agent, box, **asked)
    assert send(agent, box, **asked) == first
    assert parsed(sent())["Message-ID"] == first.structured["message_id"]
    assert len(box.files("sent")) == 1


def test_answers_and_forwards_under_a_key_are_sent_once(agent, box):
    email_id = box.receive()
    for number, (tool, more) in enumerate((("email_reply", {"body": "b"}), ("email_forward", {"to": "c@x.test"}))):
        asked = {"mailbox": box.name, "id": email_id, "idempotency_key": f"{box.name} {tool}", **more}
        assert agent(tool, **asked) == agent(tool, **asked)
        assert len(box.files("sent")) == number + 1


def test_another_letter_under_the_key_is_a_conflict(agent, box):
    key = f"conflict {box.name}"
    send(agent, box, idempotency_key=key)
    for change in ({"body": "other"}, {"subject": "other"}, {"to": "other@x.test"}, {"bcc": ["other@x.test"]},
                   {"text_only": True}, {"html_body": ""}):  # fmt: skip
        told = send(agent, box, idempotency_key=key, **change)
        assert told.text == (
            f"ECONFLICT: idempotency key '{key}' was used for another message; a key is for one message; the sent"
            " folder shows that one; send this one under another key if it is another email"
        )
    assert len(box.files("sent")) == 1


def test_without_a_key_each_call_is_a_letter(agent, box):
    first, second = (send(agent, box, idempotency_key="") for _ in range(2))
    assert first.structured["message_id"] != second.structured["message_id"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (" ", "the idempotency key is empty"),
        (" a", "the idempotency key has a control character, or blanks around it"),
        ("a\nb", "the idempotency key has a control character, or blanks around it"),
        ("k" * 1000, "the idempotency key has more than"),
    ],
    ids=["blank", "around", "line", "long"],
)
def test_a_key_that_is_none(agent, box, key, reason):
    told = send(agent, box, idempotency_key=key)
    assert told.failed
    assert reason in told.text
    assert box.files("sent") == []
