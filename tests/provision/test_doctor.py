"""`aimx doctor` against a real daemon, a real tree, a real name server; and when there is none of them."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from aimx.demo.zone import ZoneServer
from aimx.effects import keyfiles
from aimx.provision import probe
from aimx.store import survey
from tests.daemon import pem
from tests.harness import DOMAIN, Daemon, config_text, mail, owner
from tests.mailauth import signing

ADDRESS = "198.51.100.7"
HOOKS = (
    f'[mailboxes.postmaster]\naddress = "postmaster@{DOMAIN}"\nowner = "{owner()}"\n'
    '[[mailboxes.postmaster.hooks]]\nname = "fails"\nevent = "on_receive"\ncmd = ["/bin/false"]\n'
    "fire_on_untrusted = true\n"
)


def zone(**changed: dict) -> dict:
    """The zone of a domain that is as it should be."""
    return {
        DOMAIN: {"A": [ADDRESS], "MX": [f"10 {DOMAIN}."], "TXT": [f"v=spf1 ip4:{ADDRESS} -all"]},
        f"aimx._domainkey.{DOMAIN}": {"TXT": [signing.record()]},
        f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=reject"]},
        "7.100.51.198.in-addr.arpa": {"PTR": [f"{DOMAIN}."]},
        **changed,
    }


def doctor(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "aimx.cli.main", "doctor", *words]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)


def report(env: dict[str, str]) -> dict:
    """The JSON of a run; its exit code agrees with it."""
    done = doctor(env, "--json")
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    return told


def ids(told: dict, *but: str) -> list[str]:
    """What was found, without what every test daemon shows on this machine."""
    usual = {"TEST-VARIABLE", "CLOCK-NOT-SYNCHRONISED", "TLS-MISSING", "LEGACY-AIMX-HOOK-USER", "DAEMON-SLOW", *but}
    return [f"{found['severity']} {found['id']}" for found in told["checks"] if found["id"] not in usual]


def made(tree: Path, **options) -> Daemon:
    """A daemon that is well, not yet started."""
    daemon = Daemon(tree, config_text(HOOKS), zone(), **options)
    (daemon.etc / "config.toml").chmod(0o640)
    signing.install(daemon.etc)
    (daemon.etc / "dkim" / "private.key").chmod(0o600)
    return daemon


@pytest.fixture
def daemon(tmp_path):
    with made(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One that tests leave as they found it, with one mail for `ops`."""
    with made(tmp_path_factory.mktemp("doctor")) as running:
        running.send(mail(), f"ops@{DOMAIN}")
        yield running


@contextlib.contextmanager
def changed(path: Path):
    """A file that is what it was afterwards."""
    before = path.read_bytes()
    try:
        yield path
    finally:
        path.write_bytes(before)


def test_a_daemon_that_is_well(shared):
    daemon = shared
    told = report(daemon.env)
    # Behind NAT the address is not known, on a server with a public address it is another one than the zone's.
    assert ids(told) in (["skip DNS-NOT-CHECKED"], ["fail DNS-A", "fail DNS-SPF", "warn DNS-PTR"])
    assert told["service"]["smtp"] == {"address": f"127.0.0.1:{daemon.port}", "state": "ours", "starttls": False}
    assert told["service"]["server"] in (told["service"]["client"], None)  # None: a machine that has no half second
    assert told["configuration"]["domain"] == DOMAIN
    assert [(box["name"], box["total"], box["unread"]) for box in told["mailboxes"]] == [
        ("ops", 1, 1),
        ("postmaster", 0, 0),
    ]
    text = doctor(daemon.env).stdout
    assert f"  SMTP server:      running (127.0.0.1:{daemon.port})\n" in text
    assert text.count("\n\n") == 6


def test_what_goes_wrong_while_it_runs_is_found(daemon):
    daemon.send(mail(), f"postmaster@{DOMAIN}")
    _until(lambda: survey.books(str(daemon.data / ".aimx"), 0.0).trouble)
    (daemon.data / "inbox" / "ops").rmdir()
    (daemon.data / "inbox" / "ops").write_text("squatted")
    daemon.send(mail(), f"ops@{DOMAIN}")
    (daemon.data / "inbox" / "gone" / "2026-01-01-000000-x").mkdir(parents=True)
    (daemon.data / "sent" / "empty").mkdir()
    (daemon.etc / "dkim" / "private.key").chmod(0o644)
    (daemon.etc / "config.toml").write_text(config_text(HOOKS, 'colour = "blue"'))
    found = ids(report(daemon.env), "DNS-NOT-CHECKED", "DNS-A", "DNS-SPF", "DNS-PTR")
    assert sorted(found) == [
        "fail DKIM-KEY-MODE",
        "fail MAILBOX-DIR-NOT-DIR",
        "fail SPOOL-WAITING",
        "warn CONFIG-DIFFERS",
        "warn CONFIG-WARNING",
        "warn HOOK-FAILURES",
        "warn ORPHAN-STORAGE",
    ]


def _until(true) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_key_that_was_replaced_is_not_the_one_that_signs(shared):
    with changed(shared.etc / "dkim" / "private.key") as path:
        path.write_bytes(keyfiles.generate())
        assert {"fail DNS-DKIM", "warn DKIM-KEY-NOT-LOADED"} <= set(ids(report(shared.env)))


