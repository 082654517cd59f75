"""The end of the daemon while a message is on its way (U7): it may finish; what may not, leaves its pending record."""

import contextlib
import os
import signal
import socket
import threading
import tomllib

import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire import codec
from aimx.wire.frames import Send
from tests import mx
from tests.harness import DOMAIN, Daemon, config_text
from tests.hooks.test_pool import until
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


def test_messages_for_a_drop_that_nobody_reads_do_not_prevent_the_end(tmp_path):
    """More than the threads that anything else could have, too."""
    drop = tmp_path / "drop"
    os.mkfifo(drop)
    daemon = Daemon(tmp_path, AIMX_TEST_MAIL_DROP=str(drop))
    signing.install(daemon.etc)
    message = f"From: ops@{DOMAIN}\r\nTo: a@one.test\r\nSubject: way\r\n\r\nHi\r\n".encode()
    with contextlib.ExitStack() as held, daemon:
        for _ in range(45):
            asking = held.enter_context(socket.socket(socket.AF_UNIX))
            asking.connect(str(daemon.socket))
            asking.sendall(codec.encode_request(Send(message)))
        until(lambda: len(daemon.messages(folder="sent")) == 45)
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.wait_log("event=stopping")
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.process.wait(30) == 0


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
