"""A daemon whose helpers fail as they are told, and what must hold of it afterwards."""

import itertools
import json
import os
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from aimx import client
from aimx.effects.process import cpu_count
from aimx.limits import WORKERS_MIN
from aimx.wire.frames import EmailList
from tests import mx
from tests.faults import hostile
from tests.fuzz.targets.pieces import one_safe_line, safe_body
from tests.harness import DOMAIN, Daemon, config_text
from tests.hooks.test_pool import until
from tests.mailauth import signing

PATIENCE_S = 5.0
ROOT = Path(__file__).parents[2]
WORKERS = max(WORKERS_MIN, cpu_count())


class Stage:
    """`daemon` with `server` as everybody's mail server; faults that happened are counted on a board."""

    def __init__(self, tree: Path) -> None:
        self.server = mx.Server()
        self._board = tree / "board"
        self._board.write_bytes(bytes(hostile.SLOTS))
        self._board.chmod(0o666)
        program = tree / "program"
        program.write_text(
            f'#!/bin/sh\nshift 3\nexport PYTHONPATH="{ROOT}" AIMX_FAULT_BOARD="{self._board}"'
            f' AIMX_FAULT_PATIENCE_S={PATIENCE_S}\nexec "{sys.executable}" -m tests.faults.hostile "$@"\n'
        )
        program.chmod(0o755)
        self._slots: Iterator[int] = itertools.count(1)
        zone = {**mx.ZONE, "sender.test": {"TXT": ["v=spf1 -all"]}}
        self.daemon = Daemon(
            tree, config_text("", "allow_private_mx = true"), zone,
            AIMX_TEST_MX_PORT=str(self.server.port), AIMX_FAULT_PROGRAM=str(program),
            AIMX_FAULT_PATIENCE_S=str(PATIENCE_S),
        )  # fmt: skip
        self.daemon.module = "tests.faults.replaced"
        signing.install(self.daemon.etc)

    def slot(self) -> int:
        """Where the next fault is counted."""
        return next(self._slots)

    def happened(self, slot: int) -> int:
        """How often a fault did."""
        return self._board.read_bytes()[slot]

    def begin_badly(self, workers: int) -> None:
        """So many workers, from the next one that is started."""
        with self._board.open("r+b") as file:
            file.write(bytes([workers]))

    def stored(self) -> dict[str, list[Path]]:
        """Marker → the files of that mail in `ops`; what has no marker is below the empty one."""
        found: dict[str, list[Path]] = {}
        for path in self.daemon.messages():
            marker = re.search(r"^marker (\S+)", path.read_text(errors="replace"), re.MULTILINE)
            found.setdefault(marker[1] if marker else "", []).append(path)
        return found

    def listed(self, marker: str) -> dict[str, Any]:
        """The fields of the one mail with the marker: whole, without what a terminal obeys, and shown in the list."""
        ((path,),) = (files for found, files in self.stored().items() if found == marker)
        fields, body = document(path)
        one_safe_line("".join(value for value in fields.values() if isinstance(value, str)))
        safe_body(body)
        answer = client.call(self.daemon.socket, EmailList(mailbox="ops", limit=20))
        assert path.stem in [row["id"] for row in json.loads(client.body_of(answer))["emails"]]
        return fields

    def records(self) -> dict[str, str]:
        """Subject → status of what was sent."""
        found = {}
        for fields, body in map(document, self.daemon.messages(folder="sent")):
            safe_body(body)
            found[fields["subject"]] = fields["delivery_status"]
        return found

    def arrived(self) -> Counter[str]:
        """Subject → how often the server took it."""
        subjects = (re.search(rb"^Subject: (.*)\r$", octets, re.MULTILINE) for _, octets in self.server.taken)
        return Counter(found[1].decode() for found in subjects if found is not None)

    def helpers(self) -> list[psutil.Process]:
        """All processes below the spawner."""
        (spawner,) = psutil.Process(self.daemon.pid).children()
        return list(spawner.children())

    def whole(self) -> bool:
        """Every helper is there, and nothing else is."""
        try:
            found = self.helpers()
            return len(found) == WORKERS + 1 and all(one.status() != psutil.STATUS_ZOMBIE for one in found)
        except (psutil.NoSuchProcess, ValueError):
            return False

    def descriptors(self) -> int:
        """Of the front."""
        return psutil.Process(self.daemon.pid).num_fds()

    def settled(self, descriptors: int) -> None:
        """Wait until all helpers are back and the front holds no more descriptors than before."""
        until(self.whole)
        until(lambda: self.descriptors() <= descriptors)
        assert os.listdir(self.daemon.data / ".aimx/staging") == []

    def close(self) -> None:
        """End it."""
        self.daemon.__exit__()
        self.server.close()


def copies(stored: dict[str, list[Path]]) -> dict[str, int]:
    """Marker → how often it is there."""
    return {marker: len(files) for marker, files in stored.items()}


def document(path: Path) -> tuple[dict[str, Any], str]:
    """The fields and the body of a file that is ours."""
    _, head, body = path.read_bytes().decode().split("+++\n", 2)
    fields = tomllib.loads(head)
    assert fields["id"] == path.stem
    assert "forged" not in fields
    return fields, body


def message(sender: str, subject: str, marker: str, lines: int = 1) -> bytes:
    """What arrives; with many lines it travels to a worker as a descriptor."""
    head = f"From: {sender}\r\nTo: ops@{DOMAIN}\r\nSubject: {subject}\r\n\r\n"
    return f"{head}marker {marker}\r\n".encode() + (b"x" * 70 + b"\r\n") * lines
