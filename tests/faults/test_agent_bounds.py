"""An agent in front of 100,000 mails, some of them huge: every answer has its bound, and the server keeps its size."""

import itertools
import json
import os
import re
import subprocess
import sys
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import jsonschema
import pytest

from aimx import limits
from aimx.mcp import table
from tests.bench.index import fill
from tests.harness import Daemon
from tests.mcp.talk import MODERN, Talk, environment

COUNT = 500 * int(os.environ.get("AIMX_FAULT_ROUNDS", "20"))  # the session's own number makes it 100,000
THREAD, HUGE = 3_000, 10_000_000
PATIENCE_S = 300.0
SIZE_MB = 200  # of the server, after all of it; it takes 50 at its start, and 92 then
LINE = 5 * limits.MCP_EMAIL_OCTETS  # the text and the same as a value, with what JSON escapes
HEAD = '+++\nid = "x"\nsubject = "{}"\nfrom = "a@b.test"\nthread_id = "{}"\nread = false\n+++\n\n'
BODIES = {
    "huge-line": "x" * HUGE,
    "huge-quotes": '"\\' * (HUGE // 2),
    "huge-unseen": "\u202e\u200b\x1b[31m\x85" * (HUGE // 12),
    "huge-emoji": "\U0001f600" * (HUGE // 4),
    "huge-lines": "\n" * HUGE,
}
PICTURE = b"\x89PNG\r\n\x1a\n"


def letter(subject: str, body: str, *files: tuple[str, str, bytes], html: str = "") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "a@sender.test", "ops@agent.test", subject
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for name, kind, octets in files:
        message.add_attachment(octets, *kind.split("/"), filename=name)
    return message.as_bytes()


LETTERS = {
    "plain": letter("plain", "a word \u00e9\n" * (HUGE // 9)),
    "html": letter("html", "x\n", html="<table><tr><td>" * 20_000 + "<p>a word &lt;b&gt;</p>\n" * (HUGE // 25)),
    "files": letter(
        "files", "x\n",
        ("big.txt", "text/plain", b"line of text\n" * (HUGE // 13)), ("p.png", "image/png", PICTURE * 10),
        ("big.png", "image/png", PICTURE + b"x" * (HUGE // 2)), ("a.zip", "application/zip", b"PK\3\4" * 1000),
    ),
    "many-files": letter("many", "x\n", *((f"{n}\u202e.txt", "text/plain", b"x") for n in range(200))),
}  # fmt: skip
ALL = COUNT + THREAD + len(BODIES) + len(LETTERS)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("agent"))
    box = made.data / "inbox" / "ops"
    fill(box, COUNT)
    for name, body in BODIES.items():
        (box / f"2030-01-01-000000-{name}.md").write_text(HEAD.format(name, name) + body)
    for number in range(THREAD):
        fields = f'message_id = "{number}@long.test"\nin_reply_to = "{max(0, number - 1)}@long.test"\n'
        text = HEAD.format(f"long {number}", "f" * 16).replace("read =", fields + "read =") + "wort " * 400
        (box / f"2029-01-01-000000-long-{number:05}.md").write_text(text)
    with made as running:
        for octets in LETTERS.values():
            running.send(octets)
        yield running


def all_are_known(listed) -> bool:
    """While the index is built the daemon says so."""
    return not listed.get("isError") and listed["structuredContent"]["result"][0]["total"] == ALL


@pytest.fixture(scope="module", params=["legacy", "modern"])
def agent(daemon, request):
    with Talk(environment(daemon.run), era=request.param) as talk:
        talk.tools = {one["name"]: one for one in talk.request("tools/list")["result"]["tools"]}
        deadline = time.monotonic() + PATIENCE_S
        while not all_are_known(talk.call("mailbox_list")["result"]):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield talk
        status = Path(f"/proc/{talk.process.pid}/status").read_text()
        (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", status)
        assert int(peak) / 1024 < SIZE_MB


def of(agent, tool: str, /, **arguments):
    """The value of a call, which fits its schema; the line is the protocol and has its bound."""
    agent.octets = 0
    result = agent.call(tool, **arguments)["result"]
    assert not result.get("isError"), (tool, arguments, result["content"][0]["text"][:500])
    jsonschema.validate(result["structuredContent"], agent.tools[tool]["outputSchema"])
    assert agent.octets < LINE, (tool, arguments, agent.octets)
    return result["structuredContent"]


def ids(agent, subject: str) -> list[str]:
    return [row["id"] for row in of(agent, "email_list", mailbox="ops", subject=subject, limit=200)["result"]]


def test_lists_are_pages_whatever_is_asked_for(agent):
    (row,) = of(agent, "mailbox_list")["result"]
    assert row["total"] == ALL
    for offset, rows in ((0, 200), (COUNT // 2, 200), (row["total"] - 5, 5), (2**32 - 1, 0)):
        listed = of(agent, "email_list", mailbox="ops", limit=2**32 - 1, offset=offset)["result"]
        assert len(listed) == rows
    for arguments in ({"query": "invoice"}, {"query": "invoice message", "unread": True}, {"query": "word1*"},
                      {"query": " ".join(["invoice"] * 30)}, {"query": "-xylophone"}):  # fmt: skip
        assert len(of(agent, "email_search", limit=2**32 - 1, **arguments)["emails"]) <= limits.LIST_ROWS_MAX
    assert agent.octets < 2**20
    assert len(of(agent, "email_search", query="xylophone")["emails"]) == 1


@pytest.mark.parametrize("name", [*BODIES, "plain", "html", "files", "many"])
def test_a_huge_email_is_read_in_pieces(agent, name):
    (email_id,) = ids(agent, name)
    known = {"mailbox": "ops", "id": email_id}
    whole = agent.call("email_read", **known)["result"]
    assert agent.octets < LINE
    if whole.get("isError"):
        assert "read it in parts, with max_chars and offset" in whole["content"][0]["text"]
    else:
        assert len(whole["structuredContent"]["text"].encode()) <= limits.MCP_EMAIL_OCTETS
    for form, fence in itertools.product(("full", "body", "headers"), (False, True)):
        told = of(agent, "email_read", **known, format=form, fence=fence, max_chars=1000)
        assert len(told["text"]) < 2000 + (1000 if fence else 0)
        assert agent.octets < 40_000
    for offset in (9_000_000, 2**31):
        of(agent, "email_read", **known, offset=offset, max_chars=1_000_000)
    part = of(agent, "email_read", **known, max_chars=2**31)
    assert len(part["text"]) <= limits.MCP_PART_CHARACTERS
    of(agent, "thread_read", **known, limit=100, max_chars=2**31)
    agent.octets = 0
    (content,) = agent.request("resources/read", uri=f"aimx://mailbox/ops/inbox/{email_id}")["result"]["contents"]
    assert agent.octets < LINE
    assert len(content["text"].encode()) < limits.MCP_EMAIL_OCTETS


def test_a_conversation_of_thousands_is_a_page(agent):
    email_id = f"2029-01-01-000000-long-{THREAD // 2:05}"
    assert len(of(agent, "thread_read", mailbox="ops", id=email_id)["emails"]) == limits.MCP_THREAD_ROWS
    told = of(agent, "thread_read", mailbox="ops", id=email_id, limit=2**31, max_chars=2**31, fence=True)
    assert len(told["emails"]) == limits.MCP_THREAD_ROWS_MAX
    assert agent.octets < 8 * limits.MCP_THREAD_CHARACTERS_MAX


def test_attachments_are_told_within_their_bounds(agent):
    (email_id,) = ids(agent, "files")
    for name in ("big.txt", "p.png", "big.png", "a.zip"):
        of(agent, "attachment_read", mailbox="ops", id=email_id, filename=name, max_chars=2**31)
        assert agent.octets < 2 * limits.MCP_ATTACHMENT_OCTETS
    (email_id,) = ids(agent, "many")
    result = agent.call("attachment_read", mailbox="ops", id=email_id)["result"]
    assert len(json.dumps(result)) < 200_000


def test_a_wait_looks_at_new_mail_only_and_tells_where_to_go_on(agent):
    told = of(agent, "email_wait", timeout_s=5, query="invoice")
    assert told["emails"] == []
    assert told["next_since"]


def test_resources_and_completions_are_pages(agent):
    for uri in ("aimx://mailbox/ops", "aimx://guide"):
        agent.octets = 0
        assert agent.request("resources/read", uri=uri)["result"]["contents"]
        assert agent.octets < 100_000
    agent.octets = 0
    assert len(agent.request("resources/list")["result"]["resources"]) == 2 + limits.MCP_RESOURCES_EMAILS
    template = {"type": "ref/resource", "uri": "aimx://mailbox/{name}/{folder}/{id}"}
    asked = {"ref": template, "argument": {"name": "id", "value": "20"}, "context": {"arguments": {"name": "ops"}}}
    completed = agent.request("completion/complete", **asked)["result"]["completion"]
    assert (len(completed["values"]), completed["hasMore"]) == (limits.MCP_COMPLETIONS, True)
    assert agent.octets < 100_000


def test_two_hundred_waits_and_calls_at_once(agent):
    waits = [agent.begin("tools/call", name="email_wait", arguments={"timeout_s": 5}) for _ in range(200)]
    calls = [agent.begin("tools/call", name="mailbox_list", arguments={}) for _ in range(200)]
    assert not any(agent.answer(number)["result"].get("isError") for number in calls)
    answers = [agent.answer(number)["result"] for number in waits]
    assert all("structuredContent" in one or one["content"][0]["text"].startswith("TEMP") for one in answers)
    assert of(agent, "mailbox_list")["result"]


def test_every_tool_that_reads_was_asked():
    source = Path(__file__).read_text()
    reads = {tool.name for tool in table.TOOLS if tool.hints.read_only} - {"hook_list"}
    assert {name for name in reads if f'"{name}"' in source} == reads


def test_a_client_that_closes_its_end_and_reads_nothing_is_left(daemon):
    argv = [sys.executable, "-m", "aimx.cli.main", "mcp"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=environment(daemon.run), stdin=pipe, stdout=pipe) as deaf:
        meta = json.dumps(MODERN)
        ask = '{"jsonrpc":"2.0","id":%d,"method":"tools/list","params":{"_meta":%s}}\n'
        assert deaf.stdin
        deaf.stdin.write("".join(ask % (number, meta) for number in range(20)).encode())
        deaf.stdin.close()
        assert deaf.wait(PATIENCE_S) == 0
