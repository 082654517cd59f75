"""A deletion that could not be settled at once is settled once, whoever gets to it: the background or a new mailbox."""

import os
from functools import partial

import pytest
import trio

from aimx.daemon.places import Places
from aimx.effects.accounts import Accounts
from aimx.model.event import MailboxDeleted
from aimx.store.wipe import GONE
from tests.harness import owner
from tests.store.parts import opened

MAKERS = 5


@pytest.fixture
def parts(tmp_path):
    made = opened(tmp_path, "dev")
    yield made
    made.close()


def _deletions(parts):
    query = 'SELECT count(*) FROM events WHERE event LIKE \'%"type":"mailbox_deleted"%\''
    return parts.state.run(lambda db: db.execute(query).fetchone()[0])


async def _unsettled(places, wiped):
    """A deletion whose last step the disk refuses; afterwards it would not."""
    token = await places.take("dev", os.geteuid(), foreign=False)
    obstacle = wiped / f"{GONE}{token}"
    (obstacle / "x").mkdir(parents=True)
    await places.settle(token, MailboxDeleted(at=1.0, mailbox="dev", owner_uid=os.geteuid()))
    assert (wiped / token).is_dir()
    (obstacle / "x").rmdir()
    obstacle.rmdir()
    return wiped / token


@pytest.mark.parametrize("background", [False, True], ids=["makers", "makers-and-background"])
def test_it_is_settled_once(parts, tmp_path, background):
    places = Places(parts.committer, lambda: None)
    me = Accounts(as_root=False).identity(owner())

    async def story():
        left = await _unsettled(places, tmp_path / "data/.aimx/wiped")
        async with trio.open_nursery() as nursery:
            if background:
                nursery.start_soon(places.run)
            async with trio.open_nursery() as makers:
                for _ in range(MAKERS):
                    makers.start_soon(partial(places.make, "dev", me))
            assert not left.exists()
            nursery.cancel_scope.cancel()

    trio.run(story)
    assert _deletions(parts) == 1
