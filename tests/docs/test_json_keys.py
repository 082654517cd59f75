"""Keys of JSON that the pages name are those of real answers: all of them, and no others."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from aimx import client
from aimx.cli import portcheck, upgrade
from aimx.flows import hooks
from aimx.provision.occupancy import Occupant
from aimx.provision.port25 import Checked
from aimx.provision.records.zone import State
from aimx.provision.setup.api import Preflight, Reach
from aimx.provision.upgrade import plan
from aimx.wire.frames import (
    AttachmentRead,
    EmailList,
    EmailRead,
    HookCreate,
    HookExplain,
    HookList,
    HookRuns,
    HookTest,
    MailboxList,
    MailboxShow,
    Thread,
    Version,
)
from tests.cli import post
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.harness import Daemon, config_text

BOOK = ROOT / "book"
LETTER = (
    b"From: Bob <bob@remote.test>\r\nTo: ops@agent.test\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n'
    b'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n'
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest.fixture(scope="module")
def ask(daemon):
    """What the daemon answers, as JSON."""

    def asked(request):
        response = client.call(daemon.socket, request)
        assert response.kind == "json", response
        return json.loads(response.body)

    return asked


@pytest.fixture(scope="module")
def mail(daemon):
    """The id of a mail with an attachment, and a hook `note` beside it."""
    stored = _printed(daemon.env, "ingest", "ops", stdin=LETTER)
    body = b'{"cmd": ["/bin/true"], "fire_on_untrusted": true}'
    assert client.call(daemon.socket, HookCreate("ops", "on_receive", body, "note")).kind == "ok"
    client.call(daemon.socket, HookTest("note"))
    return stored["id"]


def _printed(env, *words, stdin=b""):
    """What a command prints with --json."""
    return _run(env, *words, "--json", stdin=stdin, codes=(0,))


def _run(env, *words, stdin=b"", codes=(0, 1)):
    argv = [sys.executable, "-m", "aimx.cli.main", *words]
    done = subprocess.run(argv, env={**os.environ, **env}, input=stdin, capture_output=True, timeout=60)
    assert done.returncode in codes, done.stderr
    return json.loads(done.stdout)


def _words(text):
    return re.findall(r"`([a-z_0-9]+)`", text)


def _told(begin, end):
    """The keys between two places of the socket's page."""
    return _told_in("socket.md", begin, end)


def _told_in(page, begin, end):
    text = " ".join((BOOK / page).read_text().split())
    return _words(text.split(begin, 1)[1].split(end, 1)[0])


def _deep(told, key):
    """The keys of an object, and behind one of them those of what it lists."""
    for name, value in told.items():
        yield name
        if name == key:
            yield from value[0]


def _row(command, option="--json"):
    """What a command's table says of an option."""
    (row,) = (row[-1] for row in pages.rows(BOOK / "cli.md", f"## `aimx {command}`") if row[0] == f"`{option}`")
    return row


def test_a_list_of_mailboxes(ask, mail):
    assert _told("`MAILBOX-LIST` is an array", ", by name") == list(ask(MailboxList())[0])


def test_a_mailbox(ask, mail):
    shown = ask(MailboxShow("ops"))
    added = _told("those fields but `registered`, and", ", and `hooks`:")
    assert set(added) | {*_told("`MAILBOX-LIST` is an array", ", by name"), "hooks"} - {"registered"} == set(shown)
    assert _told("and `hooks`: for", "array of objects with") == list(shown["hooks"])
    assert _told("`after_send` an array of objects with", "(`operator`") == list(shown["hooks"]["on_receive"][0])


def test_a_new_hook(ask):
    assert set(_told("carries a JSON object:", "(`cmd`, the only one)")) == set(hooks._Body.__struct_fields__)
    made = ask(HookCreate("ops", "on_receive", b'{"cmd": ["/bin/false"]}', "other", "json"))
    assert _told("with `Answer: json` an object", "of the hook") == list(made)


def test_a_list_of_hooks(ask, mail):
    assert _told("`HOOK-LIST` is an array", ", by mailbox") == list(ask(HookList())[0])


def test_runs_of_hooks(ask, mail):
    told = re.findall(r"Each has (.*); what is not known", " ".join((BOOK / "socket.md").read_text().split()))[0]
    assert _words(re.sub(r"\(`waiting`.*?\)", "", told)) == list(ask(HookRuns())[0])


def test_an_explanation(ask, mail):
    told = ask(HookExplain("note", mail))
    assert set(_told("`HOOK-EXPLAIN` answers", "- `HOOK-TEST`")) - {"operator", "mcp"} == {*told, *told["gates"][0]}
    assert _told("in their order (", ")") == list(told["gates"][0])


