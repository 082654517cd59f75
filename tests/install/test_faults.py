"""Ended at every step, and without room: what ran before still does, nothing is left behind, and the next run works."""

import os
import random
import signal
import subprocess

import pytest

from tests.install.box import PATIENCE_S, end

# Every program that the installer starts is a step. At the one that is wanted, before it does anything, all that runs
# here gets a signal, as from a terminal.
_STEP = """\
echo {tool} >>"{box}/steps"
if [ "$(/usr/bin/wc -l <"{box}/steps")" = "$(/usr/bin/cat "{box}/end-at" 2>/dev/null)" ]; then
    /usr/bin/env kill -{signal} -- -"$(/usr/bin/cat "{box}/group")"
fi
exec {real} "$@"
"""
# They compute; a step of theirs is one of its neighbours'.
_QUICK = (
    "tr", "cut", "sed", "awk", "uname", "id", "getconf", "ldd", "cat", "tty", "date", "test", "ls", "env", "timeout",
    "dirname", "readlink", "grep", "true", "wc", "sh",
)  # fmt: skip
STEPS = 40  # at most; see the first test


def _instrument(box, name):
    for path in list(box.tools.iterdir()):
        if path.name in _QUICK or not path.is_symlink():
            continue
        real = str(path.readlink())
        real = f"{real} {path.name}" if real.endswith("busybox") else real
        box.fake(path.name, _STEP.format(tool=path.name, box=box.path, real=real, signal=name))


def _bare(box):
    for leftover in (*box.bin.iterdir(), *box.units.iterdir()):
        leftover.unlink()
    subprocess.run(["rm", "-rf", *map(str, box.tmp.iterdir())], check=True)  # of those that could not clean up


def _run(box, number):
    """Run it and end it at that step; 0: let it run."""
    (box.path / "steps").unlink(missing_ok=True)
    (box.path / "end-at").write_text(f"{number}\n")
    process = box.start()
    (box.path / "group").write_text(str(process.pid))
    out, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out.decode()


def _steps(box):
    return (box.path / "steps").read_text().split()


@pytest.mark.in_turn
@pytest.mark.parametrize("way", ["fresh", "upgrade"])
@pytest.mark.parametrize("name", ["KILL", "INT"])
def test_ended_at_any_step(box, way, name):
    """One story for all steps, because only a run tells which there are."""
    box.publish("9.9.1")
    new, ended = (box.path / "made" / "9.9.1").read_bytes(), 128 + signal.Signals[f"SIG{name}"]
    _instrument(box, name)
    for number in range(1, STEPS):
        _bare(box)
        old = box.installed("9.9.0") if way == "upgrade" else None
        status, said = _run(box, number)
        steps = _steps(box)
        if len(steps) < number:
            break
        at = f"{way}, {name} at step {number}, {steps[number - 1]}:\n{said}"
        found = box.program.read_bytes() if box.program.exists() else None
        assert found == old or (found == new and "sync" in steps[:-1]), at
        if name == "INT":
            assert box.left() == [], at
            # At the very end, where only the temporary directory is left to remove, nothing is interrupted any more.
            assert (status, "interrupted; " in said) in ((ended, True), (0, False)), at
            assert status == ended or steps[number - 1] == "rm", at
        status, said = _run(box, 0)
        assert status == 0, f"again after {at}\n{said}"
        assert box.program.read_bytes() == new, at
        assert not list(box.bin.glob(".*")), at
    assert status == 0, said
    assert {"mkdir", "curl", "openssl", "sha256sum", "tar", "rm", "cp", "chown", "chmod", "sync"} <= set(steps)


@pytest.mark.each_shell
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_download_ends_at_once(box, number):
    """Only the shell gets the signal, and what it has started ends with it."""
    box.publish("9.9.1")
    box.server.faults["*.tar.gz"] = "stalled"
    box.script.write_text(box.script.read_text().replace("STALL_SECONDS='2'", "STALL_SECONDS='600'"))
    process = box.start()
    for line in process.stdout:
        if b"Downloading" in line:
            break
    process.send_signal(number)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert b"interrupted; nothing was changed" in rest
    assert box.left() == []


def test_nobody_reads_any_more(box):
    """`curl … | sh 2>&1 | head -1`"""
    box.publish("9.9.1")
    box.server.faults["*.tar.gz"] = "stalled"
    process = box.start()
    for line in process.stdout:
        if b"Downloading" in line:
            break
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 128 + signal.SIGPIPE
    assert box.left() == []


def test_interrupted_at_the_question(box):
    box.publish("9.9.1")
    before = box.installed("9.9.1")
    run = box.type("\x03")
    assert run.status == 130, run.text
    assert box.program.read_bytes() == before
    assert box.left() == []


PLACES = {"where it is downloaded": "tmp", "where it goes": "bin"}


@pytest.mark.parametrize("way", ["fresh", "upgrade"])
@pytest.mark.parametrize("full", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("size", [8, 64, 240])
def test_a_full_disk_changes_nothing(box, full, way, size):
    filler = random.Random(1).randbytes(300_000).hex()
    box.publish("9.9.1", shell=f"# {filler}")
    if way == "upgrade":
        box.installed("9.9.0")
    where = box.path / full
    before = {path.name: path.read_bytes() for path in box.bin.iterdir()}
    box.mounts.append(f"mount -t tmpfs -o size={size}k,mode=1777 none {where}.full && cp -a {where}/. {where}.full/ && "
                      f"mount --move {where}.full {where}")  # fmt: skip
    os.mkdir(f"{where}.full")
    run = box.run()
    assert run.status == 1, run.text
    assert run.text.count("[error]") == 1, run.text
    assert {path.name: path.read_bytes() for path in box.bin.iterdir()} == before
    assert box.log == ""
    box.mounts.clear()
    run = box.run()
    assert run.status == 0, run.text
    assert box.works("9.9.1")


def test_a_directory_that_cannot_be_written_is_named(box):
    box.publish("9.9.1")
    box.mounts.append(f"mount --bind {box.bin} {box.bin} && mount -o remount,ro,bind {box.bin}")
    run = box.run()
    assert run.status == 1
    assert f"nothing can be written to {box.bin}: " in run.text
    box.mounts.clear()
    box.env["TMPDIR"] = str(box.path / "nowhere")
    run = box.run()
    assert run.status == 1
    assert "no temporary directory can be made" in run.text
    assert "TMPDIR names another place" in run.text


@pytest.mark.each_shell
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_lock_ends_with_its_owner(box, number):
    box.publish("9.9.1")
    box.server.faults["*.tar.gz"] = "stalled"
    process = box.start()
    for line in process.stdout:
        if b"Downloading" in line:
            break
    if number == signal.SIGKILL:
        process.kill()  # and what it has started goes on for a while
    else:
        end(process, number)
    process.communicate(timeout=PATIENCE_S)
    box.server.faults.clear()
    run = box.run()
    assert run.status == 0, run.text
