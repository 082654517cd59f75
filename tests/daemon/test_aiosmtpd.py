"""What daemon.smtpd needs of aiosmtpd: this version, these private names, and no asyncio loop."""

import inspect
import subprocess
import sys
from importlib.metadata import requires, version

import pytest
from aiosmtpd.smtp import SMTP

NAMES = ["_handle_client", "_set_rset_state", "_create_session", "_reset_timeout", "push", "handle_exception"]
ATTRIBUTES = ["self._reader", "self._writer", "self._tls_protocol", "self._smtp_methods", "self.command_size_limits"]


def test_the_version_is_the_one_that_was_read():
    assert version("aiosmtpd") == "1.4.6"
    assert "aiosmtpd==1.4.6" in (requires("aimx") or [])


@pytest.mark.parametrize("name", NAMES)
def test_methods_that_are_overridden_or_called_exist(name):
    assert callable(getattr(SMTP, name))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_that_are_set_are_read_there(name):
    assert name in inspect.getsource(SMTP)


def test_the_loop_reads_lines_and_leaves_when_the_transport_is_gone():
    source = inspect.getsource(SMTP._handle_client)
    assert "while self.transport is not None" in source
    assert "await self._reader.readuntil()" in source
    assert "await self.handle_exception(error)" in source
    assert "except ConnectionResetError:" in source


_NO_LOOP = """
import asyncio, sys, trio
from pathlib import Path
from aimx import replies
from tests.daemon.stage import Stage

def refuse(*_, **__):
    raise AssertionError("an asyncio loop")

for name in ("new_event_loop", "get_event_loop", "set_event_loop", "run"):
    setattr(asyncio, name, refuse)
    setattr(asyncio.events, name, refuse)
asyncio.BaseEventLoop.__init__ = refuse

async def script(peer):
    await peer.begins_data()
    assert asyncio._get_running_loop() is None
    await peer.say(b"x\\r\\n.\\r\\nQUIT\\r\\n")
    await peer.hears(replies.ACCEPTED)
    await peer.hears(replies.BYE)

Stage(Path(sys.argv[1])).play(script)
"""


def test_a_session_runs_without_an_asyncio_loop(tmp_path):
    subprocess.run([sys.executable, "-c", _NO_LOOP, str(tmp_path)], check=True, timeout=60)
