"""The pool in the real daemon: order, brakes, drain, crashes; a slow hook never delays mail."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import msgspec
import psutil
import pytest

from aimx import client, limits
from aimx.wire.frames import HookTest, Status
from tests.harness import DOMAIN, Daemon, config_text, mail
from tests.hooks.stage import alive

LINE = re.compile(
    r"level=(info|warn) hook_name=(\S+) event=on_receive mailbox=ops owner=(\S+) sandbox=fallback email_id=(\S+)"
    r' exit_code=(-?\d+) duration_ms=(\d+) timed_out=(true|false) stderr_tail="(.*?)"( reason=(\S+))?$'
)


def hook(name, script, **options):
    """One hook as a table."""
    lines = [
        "[[mailboxes.ops.hooks]]", f'name = "{name}"', 'event = "on_receive"', "fire_on_untrusted = true",
        f"cmd = ['/bin/sh', '-c', '''{script}''']", *(f"{key} = {value}" for key, value in options.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def rows(daemon, columns="hook, state, reason"):
    """All jobs, oldest first."""
    with sqlite3.connect(f"file:{daemon.data}/.aimx/state.db?mode=ro", uri=True) as db:
        found = db.execute(f"SELECT {columns} FROM jobs ORDER BY id").fetchall()
    db.close()
    return found


def events(daemon):
    """Types in the event log, in order."""
    db = sqlite3.connect(f"file:{daemon.data}/.aimx/state.db?mode=ro", uri=True)
    found = [json.loads(text)["type"] for (text,) in db.execute("SELECT event FROM events ORDER BY seq")]
    db.close()
    return found


def until(condition, what="condition"):
    """Poll a state of the system that nobody reports."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_the_hooks_of_one_mail_run_in_order_and_each_says_so_in_one_line(tmp_path):
    out = tmp_path / "out"
    text = "".join(hook(name, f"echo {name} >> {out}; exit {code}") for name, code in (("c", 0), ("a", 3), ("b", 0)))
    with Daemon(tmp_path / "t", config_text(text + hook("auto", "exit 0", skip_automated="true"))) as daemon:
        daemon.send(mail("x\x1b]0;hook_name=fake", **{"Auto-Submitted": "auto-replied"}))
        lines = [LINE.match(daemon.wait_log(f"hook_name={name} event=on_receive")) for name in "cab"]
    assert out.read_text().split() == ["c", "a", "b"]
    assert [(found[1], found[2], found[5]) for found in lines] == [
        ("info", "c", "0"), ("warn", "a", "3"), ("info", "b", "0"),
    ]  # fmt: skip
    assert [row for row in rows(daemon) if row[0] == "auto"] == [("auto", "skipped", "automated")]
    assert events(daemon) == ["received", "hook_skipped", *["hook_started", "hook_finished"] * 3]
    assert any("event=hook-skipped hook_name=auto" in line and "reason=automated" in line for line in daemon.log)
    assert not any("\x1b" in line for line in daemon.log)
    assert all(line.startswith("level=") for text in daemon.log for line in text.splitlines())


def test_mail_is_taken_while_every_slot_is_busy(tmp_path):
    gate, up = tmp_path / "gate", tmp_path / "up"
    os.mkfifo(gate)
    up.mkdir()
    count = limits.HOOK_POOL_OF_OWNER + 4
    with Daemon(tmp_path / "t", config_text(hook("wait", f"touch {up}/$$; read x < {gate}"))) as daemon:
        with daemon.smtp() as client:
            for number in range(count):
                client.sendmail("a@sender.test", [f"ops@{DOMAIN}"], mail(f"m{number}"))
        assert len(daemon.messages()) == count
        until(lambda: len(list(up.iterdir())) == limits.HOOK_POOL_OF_OWNER)
        assert [state for (state,) in rows(daemon, "state")].count("pending") == 4
        held = os.open(gate, os.O_RDWR)
        os.write(held, b"go\n" * count)
        until(lambda: [state for (state,) in rows(daemon, "state")].count("done") == count)
        os.close(held)
    assert {row[1] for row in rows(daemon)} == {"done"}


