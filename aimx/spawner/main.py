"""The spawner: a small single-threaded process that forks helpers and hooks for the front.

It imports everything a helper will ever use, then waits. It never sees mail, holds no key and opens no file of mail;
descriptors pass through it on their way into a child. When the front goes away it ends, and its hooks with it, and
whatever those have started, also what has left their process groups.
"""

import contextlib
import errno
import gc
import os
import select
import selectors
import signal
import socket
import sys
import time
from typing import Any

import msgspec

from aimx import limits
from aimx.effects import framing, linux, privileges
from aimx.model.job import Exited, Ready, Signal, Spawn, SpawnFailed, Started, ToSpawner
from aimx.resolver import main as resolver
from aimx.spawner import children
from aimx.worker import main as worker

_ROLES: dict[str, Any] = {"worker": worker.serve, "resolver": resolver.serve}


class Spawner:
    """The loop: requests in, forks, exits out."""

    def __init__(self, control: socket.socket, identity: tuple[int, int]) -> None:
        self._pipe = framing.Pipe(control)
        self._identity = identity
        self._selector = selectors.DefaultSelector()
        self._ids: dict[int, int] = {}  # pid → id
        self._pids: dict[int, int] = {}  # id → pid
        self._reports: dict[int, int] = {}  # id → pipe of a hook that has not reached exec
        self._pid = os.getpid()
        self._decode = msgspec.msgpack.Decoder(ToSpawner).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the front closes the control socket, however it ends; then nothing that was started stays."""
        signal.set_wakeup_fd(self._wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        privileges.ignore_endings()
        linux.wake_without_parent()
        linux.adopt()
        self._selector.register(self._pipe.sock, selectors.EVENT_READ, self._request)
        self._selector.register(self._wake_r, selectors.EVENT_READ, self._reap)
        try:
            self._serve()
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):  # the front died in the middle of something
                raise
        finally:
            self._end_all()

    def _serve(self) -> None:
        self._send(Ready(os.getpid(), os.geteuid(), {}))
        while True:
            for key, _ in self._selector.select():
                if key.data() is False:
                    return

    def _send(self, report: Ready | Started | SpawnFailed | Exited) -> None:
        self._pipe.send(self._encode(report))

    def _request(self) -> bool:
        payload = self._pipe.receive()
        if payload is None:
            return False
        request = self._decode(payload)
        if isinstance(request, Signal):
            target = self._pids.get(request.id)
            if target is not None:
                self._kill_group(target, request.signal)
        elif request.role == "hook":
            self._spawn_hook(request)
        else:
            self._spawn_helper(request)
        return True

    def _take_fds(self, count: int) -> list[int]:
        fds, self._pipe.fds[:] = self._pipe.fds[:], []
        if len(fds) != count:
            raise ValueError(f"{len(fds)} descriptors instead of {count}")
        return fds

    def _fork(self, request: Spawn) -> int | None:
        try:
            pid = os.fork()
        except OSError as error:
            self._send(SpawnFailed(request.id, "fork", error.errno or 0))
            return None
        if pid:
            self._ids[pid] = request.id
            self._pids[request.id] = pid
        return pid

    def _spawn_helper(self, request: Spawn) -> None:
        (fd,) = self._take_fds(1)
        pid = self._fork(request)
        if pid == 0:
            children.run_helper(_ROLES[request.role], request, fd, self._identity, self._pid)
        os.close(fd)
        if pid:
            self._send(Started(request.id, pid))

    def _spawn_hook(self, request: Spawn) -> None:
        fds = self._take_fds(3)
        assert request.spec is not None
        report_r, report_w = os.pipe2(os.O_CLOEXEC)
        pid = self._fork(request)
        if pid == 0:
            children.run_hook(request.spec, (fds[0], fds[1], fds[2]), report_w, self._pid)
        for fd in (*fds, report_w):
            os.close(fd)
        if not pid:
            os.close(report_r)
            return
        # Not read here: entering a directory or loading a program on the owner's file system may hang.
        self._reports[request.id] = report_r
        self._selector.register(report_r, selectors.EVENT_READ, lambda: self._report(request.id))

    def _report(self, request_id: int) -> bool:
        """How the start of a hook went. Told before its end, whichever of the two is seen first."""
        fd = self._reports.pop(request_id, None)
        if fd is None:
            return True
        text = os.read(fd, 64).decode("ascii", "replace")
        self._selector.unregister(fd)
        os.close(fd)
        if text:
            step, _, number = text.partition(" ")
            self._send(SpawnFailed(request_id, step, int(number or 0)))
        else:
            self._send(Started(request_id, self._pids[request_id]))
        return True

    def _kill_group(self, pid: int, number: int) -> None:
        """Only for a child that has not been reaped: its id, and that of its group, cannot be anybody else's."""
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            # Between fork and setsid the child has no group of its own yet.
            os.kill(pid, number)
        except PermissionError:
            return  # a hook that became somebody else by a setuid program, below a daemon that is not root

    def _reap(self) -> bool:
        try:
            os.read(self._wake_r, 4096)
        except BlockingIOError:
            return True
        for pid in list(self._ids):
            # WNOWAIT first: while the leader is unreaped its group id cannot be anybody else's.
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                self._end(pid)
        for pid in linux.children():
            if pid not in self._ids:
                _end_adopted(pid)
        return True

    def _end_all(self) -> None:
        """Helpers, hooks and whatever those left; what is stuck in the kernel is not waited for."""
        for pid in self._ids:
            self._kill_group(pid, signal.SIGKILL)
        deadline = time.monotonic() + limits.SPAWNER_KILL_S
        while (left := linux.children()) and (remaining_s := deadline - time.monotonic()) > 0:
            for pid in left:
                _end_adopted(pid)
            if select.select([self._wake_r], [], [], remaining_s)[0]:
                os.read(self._wake_r, 4096)

    def _end(self, pid: int) -> None:
        self._report(self._ids[pid])
        self._kill_group(pid, signal.SIGKILL)  # what a hook left behind ends with it, as in a systemd unit
        _, status, used = os.wait4(pid, 0)
        request_id = self._ids.pop(pid)
        del self._pids[request_id]
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
        cpu_ms = round((used.ru_utime + used.ru_stime) * 1000)
        self._send(Exited(request_id, code, number, cpu_ms, _peak_octets(used.ru_maxrss)))


def _peak_octets(peak_kib: int) -> int:
    """What a program took, if that can be told: it begins with the peak of what it was forked from (getrusage(2))."""
    own = int(linux.own_status()["VmHWM"].split()[0])
    return peak_kib * limits.KIB if peak_kib > own + limits.HOOK_PEAK_SLACK_KIB else 0


def _end_adopted(pid: int) -> None:
    """A child that was not forked here: a hook adopts whoever leaves its tree, so this one's hook has ended."""
    with contextlib.suppress(PermissionError):  # as for a group
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, os.WNOHANG)


def _options(words: list[str]) -> dict[str, int]:
    return {key: int(text) for key, _, text in (word.partition("=") for word in words)}


def main() -> None:
    """Serve the control socket whose descriptor is the first argument.

    Options: `uid`, `gid`: identity of helpers. `run_as`: identity to take as a whole (`aimx demo` as root).
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    options = _options(sys.argv[2:])
    worker.preload()
    resolver.preload()
    if "run_as" in options and os.geteuid() == 0:
        privileges.become(options["run_as"], options["run_as"], ())
    # Children share these pages as long as nobody's collector writes to them.
    gc.collect()
    gc.freeze()
    identity = (options.get("uid", os.geteuid()), options.get("gid", os.getegid()))
    Spawner(control, identity).run()
