"""What a forked child does before it is somebody else: helpers take their role, hooks exec."""

import os
import socket
from collections.abc import Callable
from typing import NoReturn

from aimx.effects import privileges
from aimx.model.job import JobSpec, Spawn

Role = Callable[[socket.socket, dict[str, bool]], None]


def run_helper(role: Role, request: Spawn, channel_fd: int, identity: tuple[int, int]) -> NoReturn:
    """Become a worker or the resolver: keep only the channel, drop everything, serve until end of input."""
    try:
        os.dup2(channel_fd, 3, inheritable=False)
        os.closerange(4, 65536)
        privileges.reset_signals()
        sock = socket.socket(fileno=3)
        network = request.role == "resolver"
        checks = privileges.isolate(*identity, network, 0 if network else privileges.WORKER_MEMORY)
        role(sock, checks)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  a child must never return into the spawner's loop
        os.write(2, f"level=error event=helper-died role={request.role} why={type(error).__name__}\n".encode())
        os._exit(70)


def run_hook(spec: JobSpec, fds: tuple[int, int, int], report_fd: int) -> NoReturn:
    """Exec a hook as its owner; a failure is reported as `step errno` on `report_fd`, which exec closes."""
    step = "descriptors"
    try:
        report = _place_descriptors(fds, report_fd)
        step = "identity"
        privileges.become_hook_owner(spec)
        step = "exec"
        os.execve(spec.argv[0], list(spec.argv), spec.env)
    except BaseException as error:  # noqa: BLE001  a child must never return into the spawner's loop
        number = error.errno if isinstance(error, OSError) and error.errno else 0
        os.write(report if step != "descriptors" else report_fd, f"{step} {number}".encode())
    os._exit(126)


def _place_descriptors(fds: tuple[int, int, int], report_fd: int) -> int:
    """stdin, stdout, stderr at 0, 1, 2 and the report pipe at 3, nothing else open."""
    high = [os.dup(fd) for fd in (*fds, report_fd)]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=target < 3)
    os.closerange(4, 65536)
    return 3
