"""The exit codes of cli.md: 2 is what was not even tried, 1 is what was refused or failed."""

import os
import subprocess
import sys

import pytest

from tests.harness import Daemon

ROOT = os.geteuid() == 0
HOOK = ("hooks", "create", "--mailbox", "ops")
LETTER = ("send", "--from", "ops@agent.test", "--to", "a@b.test", "--subject", "s", "--body", "b")
MADE = {
    "a relative program": (1, (*HOOK, "--event", "on_receive", "--cmd", '["x"]')),
    "no argv": (1, (*HOOK, "--event", "on_receive", "--cmd", "x")),
    "a hook's name": (1, (*HOOK, "--event", "on_receive", "--cmd", '["/x"]', "--name", "/")),
    "a hook's time": (1, (*HOOK, "--event", "on_receive", "--cmd", '["/x"]', "--timeout-secs", "601")),
    "a flag of the other event": (1, (*HOOK, "--event", "after_send", "--cmd", '["/x"]', "--fire-on-untrusted")),
    "a mailbox's name": (1, ("mailboxes", "create", "A b", "--owner", "daemon")),
    "not there": (1, ("mailboxes", "show", "nobody")),
    "an unknown option": (2, ("mailboxes", "list", "--nope")),
    "an unknown command": (2, ("male",)),
    "one that is missing": (2, HOOK),
    "two that exclude each other": (2, ("emails", "list", "ops", "--read", "--unread")),
    "a value that is none": (2, (*HOOK, "--event", "x", "--cmd", '["/x"]')),
    "no number": (2, ("hooks", "runs", "--limit", "-1")),
    "more than there are": (0, ("hooks", "runs", "--limit", "600")),
    "a question": (2, ("mailboxes", "delete", "ops")),
    "send": (2 if ROOT else 1, LETTER),
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("codes")) as running:
        yield running


@pytest.mark.parametrize(("code", "words"), MADE.values(), ids=MADE)
def test_the_exit_code(daemon, code, words):
    done = subprocess.run(
        [sys.executable, "-m", "aimx.cli.main", *words],
        env=daemon.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
