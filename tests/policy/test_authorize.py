"""The one predicate: by uid, root passes, and whoever is refused learns nothing else."""

import pytest

from aimx.errors import NotAuthorized, told
from aimx.model.caller import Caller
from aimx.policy.authorize import Anyone, Mailbox, System, authorize

ALICE, ROOT = Caller(1000, 1000), Caller(0, 0)
DEVELOPER = Caller(1000, 1000, operator_uid=1000)
TABLE = {
    "anyone": (Anyone(), ALICE, True),
    "system": (System(), ALICE, False),
    "system-root": (System(), ROOT, True),
    "system-of-an-unprivileged-daemon": (System(), DEVELOPER, True),
    "own": (Mailbox(1000), ALICE, True),
    "foreign": (Mailbox(1001), ALICE, False),
    "root's": (Mailbox(0), ALICE, False),
    "missing": (Mailbox(None), ALICE, False),
    "foreign-root": (Mailbox(1001), ROOT, True),
    "missing-root": (Mailbox(None), ROOT, True),
}


@pytest.mark.parametrize(("action", "caller", "may"), TABLE.values(), ids=TABLE)
def test_who_may(action, caller, may):
    if may:
        assert authorize(caller, action).caller == caller
        return
    with pytest.raises(NotAuthorized) as caught:
        authorize(caller, action)
    assert told(caught.value) == "not authorized"


def test_root_s_bypass_is_marked():
    assert authorize(ROOT, Mailbox(1000)).root_bypass
    assert not authorize(ROOT, Anyone()).root_bypass
    assert not authorize(ALICE, Mailbox(1000)).root_bypass
