"""Whole sessions as they stand on the wire, in both eras: tests/mcp/golden/*.jsonl, written anew by UPDATE_GOLDEN=1.

What differs from run to run is replaced: paths, times, ids made of them, Message-IDs, the version. Texts that have a
test of their own are left out: descriptions and schemas (book/mcp-tools.md), instructions.
"""

import json
import os
import re
from pathlib import Path

import pytest

from aimx import __version__, client
from aimx.wire.frames import Ingest
from tests.harness import DOMAIN, Daemon, mail, owner
from tests.mailauth import signing
from tests.mcp.peer import INITIALIZE, META, Peer, encoded, environment

GOLDEN = Path(__file__).parent / "golden"
CONFIG = (
    f'domain = "{DOMAIN}"\nsignature = ""\n[mailboxes.ops]\naddress = "ops@{DOMAIN}"\nowner = "{owner()}"\n'
    f'[mailboxes.catchall]\naddress = "*@{DOMAIN}"\nowner = "{owner()}"\n'
)
MAIL = mail("Plan", "Shall we?\r\n", Date="Thu, 01 Jan 2026 00:00:00 +0000", **{"Message-ID": "<m@sender.test>"})
LETTER = {"from_mailbox": "ops", "to": "bob@remote.test", "subject": "Hello", "body": "Hi *there*"}
HOOK = {"mailbox": "ops", "event": "on_receive", "cmd": ["/bin/true"]}
CALLS = (
    ("mailbox_list", {}),
    ("mailbox_create", {"name": "catchall"}),
    ("mailbox_delete", {"name": "ops"}),
    ("mailbox_delete", {"name": "ops", "purge": True}),
    ("email_list", {"mailbox": "ops"}),
    ("email_list", {"mailbox": "ops", "folder": "sent"}),
    ("email_list", {"mailbox": "ops", "folder": "drafts"}),
    ("email_list", {}),
    ("email_read", {"mailbox": "ops", "id": "ID"}),
    ("email_read", {"mailbox": "ops", "id": "nope"}),
    ("email_send", LETTER),
    ("email_send", {**LETTER, "text_only": True, "html_body": ""}),
    ("email_reply", {"mailbox": "ops", "id": "ID", "body": "Yes"}),
    ("email_list", {"mailbox": "ops", "folder": "sent"}),
    ("email_mark_read", {"mailbox": "ops", "id": "ID"}),
    ("email_mark_unread", {"mailbox": "ops", "id": "ID"}),
    ("hook_list", {}),
    ("hook_create", HOOK),
    ("hook_create", {**HOOK, "mailbox": "catchall"}),
    ("hook_list", {"mailbox": "ops"}),
    ("hook_delete", {"name": "9d0373b47d73"}),
    ("hook_delete", {"name": "9d0373b47d73"}),
    ("email_list", {"mailbox": "ops", "unread": True, "from": "sender", "limit": 1}),
    ("email_read", {"mailbox": "ops", "id": "ID", "format": "body", "max_chars": 5}),
    ("email_search", {"query": "subject:plan", "mailbox": "ops"}),
    ("email_search", {"query": " "}),
    ("email_search", {"query": "plan", "form": "sender"}),
    ("email_wait", {"mailbox": "ops", "since": "2020-01-01", "from": "sender"}),
    ("thread_read", {"mailbox": "ops", "id": "ID", "max_chars": 8}),
    ("attachment_read", {"mailbox": "ops", "id": "ID"}),
    ("email_forward", {"mailbox": "ops", "id": "ID", "to": "boss@remote.test", "idempotency_key": "k"}),
    ("email_forward", {"mailbox": "ops", "id": "ID", "to": "aunt@remote.test", "idempotency_key": "k"}),
    ("no_such_tool", {}),
)
_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\d-\d{6}-"), "2026-01-01-000000-"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-01-01T00:00:00Z"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[0-9a-f]{16}-\d+"), "EPOCH-N"),
    (re.compile(r"(thread_id\W+)[0-9a-f]{16}"), r"\1THREAD"),
)


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "drop").mkdir()
    made = Daemon(tmp_path, CONFIG, AIMX_TEST_MAIL_DROP=str(tmp_path / "drop"))
    signing.install(made.etc)
    with made:
        yield made


def _session(peer, era, email_id):
    """What both said, in order."""
    told = []

    def ask(method, **params):
        request = peer.request(method, era, **params)
        peer.say(encoded(request))
        told.extend([("client", request), ("server", peer.hear())])

    if era == "legacy":
        ask("initialize", **INITIALIZE)
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        peer.say(encoded(ready))
        told.append(("client", ready))
        ask("ping")
    else:
        ask("server/discover")
    ask("tools/list")
    for tool, arguments in CALLS:
        filled = {key: email_id if value == "ID" else value for key, value in arguments.items()}
        ask("tools/call", name=tool, arguments=filled)
    return told


def _shorten(result):
    for tool in result.get("tools", []):
        for key in ("description", "inputSchema", "outputSchema"):
            assert tool.pop(key)
    if "instructions" in result:
        result["instructions"] = result["instructions"].splitlines()[0]


@pytest.mark.parametrize("era", META)
def test_the_session_is_the_one_on_file(era, daemon):
    response = client.call(daemon.socket, Ingest(f"ops@{DOMAIN}", MAIL))
    email_id = json.loads(response.body)["id"]
    with Peer(environment(daemon.run)) as peer:
        told = _session(peer, era, email_id)
        assert (peer.end(), peer.errors, peer.rest()) == (0, b"", [])
    for _, message in told:
        _shorten(message.get("result", {}))
    text = "".join(json.dumps({who: what}, ensure_ascii=False, sort_keys=True) + "\n" for who, what in told)
    text = text.replace(str(daemon.tree), "/TREE").replace(f'"version": "{__version__}"', '"version": "VERSION"')
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    path = GOLDEN / f"{era}.jsonl"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text().splitlines() == text.splitlines(), "UPDATE_GOLDEN=1 writes it anew"
