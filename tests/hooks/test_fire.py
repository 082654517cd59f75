"""One hook: what it inherits, how it may end, and what it cannot do to the daemon."""

import os
import signal
import sys

import pytest
import trio
import trio.testing

from aimx import limits
from aimx.flows import fire
from tests.hooks.stage import alive, gone, stage, task


def run(*argv, stdin=b"", **options):
    """Run one hook to its end."""

    async def play():
        async with stage() as here:
            return await _fire(here, task(*argv, **options), stdin)

    return trio.run(play)


async def _fire(here, given, stdin=b""):
    file = os.memfd_create("stdin")
    os.write(file, stdin)
    os.lseek(file, 0, os.SEEK_SET)
    try:
        return await fire.fire(here.fx, given, file)
    finally:
        os.close(file)


def shell(text, **options):
    return run("/bin/sh", "-c", text, **options)


def test_the_environment_is_closed(monkeypatch):
    monkeypatch.setenv("SECRET", "of the daemon")
    monkeypatch.setenv("AIMX_TEST_MAIL_DROP", "/nowhere")
    values = {"AIMX_SUBJECT": "$(id) `id` \"' () { :;}; LD_PRELOAD=x", "PATH": "/evil", "AIMX_JOB": "forged"}
    result = run("/usr/bin/env", "-0", env=values, cwd="/tmp")
    assert result.exit_code == 0
    shown = dict(pair.split("=", 1) for pair in _stderr("/usr/bin/env -0 >&2", env=values).split("\0") if pair)
    assert shown.pop("PWD", "/") == "/"
    assert set(shown) - {"_", "SHLVL", "OLDPWD"} == {
        "HOME", "USER", "LOGNAME", "SHELL", "PATH", "AIMX_HOOK_NAME", "AIMX_EVENT", "AIMX_MAILBOX", "AIMX_FILEPATH",
        "AIMX_ID", "AIMX_JOB", "AIMX_SUBJECT",
    }  # fmt: skip
    assert shown["AIMX_SUBJECT"] == values["AIMX_SUBJECT"]
    assert (shown["PATH"], shown["AIMX_JOB"], shown["USER"]) == (fire.PATH, "t" * 32, "me")


def _stderr(text, **options):
    result = shell(text, **options)
    assert result.exit_code == 0, result
    return result.stderr_tail


def test_nothing_is_inherited_but_the_standard_descriptors():
    code = """
import os, sys
opened = []
for name in os.listdir("/proc/self/fd"):
    try:
        os.fstat(int(name))
    except OSError:
        continue
    opened.append(int(name))
status = {line.partition(":")[0]: line.partition(":")[2].strip() for line in open("/proc/self/status")}
print(sorted(opened), os.getsid(0) == os.getpid() == os.getpgid(0), file=sys.stderr)
print(status["SigBlk"], status["Umask"], os.getcwd(), os.getppid() == 1, file=sys.stderr)
print(open("/proc/self/oom_score_adj").read().strip(), file=sys.stderr)
"""
    lines = run(sys.executable, "-I", "-c", code, cwd="/usr").stderr_tail.splitlines()
    assert lines[0] == "[0, 1, 2] True"
    assert lines[1] == f"{0:016x} 0022 /usr False"
    assert int(lines[2]) >= 0


def test_signals_have_their_default_disposition():
    status = _stderr("exec cat /proc/self/status >&2")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (int(fields["SigBlk"], 16), int(fields["SigIgn"], 16)) == (0, 0)


def test_the_message_is_its_stdin():
    assert shell("cat >&2", stdin=b"+++\nid = 1\n+++\nHello").stderr_tail == "+++\nid = 1\n+++\nHello"


NOT_A_PROGRAM = "/etc/passwd"


@pytest.mark.parametrize(
    ("argv", "options", "step", "text"),
    [
        (("/nonexistent/agent",), {}, "exec", "No such file"),
        ((NOT_A_PROGRAM,), {}, "exec", "Permission denied"),
        (("/tmp",), {}, "exec", "Permission denied"),
        (("/bin/true", "x" * 200_000), {}, "exec", "too long"),
        (("/bin/true",), {"cwd": "/nonexistent"}, "cwd", "No such file"),
        (("/bin/true",), {"cwd": NOT_A_PROGRAM}, "cwd", "Not a directory"),
    ],
    ids=["missing", "not executable", "directory", "too long", "no directory", "no directory but a file"],
)
def test_what_cannot_start_says_why(argv, options, step, text):
    result = run(*argv, **options)
    assert (result.exit_code, result.timed_out, result.reason) == (-1, False, "spawn-failed")
    assert result.stderr_tail.startswith(f"spawn-failed: {step}: ")
    assert text in result.stderr_tail


@pytest.mark.parametrize(
    ("text", "code", "tail"),
    [
        ("exit 0", 0, ""),
        ("exit 3", 3, ""),
        ("echo sorry >&2; exit 1", 1, "sorry"),
        ("kill -9 $$", -1, ""),
        ("exec <&- >&- 2>&-; exit 5", 5, ""),
        ("sleep 1000 & exit 0", 0, ""),
        ("(trap '' TERM HUP; sleep 1000) & exit 0", 0, ""),
        ("head -c 1000000000 /dev/zero; echo done >&2", 0, "done"),
        ("yes x | head -c 1000000 >&2; echo END >&2", 0, "END"),
        ("kill -9 0", -1, ""),
        ("printf '\\377\\000\\033[2J' >&2", 0, "\ufffd\0\x1b[2J"),
    ],
    ids=[
        "ok",
        "3",
        "stderr",
        "killed",
        "closes all",
        "background",
        "deaf background",
        "1 GB",
        "1 MB stderr",
        "kills its group",
        "binary",
    ],
)
def test_how_a_hook_may_end(text, code, tail):
    result = shell(text, stdin=b"x" * 1_000_000)
    assert (result.exit_code, result.timed_out, result.reason) == (code, False, None)
    assert result.stderr_tail.endswith(tail)
    assert len(result.stderr_tail) <= limits.HOOK_STDERR_TAIL_CHARACTERS


