"""A real `aimx-verifier`, here or in another network namespace, and one request to it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import AbstractContextManager

import pytest

WAIT_S = 60.0  # for anything that takes milliseconds on a machine that does nothing else


class Verifier(AbstractContextManager["Verifier"]):
    """Started when entered. `web` and `smtp` are where it listens, `log` its lines so far."""

    def __init__(self, wrapper=(), **env):
        self._argv = [*wrapper, sys.executable, "-m", "aimx.verifier.main"]
        local = {"BIND_ADDR": "127.0.0.1:0", "SMTP_BIND_ADDR": "127.0.0.1:0", "EHLO_NAME": "verify.test"}
        self._env = {**os.environ, **local, **env}
        self.log = []
        self._started = threading.Event()

    def __enter__(self):
        self.process = subprocess.Popen(self._argv, env=self._env, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._started.wait(WAIT_S), self.log
        line = next((line for line in self.log if "event=verifier-started" in line), None)
        assert line is not None, self.log
        self.web, self.smtp = (_endpoint(re.search(rf"{key}=(\S+)", line)[1]) for key in ("http", "smtp"))
        return self

    def _read(self):
        with self.process.stderr as lines:
            for line in lines:
                self.log.append(line.rstrip("\n"))
                if "event=verifier-started" in line:
                    self._started.set()
        self._started.set()

    def stop(self, number=signal.SIGTERM):
        """Its exit code; the log is complete then."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail("the verifier does not end: " + "\n".join(self.log[-20:]))
        self._reader.join(WAIT_S)
        return code

    def __exit__(self, *_):
        self.stop()

    def get(self, path, method="GET", **headers):
        """Status and JSON object."""
        connection = http.client.HTTPConnection(*self.web, timeout=WAIT_S)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            octets = response.read()
            return response.status, json.loads(octets) if octets else None
        finally:
            connection.close()

    def raw(self, octets, where="web"):
        """All that comes back for these octets until it hangs up."""
        with socket.create_connection(getattr(self, where), WAIT_S) as sock:
            answer = b""
            try:
                sock.sendall(octets)
                while piece := sock.recv(65536):
                    answer += piece
            except (ConnectionResetError, BrokenPipeError):
                pass  # it has heard enough
            return answer


def _endpoint(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