def test_a_busy_hook_lets_others_pass_and_a_removed_one_is_skipped(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow, quick = hook("slow", f"read x < {gate}"), hook("quick", "exit 0")
    with Daemon(tmp_path / "t", config_text(slow, "hook_concurrency = 1")) as daemon:
        for number in range(3):
            daemon.send(mail(f"slow {number}"))
        until(lambda: [state for _, state, _ in rows(daemon)] == ["started", "pending", "pending"])
        told = json.loads(client.call(daemon.socket, Status()).body)
        assert told["hook_runs"] == {"pending": 2, "running": 1, "held": 0}
        daemon.write_config(config_text(quick, "hook_concurrency = 1"))
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_log("event=config-reloaded")
        daemon.send(mail("quick"))
        daemon.wait_log("hook_name=quick event=on_receive")
        gate.write_text("go\n")
        until(lambda: len([row for row in rows(daemon) if row[1] == "skipped"]) == 2)
        assert rows(daemon) == [
            ("slow", "done", None),
            ("slow", "skipped", "hook-removed"),
            ("slow", "skipped", "hook-removed"),
            ("quick", "done", None),
        ]


def test_a_reload_that_allows_more_at_once_is_heeded_at_once(tmp_path):
    gate, up = tmp_path / "gate", tmp_path / "up"
    os.mkfifo(gate)
    up.mkdir()
    slow = hook("slow", f"touch {up}/$$; read x < {gate}") + hook("other", "echo tried")
    with Daemon(tmp_path / "t", config_text(slow, "hook_concurrency = 1")) as daemon:
        for number in range(3):
            daemon.send(mail(f"slow {number}"))
        until(lambda: len(list(up.iterdir())) == 1)
        tried = json.loads(client.call(daemon.socket, HookTest("other")).body)
        assert (tried["exit_code"], tried["stdout_tail"]) == (0, "tried")
        daemon.write_config(config_text(slow, "hook_concurrency = 2"))
        os.kill(daemon.pid, signal.SIGHUP)
        until(lambda: len(list(up.iterdir())) == 2)
        daemon.kill()


def test_a_conversation_has_a_budget(tmp_path):
    with Daemon(tmp_path / "t", config_text(hook("reply", "exit 0"), "hook_thread_budget = 2")) as daemon:
        for number in range(4):
            daemon.send(mail("re", **{"Message-ID": f"<{number}@x.test>", "References": "<root@x.test>"}))
        daemon.send(mail("other", **{"Message-ID": "<other@x.test>"}))
        for _ in range(3):
            daemon.send(mail("nameless"))
        until(lambda: len([row for row in rows(daemon) if row[1] in ("done", "skipped")]) == 8)
        assert events(daemon).count("hook_skipped") == 2
        assert (
            sum("event=hook-skipped hook_name=reply " in line and "thread-budget" in line for line in daemon.log) == 2
        )
        daemon.write_config(config_text(hook("reply", "exit 0"), "hook_thread_budget = 0"))
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_log("event=config-reloaded")
        daemon.send(mail("re", **{"Message-ID": "<5@x.test>", "References": "<root@x.test>"}))
        until(lambda: [row[1] for row in rows(daemon)].count("done") == 7)
    assert [row[1:] for row in rows(daemon)] == [
        *[("done", None)] * 2, *[("skipped", "thread-budget")] * 2, *[("done", None)] * 5,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "attack",
    [
        'rm "$AIMX_FILEPATH"',
        'ln -sf /etc/hostname "$AIMX_FILEPATH"',
        'rm "$AIMX_FILEPATH"; mkfifo "$AIMX_FILEPATH"',
        'ln "$AIMX_FILEPATH" hardlink',
        'mv "$PWD" "$PWD.moved"; ln -s /etc "$PWD"',
    ],
    ids=["deleted", "symlink", "fifo", "hardlink", "directory replaced"],
)
def test_a_message_that_is_no_longer_a_plain_file_is_not_read(tmp_path, attack):
    out = tmp_path / "out"
    text = hook("first", attack) + hook("second", f"cat > {out}")
    with Daemon(tmp_path / "t", config_text(text)) as daemon:
        daemon.send(mail())
        line = daemon.wait_log("hook_name=second event=on_receive")
    found = LINE.match(line)
    assert (found[1], found[5], found[10]) == ("warn", "-1", "message-gone")
    assert not out.exists()


def test_a_stop_ends_running_hooks_and_keeps_waiting_ones(tmp_path):
    out = tmp_path / "out"
    text = hook("long", f'trap "echo told >> {out}; exit 0" TERM; echo up >> {out}; while :; do sleep 0.02; done')
    text += hook("after", f"echo after >> {out}")
    daemon = Daemon(tmp_path / "t", config_text(text))
    daemon.start()
    daemon.send(mail())
    until(out.exists)
    assert daemon.stop() == 0
    assert out.read_text().split() == ["up", "told"]
    assert rows(daemon) == [("long", "interrupted", "interrupted"), ("after", "pending", None)]
    with daemon:
        daemon.wait_log("hook_name=after event=on_receive")
    assert out.read_text().split() == ["up", "told", "after"]
    assert rows(daemon) == [("long", "interrupted", "interrupted"), ("after", "done", None)]


def test_nothing_outlives_a_killed_front(tmp_path):
    note = tmp_path / "note"
    daemon = Daemon(
        tmp_path / "t", config_text(hook("long", f"setsid -f sleep 1000; sleep 1000 & echo $$ $! > {note}; wait"))
    )
    daemon.start()
    daemon.send(mail())
    until(lambda: note.exists() and note.read_text())
    pids = [child.pid for child in psutil.Process(daemon.pid).children(recursive=True)]
    assert {int(pid) for pid in note.read_text().split()} <= set(pids)
    os.kill(pids[-1], signal.SIGSTOP)  # not even one that cannot see the end of its input
    daemon.kill()
    until(lambda: not any(alive(pid) for pid in pids))
    with daemon:
        assert any("event=hook-interrupted" in line and "hook_name=long" in line for line in daemon.log)
    assert rows(daemon) == [("long", "interrupted", "daemon-restart")]


def test_mail_flows_while_helpers_and_spawner_are_killed(tmp_path):
    with Daemon(tmp_path / "t") as daemon:
        for number in range(15):
            children = psutil.Process(daemon.pid).children(recursive=True)
            if children:
                with contextlib.suppress(ProcessLookupError):  # one of a spawner that was killed before
                    os.kill(children[number % len(children)].pid, signal.SIGKILL)
            daemon.send(mail(f"m {number}"))
        assert len(daemon.messages()) == 15
        assert not any("stored-unexamined" in line for line in daemon.log), "\n".join(daemon.log[-60:])


def test_a_backlog_is_never_loaded_as_a_whole(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    text = hook("slow", f"read x < {gate}") + hook("quick", "exit 0")
    daemon = Daemon(tmp_path / "t", config_text(text, "hook_concurrency = 1"))
    with daemon:
        idle = psutil.Process(daemon.pid).memory_info().rss
    env = msgspec.msgpack.encode({"AIMX_SUBJECT": "x" * 8000})
    job = ("pending", "slow", "ops", "on_receive", "inbox", "/p", 1, env, "", 0.0)
    with sqlite3.connect(daemon.data / ".aimx" / "state.db") as db:
        db.executemany(
            "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation,"
            " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*job[:5], f"gone-{number}", *job[5:]) for number in range(10_000)],
        )
    db.close()
    with daemon:
        daemon.write_config(config_text(hook("quick", "exit 0")))
        daemon.send(mail())
        until(lambda: sum(line.count("hook_name=slow event=on_receive") for line in daemon.log) >= 50)
        assert psutil.Process(daemon.pid).memory_info().rss < idle + 20 * limits.MIB
        daemon.kill()


def test_ingest_without_a_daemon_awaits_the_hooks_of_its_message(tmp_path):
    out = tmp_path / "out"
    daemon = Daemon(tmp_path / "t", config_text(hook("note", f"cat > {out}; sleep 0.1; echo end >> {out}")))
    argv = [sys.executable, "-m", "aimx.cli.main", "ingest", f"ops@{DOMAIN}"]
    run = subprocess.run(argv, env=daemon.env, input=mail("by hand"), capture_output=True, timeout=60)
    daemon.close()
    assert run.returncode == 0, run.stderr
    assert out.read_text().endswith("end\n")
    assert b"hook_name=note event=on_receive" in run.stderr
    argv[-1] = f"nobody@{DOMAIN}"
    refused = subprocess.run(argv, env=daemon.env, input=mail(), capture_output=True, timeout=60)
    assert refused.returncode not in (0, 120)
    assert b"Traceback" not in refused.stderr


def test_an_interrupt_from_the_terminal_still_drains(tmp_path):
    daemon = Daemon(tmp_path / "t")
    daemon.process_group = 0
    with daemon:
        client = daemon.smtp()
        client.mail("a@sender.test")
        client.rcpt(f"ops@{DOMAIN}")
        assert client.docmd("DATA")[0] == 354
        os.killpg(daemon.pid, signal.SIGINT)
        daemon.wait_log("event=stopping")
        client.send(mail("late") + b".\r\n")
        assert client.getreply()[0] == 250
        client.close()
        assert daemon.process.wait(60) == 0
        (path,) = daemon.messages()
        assert "examined = false" not in path.read_text()
