"""A file system that is really full, in blocks and in inodes: refused with 4yz, nothing lost, freed space is used."""

import os
import shutil
import smtplib
import subprocess

import pytest

from tests.faults import shapes
from tests.faults.tally import PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN, Daemon

pytestmark = pytest.mark.root


@pytest.fixture(params=["size=12m", "nr_inodes=80"])
def full(request, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{request.param},mode=755", "none", str(data)], check=True)
    try:
        with Daemon(tmp_path, shapes.CONFIG) as daemon:
            yield daemon
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def _of(mailbox, found):
    return {(marker, mailbox): copies for marker, copies in found.items()}


def test_full_and_free_again(full):
    told, refused = {}, 0
    for number in range(2000):
        marker = f"n{number}"
        try:
            full.send(shapes.message(marker, 8), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
            told[marker] = PROMISED
        except smtplib.SMTPResponseException as error:
            assert 400 <= error.smtp_code < 500
            refused += 1
            told[marker] = REFUSED
            TALLY.fault("a disk that is full")
            assert os.listdir(full.data / ".aimx/staging") == []
        if refused == 5:
            break
    for mailbox in ("ops", "dev"):
        found = shapes.counted(shapes.stored(full, mailbox))
        TALLY.account({(marker, mailbox): how for marker, how in told.items()}, _of(mailbox, found))
        assert set(found) == {marker for marker, how in told.items() if how == PROMISED}
    assert PROMISED in told.values()
    assert refused == 5
    assert shapes.spooled(full) == []
    for entry in list((full.data / "inbox/ops").iterdir())[:3]:
        shutil.rmtree(entry)
    full.send(shapes.message("after", 0))
    assert shapes.copies(full, "ops", "after") == 1
    shapes.assert_nothing_unfinished(full)
