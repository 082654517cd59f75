"""email_list, email_read, email_mark_read, email_mark_unread."""

import re

import mcp_types as types
import pytest
import trio
from mcp import MCPError

from aimx import limits
from tests.harness import mail

ID = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-[\w-]+\Z")


def test_an_empty_mailbox_is_an_empty_array(agent, box):
    for folder in ("inbox", "sent"):
        told = agent("email_list", mailbox=box.name, folder=folder)
        assert (told.text, told.structured["result"], told.structured["next_offset"]) == ("[]", [], None)


def test_rows_of_the_inbox(agent, box):
    box.receive(From="Ann <ann@x.test>", subject='Quote " and ümlaut', Date="Sat, 21 Nov 2026 08:00:00 +0000")
    told = agent("email_list", mailbox=box.name)
    (row,) = told.rows
    assert list(row) == ["id", "from", "to", "subject", "date", "read"]
    assert ID.match(row["id"])
    assert row["from"] == "Ann <ann@x.test>"
    assert row["subject"] == 'Quote " and ümlaut'
    assert (row["date"], row["read"]) == ("2026-11-21T08:00:00Z", False)
    assert told.structured["result"] == told.rows


def test_rows_of_sent_mail_have_an_outcome_and_nothing_to_read(agent, box):
    agent("email_send", from_mailbox=box.name, to="bob@remote.test", subject="Out", body="b")
    (row,) = agent("email_list", mailbox=box.name, folder="sent").rows
    assert list(row) == ["id", "from", "to", "subject", "date", "delivery_status"]
    assert (row["to"], row["delivery_status"]) == ("bob@remote.test", "delivered")


def test_pages_are_newest_first_and_join_without_a_gap(agent, box):
    ids = sorted((box.receive(subject=f"n{number}") for number in range(5)), reverse=True)
    listed = [row["id"] for row in agent("email_list", mailbox=box.name).rows]
    assert listed == ids
    first = agent("email_list", mailbox=box.name, limit=2)
    assert [row["id"] for row in first.rows] == ids[:2]
    assert first.structured["next_offset"] == 2
    last = agent("email_list", mailbox=box.name, limit=3, offset=2)
    assert [row["id"] for row in last.rows] == ids[2:]
    assert last.structured["next_offset"] is None
    assert agent("email_list", mailbox=box.name, offset=99).text == "[]"
    assert agent("email_list", mailbox=box.name, limit=0).text == "[]"


def test_a_page_is_fifty_and_never_more_than_two_hundred(agent, box, daemon):
    directory = daemon.data / "inbox" / box.name
    for number in range(205):
        email = f'+++\nid = "2026-01-01-000000-{number:03}"\nsubject = "s"\nread = false\n+++\n\nx\n'
        (directory / f"2026-01-01-000000-{number:03}.md").write_text(email)
    assert len(agent("email_list", mailbox=box.name).rows) == 50
    assert len(agent("email_list", mailbox=box.name, limit=201).rows) == 200
    assert len(agent("email_list", mailbox=box.name, limit=2**32 - 1).rows) == 200
    assert len(agent("email_list", mailbox=box.name, limit=200, offset=200).rows) == 5


def test_unknown_parameters_are_ignored(agent, box):
    assert agent("email_list", mailbox=box.name, unknown=True).text == "[]"


@pytest.mark.parametrize("folder", ["Inbox", "all", "", "inbox/../sent"])
@pytest.mark.parametrize("tool", ["email_list", "email_read"])
def test_a_folder_that_is_none(agent, box, tool, folder):
    told = agent(tool, mailbox=box.name, id="x", folder=folder)
    assert told == (f'Invalid folder \'{folder}\': expected "inbox" or "sent".', None, True)


def test_reading_gives_the_file_octet_for_octet(agent, box):
    email_id = box.receive(mail("Ümlaut", "Grüße\r\n\r\n+++\r\n <b>&amp;</b>\r\n\t😀 end\r\n"))
    (path,) = box.files()
    told = agent("email_read", mailbox=box.name, id=email_id)
    assert told.text.encode() == path.read_bytes()
    assert told.text.startswith(f'+++\nid = "{email_id}"\n')
    found = told.structured
    assert (found["text"], found["path"], found["size"]) == (told.text, str(path), path.stat().st_size)


def test_reading_does_not_mark(agent, box):
    email_id = box.receive()
    agent("email_read", mailbox=box.name, id=email_id)
    assert [row["read"] for row in agent("email_list", mailbox=box.name).rows] == [False]


def test_a_bundle_and_sent_mail_are_read_too(agent, box, tmp_path):
    (tmp_path / "a.txt").write_text("attached")
    agent(
        "email_send",
        from_mailbox=box.name,
        to="b@remote.test",
        subject="s",
        body="b",
        attachments=[f"{tmp_path}/a.txt"],
    )
    (path,) = box.files("sent")
    assert path.parent.name == path.stem
    assert agent("email_read", mailbox=box.name, id=path.stem, folder="sent").text == path.read_text()
    assert agent("email_read", mailbox=box.name, id=path.stem).text.startswith("NOTFOUND: ")


