"""Outputs of hooks are given to the service manager, come back from it, and are asked for no longer than needed."""

import os
import socket
import subprocess
import sys

import pytest

from aimx import limits
from aimx.effects.keeping import Keeper, Outputs

UNIT = "aimx-hook-e-1.service"
LISTENED = """
import os, sys
os.environ["LISTEN_PID"] = sys.argv[1] or str(os.getpid())
from aimx import limits
from aimx.effects.keeping import Keeper
keeper = Keeper.of_this_process()
print(sorted(keeper.left()), [fd is not None and os.read(fd, 9) for fd in keeper.take("u.service")], keeper.left())
"""


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(30)
        yield sock


@pytest.fixture
def outputs():
    """Reading and writing ends of two pipes."""
    ends = [os.pipe(), os.pipe()]
    yield ends
    for fd in (*ends[0], *ends[1]):
        os.close(fd)


def told(manager):
    """What the manager is told, and the descriptor that came along."""
    text, fds, _, _ = socket.recv_fds(manager, 1000, 2)
    return text.decode().splitlines(), fds


def test_readers_are_kept_and_dropped_by_the_name_of_the_unit(manager, outputs):
    keeper = Keeper(manager.getsockname())
    (out_r, out_w), (err_r, err_w) = outputs
    keeper.keep(UNIT, out_w, err_w)
    for name, reader, writer in (("stdout", out_r, out_w), ("stderr", err_r, err_w)):
        text, (fd,) = told(manager)
        assert text == ["FDSTORE=1", "FDPOLL=0", f"FDNAME={UNIT}/{name}"]
        os.write(writer, name.encode())
        assert os.read(fd, 100) == name.encode()
        assert os.get_blocking(reader)  # whoever reads now is not disturbed
        os.close(fd)
    keeper.drop(UNIT)
    assert [told(manager) for _ in range(2)] == [
        (["FDSTOREREMOVE=1", f"FDNAME={UNIT}/{name}"], []) for name in ("stdout", "stderr")
    ]


def test_a_manager_behind_an_abstract_socket(outputs):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")
        sock.settimeout(30)
        Keeper("@" + sock.getsockname()[1:].decode()).drop(UNIT)
        assert told(sock)[0][0] == "FDSTOREREMOVE=1"


@pytest.mark.parametrize("full", [False, True], ids=["nobody", "takes nothing"])
def test_who_keeps_nothing_is_no_obstacle(manager, outputs, full, tmp_path, monkeypatch):
    """Told once where there is nobody; again, where there may be room later."""
    lines = []
    monkeypatch.setattr("aimx.log.emit", lines.append)
    monkeypatch.setattr(limits, "HOOK_KEEP_S", 0.01)
    keeper = Keeper(manager.getsockname() if full else str(tmp_path / "missing"))
    if full:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    sock.sendto(b"x", manager.getsockname())
    (_, out_w), (_, err_w) = outputs
    keeper.keep(UNIT, out_w, err_w)
    keeper.drop(UNIT)
    assert ["event=hook-output-not-kept" in line for line in lines] == [True] * (4 if full else 1)


def test_without_a_manager_nothing_happens(outputs):
    (_, out_w), (_, err_w) = outputs
    keeper = Keeper()
    keeper.keep(UNIT, out_w, err_w)
    assert keeper.take(UNIT) == Outputs(None, None)
    keeper.close(UNIT)
    assert keeper.left() == set()


RETURNED = {
    "both": ("u.service/stdout:u.service/stderr", "", "['u.service'] [b'first', b'second'] set()"),
    "the other order": ("u.service/stderr:u.service/stdout", "", "['u.service'] [b'second', b'first'] set()"),
    "one, and one of somebody else": ("http.socket:u.service/stderr", "", "['u.service'] [False, b'second'] set()"),
    "of another run": ("http.socket:v.service/stderr", "", "['v.service'] [False, False] {'v.service'}"),
    "for another process": ("u.service/stdout:u.service/stderr", "1", "[] [False, False] set()"),
}


@pytest.mark.parametrize(("names", "pid", "expected"), RETURNED.values(), ids=RETURNED)
def test_what_was_kept_comes_back(outputs, names, pid, expected):
    """As descriptors 3 and 4, with their names."""
    for (_, writer), text in zip(outputs, (b"first", b"second"), strict=True):
        os.write(writer, text)
    moves = f"os.dup2({outputs[0][0]}, 30); os.dup2({outputs[1][0]}, 31); os.dup2(30, 3); os.dup2(31, 4)"
    code = f"import os, sys; {moves}\nos.execv(sys.executable, [sys.executable, '-c', {LISTENED!r}, {pid!r}])"
    env = {**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": names}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, pass_fds=[reader for reader, _ in outputs], capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (expected, "")
