"""`aimx hooks`, from what is typed to what is told; with a daemon, and for root without one."""

import json
import os
import re
import socket
import threading

import pytest

from aimx.cli import hooks, parsing
from aimx.config import naming
from aimx.errors import DaemonNeeded, disposition
from tests.cli.test_mailboxes import Office
from tests.harness import DOMAIN, Daemon, config_text, owner

LONG = 'cmd = ["/bin/sh", "-c", "printf %s \\"$AIMX_SUBJECT\\" >> /var/log/aimx/subjects.log; exit 0"]'
HOOKS = f"""
[mailboxes.support]
address = "support@{DOMAIN}"
owner = "{owner()}"

[[mailboxes.support.hooks]]
name = "subjects"
event = "on_receive"
{LONG}

[[mailboxes.support.hooks]]
event = "after_send"
cmd = ["/bin/true"]

[mailboxes.everything]
address = "*@{DOMAIN}"
owner = "{owner()}"
"""
CREATE = ("hooks", "create", "--mailbox", "ops", "--event", "on_receive", "--cmd")
TRUE = '["/bin/true"]'


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("office"), config_text(HOOKS)) as daemon:
        yield Office(daemon)


def test_the_list_has_four_columns_and_derived_names(office):
    lines = office.aimx("hooks", "list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "MAILBOX", "EVENT", "CMD"]
    assert re.fullmatch(r'[0-9a-f]{12}  support  after_send  \["/bin/true"\]', lines[1])
    command = json.dumps(["/bin/sh", "-c", 'printf %s "$AIMX_SUBJECT" >> /var/log/aimx/x'], separators=(",", ":"))
    assert lines[2] == f"subjects      support  on_receive  {command[:59]}…"
    assert len(lines) == 3


def test_the_alias_says_the_same_to_the_byte(office):
    for words in (["list"], ["list", "--json"], ["list", "--mailbox", "ghost"], ["delete", "ghost", "-y"]):
        here, there = (office.aimx(name, *words) for name in ("hooks", "hook"))
        assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)


def test_the_list_of_one_mailbox(office):
    assert office.aimx("hooks", "list", "--mailbox", "ops").stdout == "No hooks configured.\n"
    assert office.aimx("hooks", "list", "--mailbox", "ops", "--json").stdout == "[]\n"
    rows = json.loads(office.aimx("hooks", "list", "--mailbox", "support", "--all", "--json").stdout)
    assert [row["name"] for row in rows][1:] == ["subjects"]
    assert set(rows[0]) == {"name", "mailbox", "event", "cmd", "fire_on_untrusted", "timeout_secs"}
    done = office.aimx("hooks", "list", "--mailbox", "ghost")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: [ENOENT] mailbox-not-found: ghost\n")


