"""A deletion that could not be settled at once is settled once, whoever gets to it: the background or a new mailbox."""

import os
import shutil
from functools import partial

import pytest
import trio

from aimx.config.live import LiveConfig
from aimx.daemon.administration import Administration
from aimx.daemon.gates import Gates
from aimx.daemon.places import Places
from aimx.effects.accounts import Accounts
from aimx.errors import StorageFailed
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
    """A deletion whose last step the disk refuses until the obstacle goes; what was taken, and the obstacle."""
    token = await places.take("dev", os.geteuid(), foreign=False)
    obstacle = wiped / f"{GONE}{token}"
    (obstacle / "x").mkdir(parents=True)
    await places.settle(token, MailboxDeleted(at=1.0, mailbox="dev", owner_uid=os.geteuid()))
    assert (wiped / token).is_dir()
    return wiped / token, obstacle


@pytest.mark.parametrize("background", [False, True], ids=["makers", "makers-and-background"])
def test_it_is_settled_once(parts, tmp_path, background):
    places = Places(parts.committer, lambda: None)
    me = Accounts(as_root=False).identity(owner())

    async def story():
        left, obstacle = await _unsettled(places, tmp_path / "data/.aimx/wiped")
        shutil.rmtree(obstacle)
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


def _as_it_is(_document):
    return None


@pytest.mark.parametrize(
    "bring_back", [lambda settings: settings.reload(), lambda settings: settings.change(_as_it_is)],
    ids=["reload", "change"],
)  # fmt: skip
def test_a_mailbox_that_comes_back_by_hand_waits_for_the_end_of_its_predecessor(parts, tmp_path, bring_back):
    """Else the mail that waits for the new one would be given up with that of the old one."""
    file = tmp_path / "config.toml"
    with_dev = file.read_text()
    file.write_text(with_dev[: with_dev.index("[mailboxes.dev]")])
    live = LiveConfig(file, tmp_path / "data")
    places = Places(parts.committer, lambda: None)

    async def adopted(*_):
        assert _deletions(parts) == 1

    async def story():
        settings = Administration(live, adopted, Gates(), places.settle_left)
        left, obstacle = await _unsettled(places, tmp_path / "data/.aimx/wiped")
        file.write_text(with_dev)
        with pytest.raises(StorageFailed):
            await bring_back(settings)
        assert "dev" not in live.current.mailboxes
        shutil.rmtree(obstacle)
        await bring_back(settings)
        assert "dev" in live.current.mailboxes
        assert not left.exists()

    trio.run(story)
