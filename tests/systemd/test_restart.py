"""A hook goes on while there is no daemon; the next one records its end; it ran once."""

import pytest

SCRIPT = 'echo "$AIMX_ID" >>~/{0}-on; until [ -e ~/{0}-go ]; do sleep 0.1; done; echo out; echo told >&2; exit {1}'


@pytest.fixture(autouse=True)
def daemon_afterwards(host):
    """The next test's, whatever became of this one."""
    yield
    host.machine.run("systemctl", "start", "aimx")
    host.listening()


def script(label, code=0):
    return "/bin/sh", "-c", SCRIPT.format(label, code)


def restart(host):
    host.machine.run("systemctl", "restart", "aimx")


def kill(host):
    host.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "aimx")


def kill_everything(host):
    """Front, spawner and helpers at once."""
    host.machine.run("systemctl", "kill", "--kill-whom=all", "--signal=KILL", "aimx")


def stop_for_a_while(host):
    host.machine.run("systemctl", "stop", "aimx")
    host.machine.run("systemctl", "start", "aimx")


WAYS = [restart, kill, kill_everything, stop_for_a_while]


def begin(host, label):
    host.send("alice")
    on = host.machine.file(f"/home/alice/{label}-on")
    host.until(on.exists, "it runs")
    return on


def another(host, way):
    before = host.main_pid()
    way(host)
    host.until(lambda: host.main_pid() not in (0, before), "there is another daemon")
    host.listening()


@pytest.mark.parametrize("way", WAYS)
def test_it_lives_on_and_is_recorded_by_the_next_daemon(host, way):
    label = way.__name__
    with host.hook("alice", *script(label, 5)) as name:
        on = begin(host, label)
        another(host, way)
        (run,) = host.runs(name)
        assert (run["state"], run["ended"]) == ("running", None)
        assert len(host.units().splitlines()) == 1
        host.machine.write(f"/home/alice/{label}-go", "")
        run = host.run_of(name)
        assert (run["state"], run["exit_code"], run["timed_out"], run["reason"]) == ("done", 5, False, None)
        assert len(on.read_text().split()) == 1
        # Between a stop and a start nobody holds its outputs (but newer versions of systemd, if told to).
        assert run["stderr_tail"] in ({"told", ""} if way is stop_for_a_while else {"told"})
        assert "sandbox=systemd-run" in host.line_of(name)
    host.until(lambda: host.units() == "", "its unit is gone")


CHATTY = """
import os, sys, time
open(os.path.expanduser("~/chatty-on"), "w").close()
while not os.path.exists(os.path.expanduser("~/chatty-go")):
    os.write(1, b"out" * 1000)
    os.write(2, b"err" * 1000)
sys.exit("the end")
"""


def test_who_writes_all_the_time_notices_nothing(host):
    """More than a pipe takes, while there are daemons and while there is none."""
    with host.hook("alice", "/usr/bin/python3", "-c", CHATTY) as name:
        begin(host, "chatty")
        for way in (restart, kill, kill_everything):
            another(host, way)
        host.machine.write("/home/alice/chatty-go", "")
        run = host.run_of(name)
    assert (run["exit_code"], run["reason"]) == (1, None), run
    assert run["stderr_tail"].endswith("errthe end")


@pytest.mark.parametrize("code", [0, 4])
def test_an_end_that_no_daemon_saw_is_recorded(host, code):
    """systemd keeps it until somebody asks."""
    label = f"unseen-{code}"
    with host.hook("alice", *script(label, code)) as name:
        begin(host, label)
        host.machine.run("systemctl", "stop", "aimx")
        host.machine.write(f"/home/alice/{label}-go", "")
        host.until(lambda: host.processes("alice") == "", "it has ended")
        host.machine.run("systemctl", "start", "aimx")
        host.listening()
        run = host.run_of(name)
        assert (run["exit_code"], run["timed_out"], run["reason"]) == (code, False, None)
    host.until(lambda: host.units() == "", "its unit is gone")


