"""What a forked child does before it is somebody else: helpers take their role, hooks exec."""

import os
import signal
import socket
from collections.abc import Callable
from typing import NoReturn

import msgspec

from aimx import limits
from aimx.effects import framing, linux, privileges
from aimx.model.job import Broken, JobSpec, Spawn

Role = Callable[[socket.socket, dict[str, bool]], None]


def run_helper(role: Role, request: Spawn, channel_fd: int, identity: tuple[int, int], parent: int) -> NoReturn:
    """Become a worker or the resolver: keep only the channel, drop everything, serve until end of input.

    A helper that cannot drop says so in its first frame and ends.
    """
    try:
        os.setsid()
        os.dup2(channel_fd, 3, inheritable=False)
        os.closerange(4, 65536)
        sock = socket.socket(fileno=3)
        try:
            privileges.reset_signals()
            privileges.ignore_endings()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            checks = _hold_nothing(request, identity)
            linux.die_with(parent)
        except BaseException as error:  # noqa: BLE001  told to the front, which refuses this helper
            _complain(sock, error)
            os._exit(70)
        role(sock, checks)
    except BaseException:  # noqa: BLE001  a child must never return into the spawner's loop
        os._exit(70)
    os._exit(0)


def _hold_nothing(request: Spawn, identity: tuple[int, int]) -> dict[str, bool]:
    """Give up the daemon's terminal and log too: who writes there could forge a log line."""
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard, inheritable=False)
    os.close(nothing)
    network = request.role == "resolver"
    memory_octets = 0 if network else request.options.get("memory_octets", limits.WORKER_MEMORY_OCTETS)
    return privileges.isolate(*identity, network, memory_octets)


def _complain(sock: socket.socket, error: BaseException) -> None:
    frame = msgspec.msgpack.encode(Broken(0, f"{type(error).__name__}: {error}"[:500]))
    framing.Pipe(sock).send(frame)


def run_hook(spec: JobSpec, fds: tuple[int, int, int], report_fd: int, parent: int) -> NoReturn:
    """Exec a hook as its owner; a failure is reported as `step errno` on `report_fd`, which exec closes."""
    step = "descriptors"
    report = report_fd
    try:
        report = _place_descriptors(fds, report_fd)
        if spec.change_identity:
            for output in (1, 2):  # opened again by `echo … > /dev/stderr`, which asks who owns the pipe
                os.fchown(output, spec.uid, spec.gid)
        step = "identity"
        privileges.become_hook_owner(spec, parent)
        step = "cwd"
        os.chdir(spec.cwd)
        step = "exec"
        os.execve(spec.argv[0], list(spec.argv), spec.env)
    except BaseException as error:  # noqa: BLE001  a child must never return into the spawner's loop
        number = error.errno if isinstance(error, OSError) and error.errno else 0
        os.write(report, f"{step} {number}".encode())
    os._exit(126)


def _place_descriptors(fds: tuple[int, int, int], report_fd: int) -> int:
    """stdin, stdout, stderr at 0, 1, 2 and the report pipe at 3, nothing else open."""
    high = [os.dup(fd) for fd in (*fds, report_fd)]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=target < 3)
    os.closerange(4, 65536)
    return 3
