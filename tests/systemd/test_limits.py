"""Memory, tasks and time: what a hook may take, and that the host does not notice."""

import pytest

EAT = "import sys; eaten = b'x' * (int(sys.argv[1]) << 20); print(len(eaten))"
FORK = """
import os, sys, time
count, problem = 0, ""
while count < 5000:
    try:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    except OSError as error:
        problem = error.strerror
        break
    count += 1
print(count, problem, file=sys.stderr)
"""
# Every process ignores TERM; some leave the session; the first notes that TERM came.
STUBBORN = """
trap 'echo term >>~/stubborn' TERM
setsid sh -c "trap '' TERM; sh -c 'while :; do sleep 1; done' & wait" &
sh -c "trap '' TERM; while :; do sleep 1; done" &
while :; do sleep 0.1; done
"""


def eat(host, megabytes):
    _, run = host.fire("alice", "/usr/bin/python3", "-c", EAT, str(megabytes))
    return run


def limited(host, controller):
    """Why this machine's kernel cannot hold a limit, or an empty text."""
    there = host.machine.run("cat", "/proc/self/cgroup", "/sys/fs/cgroup/cgroup.controllers", check=False)
    return "" if controller in there.replace("\n", " ").replace(":", " ").split() else f"no control of {controller}"


@pytest.fixture(scope="module")
def memory(host):
    if why := limited(host, "memory"):
        pytest.skip(why)


@pytest.fixture(scope="module")
def tasks(host):
    if why := limited(host, "pids"):
        pytest.skip(why)


@pytest.fixture
def configured(host):
    yield host.configure
    host.configure()


@pytest.mark.usefixtures("memory")
def test_more_memory_than_the_default_kills(host):
    assert eat(host, 150)["exit_code"] == 0
    run = eat(host, 400)
    assert (run["exit_code"], run["timed_out"]) == (-1, False), run


@pytest.mark.usefixtures("memory")
def test_the_operator_sets_another_limit(host, configured):
    configured(hook_memory_max='"64M"')
    assert eat(host, 150)["exit_code"] == -1
    configured(hook_memory_max='"1G"')
    assert eat(host, 400)["exit_code"] == 0
    configured(hook_memory_max='"infinity"')
    assert eat(host, 400)["exit_code"] == 0


@pytest.mark.usefixtures("memory")
def test_what_kills_a_hook_ends_all_of_it(host):
    """A parent does not go on without the child that took too much."""
    script = f'python3 -c "{EAT}" 400; echo outlived >&2; sleep 1'
    host.fire("alice", "/bin/sh", "-c", script)
    assert host.processes("alice") == ""


@pytest.mark.usefixtures("tasks")
def test_forking_comes_to_an_end(host):
    _, run = host.fire("alice", "/usr/bin/python3", "-c", FORK)
    count, _, problem = run["stderr_tail"].partition(" ")
    assert 10 <= int(count) < 1000, run
    assert problem == "Resource temporarily unavailable"
    assert host.processes("alice") == ""


@pytest.mark.usefixtures("tasks")
def test_a_fork_bomb_is_the_owner_s_own_trouble(host):
    """Others' hooks run while it goes off, commands are answered, and in the end all of it is gone."""
    with host.hook("alice", "/bin/bash", "-c", "b() { b | b & }; b; sleep 60", timeout_s=5) as bomb:
        host.send("alice")
        host.until(lambda: host.runs(bomb)[0]["state"] == "running", "it goes off")
        _, other = host.fire("bob", "/bin/true")
        assert other["exit_code"] == 0
        assert host.run_of(bomb)["exit_code"] == -1 or host.run_of(bomb)["timed_out"]
    host.until(lambda: host.processes("alice") == "", "all of it is gone")


def test_what_ignores_the_end_of_its_time_is_killed_with_all_it_started(host):
    """TERM at the limit, KILL five seconds later."""
    hook, run = host.fire("alice", "/bin/sh", "-c", STUBBORN, timeout_s=1)
    assert (run["exit_code"], run["timed_out"], run["reason"]) == (-1, True, None)
    assert run["duration_ms"] >= 5500
    assert "timed_out=true" in host.line_of(hook)
    assert host.machine.file("/home/alice/stubborn").read_text().startswith("term\n")
    assert host.processes("alice") == ""
    assert host.units() == ""


def test_what_listens_ends_at_its_limit(host):
    _, run = host.fire("bob", "/bin/sh", "-c", "trap 'exit 9' TERM; sleep 60 & wait", timeout_s=1)
    assert run["timed_out"]
    assert run["exit_code"] in (9, -1)
    assert run["duration_ms"] < 60_000


def test_what_a_hook_left_running_ends_with_it(host):
    """In a session of its own, and holding stdout and stderr."""
    _, run = host.fire(
        "alice", "/bin/sh", "-c", "setsid sh -c \"trap '' TERM HUP; sleep 300\" & sleep 0.2; echo done >&2"
    )
    assert (run["exit_code"], run["stderr_tail"]) == (0, "done")
    assert host.processes("alice") == ""
