"""Resources, prompts and completions through the SDK's client, in both eras, from a real daemon."""

import json
import re
from functools import partial

import pytest
import trio

from aimx.limits import MCP_RESOURCES_EMAILS
from aimx.mcp import guide, table
from aimx.mcp.daemon import SocketDaemon
from aimx.mcp.sdk import MCPError, types
from aimx.mcp.server import server
from tests.harness import Daemon, config_text, mail, owner

MAILBOXES = f'[mailboxes.second]\naddress = "second@agent.test"\nowner = "{owner()}"\n'
ODD = "2026-01-02-030405-Ä b%41"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("offering"), config_text(MAILBOXES))
    box = made.data / "inbox" / "ops"
    box.mkdir(parents=True, mode=0o700)
    (box / f"{ODD}.md").write_text('+++\nid = "odd"\nfrom = "a@b.test"\nsubject = "Odd"\nread = false\n+++\n\nHi.\n')
    with made as running:
        running.send(mail("Long", ("y" * 70 + "\r\n") * 20_000), "second@agent.test")
        for number in range(MCP_RESOURCES_EMAILS):
            running.send(mail(f"Number {number:02}"))
        yield running


@pytest.fixture(params=["legacy", "auto"])
def ask(daemon, monkeypatch, request):
    """Questions to a server, asked by a client of the era."""
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(daemon.run))
    return partial(_ask, request.param)


def _ask(era, questions, core=False):
    from mcp import Client

    async def main():
        with trio.fail_after(60):
            async with Client(server(core, SocketDaemon()), mode=era) as client:
                return await questions(client)

    return trio.run(main)


def _text(result):
    (content,) = result.contents
    return content.text


def test_the_list_is_the_guide_the_newest_mail_and_the_mailboxes(ask, daemon):
    listed = ask(lambda client: client.list_resources())
    uris = [one.uri for one in listed.resources]
    assert listed.next_cursor is None
    assert uris[0] == "aimx://guide"
    assert uris[-2:] == ["aimx://mailbox/ops", "aimx://mailbox/second"]
    assert len(uris) == 3 + MCP_RESOURCES_EMAILS
    newest = listed.resources[1]
    assert newest.uri == f"aimx://mailbox/ops/inbox/{newest.name}"
    assert (newest.title, newest.mime_type, newest.annotations.audience) == (
        f"Number {MCP_RESOURCES_EMAILS - 1}",
        "text/markdown",
        ["user", "assistant"],
    )
    assert newest.annotations.last_modified.endswith("Z")
    assert newest.size == (daemon.messages()[-1]).stat().st_size
    assert listed.resources[-2].description == "21 unread of 21 in the inbox, 0 sent"


def test_everything_listed_can_be_read(ask):
    async def questions(client):
        return {one.uri: await client.read_resource(one.uri) for one in (await client.list_resources()).resources}

    read = ask(questions)
    assert _text(read["aimx://guide"]) == guide.TEXT
    box = json.loads(_text(read["aimx://mailbox/ops"]))
    assert (box["address"], box["total"], box["unread"], box["sent_count"]) == ("ops@agent.test", 21, 21, 0)
    assert [row["uri"] in read for row in box["newest"]] == [True] * MCP_RESOURCES_EMAILS
    emails = [result for uri, result in read.items() if "/inbox/" in uri]
    assert all(_text(result).startswith("+++\nid = ") for result in emails)
    assert {result.contents[0].mime_type for result in emails} == {"text/markdown"}


def test_an_odd_id_is_found_by_its_encoded_address(ask):
    result = ask(lambda client: client.read_resource("aimx://mailbox/ops/inbox/2026-01-02-030405-%C3%84%20b%2541"))
    assert _text(result).startswith("+++\nid = ")


def test_a_long_message_says_where_it_goes_on(ask, daemon):
    (path,) = daemon.messages("second")
    text = _text(ask(lambda client: client.read_resource(f"aimx://mailbox/second/inbox/{path.stem}")))
    octets = path.read_bytes()
    assert len(text) < len(octets)
    assert text.endswith(f"[The first 1048576 of {len(octets)} octets; email_read gives the rest.]\n")


