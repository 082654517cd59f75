"""How a hook ended, as it is recorded and logged, and that nothing of it stays."""

import pytest

from tests.harness import mail


@pytest.mark.parametrize("code", [0, 1, 7, 126, 127, 200, 203, 255])
def test_exit_codes(host, code):
    """Those that systemd uses for its own troubles too."""
    hook, run = host.fire("alice", "/bin/sh", "-c", f"exit {code}")
    assert (run["exit_code"], run["timed_out"], run["reason"], run["state"]) == (code, False, None, "done")
    assert f"exit_code={code} " in host.line_of(hook)


@pytest.mark.parametrize("signal", ["TERM", "KILL", "SEGV", "HUP", "USR1"])
def test_a_signal_ended_it(host, signal):
    hook, run = host.fire("alice", "/bin/sh", "-c", f"kill -{signal} $$; sleep 60")
    assert (run["exit_code"], run["timed_out"], run["reason"]) == (-1, False, None)
    assert "exit_code=-1 " in host.line_of(hook)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("/nonexistent/program", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("/home/carol/program", "Permission denied"),
        ("/usr/local/lib", "Is a directory"),
        ("/usr/local/bin/no-interpreter", "No such file or directory"),
        ("/usr/local/bin/no-format", "Exec format error"),
    ],
)
def test_a_program_that_cannot_start(host, program, why):
    host.machine.write("/usr/local/bin/no-interpreter", "#!/nonexistent/interpreter\n", 0o755)
    host.machine.write("/home/carol/program", "#!/bin/sh\n", 0o755)
    host.machine.write("/usr/local/bin/no-format", b"\x7fELF\0\0\0", 0o755)
    hook, run = host.fire("alice", program)
    assert (run["exit_code"], run["timed_out"], run["reason"]) == (-1, False, "spawn-failed"), run
    assert why in run["stderr_tail"]
    line = host.line_of(hook)
    assert "exit_code=-1 " in line
    assert line.endswith("reason=spawn-failed")


def test_the_end_of_stderr_is_kept(host):
    _, run = host.fire("bob", "/bin/sh", "-c", "echo on stdout; echo first >&2; echo last >&2; exit 3")
    assert run["stderr_tail"] == "first\nlast"


def test_it_may_write_as_much_as_it_likes(host):
    _, run = host.fire("bob", "/bin/sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x | tee /dev/stderr; echo end >&2")
    assert run["exit_code"] == 0
    assert run["stderr_tail"].endswith("xend")


def test_its_output_can_be_opened_again(host):
    _, run = host.fire("alice", "/bin/sh", "-c", "echo again > /dev/stderr; cat /dev/stdin | head -n 1 > /dev/stderr")
    assert (run["exit_code"], run["stderr_tail"]) == (0, "again\n+++")


def test_it_need_not_read_its_input(host):
    body = "long line\r\n" * 100_000
    _, run = host.fire("alice", "/bin/true", octets=mail(body=body))
    assert run["exit_code"] == 0


def test_what_it_used_is_told(host):
    apart = {host.machine.file(f"/sys/fs/cgroup/{name}") for name in ("cpu", "cpuacct")}
    if all(each.exists() for each in apart) and len({each.stat().st_dev for each in apart}) == 2:
        pytest.skip(
            "this kernel counts time (cpuacct) in another hierarchy than it shares it (cpu): systemd reads none"
        )
    _, run = host.fire("alice", "/usr/bin/python3", "-c", "import time\nwhile time.process_time() < 0.5: pass")
    assert 450 <= run["cpu_ms"] < 60_000


@pytest.fixture
def nothing_stays(host):
    yield
    host.until(lambda: host.units() == "", "units are gone")
    assert host.machine.run("sh", "-c", "find /run/aimx -mindepth 1 -not -name aimx.sock -not -name hooks") == ""
    assert host.machine.run("systemctl", "--failed", "--no-legend", "--plain") == ""


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize(
    "cmd",
    [
        ("/bin/true",),
        ("/bin/false",),
        ("/nonexistent/program",),
        ("/bin/sh", "-c", "kill -KILL $$"),
        ("/bin/sh", "-c", "setsid sleep 300 & exit 0"),
    ],
    ids=["success", "failure", "missing", "signal", "left behind"],
)
def test_nothing_of_a_run_stays(host, cmd):
    host.fire("alice", *cmd)
    assert host.processes("alice") == ""


@pytest.mark.usefixtures("nothing_stays")
def test_many_at_once(host):
    """Each mail's hook runs once, more of them than there are places."""
    with host.hook("bob", "/bin/sh", "-c", 'echo "$AIMX_ID" >>~/many') as name:
        host.send("bob", times=40)
        host.until(lambda: len([run for run in host.runs(name) if run["ended"]]) == 40, "all ran")
        assert {run["exit_code"] for run in host.runs(name)} == {0}
    lines = host.machine.file("/srv/bob/many").read_text().split()
    assert len(lines) == len(set(lines)) == 40
