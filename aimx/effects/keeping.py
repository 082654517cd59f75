"""Descriptors that the service manager keeps while there is no daemon, and hands to the next one (sd_notify(3)).

Keeping is a help, never a need: what nobody keeps is as it would be without this, and a log line says so once. Never
takes descriptors that are not named as ours.
"""

import array
import fcntl
import os
import socket
from typing import NamedTuple

from aimx import limits, log

_FIRST = 3  # SD_LISTEN_FDS_START
_MANAGER, _COUNT, _PID, _NAMES = "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"
_OUTPUTS = ("/stdout", "/stderr")  # behind the name of a unit


class Outputs(NamedTuple):
    """The reading ends of a run's stdout and stderr; None where nobody kept it."""

    stdout: int | None
    stderr: int | None


class Keeper:
    """Keeps the outputs of runs, by the name of a unit."""

    def __init__(self, manager: str = "", kept: dict[str, int] | None = None) -> None:
        """`manager` is its socket, empty when there is none; `kept` the descriptors that it handed over, by name."""
        self._manager = manager
        self._kept = kept if kept is not None else {}
        self._silent = not manager

    @classmethod
    def of_this_process(cls) -> "Keeper":
        """What this process was started with."""
        told = {name: os.environ.get(name, "") for name in (_MANAGER, _COUNT, _PID, _NAMES)}
        kept: dict[str, int] = {}
        if told[_PID] == str(os.getpid()) and told[_COUNT].isdecimal():
            for fd, name in enumerate(told[_NAMES].split(":")[: int(told[_COUNT])], _FIRST):
                fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
                if name.endswith(_OUTPUTS) and name not in kept:
                    kept[name] = fd
        return cls(told[_MANAGER], kept)

    def keep(self, unit: str, stdout: int, stderr: int) -> None:
        """Another reader of each, from the writing ends: nobody is told that it is gone while there is one."""
        if self._silent:
            return
        for name, fd in zip(_names(unit), (stdout, stderr), strict=True):
            try:
                reader = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:  # no descriptors are left
                log.warning("hook-output-not-kept", unit=unit, why=error.strerror)
                return
            try:
                # Not polled: what was written by a run that ended meanwhile would be thrown away.
                self._tell(f"FDSTORE=1\nFDPOLL=0\nFDNAME={name}", reader)
            finally:
                os.close(reader)

    def take(self, unit: str) -> Outputs:
        """The outputs of a run that an earlier daemon started. They are the caller's to close."""
        return Outputs(*(self._kept.pop(name, None) for name in _names(unit)))

    def drop(self, unit: str) -> None:
        """A run has been recorded: its outputs are nobody's."""
        for name in _names(unit):
            self._tell(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def left(self) -> set[str]:
        """Units whose outputs nobody has taken."""
        return {name.rpartition("/")[0] for name in self._kept}

    def close(self, unit: str) -> None:
        """Those of a unit that nobody waits for."""
        for fd in self.take(unit):
            if fd is not None:
                os.close(fd)
        self.drop(unit)

    def _tell(self, text: str, fd: int | None = None) -> None:
        if self._silent:
            return
        address = "\0" + self._manager[1:] if self._manager.startswith("@") else self._manager
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(limits.HOOK_KEEP_S)
                sock.sendmsg([text.encode()], rights, 0, address)
        except TimeoutError:  # its queue is full
            log.warning("hook-output-not-kept", why="the service manager takes nothing now")
        except OSError as error:
            self._silent = True
            log.warning("hook-output-not-kept", why=error.strerror, note="nor that of others, until the next start")


def _names(unit: str) -> tuple[str, ...]:
    return tuple(unit + output for output in _OUTPUTS)