def test_a_test_of_a_hook(ask, mail):
    assert set(_told("`HOOK-TEST` runs the hook", "At most two")) == set(ask(HookTest("note", mail)))


def test_pages_of_rows(ask, mail):
    (told,) = re.findall(r"`EMAIL-SEARCH` answer with an object: (.*?) or null", (BOOK / "socket.md").read_text(), re.S)
    assert _words(told) == list(ask(EmailList()))
    assert _told("`THREAD` answers with", ":") == list(ask(Thread("ops", mail)))


def test_a_piece_of_a_mail_and_of_a_file(ask, mail):
    piece, file = ask(EmailRead("ops", mail)), ask(AttachmentRead("ops", mail, "a.txt"))
    assert set(_told("`EMAIL-READ` answers", "- `ATTACHMENT-READ`")) == set(piece)
    assert set(_words("`data` `next` `total` `version` `path`")) <= set(file)
    assert set(_told("`ATTACHMENT-READ` answers", "What is no regular")) - {"path"} <= set(file)
    assert base64.b64decode(file["data"]) == b"abc"


def test_a_version(ask):
    assert _told("`VERSION` answers with the strings", "## An answer") == list(ask(Version()))


def test_a_letter_that_is_sent():
    told = _row("send")
    keys = _words(told.split(" An error")[0])
    with post.Post() as office:
        sent = json.loads(office.aimx("send", *post.LETTER, "--json").stdout)
        dry = json.loads(office.aimx("send", *post.LETTER, "--json", "--dry-run").stdout)
        error = json.loads(office.aimx("send", *post.LETTER, "--from", "x@foreign.test", "--json").stderr)
    assert (keys[-1], set(keys[:-1]), set(keys)) == ("message", set(sent), set(dry))
    assert f'`{{"error": {{{", ".join(json.dumps(key) for key in error["error"])}}}}}`' in told


def test_a_mail_that_is_read(daemon, mail):
    read = _printed(daemon.env, "emails", "read", "ops", mail)
    (told,) = (row[1] for row in pages.rows(BOOK / "reading.md", "## One email") if row[0] == "`--json`")
    assert _words(told.split(" of `thread`")[0].split("one object")[1]) == list(read)


def test_a_message_that_is_ingested(daemon):
    stored = _printed(daemon.env, "ingest", "ops", stdin=LETTER)
    assert _words(_row("ingest <rcpt>").split(" (")[0]) == list(stored)


def test_a_pair_of_keys(tmp_path):
    (tmp_path / "config.toml").write_text(config_text())
    assert _words(_row("dkim-keygen")) == list(_printed({"AIMX_CONFIG_DIR": str(tmp_path)}, "dkim-keygen"))


def test_records_to_publish(daemon):
    told = _told_in("dns.md", "`--format json` keep their keys:", "for people")
    assert told == [*_deep(_run(daemon.env, "dns", "records", "--format", "json"), "records")]


def test_a_check_of_records(daemon):
    told = _told_in("dns.md", "With `--json` there is one object, with `--watch`", "A change takes minutes")
    at = told.index("state") + 1
    states = get_args(State)
    assert tuple(told[at : at + len(states)]) == states
    del told[at : at + len(states)]
    checked = _run(daemon.env, "dns", "check", "--json")
    (publish, *_) = (line["publish"] for line in checked["dns"] if line["publish"])
    printed = [*_deep(checked, "dns")]
    assert told == [*printed[:-1], *publish, printed[-1]]


def test_a_list_of_agents(daemon, tmp_path):
    told = _told_in("agents.md", "With `--json` it is an array of objects with", ".")
    assert told == list(_printed({**daemon.env, "HOME": str(tmp_path)}, "agents", "list")[0])


def test_a_check_of_port_25():
    told = portcheck._report(
        Checked(Occupant("free"), Preflight(None, Reach(True), Reach(True), None, None)), "https://v"
    )
    assert _words(_row("portcheck")) == [*_flat(told)]


def test_an_upgrade():
    told = _words(_row("upgrade"))
    kinds = get_args(plan.Kind)
    assert tuple(told[1 : 1 + len(kinds)]) == kinds
    del told[1 : 1 + len(kinds)]
    assert told == list(json.loads(upgrade._json(plan.Plan("none", "1.0.0", "1.0.0", Path("/a"), ()), dry_run=True)))


def _flat(told):
    """The keys as the page names them: those of both directions behind the second."""
    for key, value in told.items():
        yield key
        if key == "inbound":
            yield from value
