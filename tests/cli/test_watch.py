"""`aimx watch`: one line per event, resumed where it was, quiet when it is told to stop."""

import json
import signal
import subprocess
import sys
import typing

import pytest

from aimx.cli import watch_text
from aimx.model import event
from tests.daemon.watchers import Watcher
from tests.harness import DOMAIN, Daemon, mail


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("watch")) as running:
        yield running


class Watching:
    """The program, started; `line` is the next of its output."""

    def __init__(self, daemon, *words: str) -> None:
        argv = [sys.executable, "-m", "aimx.cli.main", "watch", *words]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, env=daemon.env, stdout=pipe, stderr=pipe, text=True)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Its exit code and what it said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def cursor(daemon) -> str:
    with Watcher(daemon.socket) as watcher:
        return watcher.cursor


def test_one_line_for_each_event_and_ctrl_c_is_quiet(daemon):
    after = cursor(daemon)
    daemon.send(mail("Hello \x1b]0;title\x07 there"))
    with Watching(daemon, "--after", after) as watching:
        line = watching.line()
        assert watching.stop() == (130, "")
    at, mailbox, what, _id, text = line.rstrip("\n").split(maxsplit=4)
    assert at.endswith("Z")
    assert (mailbox, what) == ("ops", "received")
    assert text.startswith("a@sender.test: Hello ")
    assert line[:-1].isprintable()


def test_json_is_the_stream_as_it_is(daemon):
    after = cursor(daemon)
    daemon.send(mail("Json"))
    with Watching(daemon, "--after", after, "--mailbox", "ops", "--json") as watching:
        hello, received = json.loads(watching.line()), json.loads(watching.line())
        assert watching.stop() == (130, "")
    assert (hello["type"], hello["cursor"]) == ("hello", after)
    assert (received["type"], received["subject"]) == ("received", "Json")


def test_a_place_that_is_not_known_is_said_and_it_goes_on(daemon):
    with Watching(daemon, "--after", "nowhere", "--json") as watching:
        assert [json.loads(watching.line())["type"] for _ in range(2)] == ["hello", "gap"]
    with Watching(daemon, "--after", "nowhere") as watching:
        assert watching.process.stderr is not None
        assert "events are missing before" in watching.process.stderr.readline()
        daemon.send(mail("After"))
        assert "After" in watching.line()


def test_a_restart_loses_nothing_and_is_said(tmp_path):
    with Daemon(tmp_path) as daemon:
        after = cursor(daemon)
        daemon.send(mail("One"))
        with Watching(daemon, "--after", after) as watching:
            assert "One" in watching.line()
            daemon.kill()
            daemon.start()
            daemon.send(mail("Two"))
            assert "Two" in watching.line()
            code, said = watching.stop()
        assert code == 130
        assert said.splitlines()[0].endswith("trying again, nothing will be missed")
        assert said.splitlines()[-1] == "aimx: connected again"


def test_a_mailbox_that_is_not_there_is_an_error_at_once(daemon):
    with Watching(daemon, "--mailbox", "ghost") as watching:
        _, said = watching.process.communicate(timeout=60)
        assert watching.process.returncode == 1
    assert said == "Error: [ENOENT] mailbox-not-found: ghost\n"


def test_without_a_daemon_it_ends_with_2(daemon, tmp_path):
    env = {**daemon.env, "AIMX_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "aimx.cli.main", "watch"], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: no aimx daemon answers on ")


