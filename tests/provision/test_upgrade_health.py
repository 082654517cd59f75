"""A daemon that is slow to say which one it is: waited for, and never taken for another."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from aimx.effects.build import build
from aimx.errors import Failed
from aimx.provision.service.api import Life
from aimx.provision.upgrade.health import Health
from tests.harness import Daemon


class Service:
    """One that runs."""

    path = Path("/etc/systemd/system/aimx.service")

    async def life(self):
        return Life(True, False)

    async def last_words(self):
        return ()


class Between:
    """Between a daemon's socket and who asks; the first question for its version is never answered."""

    def __init__(self, path, behind):
        self._behind, self.held = str(behind), None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for sock in filter(None, (self._listener, self.held)):
            sock.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            asked = _all(client)
            if b" VERSION" in asked and self.held is None:
                self.held = client
                continue
            with (
                client,
                socket.socket(socket.AF_UNIX) as real,
                suppress(BrokenPipeError),
            ):  # some only look who is there
                real.connect(self._behind)
                real.sendall(asked)
                real.shutdown(socket.SHUT_WR)
                client.sendall(_all(real))


def _all(sock):
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture
def between(tmp_path, daemon):
    made = Between(tmp_path / "aimx.sock", daemon.socket)
    yield made
    made.close()


def health(path, daemon):
    return Health(Service(), path, ("127.0.0.1", daemon.port), 60.0)


def test_a_daemon_that_is_late_once_is_well(daemon, between, tmp_path):
    trio.run(health(tmp_path / "aimx.sock", daemon).wait, build().tag)
    assert between.held is not None


def test_another_version_is_told_at_once(daemon):
    with pytest.raises(Failed, match=f"is {build().tag}, process"):
        trio.run(health(daemon.socket, daemon).wait, "1.0.0")