def test_what_a_hook_takes_is_its_own():
    """Not what the spawner took, from which it was forked."""
    small, large = shell("exit 0"), run(sys.executable, "-c", f"b'x' * {150 * limits.MIB}")
    assert small.peak_octets is None
    assert 150 * limits.MIB < large.peak_octets < 300 * limits.MIB
    assert large.cpu_ms > 0


def test_what_a_hook_leaves_in_its_group_ends_with_it():
    result = shell("sleep 1000 & echo $! >&2")
    assert result.exit_code == 0
    assert not alive(int(result.stderr_tail))


LEAVES = {
    "a session of its own": "setsid -f sh -c 'echo $$ >&2; exec sleep 1000'",
    "without its output": "setsid -f sh -c 'echo $$ >&2; exec sleep 1000 > /dev/null 2>&1'",
    "twice, with nothing": "env -i /usr/bin/setsid -f /usr/bin/setsid -f sh -c 'echo $$ >&2; sleep 1000 & wait'",
    "a hundred": "for n in $(seq 100); do setsid -f sh -c 'echo $$ >&2; exec sleep 1000'; done",
    "a daemon that begins again": "setsid -f sh -c 'echo $$ >&2; while :; do setsid sleep 1000; done'",
}


@pytest.mark.parametrize("text", LEAVES.values(), ids=LEAVES)
def test_what_leaves_the_group_ends_too(text, tmp_path):
    note = tmp_path / "up"
    os.mkfifo(note)
    up = text.replace("echo $$ >&2", f"echo $$ >&2; echo > {note}")
    count = 100 if "seq" in text else 1

    async def play():
        async with stage() as here:
            result = await _fire(
                here, task("/bin/sh", "-c", f"exec 3<>{note}; {up}; for n in $(seq {count}); do read x <&3; done")
            )
            assert result.exit_code == 0
            for pid in result.stderr_tail.split():
                await gone(int(pid))
            with trio.fail_after(30):
                while here.children():
                    await trio.sleep(0.01)

    trio.run(play)


def test_what_left_the_group_of_a_running_hook_outlives_another_hook(tmp_path):
    note, gate = tmp_path / "note", tmp_path / "gate"
    os.mkfifo(gate)
    text = f"setsid -f sh -c 'echo $$ > {note}.part; mv {note}.part {note}; exec sleep 1000'; read x < {gate}"

    async def play():
        async with stage() as here, trio.open_nursery() as nursery:
            nursery.start_soon(_fire, here, task("/bin/sh", "-c", text))
            with trio.fail_after(30):
                while not note.exists():
                    await trio.sleep(0.01)
            pid = int(note.read_text())
            for _ in range(3):
                assert (await _fire(here, task("/bin/true"))).exit_code == 0
            assert alive(pid)
            await trio.to_thread.run_sync(gate.write_text, "go\n")
            await gone(pid)

    trio.run(play)


@pytest.mark.parametrize(
    ("text", "code", "times"),
    [
        ("exec sleep 1000", -1, (0.3, 30.0)),
        ("sleep 1000 & wait", -1, (0.3, 30.0)),
        ("trap 'exit 7' TERM; while :; do sleep 0.01; done", 7, (2.0, 30.0)),  # the trap has to be set by then
        ("trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & while :; do sleep 1; done", -1, (0.3, 0.5)),
        ("kill -STOP $$", -1, (0.3, 30.0)),
    ],
    ids=["plain", "tree", "cleans up", "ignores TERM", "has stopped itself"],
)
def test_the_limit_ends_the_whole_group(text, code, times, monkeypatch):
    limit_s, kill_after_s = times
    monkeypatch.setattr(limits, "HOOK_KILL_AFTER_S", kill_after_s)

    async def play():
        async with stage() as here:
            result = await _fire(here, task("/bin/sh", "-c", text, timeout_s=limit_s))
            assert (result.exit_code, result.timed_out, result.reason) == (code, True, None)
            with trio.fail_after(30):
                while here.children():
                    await trio.sleep(0.01)

    trio.run(play)


def test_a_cancelled_hook_is_told_and_has_ended(tmp_path):
    note = tmp_path / "note"
    text = f"trap 'echo bye > {note}; exit 0' TERM; echo up > {note}; while :; do sleep 0.01; done"

    async def play():
        async with stage() as here:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_fire, here, task("/bin/sh", "-c", text))
                    with trio.fail_after(30):
                        while not note.exists():
                            await trio.sleep(0.01)
                    scope.cancel()
            assert not here.children()
            assert note.read_text() == "bye\n"

    trio.run(play)


def test_hooks_of_a_lost_spawner_end_with_it_and_are_interrupted(tmp_path):
    note = tmp_path / "note"

    async def play():
        async with stage() as here:
            results = []

            async def one():
                results.append(await _fire(here, task("/bin/sh", "-c", f"sleep 1000 & echo $$ $! > {note}; wait")))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(one)
                with trio.fail_after(30):
                    while not (note.exists() and note.read_text()):
                        await trio.sleep(0.01)
                os.kill(here.spawner.pid, signal.SIGKILL)
            assert [result.reason for result in results] == ["interrupted"]
            for pid in note.read_text().split():
                await gone(int(pid))
            assert (await _fire(here, task("/bin/true"))).exit_code == 0

    trio.run(play)