BASE = {"cursor": "x-1", "at": "2026-11-21T08:00:00Z", "mailbox": "ops"}
SHOWN = {
    "received": ({"id": "i", "from": "Ann <a@b.test>", "subject": "S", "trusted": "none", "thread_id": "t"},
                 "received i  Ann <a@b.test>: S"),
    "received-trusted": ({"id": "i", "from": "a@b", "subject": "S", "trusted": "true", "thread_id": "t"},
                         "received i  a@b (trusted): S"),
    "received-untrusted": ({"id": "i", "from": "a@b", "subject": "S", "trusted": "false", "thread_id": "t"},
                           "received i  a@b (not trusted): S"),
    "received-hostile": ({"id": "i", "from": "a\n\x1b[2J", "subject": "\u202e", "trusted": "none", "thread_id": "t"},
                         "received i  a\\n\\x1b[2J: \\x202e"),
    "sent": ({"id": "i", "to": "b@c.test", "subject": "S", "message_id": "m", "status": "delivered"},
             "sent     i  delivered to b@c.test: S"),
    "sent-deferred": ({"id": "", "to": "b@c.test", "subject": "S", "message_id": "m", "status": "deferred"},
                      "sent     -  deferred to b@c.test: S"),
    "spooled": ({"reason": "gone"}, "waits    a message cannot be put into the mailbox: gone"),
    "read": ({"id": "i", "read": True}, "read     i"),
    "read-not": ({"id": "i", "read": False}, "unread   i"),
    "deleted": ({"id": "i", "folder": "sent"}, "deleted  i  from sent"),
    "hook_started": ({"hook": "h", "id": "i", "run": 3}, "hook     h started for i (run 3)"),
    "hook_started-no-record": ({"hook": "h", "id": "", "run": 3},
                               "hook     h started for a send without record (run 3)"),
    "hook_finished": ({"hook": "h", "id": "i", "run": 3, "exit_code": 1, "duration_ms": 5, "timed_out": False,
                       "reason": ""}, "hook     h finished with exit code 1 after 5 ms (run 3)"),
    "hook_finished-late": ({"hook": "h", "id": "i", "run": 3, "exit_code": -1, "duration_ms": 5, "timed_out": True,
                            "reason": ""}, "hook     h was stopped at its time limit after 5 ms (run 3)"),
    "hook_finished-killed": ({"hook": "h", "id": "i", "run": 3, "exit_code": -1, "duration_ms": 5, "timed_out": False,
                              "reason": ""}, "hook     h was ended by a signal after 5 ms (run 3)"),
    "hook_finished-not": ({"hook": "h", "id": "i", "run": 3, "exit_code": -1, "duration_ms": 5, "timed_out": False,
                           "reason": "spawn-failed"}, "hook     h did not finish: spawn-failed after 5 ms (run 3)"),
    "hook_skipped": ({"hook": "h", "id": "i", "reason": "untrusted"}, "hook     h skipped for i: untrusted"),
    "mailbox_created": ({"address": "ops@x"}, "mailbox  created: ops@x"),
    "mailbox_deleted": ({}, "mailbox  deleted"),
    "hook_created": ({"hook": "h", "event": "on_receive", "origin": "mcp"}, "hook     h created for on_receive (mcp)"),
    "hook_deleted": ({"hook": "h"}, "hook     h deleted"),
    "config_reloaded": ({"mailboxes": 2, "hooks": 1}, "config   reloaded: 2 mailboxes, 1 hooks"),
    "of-a-later-version": ({"new": 1}, "of-a-later-version"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_an_event_as_people_see_it(name):
    fields, shown = SHOWN[name]
    kind = name.partition("-")[0] if name != "of-a-later-version" else name
    assert watch_text.line({**BASE, "type": kind, **fields}) == f"2026-11-21T08:00:00Z  {'ops':<16} {shown}"


def test_every_event_is_shown_here():
    tags = {kind.__struct_config__.tag for kind in typing.get_args(event.Event)}
    assert tags == {name.partition("-")[0] for name in SHOWN} - {"of"}
    for kind in typing.get_args(event.Event):
        fields, _ = SHOWN[kind.__struct_config__.tag]
        assert set(fields) == set(kind.__struct_encode_fields__) - {"at", "mailbox", "owner_uid"}


def test_what_is_no_news_is_not_shown():
    assert [watch_text.line({**BASE, "type": kind}) for kind in ("hello", "heartbeat", "gap")] == [None, None, None]


def test_a_mailbox_filter_goes_to_the_daemon(daemon):
    after = cursor(daemon)
    daemon.send(mail("Here"), f"ops@{DOMAIN}")
    with Watching(daemon, "--after", after, "--mailbox", "ops") as watching:
        assert "Here" in watching.line()


TROUBLE = {
    "exit-code": ({"type": "hook_finished", "exit_code": 1, "timed_out": False, "reason": ""}, True),
    "time-limit": ({"type": "hook_finished", "exit_code": 0, "timed_out": True, "reason": ""}, True),
    "not-started": ({"type": "hook_finished", "exit_code": -1, "timed_out": False, "reason": "spawn-failed"}, True),
    "well": ({"type": "hook_finished", "exit_code": 0, "timed_out": False, "reason": ""}, False),
    "spooled": ({"type": "spooled"}, True),
    "failed": ({"type": "sent", "status": "failed"}, True),
    "delivered": ({"type": "sent", "status": "delivered"}, False),
    "received": ({"type": "received"}, False),
}


@pytest.mark.parametrize(("told", "trouble"), TROUBLE.values(), ids=TROUBLE)
def test_what_is_something_to_look_at(told, trouble):
    assert watch_text.trouble(told) == trouble


def test_json_holds_nothing_that_a_terminal_obeys(daemon):
    after = cursor(daemon)
    daemon.send(mail("=?utf-8?b?wptb4oCudw==?="))
    with Watching(daemon, "--after", after, "--json") as watching:
        watching.line()
        line = watching.line()
    assert line[:-1].isprintable()
    assert json.loads(line)["type"] == "received"


def test_an_output_that_nobody_reads_any_more_ends_it():
    code = "import sys, os; from aimx.cli import output\nsys.stdin.readline(); output.end_if_unread(); print('read')"
    for closed, expected in ((True, 141), (False, 0)):
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
            if closed:
                process.stdout.close()
            process.stdin.write(b"\n")
            process.stdin.close()
            assert process.wait(30) == expected
