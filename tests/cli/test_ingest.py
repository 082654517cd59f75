"""`aimx ingest`: through the daemon while one runs, in its own process otherwise, the same file either way."""

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from aimx import limits
from aimx.cli import ingest as cli_ingest
from aimx.effects.lock import WriterLock
from tests.harness import DOMAIN, Daemon, config_text, mail, owner

AIMX = [sys.executable, "-m", "aimx.cli.main"]
CATCHALL = f'\n[mailboxes.catchall]\naddress = "*@{DOMAIN}"\nowner = "{owner()}"\n'
NOBODY = 65534


def ingest(env: dict[str, str], *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run([*AIMX, "ingest", *words], input=stdin, capture_output=True, env=env, timeout=120)
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("daemon"), config_text(CATCHALL)) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A tree whose daemon is not running, with a hook on `ops`."""
    hook = (
        '[[mailboxes.ops.hooks]]\nname = "note"\nevent = "on_receive"\ncmd = ["/bin/cat"]\nfire_on_untrusted = true\n'
    )
    daemon = Daemon(tmp_path_factory.mktemp("offline"), config_text(hook + CATCHALL))
    yield daemon
    daemon.close()


@pytest.fixture(params=["daemon", "alone"])
def tree(request, running, stopped):
    return running if request.param == "daemon" else stopped


def stored(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.decode().rstrip("\n")).read_text()


def test_the_path_is_printed_and_the_file_is_there(tree):
    text = stored(ingest(tree.env, f"ops@{DOMAIN}", stdin=mail("By hand")))
    assert 'subject = "By hand"' in text
    assert f'delivered_to = "ops@{DOMAIN}"' in text


ROUTES = {
    "address": (f"ops@{DOMAIN}", "ops"),
    "other-case": (f"OPS@{DOMAIN.upper()}", "ops"),
    "name": ("ops", "ops"),
    "foreign-domain": ("ops@elsewhere.test", "ops"),
    "catchall": (f"whoever@{DOMAIN}", "catchall"),
    "catchall-by-name": ("catchall@agent.example.com", "catchall"),
}


@pytest.mark.parametrize(("rcpt", "mailbox"), ROUTES.values(), ids=ROUTES)
def test_the_recipient_decides_the_mailbox(running, rcpt, mailbox):
    done = ingest(running.env, rcpt, "--json", stdin=mail())
    answer = json.loads(done.stdout)
    assert (answer["mailbox"], answer["spooled"]) == (mailbox, "")
    assert Path(answer["path"]).is_relative_to(running.data / "inbox" / mailbox)


def test_lines_saved_with_lf_are_one_message(tree):
    octets = mail("Saved", "One.\r\nTwo.\r\n").replace(b"\r\n", b"\n")
    text = stored(ingest(tree.env, "ops", stdin=octets))
    assert 'subject = "Saved"' in text
    assert "One.\nTwo.\n" in text


def test_one_file_twice_is_two_messages(running):
    octets = mail("Twice", **{"Message-ID": "<same@sender.test>"})
    first, second = (stored(ingest(running.env, "ops", stdin=octets)) for _ in range(2))
    assert first != second


def test_the_largest_message_goes_through(running):
    octets = mail("Large").ljust(limits.MESSAGE_OCTETS, b"x")
    assert stored(ingest(running.env, "ops", stdin=octets)).rstrip().endswith("xxx")


def test_hooks_are_awaited_and_logged_without_a_daemon(stopped):
    done = ingest(stopped.env, "ops", stdin=mail("Hooked"))
    assert b"hook_name=note" in done.stderr
    assert b"exit_code=0" in done.stderr


def test_who_finds_the_lock_held_and_nobody_to_ask_waits_his_turn(tmp_path, monkeypatch):
    tree = Daemon(tmp_path / "t", config_text())
    for name in ("AIMX_CONFIG_DIR", "AIMX_DATA_DIR", "AIMX_RUNTIME_DIR", "AIMX_TEST_DNS"):
        monkeypatch.setenv(name, tree.env[name])
    ingested = cli_ingest._once("ops", mail("First"), None)
    private = os.open(tree.data / ".aimx", os.O_RDONLY)
    held, waits = WriterLock(private, tree.data), []

    def wait(seconds):
        waits.append(seconds)
        held.release()

    monkeypatch.setattr(cli_ingest, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=wait))
    assert cli_ingest._ingest("ops", mail("Second"), None).path != ingested.path
    assert waits == [limits.INGEST_RETRY_S]
    os.close(private)
    tree.close()


REFUSED = {
    "empty": ("ops", b"", "no message: standard input is empty"),
    "blank": ("ops", b"\r\n\n", "no message: standard input is empty"),
    "too-large": ("ops", bytes(limits.MESSAGE_OCTETS + 1), "the message is larger than 26214400 bytes"),
    "control": ("a\nb", b"x", "the recipient must be an address"),
    "no-recipient": ("", b"x", "the recipient must be an address"),
    "malformed": ("a b@x y", b"x: y\n\n", "relay not permitted"),
}


@pytest.mark.parametrize(("rcpt", "octets", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_ingested_is_one_line(running, rcpt, octets, text):
    done = ingest(running.env, rcpt, stdin=octets)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("Error: ")
    assert text in line


def test_what_the_daemon_refuses_is_told_with_its_code(running):
    done = ingest(running.env, "a b@x y", stdin=mail())
    assert done.stderr == b"Error: [DOMAIN] relay not permitted\n"


def test_an_unknown_name_is_refused_without_a_catchall(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.close()
    done = ingest(daemon.env, "nobody", stdin=mail())
    assert done.returncode == 1
    assert b"recipient address rejected: user unknown" in done.stderr


def test_a_terminal_gets_a_hint(running):
    controller, terminal = pty.openpty()
    child = subprocess.Popen(
        [*AIMX, "ingest", "ops"], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=running.env
    )
    os.close(terminal)
    assert child.stderr and child.stdout
    assert child.stderr.readline().startswith(b"Reading a message from the terminal; end it with Ctrl-D.")
    os.write(controller, b"Subject: typed\n\nhello\n\x04")
    out, _ = child.communicate(timeout=60)
    os.close(controller)
    assert 'subject = "typed"' in Path(out.decode().strip()).read_text()


@pytest.fixture
def reachable():
    """A tree that other users can enter: pytest's own is closed to them."""
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o755)
    yield Path(directory)
    shutil.rmtree(directory)


