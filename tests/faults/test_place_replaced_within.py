"""A mailbox's directory is exchanged inside one delivery, while a step of it waits: what was promised is in a directory
that was the mailbox's, once and whole, or in the one that is; nothing is written anywhere else."""

import threading
import time

import pytest

from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.faults.test_errors import deliver
from tests.faults.test_place_replaced import back, plant, remove
from tests.faults.traffic import settle, until
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

STEPS = ("renameat2", "mkdir,mkdirat", "fsync", "openat2") if shapes.FULL else ("renameat2", "mkdir,mkdirat")
KINDS = (
    ("link", "link to another mailbox", "nothing", "empty directory", "file") if shapes.FULL else ("link", "nothing")
)
WAITS_S = 1


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("within"), shapes.CONFIG) as running:
        running.send(shapes.message("warm", 1), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
        yield running


@pytest.mark.parametrize("kind", KINDS, ids=[kind.replace(" ", "-") for kind in KINDS])
@pytest.mark.parametrize("step", STEPS)
def test_a_delivery(daemon, tmp_path, step, kind):
    place, kept, victim, trace = (
        daemon.data / "inbox/ops",
        daemon.data / "inbox/kept",
        tmp_path / "v",
        tmp_path / "trace",
    )
    victim.mkdir(mode=0o700)
    marker = f"{step}.{kind}".replace(" ", "_").replace(",", "_")
    answers = []
    # The next one waits too: the directory comes back when the delivery is over.
    with inject(daemon.pid, trace, f"{step}:delay_enter={WAITS_S * 1_000_000}:when=1", counted=False) as fault:
        delivery = threading.Thread(target=lambda: answers.append(deliver(daemon, shapes.message(marker, 1), ("ops",))))
        delivery.start()
        until(lambda: trace.exists() and trace.stat().st_size, "the step")
        place.rename(kept)
        plant(place, kind, victim)
        exchanged = time.monotonic()
        delivery.join(60)
    elsewhere = [aside for aside in [remove(place)] if aside is not None]
    elsewhere += back(kept, place)
    TALLY.recovered(time.monotonic() - exchanged)
    TALLY.fault("mailbox directory replaced within a delivery")
    settle(daemon)
    found = sum(len(shapes.whole(directory).get(marker, ())) for directory in (place, *elsewhere))
    assert answers
    verdict = PROMISED if answers == [250] else DOUBTFUL if answers == [None] else REFUSED
    TALLY.account({marker: verdict}, {marker: found})
    assert fault.hit
    assert verdict == PROMISED or (verdict, found) == (REFUSED, 0)
    assert list(victim.iterdir()) == []
    assert shapes.copies(daemon, "dev", marker) == 0
    assert deliver(daemon, shapes.message(f"next.{marker}", 1), ("ops",)) == 250
    shapes.assert_nothing_unfinished(daemon)
    assert not [line for line in daemon.log if "Traceback" in line]
