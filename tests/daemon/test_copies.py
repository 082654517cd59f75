"""One message for many mailboxes: every copy complete, and the front's memory that of one."""

from pathlib import Path

import pytest

from aimx import limits
from aimx.daemon import inbound
from aimx.effects.payload import Payload
from aimx.model.envelope import Envelope, ForwardPath
from tests.harness import DOMAIN, Daemon, config_text, owner

BOXES = [f"m{number}" for number in range(50)]
CONFIG = config_text("".join(f'[mailboxes.{box}]\naddress = "{box}@{DOMAIN}"\nowner = "{owner()}"\n' for box in BOXES))
LINE = b"a line of an ordinary text that many people get\r\n"


def _peak_octets(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_copies_share_their_body(tmp_path):
    text = "\U0001f600".encode() + LINE * 40_000
    with Daemon(tmp_path, CONFIG) as daemon:
        before = _peak_octets(daemon.pid)
        daemon.send(b"From: a@sender.test\r\nSubject: all\r\n\r\n" + text, *(f"{box}@{DOMAIN}" for box in BOXES))
        more = _peak_octets(daemon.pid) - before
        bodies = {path.read_bytes().partition(b"+++\n\n")[2] for path in daemon.data.glob("inbox/m*/*.md")}
        assert bodies == {text.replace(b"\r\n", b"\n")}
        assert len(list(daemon.data.glob("inbox/m*/*.md"))) == len(BOXES)
    assert more < 15 * len(text), "far less than a body for each copy"


@pytest.mark.parametrize(
    ("size", "copies", "octets"),
    [
        (limits.SPILL_OCTETS, 1, 0),
        (limits.MESSAGE_OCTETS, 1, 2 * limits.MESSAGE_OCTETS + limits.HEADER_OCTETS),
        (limits.MESSAGE_OCTETS, 100, 2 * limits.MESSAGE_OCTETS + 100 * limits.HEADER_OCTETS),
        (10_000, 100, 0),
        (200_000, 100, 102 * 200_000),
    ],
)
def test_small_mail_never_waits_for_what_large_mail_holds(size, copies, octets):
    paths = [ForwardPath(f"m{number}@agent.test", f"m{number}") for number in range(copies)]
    envelope = Envelope("a@b.test", (*paths, paths[0]), "192.0.2.1", "b.test", 0.0)
    assert inbound._cost(envelope, Payload(None, None, size, b"")) == octets
