"""Runs that somebody asks for, runs without a daemon, and what runs know of the daemon that started them."""

import json
import signal

import psutil

from tests.harness import DOMAIN, mail
from tests.systemd.host import AIMX

PREFIX = "aimx-hook-"


def inside(host):
    """What a hook says of the unit it is in."""
    text = host.machine.file("/home/alice/inside").read_text()
    assert PREFIX in text, text


def test_a_hook_that_is_tried_out_is_a_unit(host):
    with host.hook("alice", "/bin/sh", "-c", "cat /proc/self/cgroup >~/inside; echo told; exit 3") as name:
        told = json.loads(
            host.machine.run(AIMX, "hooks", "test", name, "--sample", "--json", user="alice", check=False)
        )
        assert (told["exit_code"], told["stdout_tail"], told["reason"]) == (3, "told", None)
        inside(host)
    host.until(lambda: host.units() == "", "its unit is gone")


def test_a_hook_that_is_tried_out_ends_with_who_asked(host):
    with host.hook("alice", "/bin/sh", "-c", "echo on >~/tried; sleep 600") as name:
        command = host.machine.start(AIMX, "hooks", "test", name, "--sample", user="alice")
        try:
            host.until(host.machine.file("/home/alice/tried").exists, "it runs")
            assert len(host.units().splitlines()) == 1
        finally:
            for process in (*psutil.Process(command.pid).children(recursive=True), command):
                process.kill()
            command.communicate()
        run = host.run_of(name)
        assert (run["exit_code"], run["reason"], run["test"]) == (-1, "interrupted", True)
    host.until(lambda: host.units() == "", "its unit is gone")


def test_a_hook_of_mail_that_is_ingested_without_a_daemon_is_a_unit(host):
    with host.hook("alice", "/bin/sh", "-c", "cat /proc/self/cgroup >~/inside; exit 4") as name:
        host.machine.run("systemctl", "stop", "aimx")
        try:
            host.machine.file("/home/alice/inside").unlink(missing_ok=True)
            host.machine.run(AIMX, "ingest", f"alice@{DOMAIN}", stdin=mail())
            inside(host)
            assert host.units() == ""
        finally:
            host.machine.run("systemctl", "start", "aimx")
            host.listening()
        assert host.run_of(name)["exit_code"] == 4


def test_mail_of_a_hook_is_known_as_such_by_the_next_daemon(host):
    """U5: its secret outlives the daemon that made it. What it says does not: nobody reads that any more."""
    send = f"{AIMX} send --from alice@{DOMAIN} --to bob@{DOMAIN} --subject later --body b >~/said 2>&1"
    host.aimx("dkim-keygen")
    with host.hook("alice", "/bin/sh", "-c", f"echo on >~/on; until [ -e ~/go ]; do sleep 0.1; done; {send}") as name:
        host.restart()
        host.send("alice")
        host.until(host.machine.file("/home/alice/on").exists, "it runs")
        host.machine.run("systemctl", "restart", "aimx")
        host.listening()
        host.machine.write("/home/alice/go", "")
        run = host.run_of(name)
        assert (run["exit_code"], run["reason"]) == (0, None)
    texts = [file.read_text() for file in host.machine.file("/var/lib/aimx/inbox/bob").glob("*later*")]
    assert ["automated = true\n" in text for text in texts] == [True]


def test_units_that_no_run_waits_for_go_at_the_next_start(host):
    with host.hook("alice", "/bin/true") as name:
        host.send("alice")
        host.run_of(name)
    unit = host.machine.journal("-n", "1", "--grep=^Started aimx-hook-", "-o", "json")
    began = json.loads(unit)["UNIT"].rpartition("-")[0]
    stray = f"{began}-999999.service"
    host.machine.run("systemd-run", "--quiet", f"--unit={stray}", "sleep", "600")
    host.machine.write("/run/aimx/hooks/left/environment", "AIMX_SUBJECT=1")
    host.machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={signal.SIGKILL.name}", "aimx")
    host.until(lambda: host.units() == "", "the stray unit is gone")
    host.until(lambda: not host.machine.file("/run/aimx/hooks/left").exists(), "what was left is gone")
    host.listening()
