"""A program on a terminal of its own, and every octet that it writes there, with the time at which it came."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import termios
import threading
import time
from pathlib import Path

PATIENCE_S = 120.0


class OnPty:
    """`octets`: all so far. Whoever waits is woken by what comes."""

    def __init__(self, argv, env, size=(120, 40)):
        self.octets = bytearray()
        self._came = threading.Condition()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], argv, env)
            finally:
                os._exit(127)
        self.began = time.perf_counter()
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.heard: list[tuple[float, int]] = []  # when, and how many octets there were then
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self._over = True
        self._reader.join()
        os.close(self._terminal)

    def type(self, keys: bytes) -> None:
        """As a terminal sends them."""
        os.write(self._terminal, keys)

    def until(self, octets: bytes, start: int = 0) -> float:
        """The octets have come, somewhere behind `start`; the seconds since the program was started."""
        deadline = time.monotonic() + PATIENCE_S
        with self._came:
            while (found := self.octets.find(octets, start)) < 0:
                left = deadline - time.monotonic()
                assert left > 0, f"never written: {octets!r}\n{bytes(self.octets[-3000:])!r}"
                self._came.wait(min(left, 1.0))
            return next(when for when, size in self.heard if size >= found + len(octets)) - self.began

    def more(self, size: int, patience_s: float = PATIENCE_S) -> float:
        """Something has come behind that many octets; when it did."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.octets) > size, patience_s)
            return next(when for when, there in self.heard if there > size)

    def ended(self) -> bytes:
        """The program has ended; all that it wrote."""
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive()
        return bytes(self.octets)

    def status(self, name: str) -> int:
        """A line of /proc/…/status, in KB where it is one of memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def cpu_s(self) -> float:
        """Of all its threads; the scheduler's own count."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def _read(self):
        while not self._over:
            if not select.select([self._terminal], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self._terminal, 1 << 16)
            except OSError:  # the program has ended
                return
            with self._came:
                self.octets += piece
                self.heard.append((time.perf_counter(), len(self.octets)))
                self._came.notify_all()