def as_nobody(path: Path, octets: bytes) -> str:
    """One exchange by a client that the kernel knows as another user."""
    with socket.socket(socket.AF_UNIX) as client:
        os.seteuid(NOBODY)
        try:
            client.connect(str(path))
        finally:
            os.seteuid(0)
        client.sendall(octets)
        pieces = []
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces).decode()


@pytest.mark.root
def test_other_users_may_ask_the_version_and_nothing_of_root(reachable):
    with Daemon(reachable) as daemon:
        path = daemon.run / "aimx.sock"
        answer = as_nobody(path, b"AIMX/1 VERSION\n\n")
        assert answer.startswith("AIMX/1 OK\nContent-Length: ")
        assert list(json.loads(answer.partition("\n\n")[2])) == ["tag", "git_hash", "target", "build_date"]
        octets = mail()
        frame = f"AIMX/1 INGEST\nRcpt: ops@{DOMAIN}\nContent-Length: {len(octets)}\n\n".encode() + octets
        assert as_nobody(path, frame) == "AIMX/1 ERR EACCES not authorized\nCode: EACCES\n\n"
        missing = frame.replace(b"ops@", b"xyz@")
        assert as_nobody(path, missing) == "AIMX/1 ERR EACCES not authorized\nCode: EACCES\n\n"
        assert daemon.messages() == []


@pytest.mark.root
def test_a_user_without_a_daemon_is_sent_to_sudo(reachable):
    (reachable / "config.toml").write_text(config_text())
    (reachable / "config.toml").chmod(0o640)
    env = {"AIMX_CONFIG_DIR": str(reachable), "AIMX_RUNTIME_DIR": str(reachable), "PATH": os.environ["PATH"]}
    line = _as_user(env, "ingest", "ops")
    assert f"{reachable}/config.toml cannot be read by this user: it belongs to root; try sudo" in line


@pytest.mark.root
def test_a_user_with_a_daemon_is_not_authorized(reachable):
    with Daemon(reachable) as daemon:
        (daemon.etc / "config.toml").chmod(0o640)
        assert _as_user(daemon.env, "ingest", "ops") == "Error: [EACCES] not authorized\n"


def _as_user(env: dict[str, str], *words: str) -> str:
    """What a command says to an ordinary user; its code is 1. The interpreter may lie where only root can read."""
    code = (
        "import os, sys; import msgspec, trio; import aimx.daemon.local, aimx.cli.ingest, aimx.cli.main as m;"
        f"os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY});"
        f"sys.argv[1:] = {words!r}; m.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], input=mail(), capture_output=True, env=env, timeout=60)
    assert done.returncode == 1
    assert done.stdout == b""
    return done.stderr.decode()


def test_a_second_daemon_on_the_same_tree_is_one_line(running):
    done = subprocess.run(
        [*AIMX, "serve", "--bind", "127.0.0.1:0"], capture_output=True, text=True, env=running.env, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: another aimx process holds the writer lock of {running.data}"
