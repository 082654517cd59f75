"""Programs that are run: their words, their environment, their end."""

import os
import signal
import sys
import time

import psutil
import pytest
import trio

from aimx import limits
from aimx.effects import commands
from aimx.errors import Failed


def run(*argv, timeout_s=60.0, env=None):
    return trio.run(commands.run, argv, timeout_s, env)


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_words_arrive_as_they_are(tmp_path):
    words = ("$HOME `id` ; x", "", "*", "a\nb", "--")
    said = run(program(tmp_path / "show", '#!/bin/sh\nfor word; do printf "<%s>" "$word"; done\n'), *words)
    assert said == (0, "".join(f"<{word}>" for word in words), "")
    assert said.ok


def test_the_environment_is_ours(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PATH", f"relative:{tmp_path}:/usr/bin")
    lines = run("/usr/bin/env", env={"MORE": "1"}).out.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert (found["LC_ALL"], found["MORE"], "SECRET" in found) == ("C.UTF-8", "1", False)
    assert found["PATH"].split(":")[:2] == [str(tmp_path), "/usr/bin"]
    assert "/usr/sbin" in found["PATH"].split(":")


def test_a_program_is_found_by_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = program(tmp_path / "useradd", "#!/bin/sh\necho mine\n")
    assert commands.find("useradd") == expected
    assert run("useradd").out == "mine\n"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo out; echo first >&2; echo last words >&2; exit 3", "last words"),
        ("echo said on stdout; exit 1", "said on stdout"),
        ("exit 4", "exit code 4"),
        ("kill -9 $$", "ended by SIGKILL"),
    ],
    ids=["stderr", "stdout", "code", "signal"],
)
def test_why_it_failed(script, why):
    said = run("/bin/sh", "-c", script)
    assert (said.ok, said.why) == (False, why)


def test_one_that_is_missing():
    with pytest.raises(commands.CommandMissing, match="no-such-program is not installed"):
        run("no-such-program")


def test_one_that_cannot_be_executed(tmp_path):
    with pytest.raises(Failed, match="cannot be run"):
        run(program(tmp_path / "broken", "#!/no/such/interpreter\n"))


def test_its_output_is_bounded():
    said = run(sys.executable, "-c", f"print('x' * {3 * limits.TOOL_OUTPUT_OCTETS})")
    assert (said.code, len(said.out)) == (0, limits.TOOL_OUTPUT_OCTETS)


def test_one_that_does_not_end_is_ended_with_its_children(tmp_path):
    said = run("/bin/sh", "-c", f"echo begun; sleep 1000 & echo $! >{tmp_path}/pid; wait", timeout_s=0.5)
    assert said.code is None
    assert said.why == "no end in time (begun)"
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_it_leaves_running_is_not_waited_for():
    said = run("/bin/sh", "-c", "sleep 300 & echo $!")
    assert said.code == 0

    os.kill(int(said.out), signal.SIGKILL)


def test_it_may_finish_what_it_began_when_nobody_wants_it_any_more(tmp_path):
    """A killed useradd would leave its lock."""

    script = f"echo >{tmp_path}/begun; read word <{tmp_path}/go; echo $word >&2; echo >{tmp_path}/end"

    async def interrupted():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commands.run, ("/bin/sh", "-c", script), 60.0)
            while not (tmp_path / "begun").exists():
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
            (tmp_path / "go").write_text("go\n")

    os.mkfifo(tmp_path / "go")
    trio.run(interrupted)
    assert (tmp_path / "end").exists()