def test_a_hook_from_creation_to_deletion(office):
    config = office.daemon.etc / "config.toml"
    before = config.read_text()
    flags = ("--name", "new", "--timeout-secs", "5", "--fire-on-untrusted", "--skip-automated")
    done = office.aimx(*CREATE, '["/bin/echo", "ü"]', *flags)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hook created: new (live via daemon)\n", "")
    assert 'cmd = ["/bin/echo", "ü"]\nfire_on_untrusted = true\ntimeout_secs = 5\nskip_automated = true\n' in (
        config.read_text()
    )
    done = office.aimx("hooks", "delete", "new", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hook deleted: new (live via daemon)\n", "")
    assert config.read_text() == before


def test_a_derived_name_is_told(office):
    told = json.loads(office.aimx(*CREATE, TRUE, "--json").stdout)
    assert told["mailbox"] == "ops"
    assert re.fullmatch("[0-9a-f]{12}", told["effective_name"])
    assert json.loads(office.aimx("hooks", "delete", told["effective_name"], "-y", "--json").stdout) == {
        "deleted": told["effective_name"]
    }


ASKED = """\
About to delete hook:
  name:    subjects
  mailbox: support
  event:   on_receive
  timeout: 60s
  cmd:     ["/bin/sh","-c","printf %s \\"$AIMX_SUBJECT\\" >> /var/log/ai…
Continue? [y/N] """


@pytest.mark.parametrize("answer", ["n\n", "\n", "maybe\n", "\x04"], ids=["no", "empty", "other", "end-of-input"])
def test_a_deletion_is_asked_for_and_no_is_no_error(office, answer):
    code, shown = office.typed(answer, "hooks", "delete", "subjects")
    assert code == 0
    assert ASKED in shown
    assert "Cancelled." in shown
    assert "subjects" in office.aimx("hooks", "list").stdout


def test_yes_deletes(office):
    office.aimx(*CREATE, TRUE, "--name", "doomed")
    code, shown = office.typed("y\n", "hooks", "delete", "doomed")
    assert code == 0
    assert shown.endswith("Hook deleted: doomed (live via daemon)\n")


def test_where_nobody_can_be_asked_yes_is_an_option(office):
    done = office.aimx("hooks", "delete", "subjects")
    assert done.returncode == 2
    assert "pass --yes" in done.stderr


@pytest.mark.parametrize("yes", [["--yes"], []], ids=["yes", "asked"])
def test_a_hook_that_is_not_there_gets_a_tip(office, yes):
    code, shown = office.typed("", "hooks", "delete", "subject", *yes)
    assert code == 1
    assert shown.startswith("Error: Hook 'subject' not found\n")
    assert shown.endswith("tip: a similar hook exists: 'subjects'\n")


EXAMPLE = """--cmd must be a JSON array of strings, e.g. --cmd '["/bin/echo", "hello"]'; """
RULE = "must match [a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
REFUSED = {
    "name": ((TRUE, "--name", "../x"), f"invalid hook name '../x': {RULE}"),
    "name-empty": ((TRUE, "--name", ""), f"invalid hook name '': {RULE}"),
    "name-line": ((TRUE, "--name", "x\n"), f"invalid hook name 'x\n': {RULE}"),
    "untrusted": ((TRUE, "--event", "after_send", "--fire-on-untrusted"),
                  "--fire-on-untrusted is only valid on --event on_receive"),
    "automated": ((TRUE, "--event", "after_send", "--skip-automated"),
                  "--skip-automated is only valid on --event on_receive"),
    "blank": ((" ",), "--cmd must not be empty"),
    "text": (("/bin/true",), f"{EXAMPLE}parse error: Expecting value: line 1 column 1 (char 0)"),
    "string": (('"/bin/true"',), f'{EXAMPLE}got: "/bin/true"'),
    "numbers": (("[1]",), f"{EXAMPLE}got: [1]"),
    "nothing": (("[]",), "--cmd must be a non-empty JSON array of strings"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_can_be_seen_is_refused_before_anybody_is_asked(tmp_path, monkeypatch, words, reason):
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    options = parsing.parser("hooks", "", hooks.arguments).parse_args([*CREATE[1:], *words])
    with pytest.raises(hooks.Refused) as caught:
        hooks.run(options)
    assert caught.value.reason == reason


TOLD = {
    "relative": (["./x"], [], "[VALIDATION]: hook has non-absolute `cmd[0]` './x': "),
    "timeout": (["/x"], ["--timeout-secs", "601"], "[VALIDATION]: `timeout_secs = 601` exceeds the max of 600 seconds"),
    "taken": (["/x"], ["--name", "subjects"], "[VALIDATION]: hook name 'subjects' is already in use; choose another"),
    "catchall": (["/x"], ["--mailbox", "everything"], "[EACCES]: catchall does not support hooks"),
    "missing": (["/x"], ["--mailbox", "ghost"], "[ENOENT]: mailbox-not-found: ghost"),
}


@pytest.mark.parametrize(("cmd", "words", "told"), TOLD.values(), ids=TOLD)
def test_what_the_daemon_refuses_is_told_with_its_code(office, cmd, words, told):
    done = office.aimx(*CREATE, json.dumps(cmd), *words)
    assert done.returncode == 1
    assert told.replace("]:", "]") in done.stderr.replace("]:", "]")


def test_an_event_that_does_not_exist_is_wrong_usage(office):
    done = office.aimx("hooks", "create", "--mailbox", "ops", "--event", "on_recieve", "--cmd", TRUE)
    assert done.returncode == 2
    assert "on_recieve" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root does it without a daemon")
def test_root_does_it_without_a_daemon_and_is_told_to_restart(tmp_path):
    here = Office(Daemon(tmp_path, config_text(HOOKS)))
    hint = "Hint: Restart the daemon for the change to take effect:\n  sudo systemctl restart aimx\n"
    done = here.aimx(*CREATE, TRUE, "--name", "new")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hook created: new\n", hint)
    assert "new" in here.aimx("hooks", "list").stdout
    done = here.aimx("hooks", "delete", "new", "-y")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hook deleted: new\n", hint)
    here.daemon.close()


def _words(name):
    return {"list": ["list"], "create": [*CREATE[1:], TRUE], "delete": ["delete", "x", "-y"]}[name]


@pytest.mark.parametrize("name", ["list", "create", "delete"])
def test_without_a_daemon_only_root_gets_on(tmp_path, monkeypatch, name):
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    options = parsing.parser("hooks", "", hooks.arguments).parse_args(_words(name))
    with pytest.raises(DaemonNeeded) as caught:
        hooks.run(options)
    assert disposition(caught.value).exit == 2
    assert caught.value.reason == (
        "daemon must be running for non-root hook CRUD; start `aimx serve` or run with sudo to fall back to direct"
        " config edit."
    )


def test_a_daemon_that_does_not_tell_the_name_is_understood(tmp_path, monkeypatch, capsys):
    """An original one passes over the header that asks for it, and derives the same name."""
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    asked = []

    def answer(listener):
        connection, _ = listener.accept()
        with connection:
            while piece := connection.recv(65536):
                asked.append(piece)
            connection.sendall(b"AIMX/1 OK\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "aimx.sock"))
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        options = parsing.parser("hooks", "", hooks.arguments).parse_args([*CREATE[1:], '["/bin/true"]'])
        assert hooks.run(options) == 0
        thread.join(30)
    body = b'{"cmd": ["/bin/true"], "fire_on_untrusted": false, "type": "cmd"}'
    assert b"".join(asked) == (
        b"AIMX/1 HOOK-CREATE\nMailbox: ops\nEvent: on_receive\nAnswer: json\n"
        b"Content-Length: %d\n\n%s" % (len(body), body)
    )
    name = naming.derived("on_receive", ("/bin/true",), False)
    assert capsys.readouterr().out == f"Hook created: {name} (live via daemon)\n"


def test_only_root_sees_all(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    options = parsing.parser("hooks", "", hooks.arguments).parse_args(["list", "--all"])
    with pytest.raises(hooks.Refused, match=r"not authorized: --all requires root \(run with sudo\)"):
        hooks.run(options)
