"""No daemon, a daemon that comes back, one that dies with the answer: every tool says so, and the server stays up."""

import itertools
import json

import pytest
import trio

from aimx import limits
from aimx.mcp import table
from tests.mcp.agent import ERAS, Agent, checked

START = "aimx daemon not running. Start with 'sudo systemctl start aimx'"
CRUD = "daemon must be running for non-root mailbox CRUD. Start with 'sudo systemctl start aimx'"
ARGUMENTS = {
    "mailbox_create": {"name": "a"}, "mailbox_delete": {"name": "a"}, "email_list": {"mailbox": "a"},
    "email_read": {"mailbox": "a", "id": "x"}, "email_mark_read": {"mailbox": "a", "id": "x"},
    "email_mark_unread": {"mailbox": "a", "id": "x"}, "email_reply": {"mailbox": "a", "id": "x", "body": "b"},
    "email_send": {"from_mailbox": "a", "to": "b@c.test", "subject": "s", "body": "b"},
    "hook_create": {"mailbox": "a", "event": "on_receive", "cmd": ["/bin/true"]}, "hook_delete": {"name": "h"},
    "email_search": {"query": "x"}, "thread_read": {"mailbox": "a", "id": "x"},
    "attachment_read": {"mailbox": "a", "id": "x"}, "email_forward": {"mailbox": "a", "id": "x", "to": "b@c.test"},
}  # fmt: skip


@pytest.fixture(params=ERAS)
def alone(request, tmp_path, monkeypatch):
    """An agent without a daemon."""
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    return Agent(request.param)


@pytest.mark.parametrize("tool", table.TOOLS, ids=lambda tool: tool.name)
def test_without_a_daemon_every_tool_says_how_to_start_it(alone, tool):
    told = alone(tool.name, **ARGUMENTS.get(tool.name, {}))
    assert told == (CRUD if tool.name in ("mailbox_create", "mailbox_delete") else START, None, True)


def answer(value):
    """An answer in JSON."""
    body = json.dumps(value).encode()
    return b"AIMX/1 OK\nContent-Length: %d\n\n%b" % (len(body), body)


SHOWN = answer({"address": "a@agent.test", "catchall": False})


class Fake:
    """What listens on the socket in place of a daemon: gives the answers one after the other, and closes."""

    def __init__(self, directory, *answers):
        self.path, self._answers = directory / "aimx.sock", iter(answers)
        self.asked = []

    async def serve(self, task_status=trio.TASK_STATUS_IGNORED):
        sock = trio.socket.socket(trio.socket.AF_UNIX)
        await sock.bind(str(self.path))
        sock.listen()
        await trio.serve_listeners(self._answer, [trio.SocketListener(sock)], task_status=task_status)

    async def _answer(self, stream):
        asked = b""
        async for piece in stream:
            asked += piece
        self.asked.append(asked)
        await stream.send_all(next(self._answers))
        await stream.aclose()


def ask(alone, tool, *answers, directory):
    """One call of a server whose daemon answers so."""

    async def call():
        fake = Fake(directory, *answers)
        async with trio.open_nursery() as nursery:
            await nursery.start(fake.serve)
            async with alone.client() as client:
                known = {one.name: one for one in (await client.list_tools()).tools}
                result = await client.call_tool(tool, ARGUMENTS.get(tool, {}))
            nursery.cancel_scope.cancel()
        return checked(result, known[tool].output_schema)

    return trio.run(call)


def test_a_send_whose_daemon_dies_has_an_unknown_outcome(alone, tmp_path):
    told = ask(alone, "email_send", SHOWN, b"", directory=tmp_path)
    assert told.text == (
        "DELIVERY: outcome unknown: may have been delivered: the daemon closed the connection without an answer;"
        " look into the sent folder before you send it again"
    )


def test_a_send_whose_answer_cannot_be_read_has_an_unknown_outcome(alone, tmp_path):
    told = ask(alone, "email_send", SHOWN, b"HTTP/1.1 200 OK\n", directory=tmp_path)
    assert told.text.startswith("DELIVERY: outcome unknown: may have been delivered: not an AIMX/1 answer")


@pytest.mark.parametrize(
    ("code", "reason", "text"),
    [
        ("EACCES", "not authorized", "EACCES not authorized"),
        ("DELIVERY", "550 5.1.1 no such user", "DELIVERY: 550 5.1.1 no such user"),
        ("TEMP", "no server answers", "TEMP: no server answers"),
        ("SIGN", "no key", "SIGN: no key"),
        ("DOMAIN", "sender domain 'x' does not match", "DOMAIN: sender domain 'x' does not match"),
        ("DELIVERY", "outcome unknown: may have been delivered",
         "DELIVERY: outcome unknown: may have been delivered; look into the sent folder before you send it again"),
    ],
    ids=["eacces", "delivery", "temp", "sign", "domain", "unknown"],
)  # fmt: skip
def test_the_daemons_code_and_reason_are_kept(alone, tmp_path, code, reason, text):
    refusal = f"AIMX/1 ERR {code} {reason}\nCode: {code}\n\n".encode()
    assert ask(alone, "email_send", SHOWN, refusal, directory=tmp_path) == (text, None, True)


@pytest.mark.parametrize(
    ("tool", "unsure"),
    [("mailbox_delete", True), ("email_mark_read", True), ("mailbox_list", False), ("email_send", False)],
)
def test_what_may_have_been_done_is_said(alone, tmp_path, tool, unsure):
    told = ask(alone, tool, b"", directory=tmp_path)
    text = "the daemon closed the connection without an answer"
    assert told.text == text + ("; it may have been done all the same: look before you ask again" if unsure else "")


def test_a_daemon_of_the_original_that_knows_no_list_says_so(alone, tmp_path):
    told = ask(
        alone, "email_list", b"AIMX/1 ERR PROTOCOL unknown verb 'EMAIL-LIST'\nCode: PROTOCOL\n\n", directory=tmp_path
    )
    assert told.text == "PROTOCOL: unknown verb 'EMAIL-LIST'"


def _piece(text, at, following, version):
    return answer({"path": "/p", "text": text, "offset": at, "next": following, "total": 4, "version": version})


def test_pieces_of_two_versions_are_never_joined(alone, tmp_path):
    pieces = [_piece("ab", 0, 2, "1"), _piece("CD", 2, None, "2"), _piece("AB", 0, 2, "2"), _piece("CD", 2, None, "2")]
    assert ask(alone, "email_read", *pieces, directory=tmp_path).text == "ABCD"


def test_a_file_that_never_stands_still_is_given_up(alone, tmp_path):
    versions = itertools.count()
    pieces = [
        piece
        for _ in range(limits.MCP_READ_TRIES)
        for piece in (_piece("ab", 0, 2, str(next(versions))), _piece("CD", 2, None, str(next(versions))))
    ]
    told = ask(alone, "email_read", *pieces, directory=tmp_path)
    assert told == ("the email was changed while it was read; read it again", None, True)


def test_one_session_outlives_its_daemon(post, monkeypatch, tmp_path):
    """Absent, then there: the same server answers both times."""

    async def calls():
        async with Agent("legacy").client() as client:
            before = await client.call_tool("mailbox_list", {})
            monkeypatch.setenv("AIMX_RUNTIME_DIR", str(post.run))
            return before, await client.call_tool("mailbox_list", {})

    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    before, after = trio.run(calls)
    assert (before.is_error, before.content[0].text) == (True, START)
    assert not after.is_error
