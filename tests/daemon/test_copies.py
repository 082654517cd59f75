"""One message for many mailboxes: every copy complete, and the front's memory that of one."""

from pathlib import Path

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
