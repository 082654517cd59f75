"""`aimx reindex`: by the daemon, or by root's own process without one; for nobody else."""

import json
import os
import subprocess
import sys

import pytest

from tests.harness import Daemon, config_text, mail, owner

DEV = f'[mailboxes.dev]\naddress = "dev@agent.test"\nowner = "{owner()}"\n'


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("reindex"), config_text(DEV)) as running:
        for number in range(3):
            running.send(mail(f"Number {number}"))
        yield running


def reindex(daemon, *words: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-m", "aimx.cli.main", "reindex", *words]
    return subprocess.run(argv, env=daemon.env, capture_output=True, text=True, timeout=60)


def test_it_says_what_was_done(daemon):
    done = reindex(daemon)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Reindexed 2 mailboxes, 3 messages.\n", "")
    done = reindex(daemon, "--mailbox", "ops")
    assert (done.returncode, done.stdout) == (0, "Reindexed 1 mailbox, 3 messages.\n")


def test_json_is_each_line_as_it_comes(daemon):
    lines = [json.loads(line) for line in reindex(daemon, "--json").stdout.splitlines()]
    assert lines[0] == {"mailbox": "dev", "done": 0, "total": None, "finished": False}
    assert lines[-1] == {"mailbox": "ops", "done": 3, "total": 3, "finished": True}


def test_a_mailbox_that_is_none_is_told(daemon):
    done = reindex(daemon, "--mailbox", "ghost")
    assert (done.returncode, done.stdout) == (1, "")
    assert "mailbox-not-found: ghost" in done.stderr


def test_what_is_lost_while_it_serves_is_built_again_by_the_next_list(daemon):
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (daemon.data / ".aimx" / name).unlink(missing_ok=True)
    argv = [sys.executable, "-m", "aimx.cli.main", "emails", "list", "--json"]
    done = subprocess.run(argv, env=daemon.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Number ") >= 3
    daemon.wait_log("event=index-renewed")


@pytest.mark.skipif(os.geteuid() != 0, reason="for root")
def test_without_a_daemon_root_does_it_himself(daemon):
    daemon.stop()
    (daemon.data / ".aimx/index.db").write_bytes(b"rubbish" * 999)
    done = reindex(daemon)
    assert (done.returncode, done.stdout) == (0, "Reindexed 2 mailboxes, 3 messages.\n")
    assert len(reindex(daemon, "--json").stdout.splitlines()) >= 4
    done = reindex(daemon, "--mailbox", "ghost")
    assert (done.returncode, "mailbox-not-found: ghost" in done.stderr) == (1, True)