def test_a_long_email_is_read_whole_up_to_the_bound(agent, box):
    email_id = box.receive(mail("long", "é" * 70 + "\r\n"))
    (path,) = box.files()
    head = path.read_bytes()
    long = head + ("é" * 79 + "\n").encode() * 16_000
    assert limits.READ_PIECE_OCTETS < len(long) < limits.MCP_EMAIL_OCTETS
    path.write_bytes(long)
    assert agent("email_read", mailbox=box.name, id=email_id).text.encode() == long
    path.write_bytes(head + b"x" * limits.MCP_EMAIL_OCTETS)
    told = agent("email_read", mailbox=box.name, id=email_id)
    assert told.failed
    assert told.text == (
        f"Email '{email_id}' is 4.0 MiB long, and one answer holds 4 MiB: read it in parts, with max_chars and offset,"
        f" or from its file {path}"
    )


@pytest.mark.parametrize("tool", ["email_read", "email_mark_read", "email_mark_unread"])
@pytest.mark.parametrize(
    ("email_id", "reason"),
    [
        ("", "Email ID cannot be empty."),
        ("a\nb", "Email ID contains invalid characters."),
        ("a\0b", "Email ID contains invalid characters."),
        (" a", "Email ID contains invalid characters."),
        ("../x", "NOTFOUND: email id '../x' contains invalid characters"),
        ("a/b", "NOTFOUND: email id 'a/b' contains invalid characters"),
        ("nope", "NOTFOUND: email 'nope' not found in inbox/{}"),
    ],
    ids=["empty", "newline", "nul", "blank", "parent", "slash", "missing"],
)
def test_an_id_that_is_none(agent, box, tool, email_id, reason):
    told = agent(tool, mailbox=box.name, id=email_id)
    assert told == (reason.format(box.name), None, True)


def test_marking_changes_what_lists_and_files_say(agent, box):
    email_id = box.receive()
    (path,) = box.files()
    for word, read in (("read", True), ("unread", False)):
        told = agent(f"email_mark_{word}", mailbox=box.name, id=email_id)
        assert told == (f"Email '{email_id}' marked as {word}.", {"id": email_id, "read": read}, False)
        assert [row["read"] for row in agent("email_list", mailbox=box.name).rows] == [read]
        assert f"\nread = {str(read).lower()}\n" in path.read_text()


@pytest.mark.parametrize("tool", ["email_mark_read", "email_mark_unread"])
def test_marking_takes_no_folder(agent, daemon, tool):
    assert agent.refusal(tool, mailbox="ops", id="x", folder="inbox") == (
        -32602,
        f"{tool}: unknown parameter `folder`; it takes mailbox, id",
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        ("email_list", {}, "Object missing required field `mailbox`"),
        ("email_list", {"mailbox": None}, "Object missing required field `mailbox`"),
        ("email_list", {"mailbox": 5}, "Expected `str`, got `int` - at `$.mailbox`"),
        ("email_list", {"mailbox": "ops", "limit": "5"}, "Expected `int`, got `str` - at `$.limit`"),
        ("email_list", {"mailbox": "ops", "limit": -1}, "Expected `int` >= 0 - at `$.limit`"),
        ("email_list", {"mailbox": "ops", "offset": 2**32}, "Expected `int` <= 4294967295 - at `$.offset`"),
        ("email_list", {"mailbox": "ops", "limit": 1.5}, "Expected `int`, got `float` - at `$.limit`"),
        ("email_read", {"mailbox": "ops"}, "Object missing required field `id`"),
        ("email_mark_read", {"mailbox": "ops", "id": ["x"]}, "Expected `str`, got `array` - at `$.id`"),
        ("email_reply", {"mailbox": "ops", "id": "x"}, "Object missing required field `body`"),
        (
            "email_send",
            {"from_mailbox": "ops", "to": "a@b.test", "subject": "s"},
            "Object missing required field `body`",
        ),
        (
            "hook_create",
            {"mailbox": "ops", "event": "on_receive", "cmd": "x"},
            "Expected `array`, got `str` - at `$.cmd`",
        ),
        (
            "hook_create",
            {"mailbox": "o", "event": "on_receive", "cmd": [1]},
            "Expected `str`, got `int` - at `$.cmd[0]`",
        ),
        ("hook_delete", {}, "Object missing required field `name`"),
        ("mailbox_delete", {"name": "x", "force": "yes"}, "Expected `bool`, got `str` - at `$.force`"),
    ],
)
def test_arguments_that_do_not_fit_are_protocol_errors_that_name_them(agent, daemon, tool, arguments, reason):
    assert agent.refusal(tool, **arguments) == (-32602, f"{tool}: {reason}")


@pytest.mark.parametrize("arguments", [{"limit": 5.0}, {"limit": None, "folder": None, "offset": None}])
def test_whole_numbers_and_nulls_are_taken_as_they_are_meant(agent, box, arguments):
    assert agent("email_list", mailbox=box.name, **arguments).text == "[]"


def test_an_unknown_tool_is_a_protocol_error(agent, daemon):
    async def call():
        async with agent.client() as client:
            with pytest.raises(MCPError) as raised:
                await client.session.send_request(request, types.CallToolResult)
            return raised.value.error

    request = types.CallToolRequest(params=types.CallToolRequestParams(name="email_delete", arguments={}))
    error = trio.run(call)
    assert (error.code, error.message) == (-32602, "Unknown tool: email_delete")
