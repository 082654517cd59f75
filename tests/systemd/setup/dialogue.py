"""A program of the machine, talked to as a person does: read until it asks, then answer."""

import os
import selectors
import signal
import time

import psutil
import pytest

from tests.systemd.machine import Machine

PATIENCE_S = 120.0


class Dialogue:
    """One run. `said` is all that came so far."""

    def __init__(self, machine: Machine, *argv: str) -> None:
        self._process = machine.start(*argv)
        self.said = ""
        self._seen = 0

    def expect(self, text: str) -> str:
        """Read until this has been said since the last time; what was said until then."""
        self._until(lambda: text in self.said[self._seen :], text)
        end = self.said.index(text, self._seen) + len(text)
        new, self._seen = self.said[self._seen : end], end
        return new

    def _until(self, is_so, what: str) -> None:
        assert self._process.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not is_so():
                left = deadline - time.monotonic()
                octets = os.read(self._process.stdout.fileno(), 65536) if selector.select(max(left, 0)) else b""
                if not octets:
                    pytest.fail(f"it never said {what!r}, but:\n{self.said}")
                self.said += octets.decode(errors="replace")

    def answer(self, *lines: str) -> None:
        """Type them."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """Ctrl-C. The program is the child of the one that entered the machine."""
        for child in psutil.Process(self._process.pid).children():
            os.kill(child.pid, signal.SIGINT)

    def end(self) -> int:
        """Read to the end; the exit code."""
        rest, _ = self._process.communicate(timeout=PATIENCE_S)
        self.said += rest.decode(errors="replace")
        return self._process.returncode