def test_an_invalid_configuration_hides_nothing_that_the_daemon_knows(shared):
    with changed(shared.etc / "config.toml") as path:
        path.write_text("domain = 5\n")
        told = report(shared.env)
    assert "fail CONFIG-INVALID" in ids(told)
    assert told["configuration"]["domain"] == DOMAIN
    assert [box["name"] for box in told["mailboxes"]] == ["ops", "postmaster"]
    assert told["dns"]


def test_a_certificate_is_seen_where_others_see_it(tmp_path):
    daemon = made(tmp_path)
    cert, key = pem.write_pair(tmp_path, days=100)
    daemon.arguments = ["--tls-cert", str(cert), "--tls-key", str(key)]
    with daemon:
        told = report(daemon.env)
    assert told["service"]["smtp"]["starttls"] is True
    assert told["service"]["certificate_until"] == "2020-04-10T00:00:00Z"
    assert "warn TLS-EXPIRED" in ids(told)


def test_a_data_directory_of_the_command_line_is_named_again(tmp_path):
    daemon = made(tmp_path)
    daemon.arguments = ["--data-dir", str(daemon.data)]
    del daemon.env["AIMX_DATA_DIR"]
    with daemon:
        (found,) = [one for one in report(daemon.env)["checks"] if one["id"] == "DATA-DIR-DIFFERS"]
    assert found["fix"][-1].endswith(f"aimx doctor --data-dir {daemon.data}")


def test_a_daemon_that_was_killed(daemon):
    daemon.send(mail())
    daemon.kill()
    before = sorted(path.name for path in (daemon.data / ".aimx").iterdir())
    told = report(daemon.env)
    assert "fail DAEMON-DOWN" in ids(told)
    assert (told["service"]["state"], told["service"]["server"]) == ("absent", None)
    assert [(box["name"], box["total"], box["unread"]) for box in told["mailboxes"]] == [
        ("ops", 1, None),
        ("postmaster", 0, None),
    ]
    assert "(daemon not running)" in doctor(daemon.env).stdout
    assert set(before) <= {path.name for path in (daemon.data / ".aimx").iterdir()}
    daemon.start()
    assert len(daemon.messages()) == 1


def test_a_damaged_database_is_found(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.toml").write_text(config_text())
    (tmp_path / "data" / ".aimx").mkdir(parents=True)
    for name in ("state.db", "index.db"):
        (tmp_path / "data" / ".aimx" / name).write_bytes(b"no database " * 100)
    server = ZoneServer({})
    found = ids(report(_env(tmp_path, server.address)))
    server.close()
    assert {"fail STATE-DB", "warn INDEX-DB"} <= set(found)


def _env(tree: Path, server: str) -> dict[str, str]:
    own = {name: str(tree / place) for name, place in PLACES.items()}
    return {**os.environ, **own, "AIMX_TEST_DNS": server}


PLACES = {"AIMX_CONFIG_DIR": "etc", "AIMX_RUNTIME_DIR": "run", "AIMX_DATA_DIR": "data"}


def test_nothing_is_there(tmp_path):
    server = ZoneServer({})
    env = _env(tmp_path, server.address)
    told = report(env)
    server.close()
    assert {"fail CONFIG-MISSING", "fail DAEMON-DOWN", "skip DNS-NOT-CHECKED"} <= set(ids(told))
    assert sorted(os.listdir(tmp_path)) == []


@pytest.fixture
def mute(tmp_path):
    """A socket on which somebody listens and nobody answers."""
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "run" / "aimx.sock"))
        sock.listen(5)
        yield tmp_path


def test_a_daemon_and_a_name_server_that_are_mute_cost_seconds(mute):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    (mute / "etc").mkdir()
    (mute / "etc" / "config.toml").write_text(config_text())
    env = _env(mute, f"127.0.0.1:{silent.getsockname()[1]}")
    told = report(env)
    silent.close()
    assert told["service"]["why"] == "daemon probe failed: no answer within 500 ms"
    assert "fail DAEMON-SILENT" in ids(told)
    assert {line["state"] for line in told["dns"]} == {"unknown"}
    assert not [found for found in ids(told) if found.startswith("fail DNS")]


def test_what_answers_nonsense_is_no_daemon(mute):
    env = {**os.environ, "AIMX_CONFIG_DIR": str(mute / "etc"), "AIMX_RUNTIME_DIR": str(mute / "run")}

    def answer() -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(mute / "run" / "aimx.sock"))
        listener.listen(5)
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    (mute / "run" / "aimx.sock").unlink()
    thread = threading.Thread(target=answer)
    thread.start()
    told = report(env)
    thread.join(60)
    assert told["service"]["state"] == "failed"
    assert told["service"]["why"].startswith("daemon probe failed: ")


@pytest.mark.parametrize("host", ["", "\0", "a" * 300, "nowhere.invalid", "::1"])
def test_an_address_that_is_none_is_not_known(host):
    assert probe.smtp((host, 1))[0].state in ("unknown", "closed")