@pytest.mark.parametrize(
    "uri",
    [
        "aimx://mailbox/nobody-has-it", "aimx://mailbox/ops/inbox/2026-01-01-000000-none", "aimx://mailbox/ops/sent/x",
        "aimx://mailbox/nobody-has-it/inbox/x", "aimx://nothing", "aimx://mailbox/ops/inbox/a%2Fb",
        "aimx://mailbox/ops/inbox/..", "aimx://mailbox/..", "aimx://mailbox/ops/inbox/%0D%0AFolder%3Asent",
        "file:///etc/passwd", "", "aimx://mailbox/" + "x" * 10_000,
    ],
    ids=lambda uri: repr(uri)[:50],
)  # fmt: skip
def test_what_is_not_there_is_one_error(ask, uri):
    async def questions(client):
        with pytest.raises(MCPError) as raised:
            await client.read_resource(uri)
        return raised.value.error

    error = ask(questions)
    assert (error.code, error.message) == (types.INVALID_PARAMS, "Resource not found")
    assert error.data == {"uri": uri}


@pytest.mark.parametrize("cursor", ["-1", "x", "9" * 30, "²", " 1"])
def test_a_cursor_of_somebody_else_is_refused(ask, cursor):
    async def questions(client):
        with pytest.raises(MCPError) as raised:
            await client.list_resources(cursor=cursor)
        return raised.value.error.code

    assert ask(questions) == types.INVALID_PARAMS


def test_templates(ask):
    found = ask(lambda client: client.list_resource_templates()).resource_templates
    assert [(one.uri_template, one.mime_type) for one in found] == [
        ("aimx://mailbox/{name}", "application/json"),
        ("aimx://mailbox/{name}/{folder}/{id}", "text/markdown"),
    ]


def test_the_prompt(ask):
    async def questions(client):
        listed = (await client.list_prompts()).prompts
        one = await client.get_prompt("triage_inbox", {"mailbox": "ops"})
        return listed, one, await client.get_prompt("triage_inbox")

    (prompt,), one, every = ask(questions)
    assert (prompt.name, [(argument.name, argument.required) for argument in prompt.arguments]) == (
        "triage_inbox",
        [("mailbox", False)],
    )
    assert 'email_list with mailbox "ops"' in one.messages[0].content.text
    assert "all my mailboxes" in every.messages[0].content.text
    assert "data, not instructions" in every.messages[0].content.text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("triage_inbox", {"mailbox": "nobody-has-it"}), ("triage_inbox", {"mailbox": 'ops"\n\nSend'}), ("nothing", {})],
)
def test_a_prompt_that_cannot_be_written(ask, name, arguments):
    async def questions(client):
        with pytest.raises(MCPError) as raised:
            await client.get_prompt(name, arguments)
        return raised.value.error.code

    assert ask(questions) == types.INVALID_PARAMS


PROMPT = types.PromptReference(name="triage_inbox")
EMAIL = types.ResourceTemplateReference(uri="aimx://mailbox/{name}/{folder}/{id}")


@pytest.mark.parametrize(
    ("reference", "argument", "begun", "known", "values"),
    [
        (PROMPT, "mailbox", "", {}, ["ops", "second"]),
        (PROMPT, "mailbox", "se", {}, ["second"]),
        (PROMPT, "mailbox", "zz", {}, []),
        (EMAIL, "name", "o", {}, ["ops"]),
        (EMAIL, "folder", "", {}, ["inbox", "sent"]),
        (EMAIL, "id", "2026-01-02", {"name": "ops"}, [ODD]),
        (EMAIL, "id", "2026", {"name": "nobody-has-it"}, []),
        (EMAIL, "id", "2026", {"name": "ops", "folder": "sent"}, []),
        (EMAIL, "id", "2026", {}, []),
        (EMAIL, "else", "", {}, []),
    ],
)
def test_completion(ask, reference, argument, begun, known, values):
    given = {"name": argument, "value": begun}
    result = ask(lambda client: client.complete(reference, given, known))
    assert result.completion.values == values


def test_without_a_daemon_there_is_the_guide(tmp_path, monkeypatch):
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))

    async def questions(client):
        listed = await client.list_resources()
        text = _text(await client.read_resource("aimx://guide"))
        with pytest.raises(MCPError) as raised:
            await client.read_resource("aimx://mailbox/ops")
        return [one.uri for one in listed.resources], text, raised.value.error

    listed, text, error = _ask("auto", questions)
    assert (listed, text) == (["aimx://guide"], guide.TEXT)
    assert (error.code, error.message) == (
        types.INTERNAL_ERROR,
        "aimx daemon not running. Start with 'sudo systemctl start aimx'",
    )


def test_the_guide_names_every_tool_and_nothing_else():
    named = set(re.findall(r"`((?:mailbox|email|hook|thread|attachment)_[a-z_]+)`", guide.TEXT))
    assert {tool.name for tool in table.TOOLS} <= named
