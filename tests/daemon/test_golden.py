"""The golden messages once more, through the real daemon: SMTP, worker process, commit, files."""

import re

import pytest

from aimx.mime import frontmatter
from tests.harness import Daemon
from tests.mime import inbound

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def _sendable(path):
    octets = inbound.message(path)
    return octets.strip() and not _BARE.search(octets) and inbound.envelope(path)[0].peer_ip is not None


SENT = [path for path in inbound.DIRECTORIES if _sendable(path)]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("golden")) as running, running.smtp() as client:
        yield running, client


@pytest.mark.parametrize("path", SENT, ids=lambda path: path.name)
def test_daemon_stores_what_the_parser_found(daemon, path):
    running, client = daemon
    octets, envelope = inbound.message(path), inbound.envelope(path)[0]
    before = set(running.messages())
    client.sendmail(envelope.reverse_path, ["ops@agent.test"], octets, mail_options=["BODY=8BITMIME"])
    (stored,) = set(running.messages()) - before
    fields, body = frontmatter.read(stored.read_bytes())
    parsed, _, _ = inbound.examined(path)
    headers = parsed.headers
    for key in ("message_id", "thread_id", "from_", "to", "cc", "reply_to", "subject", "references", "list_id"):
        assert fields.get(key.rstrip("_"), "") == getattr(headers, key)
    assert fields.get("automated", False) == headers.automated
    assert fields.get("examined", True) is True
    assert fields["id"] == stored.stem
    assert body.decode().rstrip("\n") == parsed.body.rstrip("\n")
    files = (
        {file.name: file.read_bytes() for file in stored.parent.iterdir() if file != stored}
        if parsed.attachments
        else {}
    )
    assert set(files) == {attachment.filename for attachment in parsed.attachments}
    for attachment in parsed.attachments:
        assert files[attachment.filename].rstrip() == attachment.content.rstrip()