def test_what_it_said_while_nobody_listened_is_recorded(host):
    """It ends while the next daemon has not begun."""
    with host.hook("alice", *script("between", 6)) as name:
        begin(host, "between")
        before = host.main_pid()
        host.machine.write("/etc/systemd/system/aimx.service.d/late.conf", "[Service]\nExecStartPre=/bin/sh -c "
            "'until [ -e /run/late ]; do sleep 0.1; done'\n")  # fmt: skip
        host.machine.run("systemctl", "daemon-reload")
        try:
            kill(host)
            host.machine.write("/home/alice/between-go", "")
            host.until(lambda: host.processes("alice") == "", "it has ended")
        finally:
            host.machine.write("/run/late", "")
            host.until(lambda: host.main_pid() not in (0, before), "there is another daemon")
            host.machine.run("rm", "/etc/systemd/system/aimx.service.d/late.conf")
            host.machine.run("systemctl", "daemon-reload")
        host.listening()
        run = host.run_of(name)
        assert (run["exit_code"], run["stderr_tail"]) == (6, "told")


LOCK = """
import os, sqlite3, time
db = sqlite3.connect("/var/lib/aimx/.aimx/state.db", timeout=60, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open("/run/locked", "w").close()
while os.path.exists("/run/locked"):
    time.sleep(0.05)
db.execute("ROLLBACK")
"""


@pytest.mark.parametrize("way", [None, kill], ids=["its own daemon", "the next daemon"])
def test_an_end_is_recorded_when_the_database_can_be_written_again(host, way):
    """Somebody has state.db open for writing when the hook ends, until the daemon has complained."""
    label = f"locked-{way is None}"
    with host.hook("alice", *script(label, 8)) as name:
        begin(host, label)
        if way is not None:
            another(host, way)
        lock = host.machine.start("python3", "-c", LOCK)
        try:
            host.until(host.machine.file("/run/locked").exists, "it is locked")
            host.machine.write(f"/home/alice/{label}-go", "")
            told = f"event=hook-not-recorded hook_name={name} "
            host.until(lambda: told in host.machine.journal("-u", "aimx"), "that is told")
            assert len(host.units().splitlines()) == 1
        finally:
            host.machine.file("/run/locked").unlink(missing_ok=True)
            lock.communicate(timeout=60)
        run = host.run_of(name)
        assert (run["state"], run["exit_code"], run["stderr_tail"]) == ("done", 8, "told")
    host.until(lambda: host.units() == "", "its unit is gone")


def test_a_limit_is_kept_without_a_daemon(host):
    with host.hook("alice", *script("late"), timeout_s=2) as name:
        begin(host, "late")
        host.machine.run("systemctl", "stop", "aimx")
        host.until(lambda: host.processes("alice") == "", "its time is over")
        host.machine.run("systemctl", "start", "aimx")
        host.listening()
        run = host.run_of(name)
        assert (run["exit_code"], run["timed_out"], run["reason"]) == (-1, True, None)
    host.until(lambda: host.units() == "", "its unit is gone")


def test_what_waited_runs_after_the_restart_once(host):
    """Forty mails, and daemons that are killed while their hooks run."""
    with host.hook("bob", "/bin/sh", "-c", 'sleep 0.2; echo "$AIMX_ID" >>~/storm') as name:
        host.send("bob", times=40)
        for way in (kill, kill_everything, restart):
            another(host, way)
        host.until(lambda: len([run for run in host.runs(name) if run["ended"]]) == 40, "all have ended")
        runs = host.runs(name)
    ids = host.machine.file("/srv/bob/storm").read_text().split()
    assert len(ids) == len(set(ids)), "one of them ran twice"
    for run in runs:
        ran = run["state"] == "done" and run["exit_code"] == 0
        assert ran == (run["email_id"] in ids) or run["state"] == "interrupted", run
    host.until(lambda: host.units() == "", "their units are gone")
