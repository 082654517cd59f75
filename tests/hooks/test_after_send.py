"""after_send hooks: what they get, that they never come before the answer, and that nobody can stop them."""

import os
import re
import socket
import sqlite3
import sys

import pytest

from aimx import client
from aimx.wire import codec
from aimx.wire.frames import Send
from tests import mx
from tests.harness import DOMAIN, Daemon, config_text, mail, owner
from tests.hooks.test_pool import events, rows, until
from tests.mailauth import signing

TOP = "allow_private_mx = true\nhook_thread_budget = 2\n"


def hook(name, script, event="after_send", **options):
    """One hook as a table."""
    lines = [
        "[[mailboxes.ops.hooks]]",
        f'name = "{name}"',
        f'event = "{event}"',
        f"cmd = ['/bin/sh', '-c', '''{script}''']",
    ]
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in options.items())]) + "\n"


def message(to, subject="Hello", **headers):
    """One short message."""
    more = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    return f"From: Ops <ops@{DOMAIN}>\r\nTo: {to}\r\nSubject: {subject}\r\n{more}\r\n# Hi\r\n".encode()


@pytest.fixture(scope="module")
def server():
    """Somebody's mail server."""
    server = mx.Server()
    yield server
    server.close()


@pytest.fixture
def start(tmp_path, server):
    """Start a daemon with these hooks."""
    running = []

    def started(*hooks):
        daemon = Daemon(
            tmp_path / "t", config_text("".join(hooks), TOP), mx.ZONE, AIMX_TEST_MX_PORT=str(server.port)
        )  # fmt: skip
        signing.install(daemon.etc)
        running.append(daemon)
        return daemon.start()

    yield started
    for daemon in running:
        daemon.stop()
        daemon.close()


def _dump(out):
    """A script that keeps what it got, one directory for each run."""
    return f"d={out}/$AIMX_SEND_STATUS; mkdir -p $d; env > $d/env; cat > $d/stdin; pwd > $d/pwd; touch $d/done"


def _env(directory):
    return dict(line.split("=", 1) for line in (directory / "env").read_text().splitlines())


def test_a_hook_gets_the_send_and_how_it_ended(start, tmp_path):
    out = tmp_path / "out"
    daemon = start(hook("note", _dump(out)))
    subject = "=?utf-8?q?Gr=C3=BC=C3=9Fe?="
    answer = client.call(daemon.socket, Send(message("Al <ok@one.test>", subject)))
    line = daemon.wait_log("hook_name=note event=after_send")
    (record,) = daemon.messages(folder="sent")
    env = _env(out / "delivered")
    assert f'mailbox=ops owner={owner()} sandbox=fallback email_id="{record.stem}" exit_code=0 ' in line
    told = {name: text for name, text in env.items() if name.startswith("AIMX_") and name != "AIMX_JOB"}
    date = told.pop("AIMX_DATE")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", date)
    assert told == {
        "AIMX_HOOK_NAME": "note",
        "AIMX_EVENT": "after_send",
        "AIMX_MAILBOX": "ops",
        "AIMX_FROM": f"Ops <ops@{DOMAIN}>",
        "AIMX_TO": "Al <ok@one.test>",
        "AIMX_SUBJECT": "Grüße",
        "AIMX_FILEPATH": str(record),
        "AIMX_ID": record.stem,
        "AIMX_MESSAGE_ID": answer.note.strip("<>"),
        "AIMX_SEND_STATUS": "delivered",
    }
    assert (out / "delivered/stdin").read_bytes() == record.read_bytes()
    assert b'delivery_status = "delivered"' in record.read_bytes()
    assert (out / "delivered/pwd").read_text().strip() == str(daemon.data / "inbox/ops")
    until(lambda: events(daemon) == ["sent", "hook_started", "hook_finished"])


@pytest.mark.parametrize(("to", "status"), [("no", "failed"), ("later", "deferred"), ("gone", "pending")])
def test_a_hook_can_tell_outcomes_apart(start, tmp_path, to, status):
    out = tmp_path / "out"
    daemon = start(hook("note", _dump(out)))
    client.call(daemon.socket, Send(message(f"{to}@one.test")))
    daemon.wait_log("hook_name=note event=after_send")
    env, stdin = _env(out / status), (out / status / "stdin").read_text()
    records = daemon.messages(folder="sent")
    if status == "deferred":
        assert (env["AIMX_FILEPATH"], env["AIMX_ID"], stdin, records) == ("", "", "", [])
    else:
        assert (env["AIMX_FILEPATH"], env["AIMX_ID"]) == (str(records[0]), records[0].stem)
        assert f'delivery_status = "{status}"' in stdin


