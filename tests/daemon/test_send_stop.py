"""The end of the daemon while a message is on its way (U7): it may finish; what may not, leaves its pending record."""

import os
import signal
import threading
import tomllib

import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import Send
from tests import mx
from tests.harness import DOMAIN, Daemon, config_text
from tests.mailauth import signing


@pytest.fixture
def under_way(tmp_path):
    """A daemon whose message a server has, and does not answer for yet."""
    server = mx.Server()
    daemon = Daemon(tmp_path, config_text(top="allow_private_mx = true"), mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
    signing.install(daemon.etc)
    daemon.start()
    daemon.mx, daemon.answers = server, []

    def ask():
        message = f"From: ops@{DOMAIN}\r\nTo: hold@one.test\r\nSubject: way\r\n\r\nHi\r\n".encode()
        try:
            daemon.answers.append(client.call(daemon.socket, Send(message)).kind)
        except AimxError as error:
            daemon.answers.append(type(error).__name__)

    daemon.asking = threading.Thread(target=ask)
    daemon.asking.start()
    assert server.held.wait(30)
    yield daemon
    daemon.stop(signal.SIGKILL)
    daemon.close()
    server.close()


def _status(daemon):
    (path,) = daemon.messages(folder="sent")
    assert os.listdir(daemon.data / ".aimx/staging") == []
    return tomllib.loads(path.read_text().split("+++\n")[1])["delivery_status"]


def test_a_delivery_under_way_may_finish(under_way):
    os.kill(under_way.pid, signal.SIGTERM)
    under_way.wait_log("event=stopping")
    assert _status(under_way) == "pending"
    under_way.mx.go.set()
    under_way.asking.join(30)
    assert under_way.process.wait(30) == 0
    assert (under_way.answers, _status(under_way)) == (["ok"], "delivered")


def test_a_delivery_that_is_not_waited_for_leaves_its_pending_record(under_way):
    """As after DRAIN_S: the second signal does not wait for it."""
    os.kill(under_way.pid, signal.SIGTERM)
    under_way.wait_log("event=stopping")
    os.kill(under_way.pid, signal.SIGTERM)
    assert under_way.process.wait(30) == 0
    under_way.asking.join(30)
    assert under_way.answers != ["ok"]
    assert _status(under_way) == "pending"
    under_way.start()
    assert _status(under_way) == "pending"
