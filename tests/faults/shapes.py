"""Deliveries that can be told apart and checked to the last octet, and what must hold after a fault."""

import email.message
import hashlib
import os
import sqlite3
import tomllib
from datetime import date
from pathlib import Path

from tests.harness import DOMAIN, Daemon, config_text, owner

FULL = int(os.environ.get("AIMX_FAULT_ROUNDS", "0")) >= 100
_DAY = date.today().toordinal()  # once: a run may last over midnight
CONFIG = config_text(f'[mailboxes.dev]\naddress = "dev@{DOMAIN}"\nowner = "{owner()}"\n')
SHAPES = {
    "flat": (("ops",), 0),
    "bundle": (("ops",), 2),
    "two recipients": (("ops", "dev"), 1),
}


def steps(most: int) -> range:
    """Numbers of the steps, 1 to `most`: all in a full run, else every third, other ones each day."""
    every = 1 if FULL else 3
    return range(1 + _DAY % every, most + 1, every)


def message(marker: str, attachments: int) -> bytes:
    """A message whose every part proves itself."""
    built = email.message.EmailMessage()
    built["From"], built["To"], built["Subject"] = "a@sender.test", f"ops@{DOMAIN}", f"m {marker}"
    built.set_content(f"marker {marker} {proof(marker)}\n")
    for number in range(attachments):
        name = f"{number}-{marker}.bin"
        built.add_attachment(_filler(name), "application", "octet-stream", filename=name)
    if attachments:
        built.set_boundary(f"=={marker}==")  # the same octets every time
    return built.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def proof(marker: str) -> str:
    """What must stand behind a marker."""
    return hashlib.sha256(marker.encode()).hexdigest()


def _filler(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest() * 500


def stored(daemon: Daemon, mailbox: str) -> dict[str, list[Path]]:
    """Marker → message files. Everything visible must be whole."""
    return whole(daemon.data / "inbox" / mailbox)


def whole(directory: Path) -> dict[str, list[Path]]:
    """The same of any directory."""
    found: dict[str, list[Path]] = {}
    for entry in directory.iterdir():
        bundle = entry.is_dir()
        path = entry / f"{entry.name}.md" if bundle else entry
        seen = tuple((at.stat().st_ino, at.stat().st_mtime_ns) for at in ((path, entry) if bundle else (path,)))
        if _seen.get(path, ("", ()))[1] != seen:
            _seen[path] = _marker_of(entry, path), seen
        found.setdefault(_seen[path][0], []).append(path)
    return found


# What is whole and has not changed since is not read again: a run looks at each mailbox hundreds of times.
_seen: dict[Path, tuple[str, tuple[tuple[int, int], ...]]] = {}


def _marker_of(entry: Path, path: Path) -> str:
    """Of a message that is whole."""
    _, head, body = path.read_text().split("+++\n", 2)
    fields = tomllib.loads(head)
    assert fields["id"] == path.stem
    marker, digest = body.split()[1:3]
    assert digest == proof(marker)
    attachments = {table["filename"] for table in fields.get("attachments", [])}
    assert entry.is_dir() == bool(attachments)
    if attachments:
        assert {file.name for file in entry.iterdir()} == {*attachments, path.name}
        for name in attachments:
            assert (entry / name).read_bytes() == _filler(name)
    return marker


def counted(found: dict[str, list[Path]]) -> dict[str, int]:
    """Marker → copies."""
    return {marker: len(paths) for marker, paths in found.items()}


def copies(daemon: Daemon, mailbox: str, marker: str) -> int:
    """How many times a message is visible in a mailbox."""
    return len(stored(daemon, mailbox).get(marker, []))


def spooled(daemon: Daemon) -> list[str]:
    """Entries of the spool."""
    return os.listdir(daemon.data / ".aimx/spool")


def assert_nothing_unfinished(daemon: Daemon) -> None:
    """No staged file and no intent."""
    assert os.listdir(daemon.data / ".aimx/staging") == []
    db = sqlite3.connect(f"file:{daemon.data}/.aimx/state.db?mode=ro", uri=True)
    try:
        assert db.execute("SELECT count(*) FROM intents").fetchone() == (0,)
    finally:
        db.close()
