"""One message sent: composed, signed, handed over, recorded, answered."""

import pytest

from aimx import client
from aimx.mime import frontmatter
from aimx.wire.frames import Send
from tests.harness import DOMAIN, Daemon
from tests.mailauth import signing

MESSAGE = b"From: Ops <ops@agent.test>\r\nTo: bob@remote.test\r\nSubject: Hello\r\n\r\n# Hi Bob\r\n"


@pytest.fixture
def sender(tmp_path):
    """A daemon with a key whose mail goes to a directory; the zone publishes the key."""
    drop = tmp_path / "drop"
    drop.mkdir()
    daemon = Daemon(tmp_path, AIMX_TEST_MAIL_DROP=str(drop))
    signing.install(daemon.etc)
    with daemon:
        yield daemon


def test_a_submission_leaves_signed_and_is_recorded(sender):
    answer = client.call(sender.socket, Send(MESSAGE))
    assert (answer.kind, answer.note.endswith(f"@{DOMAIN}>")) == ("ok", True), answer
    (sent,) = (sender.tree / "drop").glob("*.eml")
    octets = sent.read_bytes()
    assert signing.verifies(octets)
    (record,) = (sender.data / "sent" / "ops").iterdir()
    fields, body = frontmatter.read(record.read_bytes())
    assert fields["delivery_status"] == "delivered"
    assert fields["message_id"] == answer.note.strip("<>")
    assert body.decode().startswith("# Hi Bob\n\nSent from AIMX.")
