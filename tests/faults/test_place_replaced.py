"""A mailbox's directory is exchanged for something else while mail arrives: none goes astray, none is lost."""

import os
import shutil
import time

import pytest

from tests.faults import shapes
from tests.faults.tally import TALLY
from tests.faults.traffic import ROUNDS, Traffic
from tests.harness import DOMAIN, Daemon, owner
from tests.root import users

KINDS = ("link", "link to another mailbox", "dangling link", "file", "FIFO", "nothing", "empty directory", "no mode")
EACH = max(1, ROUNDS // len(KINDS))


@pytest.fixture(scope="module")
def somebody():
    """Whose mailboxes they are: another user where we are root."""
    if os.geteuid() != 0:
        yield owner()
        return
    with users.users("a") as made:
        yield made["a"].pw_name


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, somebody):
    tree = tmp_path_factory.mktemp("places")
    with Daemon(tree, shapes.CONFIG.replace(f'owner = "{owner()}"', f'owner = "{somebody}"')) as running:
        running.send(shapes.message("warm", 1), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
        yield running


def plant(place, kind, victim):
    if kind == "link":
        place.symlink_to(victim)
    elif kind == "link to another mailbox":
        place.symlink_to(place.with_name("dev"))
    elif kind == "dangling link":
        place.symlink_to(victim / "absent")
    elif kind == "file":
        place.write_text("a file\n")
    elif kind == "FIFO":
        os.mkfifo(place)
    elif kind == "empty directory":
        place.mkdir(mode=0o700)
        shutil.chown(place, *_of(victim))
    elif kind == "no mode":
        place.mkdir(mode=0)


def _of(path):
    found = path.stat()
    return found.st_uid, found.st_gid


def remove(place):
    """Aside, or away: what took the place holds no mail unless it is a directory."""
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
        return None
    place.chmod(0o700)
    aside = place.with_name(f"aside-{time.monotonic_ns()}")
    place.rename(aside)
    return aside


@pytest.mark.parametrize("kind", KINDS, ids=[kind.replace(" ", "-") for kind in KINDS])
def test_mail_goes_on(daemon, tmp_path, kind):
    place = daemon.data / "inbox/ops"
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    shutil.chown(victim, *_of(place))
    elsewhere = []
    with Traffic(daemon, kind.replace(" ", "_")) as traffic:
        for _ in range(EACH):
            traffic.more(4)
            kept = place.with_name("kept")
            place.rename(kept)
            plant(place, kind, victim)
            TALLY.fault("mailbox directory replaced")
            traffic.tries(6)
            aside = remove(place)
            if aside is not None:
                elsewhere.append(aside)
            elsewhere.extend(back(kept, place))
            traffic.recovers(time.monotonic())
    traffic.account(*elsewhere)
    assert list(victim.iterdir()) == []
    assert not [line for line in daemon.log if "Traceback" in line]
    for aside in elsewhere:
        shutil.rmtree(aside)


def back(kept, place):
    """The mailbox is where it was. Yields the directories that the daemon made meanwhile."""
    while True:
        try:
            return kept.rename(place)
        except OSError:  # it holds mail
            made = place.with_name(f"made-{time.monotonic_ns()}")
            place.rename(made)
            yield made