def test_hooks_run_in_order_and_the_answer_waits_for_none(start, tmp_path):
    out, gate = tmp_path / "out", tmp_path / "gate"
    os.mkfifo(gate)
    daemon = start(
        hook("z", f"read x < {gate}; echo z >> {out}"), hook("a", f"echo a >> {out}; exit 3"),
        hook("m", f"echo m >> {out}"),
    )  # fmt: skip
    assert client.call(daemon.socket, Send(message("ok@one.test"))).kind == "ok"
    assert not out.exists()
    gate.write_text("go\n")
    daemon.wait_log("hook_name=m event=after_send")
    assert out.read_text().split() == ["z", "a", "m"]


def test_deferred_sends_do_not_wait_for_each_other(start, tmp_path):
    gate, up = tmp_path / "gate", tmp_path / "up"
    os.mkfifo(gate)
    up.mkdir()
    daemon = start(hook("wait", f"touch {up}/$$; read x < {gate}"), hook("then", "exit 0"))
    for _ in range(3):
        assert client.call(daemon.socket, Send(message("later@one.test"))).code == "TEMP"
    until(lambda: len(list(up.iterdir())) == 3)
    assert [state for _, state, _ in rows(daemon)] == ["started", "pending"] * 3
    held = os.open(gate, os.O_RDWR)
    os.write(held, b"go\n" * 3)
    until(lambda: [state for _, state, _ in rows(daemon)] == ["done"] * 6)
    os.close(held)


@pytest.mark.parametrize("how", ["leaves", "never reads"])
def test_a_client_that_does_not_take_its_answer_stops_nothing(start, tmp_path, server, how):
    out = tmp_path / "out"
    daemon = start(hook("note", _dump(out)))
    server.held.clear()
    server.go.clear()
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(str(daemon.socket))
    asking.sendall(codec.encode_request(Send(message("hold@one.test"))))
    assert server.held.wait(30)
    if how == "leaves":
        asking.close()
    server.go.set()
    daemon.wait_log("hook_name=note event=after_send")
    asking.close()
    assert (out / "delivered/done").exists()


def test_hooks_whose_caller_was_lost_in_a_crash_run_after_the_restart(start, tmp_path):
    """Held until the answer was written, which the crash prevented."""
    daemon = start(hook("note", "exit 0"))
    daemon.stop()
    with sqlite3.connect(daemon.data / ".aimx/state.db") as db:
        db.execute(
            "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation,"
            " created) VALUES ('held', 'note', 'ops', 'after_send', 'sent', '', '', 1, ?, '', 1)", (b"\x80",),
        )  # fmt: skip
    db.close()
    daemon.start()
    daemon.wait_log("hook_name=note event=after_send")


def test_what_a_running_hook_sends_is_marked_and_nothing_else(start, tmp_path, server):
    note, gate = tmp_path / "note", tmp_path / "gate"
    os.mkfifo(gate)
    script = f"echo $AIMX_JOB > {note}.part; mv {note}.part {note}; read x < {gate}"
    daemon = start(hook("reply", script, "on_receive", fire_on_untrusted="true"))
    daemon.send(mail())
    until(note.exists)
    token = note.read_text().strip()
    server.taken.clear()
    for job in (token, "guess", None):
        assert client.call(daemon.socket, Send(message("ok@one.test"), hook_job=job)).kind == "ok"
    gate.write_text("go\n")
    daemon.wait_log("hook_name=reply event=on_receive")
    assert client.call(daemon.socket, Send(message("ok@one.test"), hook_job=token)).kind == "ok"
    assert [b"\r\nAuto-Submitted: auto-replied\r\n" in octets for _, octets in server.taken] == [
        True,
        False,
        False,
        False,
    ]
    marked = [b'auto_submitted = "auto-replied"' in path.read_bytes() for path in daemon.messages(folder="sent")]
    assert sorted(marked) == [False, False, False, True]


def _running(daemon):
    return [state for _, state, _ in rows(daemon) if state not in ("done", "skipped")]


def test_a_hook_that_sends_for_every_send_comes_to_an_end(start):
    code = (
        "import os, sys; from pathlib import Path; from aimx import client; from aimx.wire.frames import Send;"
        f"client.call(Path(sys.argv[1]), Send({message('ok@one.test')!r}, hook_job=os.environ['AIMX_JOB']))"
    )
    path = "{socket}"
    table = (
        f'[[mailboxes.ops.hooks]]\nname = "copy"\nevent = "after_send"\n'
        f"cmd = ['{sys.executable}', '-c', '''{code}''', '{path}']\n"
    )
    daemon = start(table.replace(path, "SOCKET"))
    daemon.write_config(config_text(table.replace(path, str(daemon.socket)), TOP))
    daemon.stop()
    daemon.start()
    for _ in range(2):  # what people send always counts afresh
        assert client.call(daemon.socket, Send(message("ok@one.test"))).kind == "ok"
        until(lambda: rows(daemon)[-1][2] == "thread-budget" and not _running(daemon))
    states = [(state, reason) for _, state, reason in rows(daemon)]
    assert states == [*[("done", None)] * 3, ("skipped", "thread-budget"), ("done", None), ("skipped", "thread-budget")]
