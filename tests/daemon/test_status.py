"""STATUS against a daemon: what is loaded, what runs, what waits."""

import json
import os
import signal
import subprocess
import sys

import msgspec
import pytest

from aimx import client, limits
from aimx.flows.status import Dkim, Told
from aimx.wire.frames import Status
from tests.daemon.watchers import Watcher
from tests.harness import DOMAIN, Daemon, config_text, mail, owner

HOOKED = (
    f'[mailboxes.hooked]\naddress = "hooked@{DOMAIN}"\nowner = "{owner()}"\n'
    '[[mailboxes.hooked.hooks]]\nname = "waits"\nevent = "on_receive"\ncmd = ["/bin/sh", "-c", "read go < $HOME_GO"]\n'
    "fire_on_untrusted = true\n"
)


@pytest.fixture
def daemon(tmp_path):
    fifo = tmp_path / "go"
    os.mkfifo(fifo, 0o666)
    tmp_path.chmod(0o755)
    with Daemon(tmp_path, config_text(HOOKED.replace("$HOME_GO", str(fifo)))) as running:
        yield running


def status(daemon) -> Told:
    response = client.call(daemon.socket, Status())
    return msgspec.json.decode(response.body, type=Told)


def test_a_daemon_tells_how_it_is(daemon):
    with Watcher(daemon.socket) as watcher:
        told = status(daemon)
        assert told.cursor == watcher.cursor
        assert (told.watchers.now, told.watchers.most) == (1, limits.WATCHERS_PER_UID)
        assert told.all_watchers == told.watchers.__class__(1, limits.WATCHERS)
    assert told.pid == daemon.pid
    assert told.uptime_s < 60
    assert told.domain == DOMAIN
    assert told.data_dir == str(daemon.data)
    assert (told.config.path, told.config.differs) == (str(daemon.etc / "config.toml"), False)
    assert (told.mailboxes, told.hooks) == (2, 1)
    assert told.smtp.address == f"127.0.0.1:{daemon.port}"
    assert (told.smtp.tls, told.smtp.sessions.now) == (False, 0)
    assert told.helpers.workers.now >= 1
    assert told.helpers.resolver
    assert told.index_healthy
    assert told.requests.now == 1
    assert (told.spool, told.hook_runs.pending) == ((), 0)
    assert (told.dkim.selector, told.dkim.record) == ("aimx", None)
    assert told.test_variables == ("AIMX_TEST_DNS",)


def test_the_key_that_signs_is_told_not_the_one_on_disk(tmp_path):
    with Daemon(tmp_path) as daemon:
        made = [json.loads(_keygen(daemon, *words)) for words in ((), ("--force",))]
        assert status(daemon).dkim.record is None
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("event=config-reloaded")
        assert status(daemon).dkim == Dkim("aimx", made[1]["value"])
        _keygen(daemon, "--force")
        assert status(daemon).dkim == Dkim("aimx", made[1]["value"])


def _keygen(daemon, *words: str) -> str:
    argv = [sys.executable, "-m", "aimx.cli.main", "dkim-keygen", "--json", *words]
    return subprocess.run(argv, env=daemon.env, capture_output=True, text=True, check=True, timeout=60).stdout


def test_what_differs_waits_and_runs_is_shown(daemon):
    with Watcher(daemon.socket, mailbox="hooked") as watcher:
        for subject in ("One", "Two"):
            daemon.send(mail(subject), f"hooked@{DOMAIN}")
        watcher.events("hook_started", 2)
        inbox = daemon.data / "inbox" / "ops"
        inbox.rmdir()
        inbox.write_text("squatted")
        daemon.send(mail("Waits"))
        daemon.write_config("no longer = 1\n")
        with daemon.smtp():
            told = status(daemon)
        (daemon.tree / "go").write_text("go\ngo\n")
    assert told.config.differs
    assert told.smtp.sessions.now == 1
    assert (told.hook_runs.running, told.hook_runs.pending) == (2, 0)
    (spooled,) = told.spool
    assert (spooled.mailbox, spooled.copies) == ("ops", 1)
    assert spooled.reason
